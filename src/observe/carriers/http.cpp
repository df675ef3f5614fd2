// HTTP/1: logons in Authorization and WWW-Authenticate, and in their Proxy- twins. A head is a record; bodies are skipped unread.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

/// Requests that wait for their answer; nobody pipelines more than a handful.
constexpr std::size_t kMaxRequestsWaiting = 64;
constexpr std::size_t kMaxTargetBytes = 512;
constexpr std::uint16_t kWinrmPort = 5985;
constexpr std::uint64_t kUntilClose = UINT64_MAX / 2;
/// What the search for a head looks at: `HTTP/1.1 401` has 12 letters, and no method is longer with its blank.
constexpr std::size_t kSearchWindow = 13;
constexpr std::string_view kMethods[] = {"GET ",          "POST ",     "HEAD ",     "OPTIONS ",   "CONNECT ", "PUT ",
                                         "DELETE ",       "PROPFIND ", "REPORT ",   "CCM_POST ",  "SEARCH ",  "RPC_IN_DATA ",
                                         "RPC_OUT_DATA ", "TRACE ",    "PATCH ",    "SUBSCRIBE ", "MKCOL ",   "LOCK ",
                                         "MOVE ",         "COPY ",     "BITS_POST "};

bool is_response_start(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  return text.size() >= 12 && text.starts_with("HTTP/1.") && digit(7) && text[8] == ' ' && digit(9) && digit(10) && digit(11);
}

bool is_method_start(std::string_view text) {
  for (const std::string_view method : kMethods) {
    if (text.starts_with(method)) return true;
  }
  return false;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

/// Bytes of the head at the front, its empty line included; 0 if it does not end here.
std::size_t head_length(std::string_view text) {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (text.substr(at + 1).starts_with("\r\n")) return at + 3;
    if (text.substr(at + 1).starts_with("\n")) return at + 2;
  }
  return 0;
}

/// A token in a header of a head.
struct HeaderToken {
  bool proxy = false;
  std::string_view base64{};
  std::size_t end = 0;  ///< offset of its last letter in the head
};

/// What a head says that matters here. Views into it.
struct Head {
  bool response = false;
  unsigned status = 0;
  std::string_view method{};
  std::string_view uri{};
  std::string_view host{};
  std::optional<std::uint64_t> content_length{};
  bool chunked = false;
  bool forwarded_tls = false;  ///< a proxy before this host says that the client came by https
  std::vector<HeaderToken> tokens{};
  std::string schemes{};        ///< "Negotiate,NTLM": offered without a token
  std::string proxy_schemes{};  ///< the same in Proxy-Authenticate
};

void add_scheme(std::string& schemes, std::string_view scheme) {
  if (!schemes.empty()) schemes += ',';
  schemes += scheme;
}

/// One value of WWW-Authenticate and its like: `NTLM TlRM…`, `Negotiate`, or several separated by commas.
void read_authentication(std::string_view value, bool proxy, std::size_t value_offset, Head& head) {
  std::size_t at = 0;
  while (at < value.size()) {
    std::size_t end = value.find(',', at);
    if (end == std::string_view::npos) end = value.size();
    std::string_view part = value.substr(at, end - at);
    const std::string_view untrimmed = part;
    part = trimmed(part);
    const std::size_t part_offset = value_offset + at + static_cast<std::size_t>(part.data() - untrimmed.data());
    at = end + 1;
    for (const std::string_view scheme : {std::string_view{"NTLM"}, std::string_view{"Negotiate"}}) {
      if (!starts_with_ignoring_case(part, scheme)) continue;
      if (part.size() == scheme.size()) {
        add_scheme(proxy ? head.proxy_schemes : head.schemes, scheme);
      } else if (part[scheme.size()] == ' ') {
        const std::string_view token = trimmed(part.substr(scheme.size()));
        if (!token.empty()) head.tokens.push_back({proxy, token, part_offset + part.size() - 1});
      }
    }
  }
}

/// `for=192.0.2.60;proto=https;by=203.0.113.43` (RFC 7239, 4): of several proxies the first one met the client.
bool says_https(std::string_view forwarded) {
  std::string_view first = forwarded.substr(0, forwarded.find(','));
  while (!first.empty()) {
    const std::size_t end = std::min(first.find(';'), first.size());
    const std::string_view pair = trimmed(first.substr(0, end));
    if (equal_ignoring_case(pair, "proto=https") || equal_ignoring_case(pair, "proto=\"https\"")) return true;
    first.remove_prefix(std::min(end + 1, first.size()));
  }
  return false;
}

