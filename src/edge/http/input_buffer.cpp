#include "edge/http/input_buffer.hpp"

namespace postern::http {

Task<Result<std::size_t>> InputBuffer::fill(Stream& stream, std::size_t size) {
  auto ready = co_await stream.wait_readable();  // before memory is taken
  if (!ready) co_return std::unexpected{ready.error()};
  if (begin_ > 0) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  const std::size_t old_size = bytes_.size();
  bytes_.resize(old_size + size);
  auto got = co_await stream.read_some(MutableByteView{bytes_}.subspan(old_size));
  bytes_.resize(old_size + (got ? *got : 0));
  co_return got;
}

}  // namespace postern::http
