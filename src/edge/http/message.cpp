#include "edge/http/message.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <utility>

namespace postern::http {
namespace {

namespace beast = boost::beast;
using BeastView = beast::string_view;

constexpr std::size_t kMaxListMembers = 64;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_token_character(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

/// Calls `visit(member)` for each member of all list headers of that name, until it answers true.
template <typename Visit>
bool any_list_member(const Headers& headers, std::string_view name, Visit visit) {
  for (const Header& header : headers) {
    if (!equal_ignoring_case(header.name, name)) continue;
    std::string_view rest = header.value;
    while (true) {
      const std::size_t comma = rest.find(',');
      if (const std::string_view member = trimmed(rest.substr(0, comma)); !member.empty() && visit(member)) return true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

/// Beast's parser, which here reads a head and nothing after it, into our list of headers.
template <bool IsRequest>
class HeadParser final : public beast::http::basic_parser<IsRequest> {
 public:
  std::string method{};
  std::string target{};
  std::string reason{};
  unsigned status = 0;
  unsigned version = 0;
  Headers headers{};

 private:
  using Code = beast::error_code;
  void on_request_impl(beast::http::verb, BeastView method_text, BeastView target_text, int version_number, Code&) override {
    method.assign(method_text.data(), method_text.size());
    target.assign(target_text.data(), target_text.size());
    version = static_cast<unsigned>(version_number);
  }
  void on_response_impl(int code, BeastView reason_text, int version_number, Code&) override {
    status = static_cast<unsigned>(code);
    reason.assign(reason_text.data(), reason_text.size());
    version = static_cast<unsigned>(version_number);
  }
  void on_field_impl(beast::http::field, BeastView name, BeastView value, Code&) override {
    headers.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
  }
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(BeastView body, Code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, BeastView, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, Code&) override { return body.size(); }
  void on_finish_impl(Code&) override {}
};

std::unexpected<Error> malformed(std::string_view field, std::size_t offset, std::string message) {
  return fail(ErrorCode::malformed, field, offset, std::move(message));
}

/// What Beast lets pass and two HTTP parsers may read in two ways.
Result<void> check_lines(ByteView head, const HeadLimits& limits) {
  const std::string_view text = as_text(head);
  std::size_t start = 0;
  std::size_t count = 0;
  while (start < text.size()) {
    const std::size_t end = text.find("\r\n", start);
    if (end == std::string_view::npos) return malformed("head", start, "the last line has no end");
    const std::string_view line = text.substr(start, end - start);
    if (line.empty()) return end + 2 == text.size() ? Result<void>{} : malformed("head", start, "bytes after the empty line");
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto byte = static_cast<unsigned char>(line[i]);
      if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return malformed("head", start + i, "a control character");
    }
    if (count > 0) {
      if (line.front() == ' ' || line.front() == '\t') return malformed("header", start, "a folded header");
      const std::size_t colon = line.find(':');
      if (colon == 0 || colon == std::string_view::npos) return malformed("header", start, "a header without name or colon");
      for (std::size_t i = 0; i < colon; ++i) {
        if (!is_token_character(line[i])) return malformed("header", start + i, "a character that header names do not have");
      }
    }
    if (count++ > limits.headers) return fail(ErrorCode::too_large, "headers", start, "more headers than allowed");
    start = end + 2;
  }
  return malformed("head", text.size(), "no empty line at the end");
}

template <bool IsRequest>
Result<void> run_parser(HeadParser<IsRequest>& parser, ByteView head, const HeadLimits& limits) {
  POSTERN_CHECK(check_lines(head, limits));
  parser.header_limit(static_cast<std::uint32_t>(limits.bytes));
  parser.body_limit(boost::none);
  parser.skip(true);  // the body is read by BodyDecoder
  parser.eager(false);
  beast::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error) return malformed("head", used, error.message());
  if (!parser.is_header_done()) return malformed("head", used, "the head is not complete");
  return {};
}

struct FramingHeaders {
  bool chunked = false;
  std::optional<std::uint64_t> length{};
};

Result<FramingHeaders> framing_headers(const Headers& headers, unsigned minor_version) {
  FramingHeaders framing;
  const std::size_t encodings = count_headers(headers, "Transfer-Encoding");
  const std::size_t lengths = count_headers(headers, "Content-Length");
  if (encodings > 0 && lengths > 0) return malformed("Transfer-Encoding", Error::kNoOffset, "beside a Content-Length");
  if (encodings > 0) {
    if (minor_version == 0) return malformed("Transfer-Encoding", Error::kNoOffset, "in HTTP/1.0");
    const std::string* value = find_header(headers, "Transfer-Encoding");
    if (encodings > 1 || !equal_ignoring_case(*value, "chunked")) {
      return malformed("Transfer-Encoding", Error::kNoOffset, "anything but one `chunked`");
    }
    framing.chunked = true;
  }
  if (lengths > 1) return malformed("Content-Length", Error::kNoOffset, "more than one");
  if (lengths == 1) {
    const std::string* value = find_header(headers, "Content-Length");
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), length);
    if (value->empty() || error != std::errc{} || end != value->data() + value->size()) {
      return malformed("Content-Length", Error::kNoOffset, "no number");
    }
    framing.length = length;
  }
  return framing;
}

bool wants_keep_alive(const Headers& headers, unsigned minor_version) {
  if (list_has(headers, "Connection", "close")) return false;
  return minor_version >= 1 || list_has(headers, "Connection", "keep-alive");
}

void append_headers(std::string& out, const Headers& headers) {
  for (const Header& header : headers) {
    out += header.name;
    out += ": ";
    out += header.value;
    out += "\r\n";
  }
  out += "\r\n";
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* find_header(const Headers& headers, std::string_view name) {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const Header& h) { return equal_ignoring_case(h.name, name); });
  return found == headers.end() ? nullptr : &found->value;
}

std::size_t count_headers(const Headers& headers, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const Header& h) { return equal_ignoring_case(h.name, name); }));
}

