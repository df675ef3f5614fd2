#include "edge/forward/config.hpp"

#include <algorithm>
#include <charconv>
#include <pwd.h>

#include "edge/config/section.hpp"

namespace postern::forward {
namespace {

using config::Section;

constexpr std::int64_t kMaxBatch = 1'000;
constexpr std::int64_t kMaxResend = 100'000;
constexpr std::int64_t kMaxSeconds = 3'600;
constexpr std::int64_t kMaxMilliseconds = 3'600'000;

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

void read_user(Section& section, std::optional<uid_t>& out) {
  const toml::node* node = section.find("authority_user");
  if (node == nullptr) return;
  if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0 && number->get() <= UINT32_MAX) {
    out = static_cast<uid_t>(number->get());
  } else if (const auto* name = node->as_string(); name != nullptr) {
    if (const passwd* entry = ::getpwnam(name->get().c_str())) {
      out = entry->pw_uid;
    } else {
      section.wrong(*node, "authority_user", "is no user of this machine");
    }
  } else {
    section.wrong(*node, "authority_user", "must be a user's name or number");
  }
}

/// `127.0.0.1:9467` or `[::1]:9467`: nothing but loopback, since everybody who can connect may read.
void read_metrics(Section& root, ForwardConfig& config) {
  std::string address;
  root.text("metrics", address);
  if (address.empty()) return;
  const std::size_t colon = address.rfind(':');
  const std::string host = colon == std::string::npos ? std::string{} : address.substr(0, colon);
  if (host != "127.0.0.1" && host != "[::1]") return root.wrong("metrics", "must be 127.0.0.1:PORT or [::1]:PORT");
  const char* const end = address.data() + address.size();
  if (std::from_chars(address.data() + colon + 1, end, config.metrics_port).ptr != end) {
    return root.wrong("metrics", "must end with a port");
  }
  config.metrics_host = host == "[::1]" ? "::1" : host;
}

void read_syslog(Section& section, SinkConfig& sink) {
  section.choice("transport", sink.transport, {{"unix", Transport::unix_socket}, {"tcp", Transport::tcp}, {"tls", Transport::tls}});
  section.number("facility", sink.facility, 0, 23);
  if (sink.transport == Transport::unix_socket) {
    sink.path = "/dev/log";
    section.text("path", sink.path);
    return;
  }
  section.text("host", sink.host);
  section.number("port", sink.port, 1, 65'535);
  section.number("resend", sink.resend, 0, kMaxResend);
  if (sink.host.empty()) section.wrong("host", "is missing");
  if (sink.port == 0 && sink.transport == Transport::tls) sink.port = 6514;  // RFC 5425 4.1
  if (sink.port == 0) section.wrong("port", "is missing: TCP has no port of its own for syslog");
  if (sink.transport != Transport::tls) return;
  section.text("ca_file", sink.ca_file);
  section.text("server_name", sink.server_name);
  section.text("certificate", sink.certificate);
  section.text("key", sink.key);
  if (sink.certificate.empty() != sink.key.empty()) section.wrong("key", "and certificate go together");
}

void read_sink(Section section, ForwardConfig& config) {
  SinkConfig sink;
  section.text("name", sink.name);
  if (!is_plain_name(sink.name)) section.wrong("name", "must be 1 to 64 letters, digits, - or _");
  if (std::ranges::find(config.sinks, sink.name, &SinkConfig::name) != config.sinks.end()) {
    section.wrong("name", "is the name of another sink");
  }
  section.choice("type", sink.kind, {{"file", SinkKind::file}, {"syslog", SinkKind::syslog}, {"journald", SinkKind::journald}});
  if (section.find("type") == nullptr) section.wrong("type", "is missing");
  section.choice("form", sink.form, {{"json", event::Form::json}, {"samba", event::Form::samba}, {"ecs", event::Form::ecs}});
  section.choice("begin", sink.begin, {{"oldest", Begin::oldest}, {"now", Begin::now}});
  section.boolean("pseudonymise", sink.pseudonymise);
  section.duration("timeout_seconds", sink.timeout, kMaxSeconds);
  section.duration("max_pause_milliseconds", sink.max_pause, kMaxMilliseconds);
  switch (sink.kind) {
    case SinkKind::file:
      section.text("path", sink.path);
      if (sink.path.empty()) section.wrong("path", "is missing");
      break;
    case SinkKind::journald:
      sink.path = "/run/systemd/journal/socket";
      section.text("path", sink.path);
      break;
    case SinkKind::syslog: read_syslog(section, sink); break;
  }
  section.refuse_unknown_keys();
  config.sinks.push_back(std::move(sink));
}

void read_all(Section& root, ForwardConfig& config) {
  root.text("admin_socket", config.socket);
  root.text("state_directory", config.state_directory);
  std::string key_file;
  root.text("pseudonym_key_file", key_file);
  root.duration("poll_milliseconds", config.poll, 60'000);
  root.number("batch", config.batch, 1, kMaxBatch);
  read_user(root, config.authority_user);
  read_metrics(root, config);
  for (Section& section : root.tables("sink")) read_sink(section, config);
  root.refuse_unknown_keys();
  if (config.socket.empty()) root.wrong("admin_socket", "is missing");
  if (config.state_directory.empty()) root.wrong("state_directory", "is missing");
  if (config.sinks.empty()) root.wrong("sink", "is missing: there is nothing to forward to");
  if (config.sinks.size() > kMaxSinks) root.wrong("sink", "at most 16 of them");
  for (SinkConfig& sink : config.sinks) {
    if (!sink.pseudonymise) continue;
    if (key_file.empty()) root.wrong("pseudonym_key_file", "is missing, and the sink " + sink.name + " has pseudonymise = true");
    sink.pseudonym_key_file = key_file;
  }
}

}  // namespace

Result<ForwardConfig> parse_config(std::string_view text, const std::string& path) {
  ForwardConfig config;
  POSTERN_CHECK(config::read_toml(text, path, [&config](Section& root) { read_all(root, config); }));
  return config;
}

Result<ForwardConfig> load_config(const std::string& path) {
  ForwardConfig config;
  POSTERN_CHECK(config::read_toml_file(path, [&config](Section& root) { read_all(root, config); }));
  return config;
}

}  // namespace postern::forward
