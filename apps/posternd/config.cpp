#include "config.hpp"

#include <algorithm>
#include <limits>
#include <pwd.h>
#include <thread>
#include <unistd.h>

#include "account/password.hpp"
#include "base/bytes.hpp"
#include "base/ip_network.hpp"
#include "edge/config/section.hpp"
#include "edge/policy_file/policy_file.hpp"
#include "policy/policy.hpp"

namespace postern::posternd {
namespace {

/// As long as the write-ahead log grows between two checkpoints.
constexpr std::uint64_t kReservedLogBytes = 16 * 1024 * 1024;

using config::Section;

constexpr std::int64_t kMaxSeconds = 10LL * 366 * 86'400;
constexpr std::int64_t kMaxCount = 1'000'000;
constexpr std::int64_t kMaxPasswordDays = 3'650;
constexpr std::int64_t kDefaultMinAgeDays = 1;           // as in a domain
constexpr std::int64_t kDefaultOldPasswordMinutes = 60;  // Lsa\\OldPasswordAllowedPeriod
constexpr std::int64_t kMaxOldPasswordMinutes = 7 * 1'440;
constexpr std::int64_t kMaxRetentionDays = 36'500;
constexpr std::int64_t kMaxEvents = 1'000'000'000'000;
constexpr std::int64_t kMaxWorkers = 256;
constexpr std::int64_t kMaxHandshakeSeconds = 60;  // R40
constexpr std::size_t kMachineIdBytes = 32;        // MS-NLMP 2.2.2.2

/// A user by name or number.
void read_uid(Section& section, std::string_view key, const toml::node& node, std::uint32_t& out) {
  if (const auto* number = node.as_integer();
      number != nullptr && number->get() >= 0 && number->get() <= std::numeric_limits<std::uint32_t>::max()) {
    out = static_cast<std::uint32_t>(number->get());
  } else if (const auto* name = node.as_string(); name != nullptr) {
    const passwd* entry = ::getpwnam(name->get().c_str());
    if (entry == nullptr) return section.wrong(node, key, "is no user of this machine");
    out = entry->pw_uid;
  } else {
    section.wrong(node, key, "must be a user's name or number");
  }
}

void read_uids(Section& section, std::string_view key, std::vector<std::uint32_t>& out) {
  const toml::node* node = section.find(key);
  if (node == nullptr) return;
  const auto* list = node->as_array();
  if (list == nullptr) return section.wrong(*node, key, "must be a list of users");
  for (const toml::node& user : *list) {
    std::uint32_t uid = 0;
    read_uid(section, key, user, uid);
    out.push_back(uid);
  }
}

void read_names(Section section, DaemonConfig& config) {
  ntlm::ServerNames& names = config.authority.names;
  section.text("netbios_name", names.nb_computer);
  section.text("netbios_domain", names.nb_domain);
  section.text("dns_name", names.dns_computer);
  section.text("dns_domain", names.dns_domain);
  section.text("dns_forest", names.dns_tree);
  section.refuse_unknown_keys();
}

void read_lockout(Section section, account::LockoutPolicy& lockout) {
  section.number("threshold", lockout.threshold, 0, 999);
  section.duration("window_seconds", lockout.window, kMaxSeconds);
  std::int64_t duration = lockout.duration.count();
  section.number("duration_seconds", duration, 0, kMaxSeconds);
  lockout.duration = std::chrono::seconds{duration};
  section.refuse_unknown_keys();
}

void read_password(Section section, authority::Config& config) {
  std::int64_t max_age = 0;
  section.number("max_age_days", max_age, 0, kMaxPasswordDays);
  config.password_age.max_age = std::chrono::days{max_age};
  std::int64_t min_age = kDefaultMinAgeDays;
  section.number("min_age_days", min_age, 0, kMaxPasswordDays);
  config.password_rules.min_age = std::chrono::days{min_age};
  section.number("min_length", config.password_rules.min_chars, 0, account::kMaxPasswordChars);
  section.number("history", config.password_rules.history, 0, account::kMaxPasswordHistory);
  std::int64_t old_allowed = kDefaultOldPasswordMinutes;
  section.number("old_password_allowed_minutes", old_allowed, 0, kMaxOldPasswordMinutes);
  config.old_password.allowed = std::chrono::minutes{old_allowed};
  section.refuse_unknown_keys();
}

void read_detection(Section section, authority::detection::Settings& detection) {
  bool enabled = true;
  section.boolean("enabled", enabled);
  detection.detection = enabled ? authority::detection::Switch::on : authority::detection::Switch::off;
  section.texts("own_addresses", detection.own_addresses);
  for (const std::string& address : detection.own_addresses) {
    if (!IpAddress::parse(address)) section.wrong("own_addresses", "holds " + address + ", which is no IP address");
  }
  section.texts("own_machine_ids", detection.own_machine_ids);
  for (std::string& id : detection.own_machine_ids) {
    const auto bytes = from_hex(id);
    if (!bytes || bytes->size() != kMachineIdBytes) {
      section.wrong("own_machine_ids", "holds something else than 64 hexadecimal digits");
    } else {
      id = to_hex(*bytes);
    }
  }
  section.refuse_unknown_keys();
}

/// Opened with the configuration, so that a wrong or unsorted file is named by file, line and key (R38).
void read_breached_hashes(Section& section, const toml::node& node, authority::Config& config) {
  constexpr std::string_view kKey = "breached_hashes";
  const auto* path = node.as_string();
  if (path == nullptr || path->get().empty()) return section.wrong(node, kKey, "must be the path of a file");
  auto list = account::BreachedHashes::open(path->get());
  if (!list) return section.wrong(node, kKey, list.error().to_line());
  config.breached_hashes = std::make_shared<const account::BreachedHashes>(std::move(*list));
}

void read_service(Section section, const policy::Policy& defaults, authority::Config& config) {
  authority::Service service;
  service.policy = defaults;
  section.text("name", service.name);
  std::string kind = "http";
  section.text("kind", kind);
  if (const auto known = event::from_name<event::Service>(kind)) {
    service.kind = *known;
  } else {
    section.wrong("kind", "is no kind of service");
  }
  if (service.name.empty()) section.wrong("name", "is missing");
  if (std::ranges::find(config.services, service.name, &authority::Service::name) != config.services.end()) {
    section.wrong("name", "is the name of another service");
  }
  policy_file::read_settings(section.table("policy"), service.policy);
  section.refuse_unknown_keys();
  config.services.push_back(std::move(service));
}

void read_peer(Section section, authority::Config& config) {
  authority::Peer peer;
  peer.uid = ::getuid();
  section.text("name", peer.name);
  if (const toml::node* node = section.find("user")) read_uid(section, "user", *node, peer.uid);
  section.texts("services", peer.services);
  bool session_keys = false;
  section.boolean("session_keys", session_keys);
  peer.session_keys = session_keys ? authority::SessionKeys::released : authority::SessionKeys::withheld;
  section.number("max_half_open", peer.max_half_open, 1, kMaxCount);
  section.number("max_outstanding", peer.max_outstanding, 1, kMaxCount);
  if (peer.name.empty()) section.wrong("name", "is missing");
  if (peer.services.empty()) section.wrong("services", "is missing: the peer could ask for nothing");
  for (const std::string& name : peer.services) {
    if (std::ranges::find(config.services, name, &authority::Service::name) == config.services.end()) {
      section.wrong("services", "names " + name + ", which no [[service]] defines");
    }
  }
  if (std::ranges::find(config.peers, peer.uid, &authority::Peer::uid) != config.peers.end()) {
    section.wrong("user", "is the user of another peer");
  }
  section.refuse_unknown_keys();
  config.peers.push_back(std::move(peer));
}

void read_retention(Section section, authority::RetentionLimits& limits) {
  std::int64_t days = 0;
  section.number("days", days, 0, kMaxRetentionDays);
  limits.age = std::chrono::days{days};
  section.number("max_events", limits.max_events, 0, kMaxEvents);
  section.refuse_unknown_keys();
}

void read_all(Section& root, DaemonConfig& config) {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  config.server.workers = cores;
  config.store.reserved_log_bytes = kReservedLogBytes;
  root.text("state_directory", config.store.directory);
  root.text("key_file", config.store.key_file);
  root.text("socket", config.server.socket_path);
  root.text("socket_group", config.server.socket_group);
  root.text("admin_socket", config.server.admin_socket_path);
  root.text("event_log", config.event_log);
  root.text("policy_file", config.policy_file);
  root.text("default_domain", config.authority.default_domain);
  std::string code_page{name_of(config.authority.oem_code_page)};
  root.text("oem_code_page", code_page);
  if (const auto page = code_page_from_name(code_page)) {
    config.authority.oem_code_page = *page;
  } else {
    root.wrong("oem_code_page", "must be one of \"cp850\", \"utf-8\", \"latin-1\"");
  }
  root.number("workers", config.server.workers, 1, kMaxWorkers);
  root.number("max_connections_per_peer", config.server.max_connections_per_peer, 1, kMaxCount);
  root.number("cached_accounts", config.authority.cached_accounts, 1, kMaxCount);
  root.duration("handshake_seconds", config.authority.handshake_lifetime, kMaxHandshakeSeconds);
  if (const toml::node* node = root.find("breached_hashes")) read_breached_hashes(root, *node, config.authority);
  read_names(root.table("names"), config);
  read_lockout(root.table("lockout"), config.authority.lockout);
  read_password(root.table("password"), config.authority);
  read_detection(root.table("detection"), config.authority.detection);
  read_retention(root.table("retention"), config.retention);

  policy::Policy defaults;
  policy_file::read_settings(root.table("policy"), defaults);
  for (Section& section : root.tables("service")) read_service(section, defaults, config.authority);
  for (Section& section : root.tables("peer")) read_peer(section, config.authority);
  read_uids(root, "admins", config.server.admin_uids);
  read_uids(root, "observers", config.server.observer_uids);
  root.refuse_unknown_keys();
  for (const auto& [key, value] :
       {std::pair{"state_directory", &config.store.directory}, std::pair{"key_file", &config.store.key_file},
        std::pair{"socket", &config.server.socket_path}, std::pair{"admin_socket", &config.server.admin_socket_path}}) {
    if (value->empty()) root.wrong(key, "is missing");
  }
  config.server.peers = config.authority.peers;
}

/// Lays the policy file over what the configuration says of the services' policies.
Result<void> read_policy_file(DaemonConfig& config) {
  if (config.policy_file.empty()) return {};
  std::vector<std::string> names;
  for (const authority::Service& service : config.authority.services) names.push_back(service.name);
  POSTERN_TRY(file, policy_file::PolicyFile::load(config.policy_file, names));
  for (authority::Service& service : config.authority.services) file.apply(service.name, service.policy);
  return {};
}

}  // namespace

Result<DaemonConfig> parse_config(std::string_view text, const std::string& path) {
  DaemonConfig config;
  POSTERN_CHECK(config::read_toml(text, path, [&config](Section& root) { read_all(root, config); }));
  POSTERN_CHECK(read_policy_file(config));
  return config;
}

Result<DaemonConfig> load_config(const std::string& path) {
  DaemonConfig config;
  POSTERN_CHECK(config::read_toml_file(path, [&config](Section& root) { read_all(root, config); }));
  POSTERN_CHECK(read_policy_file(config));
  return config;
}

}  // namespace postern::posternd