void read_field(std::string_view name, std::string_view value, std::size_t value_offset, Head& head) {
  if (equal_ignoring_case(name, head.response ? "WWW-Authenticate" : "Authorization")) {
    read_authentication(value, false, value_offset, head);
  } else if (equal_ignoring_case(name, head.response ? "Proxy-Authenticate" : "Proxy-Authorization")) {
    read_authentication(value, true, value_offset, head);
  } else if (!head.response && equal_ignoring_case(name, "Host")) {
    head.host = value.substr(0, kMaxTargetBytes);
  } else if (!head.response && equal_ignoring_case(name, "X-Forwarded-Proto")) {
    head.forwarded_tls = starts_with_ignoring_case(value, "https");
  } else if (!head.response && equal_ignoring_case(name, "Forwarded")) {
    head.forwarded_tls = says_https(value);
  } else if (!head.response && equal_ignoring_case(name, "Front-End-Https")) {
    head.forwarded_tls = equal_ignoring_case(value, "on");
  } else if (equal_ignoring_case(name, "Content-Length")) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error == std::errc{} && end == value.data() + value.size()) head.content_length = length;
  } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
    head.chunked = value.size() >= 7 && equal_ignoring_case(value.substr(value.size() - 7), "chunked");
  }
}

/// The start line; false if it is none.
bool read_start_line(std::string_view line, Head& head) {
  if (is_response_start(line)) {
    head.response = true;
    std::from_chars(line.data() + 9, line.data() + 12, head.status);
    return true;
  }
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(" HTTP/1.");
  if (first == std::string_view::npos || last == std::string_view::npos || last <= first || first == 0) return false;
  head.method = line.substr(0, first);
  head.uri = trimmed(line.substr(first + 1, last - first - 1));
  return true;
}

bool read_head(std::string_view text, Head& head) {
  bool first = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(text.substr(at, end - at));
    if (first) {
      if (!read_start_line(line, head)) return false;
      first = false;
    } else if (const std::size_t colon = text.substr(at, end - at).find(':'); colon != std::string_view::npos) {
      const std::string_view whole = text.substr(at, end - at);
      const std::string_view value = trimmed(whole.substr(colon + 1));
      read_field(trimmed(whole.substr(0, colon)), value, static_cast<std::size_t>(value.data() - text.data()), head);
    }
    at = end + 1;
  }
  return !first;
}

/// `http://host/path` names its host; a path does not.
std::string_view authority_of(std::string_view uri) {
  const std::size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos || scheme > 8) return {};
  const std::string_view rest = uri.substr(scheme + 3);
  return rest.substr(0, std::min(rest.find('/'), kMaxTargetBytes));
}

std::string_view path_of(std::string_view uri) {
  const std::string_view authority = authority_of(uri);
  if (authority.empty()) return uri;
  return uri.substr(static_cast<std::size_t>(authority.data() - uri.data()) + authority.size());
}

enum class Phase : std::uint8_t { head, chunk_size, trailer };

struct RequestWaiting {
  bool head_only = false;
  bool connect = false;
  ExchangeKey server_logon = 0;  ///< its AUTHENTICATE went with this request
  ExchangeKey proxy_logon = 0;
};

class HttpAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    Phase& phase = front.from == Side::client ? client_phase_ : server_phase_;
    switch (phase) {
      case Phase::head: return on_head(front, phase);
      case Phase::chunk_size: return on_chunk_size(front, phase);
      case Phase::trailer: return on_trailer(front, phase);
    }
    return 0;
  }

  std::uint64_t search(const Front& front) override {
    const std::string_view text = as_text(front.bytes);
    for (std::size_t i = 0; i + kSearchWindow <= text.size(); ++i) {
      if (text[i] < 'A' || text[i] > 'Z') continue;
      const std::string_view window = text.substr(i, kSearchWindow);
      if (!is_response_start(window) && !is_method_start(window)) continue;
      found(front.from);
      return i;
    }
    return text.size() < kSearchWindow ? 0 : text.size() - kSearchWindow + 1;
  }

  void on_lost(Side from, Witness&) override {
    (from == Side::client ? client_phase_ : server_phase_) = Phase::head;
    waiting_.clear();
    if (from == Side::server) return;
    server_logon_.clear();
    proxy_logon_.clear();
  }

 private:
  std::uint64_t on_head(const Front& front, Phase& phase) {
    const std::string_view text = as_text(front.bytes);
    if (text.starts_with("\r\n")) return 2;
    if (text.front() == '\n') return 1;
    if (text == "\r") return 0;
    if (tunnel_ && (front.bytes[0] == 0x16 || text.front() < 'A' || text.front() > 'Z')) {
      finish_encrypted(front, Carrier::http);
      return 0;
    }
    const std::size_t length = head_length(text);
    if (length == 0) return 0;
    Head head;
    if (!read_head(text.substr(0, length), head)) return no_record(front);
    return length + (head.response ? on_response(front, head, phase) : on_request(front, head, phase));
  }

  std::uint64_t on_request(const Front& front, const Head& head, Phase& phase) {
    const std::string_view authority = authority_of(head.uri);
    const bool connect = head.method == "CONNECT";
    const std::string_view host = connect ? head.uri.substr(0, kMaxTargetBytes) : authority.empty() ? head.host : authority;
    RequestWaiting request;
    request.head_only = head.method == "HEAD";
    request.connect = connect;
    for (const HeaderToken& token : head.tokens) {
      const Bytes bytes = decode_base64(token.base64);
      const TokenContent content = peek_token(bytes);
      ExchangeSlot& slot = token.proxy ? proxy_logon_ : server_logon_;
      Place place{connection_, slot.key_for(content.ntlm, numbers_), front.moment_of(token.end), front.from};
      place.carrier = token.proxy ? Carrier::http_proxy : Carrier::http;
      place.target = host;
      place.winrm =
          !token.proxy && (connection_.server.port == kWinrmPort || starts_with_ignoring_case(path_of(head.uri), "/wsman"));
      place.asks_proxy = connect || tunnel_ || !authority.empty();  // in a tunnel, the client asked for it with CONNECT
      place.ended_tls = !token.proxy && head.forwarded_tls;
      report_token(place, bytes, front.witness);
      if (content.ntlm == wire::MessageType::authenticate)
        (token.proxy ? request.proxy_logon : request.server_logon) = place.exchange;
    }
    if (waiting_.size() == kMaxRequestsWaiting) waiting_.erase(waiting_.begin());
    waiting_.push_back(request);
    if (head.chunked) phase = Phase::chunk_size;
    return head.chunked ? 0 : head.content_length.value_or(0);
  }

  std::uint64_t on_response(const Front& front, const Head& head, Phase& phase) {
    if (head.status == 101) {
      finish();  // another protocol follows
      return 0;
    }
    if (head.status < 200) return 0;
    RequestWaiting request;
    if (!waiting_.empty()) {
      request = waiting_.front();
      waiting_.erase(waiting_.begin());
    }
    report_outcome(front, head, request);
    report_schemes(front, Carrier::http, head.schemes);
    report_schemes(front, Carrier::http_proxy, head.proxy_schemes);
    for (const HeaderToken& token : head.tokens) {
      const Bytes bytes = decode_base64(token.base64);
      const TokenContent content = peek_token(bytes);
      ExchangeSlot& slot = token.proxy ? proxy_logon_ : server_logon_;
      Place place{connection_, slot.key_for(content.ntlm, numbers_), front.moment_of(token.end), front.from};
      place.carrier = token.proxy ? Carrier::http_proxy : Carrier::http;
      report_token(place, bytes, front.witness);
    }
    if (request.connect && head.status < 300) {
      tunnel_ = true;
      return 0;
    }
    if (request.head_only || head.status == 204 || head.status == 304) return 0;
    if (head.chunked) {
      phase = Phase::chunk_size;
      return 0;
    }
    return head.content_length.value_or(kUntilClose);
  }

  /// 401 and 407 refuse; what else the server says, it says to somebody it knows. 400, 403 and 5xx may come from before the logon.
  void report_outcome(const Front& front, const Head& head, const RequestWaiting& request) const {
    for (const bool proxy : {false, true}) {
      const ExchangeKey exchange = proxy ? request.proxy_logon : request.server_logon;
      if (exchange == 0) continue;
      OutcomeSeen seen;
      seen.exchange = exchange;
      seen.moment = front.moment_of(0);
      seen.carrier = proxy ? Carrier::http_proxy : Carrier::http;
      seen.text = std::to_string(head.status);
      const bool refused = head.status == (proxy ? 407U : 401U);
      const bool unsure = head.status == 400 || head.status == 403 || head.status >= 500 || (!proxy && head.status == 407);
      seen.result = refused ? OutcomeSeen::Result::failure : unsure ? OutcomeSeen::Result::unknown : OutcomeSeen::Result::success;
      front.witness.on_outcome(connection_, seen);
    }
  }

  void report_schemes(const Front& front, Carrier carrier, const std::string& schemes) const {
    if (schemes.empty()) return;
    NoteSeen seen;
    seen.kind = NoteSeen::Kind::mechs_offered;
    seen.moment = front.moment_of(0);
    seen.carrier = carrier;
    seen.detail = schemes;
    note(front, seen);
  }

  std::uint64_t on_chunk_size(const Front& front, Phase& phase) {
    const std::string_view text = as_text(front.bytes);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    std::uint64_t size = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + end, size, 16);
    if (error != std::errc{} || size > kUntilClose) return no_record(front);
    if (size == 0) {
      phase = Phase::trailer;
      return end + 1;
    }
    return end + 1 + size + 2;
  }

  static std::uint64_t on_trailer(const Front& front, Phase& phase) {
    const std::string_view text = as_text(front.bytes);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    if (trimmed(text.substr(0, end)).empty()) phase = Phase::head;
    return end + 1;
  }

  ExchangeNumbers numbers_;
  ExchangeSlot server_logon_;
  ExchangeSlot proxy_logon_;
  std::vector<RequestWaiting> waiting_;
  Phase client_phase_ = Phase::head;
  Phase server_phase_ = Phase::head;
  bool tunnel_ = false;
};

}  // namespace

std::unique_ptr<Analyzer> make_http_analyzer(const Connection& connection) { return std::make_unique<HttpAnalyzer>(connection); }

}  // namespace postern::observe