void remove_header(Headers& headers, std::string_view name) {
  std::erase_if(headers, [&](const Header& h) { return equal_ignoring_case(h.name, name); });
}

bool list_has(const Headers& headers, std::string_view name, std::string_view token) {
  return any_list_member(headers, name, [&](std::string_view member) { return equal_ignoring_case(member, token); });
}

std::vector<std::string> list_members(const Headers& headers, std::string_view name) {
  std::vector<std::string> members;
  any_list_member(headers, name, [&](std::string_view member) {
    members.emplace_back(member);
    return members.size() >= kMaxListMembers;
  });
  return members;
}

Result<std::optional<std::size_t>> find_head_end(ByteView input, std::size_t& scanned, const HeadLimits& limits) {
  for (; scanned < input.size(); ++scanned) {
    if (input[scanned] != '\n') continue;
    if (scanned == 0 || input[scanned - 1] != '\r') return malformed("head", scanned, "a line feed without carriage return");
    if (scanned >= 3 && input[scanned - 2] == '\n') {
      if (scanned + 1 > limits.bytes) break;
      return std::optional<std::size_t>{scanned + 1};
    }
  }
  if (scanned >= limits.bytes) return fail(ErrorCode::too_large, "head", limits.bytes, "the head is larger than allowed");
  return std::optional<std::size_t>{};
}

