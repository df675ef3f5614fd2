#include "http_answer.hpp"

#include <charconv>
#include <strings.h>

namespace postern::load {
namespace {

constexpr std::string_view kLine = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// Calls `use(name, value)` for each header line.
template <typename Use>
void for_each_header(std::string_view head, Use&& use) {
  std::size_t start = head.find(kLine) + kLine.size();
  while (start < head.size()) {
    const std::size_t end = head.find(kLine, start);
    const std::string_view line = head.substr(start, end - start);
    const std::size_t colon = line.find(':');
    if (line.empty() || colon == std::string_view::npos) return;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    use(line.substr(0, colon), value);
    start = end + kLine.size();
  }
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::optional<std::size_t> AnswerReader::end_of(std::string_view head, int status) {
  std::size_t length = 0;
  bool chunked = false;
  for_each_header(head, [&](std::string_view name, std::string_view value) {
    if (same(name, "Content-Length")) std::from_chars(value.data(), value.data() + value.size(), length);
    if (same(name, "Transfer-Encoding")) chunked = true;
  });
  if (status == 204 || status == 304) return head.size();
  if (!chunked) return head.size() + length <= buffer_.size() ? std::optional{head.size() + length} : std::nullopt;
  std::size_t at = head.size();
  while (true) {
    const std::size_t line = buffer_.find(kLine, at);
    if (line == std::string::npos) return std::nullopt;
    std::size_t size = 0;
    if (std::from_chars(buffer_.data() + at, buffer_.data() + line, size, 16).ec != std::errc{}) {
      broken_ = true;
      return std::nullopt;
    }
    at = line + kLine.size() + size + kLine.size();
    if (at > buffer_.size()) return std::nullopt;
    if (size == 0) return at;
  }
}

std::optional<AnswerReader::Answer> AnswerReader::take() {
  const std::size_t head_end = buffer_.find(kHeadEnd);
  if (head_end == std::string::npos) return std::nullopt;
  const std::string_view head = std::string_view{buffer_}.substr(0, head_end + kHeadEnd.size());
  Answer answer;
  if (!head.starts_with("HTTP/1.1 ") || std::from_chars(head.data() + 9, head.data() + 12, answer.status).ec != std::errc{}) {
    broken_ = true;
    return std::nullopt;
  }
  const auto end = end_of(head, answer.status);
  if (!end) return std::nullopt;
  for_each_header(head, [&](std::string_view name, std::string_view value) {
    if (same(name, "Connection") && same(value, "close")) answer.closes = true;
    if (same(name, "WWW-Authenticate") && value.starts_with("NTLM ")) answer.challenge = value.substr(5);
  });
  buffer_.erase(0, *end);
  if (buffer_.empty()) buffer_.shrink_to_fit();
  return answer;
}

}  // namespace postern::load
