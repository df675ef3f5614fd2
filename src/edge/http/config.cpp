#include "edge/http/config.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <initializer_list>
#include <limits>
#include <pwd.h>
#include <utility>

#include "edge/config/section.hpp"

namespace postern::http {
namespace {

using config::Section;

constexpr std::int64_t kMaxSeconds = 86'400;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxCount = 1'000'000;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

/// "127.0.0.1:80", "[::1]:80", "localhost:80".
std::optional<ListenAddress> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (!port || host.empty() || (!brackets && host.find(':') != std::string_view::npos)) return std::nullopt;
  return ListenAddress{std::string{host}, *port};
}

void read_listen(Section section, Config& config) {
  ListenConfig listen;
  std::string address;
  section.text("address", address);
  bool tls = false;
  section.boolean("tls", tls);
  listen.security = tls ? Security::tls : Security::plain;
  if (const auto parsed = parse_listen(address)) {
    listen.address = *parsed;
  } else {
    section.wrong("address", "must be an address and a port, for example \"127.0.0.1:8080\" or \"[::1]:8443\"");
  }
  section.refuse_unknown_keys();
  config.listen.push_back(listen);
}

void read_tls(Section section, Config& config) {
  std::string min_version = "1.2";
  section.text("min_version", min_version);
  if (min_version != "1.2" && min_version != "1.3") section.wrong("min_version", "must be \"1.2\" or \"1.3\"");
  config.tls_1_3_only = min_version == "1.3";
  for (Section& item : section.tables("certificate")) {
    CertificateConfig certificate;
    item.text("file", certificate.file);
    item.text("key", certificate.key);
    item.texts("names", certificate.names);
    if (certificate.file.empty()) item.wrong("file", "is missing");
    if (certificate.key.empty()) item.wrong("key", "is missing");
    item.refuse_unknown_keys();
    config.certificates.push_back(std::move(certificate));
  }
  section.refuse_unknown_keys();
}

void read_authority(Section section, Config& config) {
  AuthorityConfig& authority = config.authority;
  section.text("socket", authority.socket);
  section.text("service", authority.service);
  if (authority.service.empty()) section.wrong("service", "must not be empty");
  section.duration("timeout_ms", authority.timeout, kMaxSeconds * 1000);
  section.number("max_outstanding", authority.max_outstanding, 1, kMaxCount);
  if (const toml::node* user = section.find("user")) {
    if (const auto* uid = user->as_integer(); uid != nullptr && uid->get() >= 0 && uid->get() < std::numeric_limits<uid_t>::max()) {
      authority.user = static_cast<uid_t>(uid->get());
    } else if (const auto* name = user->as_string()) {
      const passwd* entry = getpwnam(name->get().c_str());
      if (entry != nullptr) authority.user = entry->pw_uid;
      if (entry == nullptr) section.wrong("user", "is no user of this machine");
    } else {
      section.wrong("user", "must be a user's name or number");
    }
  }
  section.refuse_unknown_keys();
}

void read_authentication(Section section, Config& config) {
  AuthenticationConfig& authentication = config.authentication;
  if (section.find("schemes") != nullptr) {
    std::vector<std::string> schemes;
    section.texts("schemes", schemes);
    authentication.negotiate = authentication.ntlm = false;
    for (const std::string& scheme : schemes) {
      if (scheme == "Negotiate") {
        authentication.negotiate = true;
      } else if (scheme == "NTLM") {
        authentication.ntlm = true;
      } else {
        section.wrong("schemes", "knows \"Negotiate\" and \"NTLM\"");
      }
    }
    if (schemes.empty()) section.wrong("schemes", "must name \"Negotiate\", \"NTLM\" or both");
  }
  section.texts("target_names", authentication.target_names);
  section.choice("plain_http", authentication.plain_http,
                 {{"never", PlainHttp::never}, {"loopback", PlainHttp::loopback}, {"always", PlainHttp::always}});
  section.texts("anonymous_paths", authentication.anonymous_paths);
  for (const std::string& path : authentication.anonymous_paths) {
    if (path.front() != '/') section.wrong("anonymous_paths", "each must start with /");
  }
  section.boolean("anonymous_options", authentication.anonymous_options);
  section.texts("extra_binding_certificates", authentication.extra_binding_certificates);
  std::vector<std::string> proxies;
  section.texts("trusted_proxies", proxies);
  for (const std::string& proxy : proxies) {
    if (const auto range = IpNetwork::parse(proxy)) {
      authentication.trusted_proxies.push_back(*range);
    } else {
      section.wrong("trusted_proxies", fmt::format("\"{}\" is no address or network such as 192.0.2.0/24", proxy));
    }
  }
  section.number("max_attempts_per_connection", authentication.max_attempts_per_connection, 1, kMaxCount);
  section.refuse_unknown_keys();
}

void read_upstream(Section section, Config& config) {
  UpstreamConfig& upstream = config.upstream;
  std::string url;
  section.text("url", url);
  if (!url.empty()) {
    std::string_view rest = url;
    const bool tls = rest.starts_with("https://");
    const bool plain = rest.starts_with("http://");
    if (tls || plain) rest.remove_prefix(tls ? 8 : 7);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    std::string with_port{rest};
    const std::size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos || rest.ends_with(']')) with_port += tls ? ":443" : ":80";
    const auto address = parse_listen(with_port);
    if ((!tls && !plain) || !address || address->port == 0 || rest.find_first_of("/?#@ ") != std::string_view::npos) {
      section.wrong("url", "must be http://HOST[:PORT] or https://HOST[:PORT], without a path");
    } else {
      upstream.configured = true;
      upstream.security = tls ? Security::tls : Security::plain;
      upstream.host = address->host;
      upstream.port = address->port;
    }
  }
  section.text("ca_file", upstream.ca_file);
  section.text("server_name", upstream.server_name);
  section.boolean("preserve_host", upstream.preserve_host);
  section.duration("connect_timeout_seconds", upstream.connect_timeout, kMaxSeconds);
  section.duration("response_timeout_seconds", upstream.response_timeout, kMaxSeconds);
  section.refuse_unknown_keys();
}