Result<RequestHead> parse_request_head(ByteView head, const HeadLimits& limits) {
  HeadParser<true> parser;
  POSTERN_CHECK(run_parser(parser, head, limits));
  RequestHead request;
  if (parser.version != 10 && parser.version != 11)
    return fail(ErrorCode::unsupported, "version", 0, "neither HTTP/1.0 nor HTTP/1.1");
  request.minor_version = parser.version - 10;
  request.method = std::move(parser.method);
  request.target = std::move(parser.target);
  request.headers = std::move(parser.headers);

  const std::size_t hosts = count_headers(request.headers, "Host");
  if (hosts > 1) return malformed("Host", Error::kNoOffset, "more than one");
  if (hosts == 0 && request.minor_version == 1) return malformed("Host", Error::kNoOffset, "missing");
  POSTERN_TRY(framing, framing_headers(request.headers, request.minor_version));
  if (framing.chunked) {
    request.framing.kind = Framing::Kind::chunked;
  } else if (framing.length && *framing.length > 0) {
    request.framing = {Framing::Kind::length, *framing.length};
  }
  request.keep_alive = wants_keep_alive(request.headers, request.minor_version);
  if (const std::string* expect = find_header(request.headers, "Expect")) {
    if (!equal_ignoring_case(*expect, "100-continue")) return malformed("Expect", Error::kNoOffset, "anything but 100-continue");
    request.expect_continue = request.minor_version == 1 && request.framing.kind != Framing::Kind::none;
  }
  return request;
}

Result<ResponseHead> parse_response_head(ByteView head, std::string_view request_method, const HeadLimits& limits) {
  HeadParser<false> parser;
  POSTERN_CHECK(run_parser(parser, head, limits));
  ResponseHead response;
  if (parser.version != 10 && parser.version != 11)
    return fail(ErrorCode::unsupported, "version", 0, "neither HTTP/1.0 nor HTTP/1.1");
  response.minor_version = parser.version - 10;
  response.status = parser.status;
  response.reason = std::move(parser.reason);
  response.headers = std::move(parser.headers);
  if (response.status < 100 || response.status > 999) return malformed("status", 0, "out of range");
  POSTERN_TRY(framing, framing_headers(response.headers, response.minor_version));
  response.keep_alive = wants_keep_alive(response.headers, response.minor_version);
  const bool no_body = request_method == "HEAD" || response.status / 100 == 1 || response.status == 204 || response.status == 304;
  if (no_body) {
    response.framing.kind = Framing::Kind::none;
  } else if (framing.chunked) {
    response.framing.kind = Framing::Kind::chunked;
  } else if (framing.length) {
    response.framing = {*framing.length > 0 ? Framing::Kind::length : Framing::Kind::none, *framing.length};
  } else {
    response.framing.kind = Framing::Kind::until_close;
    response.keep_alive = false;
  }
  return response;
}

std::string serialize(const RequestHead& head) {
  std::string out = head.method + " " + head.target + (head.minor_version == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  append_headers(out, head.headers);
  return out;
}

std::string serialize(const ResponseHead& head) {
  std::string out = "HTTP/1.1 " + std::to_string(head.status) + " ";
  out += head.reason.empty() ? std::string{reason_phrase(head.status)} : head.reason;
  out += "\r\n";
  append_headers(out, head.headers);
  return out;
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
  }
}

Result<std::string> origin_form(const RequestHead& head) {
  const std::string_view target = head.target;
  if (target.starts_with('/')) return std::string{target};
  if (target == "*" && head.method == "OPTIONS") return std::string{target};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = rest.find_first_of("/?#");
    const std::string* host = find_header(head.headers, "Host");
    if (host == nullptr || !equal_ignoring_case(rest.substr(0, end), *host)) {
      return malformed("target", Error::kNoOffset, "the target names another host than the Host header");
    }
    if (end == std::string_view::npos) return std::string{"/"};
    return (rest[end] == '/' ? "" : "/") + std::string{rest.substr(end)};
  }
  return malformed("target", Error::kNoOffset, "neither a path nor an http address");
}

void remove_hop_by_hop(Headers& headers) {
  const std::vector<std::string> listed = list_members(headers, "Connection");
  for (const std::string& name : listed) remove_header(headers, name);
  for (const std::string_view name : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
                                      "TE", "Trailer", "Transfer-Encoding", "Upgrade"}) {
    remove_header(headers, name);
  }
}

}  // namespace postern::http
