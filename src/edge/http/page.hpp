// What the gateway answers itself: the built-in page of a logged-on client, and the short texts of refusals.
#pragma once

#include <string>
#include <string_view>

#include "base/file_time.hpp"
#include "edge/http/identity_headers.hpp"
#include "edge/http/message.hpp"

namespace postern::http {

struct PageFacts {
  const LoggedOn* logged_on = nullptr;  ///< null on a path that is open to anonymous
  std::string client_address{};
  bool tls = false;
  std::string tls_version{};
  std::string tls_cipher{};
  std::string method{};
  std::string target{};
};

struct Page {
  std::string content_type{};
  std::string body{};
};

/// Text for between tags and in quoted attributes.
[[nodiscard]] std::string html_escaped(std::string_view text);
/// A whole page around `content`, which is HTML already; `title` is text.
[[nodiscard]] Page html_document(std::string_view title, std::string_view content);

/// True if the Accept headers prefer application/json to text/html (RFC 9110 12.5.1).
[[nodiscard]] bool prefers_json(const Headers& headers);
[[nodiscard]] Page logged_on_page(const PageFacts& facts, bool as_json);
/// A page for a status that is no success; the text depends on nothing else (R37).
[[nodiscard]] Page status_page(unsigned status, std::string_view explanation);
/// The headers that go with a page of ours.
[[nodiscard]] Headers page_headers(const Page& page, FileTime now);

}  // namespace postern::http