void read_limits(Section section, Config& config) {
  LimitsConfig& limits = config.limits;
  section.number("max_connections", limits.max_connections, 1, kMaxCount);
  section.number("max_connections_per_address", limits.max_connections_per_address, 1, kMaxCount);
  section.number("max_half_open", limits.max_half_open, 1, kMaxCount);
  section.number("max_header_bytes", limits.max_header_bytes, 1024, kMaxBytes);
  section.number("max_headers", limits.max_headers, 10, kMaxCount);
  section.number("max_first_leg_body_bytes", limits.max_first_leg_body_bytes, 0, kMaxBytes);
  section.number("max_groups_bytes", limits.max_groups_bytes, 1024, kMaxBytes);
  section.number("body_rate", limits.body_rate, 1, kMaxBytes);
  section.duration("tls_timeout_seconds", limits.tls_timeout, kMaxSeconds);
  section.duration("header_timeout_seconds", limits.header_timeout, kMaxSeconds);
  section.duration("idle_timeout_seconds", limits.idle_timeout, kMaxSeconds);
  section.duration("handshake_timeout_seconds", limits.handshake_timeout, kMaxSeconds);
  section.duration("drain_timeout_seconds", limits.drain_timeout, kMaxSeconds);
  section.duration("body_grace_seconds", limits.body_grace, kMaxSeconds);
  section.refuse_unknown_keys();
}

void read_all(Section& root, Config& config) {
  for (Section& item : root.tables("listen")) read_listen(std::move(item), config);
  read_tls(root.table("tls"), config);
  read_authority(root.table("authority"), config);
  read_authentication(root.table("authentication"), config);
  read_upstream(root.table("upstream"), config);
  read_limits(root.table("limits"), config);
  root.number("threads", config.threads, 0, 1024);
  root.duration("stop_timeout_seconds", config.stop_timeout, kMaxSeconds);
  root.text("log_level", config.log_level);
  if (config.log_level != "debug" && config.log_level != "info" && config.log_level != "warn" && config.log_level != "error") {
    root.wrong("log_level", "must be \"debug\", \"info\", \"warn\" or \"error\"");
  }
  std::string metrics;
  root.text("metrics", metrics);
  if (!metrics.empty()) {
    config.metrics = parse_listen(metrics);
    if (!config.metrics || !is_loopback(config.metrics->host)) {
      root.wrong("metrics", "must be a loopback address and a port, for example \"127.0.0.1:9109\"");
    }
  }
  root.refuse_unknown_keys();
  if (config.listen.empty()) root.wrong("listen", "is missing: the gateway needs at least one [[listen]]");
  const bool tls = std::any_of(config.listen.begin(), config.listen.end(),
                               [](const ListenConfig& listen) { return listen.security == Security::tls; });
  if (tls && config.certificates.empty()) root.wrong("tls", "is missing: a [[listen]] with tls = true needs a [[tls.certificate]]");
}

}  // namespace

Result<Config> parse_config(std::string_view toml, const std::string& path) {
  Config config;
  config.path = path;
  POSTERN_CHECK(config::read_toml(toml, path, [&config](config::Section& root) { read_all(root, config); }));
  return config;
}

Result<Config> load_config(const std::string& path) {
  Config config;
  config.path = path;
  POSTERN_CHECK(config::read_toml_file(path, [&config](config::Section& root) { read_all(root, config); }));
  return config;
}

std::vector<std::string> needs_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> names;
  if (running.listen != wanted.listen) names.emplace_back("listen");
  if (running.threads != wanted.threads) names.emplace_back("threads");
  if (running.metrics != wanted.metrics) names.emplace_back("metrics");
  if (running.authority.socket != wanted.authority.socket) names.emplace_back("authority.socket");
  if (running.authority.user != wanted.authority.user) names.emplace_back("authority.user");
  return names;
}

}  // namespace postern::http
