// InputBuffer: what has been read from a stream and is not used yet. Holds no memory while it is empty and released.
#pragma once

#include <cstddef>

#include "edge/http/stream.hpp"

namespace postern::http {

inline constexpr std::size_t kReadBytes = 16 * 1024;     ///< one read of a body
inline constexpr std::size_t kHeadReadBytes = 2 * 1024;  ///< one read of a head: slow senders hold no more than they sent

class InputBuffer {
 public:
  [[nodiscard]] ByteView view() const { return ByteView{bytes_}.subspan(begin_); }
  [[nodiscard]] bool empty() const { return begin_ == bytes_.size(); }
  void consume(std::size_t count) {
    begin_ += count;
    if (empty()) {
      bytes_.clear();
      begin_ = 0;
    }
  }
  /// Gives the memory back; only while empty().
  void release() {
    bytes_ = Bytes{};
    begin_ = 0;
  }
  /// Reads at most `size` more bytes; 0 at the peer's end.
  Task<Result<std::size_t>> fill(Stream& stream, std::size_t size);

 private:
  Bytes bytes_{};
  std::size_t begin_ = 0;
};

}  // namespace postern::http
