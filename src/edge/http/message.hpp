// The heads of HTTP/1.1 messages: read strictly, held as plain lists, written out again. Sans-IO.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern::http {

struct Header {
  std::string name{};
  std::string value{};
};
using Headers = std::vector<Header>;

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);
/// The first header of that name; null if there is none.
[[nodiscard]] const std::string* find_header(const Headers& headers, std::string_view name);
[[nodiscard]] std::size_t count_headers(const Headers& headers, std::string_view name);
void remove_header(Headers& headers, std::string_view name);
/// True if a comma-separated list header (all of that name together) holds `token`, case ignored.
[[nodiscard]] bool list_has(const Headers& headers, std::string_view name, std::string_view token);
/// The members of a comma-separated list header, trimmed.
[[nodiscard]] std::vector<std::string> list_members(const Headers& headers, std::string_view name);

/// How the end of a body is found.
struct Framing {
  enum class Kind : std::uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  ///< bytes, for Kind::length
};

struct RequestHead {
  std::string method{};
  std::string target{};  ///< as sent; see origin_form()
  unsigned minor_version = 1;
  Headers headers{};
  Framing framing{};
  bool keep_alive = true;
  bool expect_continue = false;
};

struct ResponseHead {
  unsigned status = 0;
  unsigned minor_version = 1;
  std::string reason{};
  Headers headers{};
  Framing framing{};
  bool keep_alive = true;
};

struct HeadLimits {
  std::size_t bytes = 64 * 1024;
  std::size_t headers = 200;
};

/// Finds the end of the head at the front of `input`: the number of bytes up to and with the empty line; nothing if it is not there
/// yet. `scanned` remembers how far earlier calls got. Refuses a line feed without carriage return, and more bytes than the limit.
[[nodiscard]] Result<std::optional<std::size_t>> find_head_end(ByteView input, std::size_t& scanned, const HeadLimits& limits);

/// Reads a whole head. Beside what Beast's parser refuses, these are errors (R41): folded headers, space before the colon, control
/// characters, both Transfer-Encoding and Content-Length, several Content-Length, any Transfer-Encoding but `chunked`, no or
/// several Host in HTTP/1.1, Transfer-Encoding in HTTP/1.0.
[[nodiscard]] Result<RequestHead> parse_request_head(ByteView head, const HeadLimits& limits);
/// `request_method` decides whether a body follows (RFC 9112 6.3).
[[nodiscard]] Result<ResponseHead> parse_response_head(ByteView head, std::string_view request_method, const HeadLimits& limits);

[[nodiscard]] std::string serialize(const RequestHead& head);
[[nodiscard]] std::string serialize(const ResponseHead& head);
[[nodiscard]] std::string_view reason_phrase(unsigned status);

/// The target as path and query: `http://host/path` becomes `/path` and must name the Host header's host; `*` stays (OPTIONS only).
[[nodiscard]] Result<std::string> origin_form(const RequestHead& head);

/// Removes what belongs to one hop only (RFC 9110 7.6.1), with every name listed in Connection.
void remove_hop_by_hop(Headers& headers);

}  // namespace postern::http
