// One HTTP/1.1 answer, read as its bytes come.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::load {

/// Takes answers off the front of a buffer. Understands Content-Length and chunked, which is what a kept connection can have.
class AnswerReader {
 public:
  struct Answer {
    int status = 0;
    bool closes = false;
    std::string challenge{};  ///< the token after "NTLM " in WWW-Authenticate, if there is one
  };

  void add(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole answer, if it has come; `broken()` if what came is none.
  [[nodiscard]] std::optional<Answer> take();
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] bool empty() const { return buffer_.empty(); }

 private:
  /// Where the answer with this head ends, or nothing if that has not come yet.
  [[nodiscard]] std::optional<std::size_t> end_of(std::string_view head, int status);

  std::string buffer_{};
  bool broken_ = false;
};

}  // namespace postern::load
