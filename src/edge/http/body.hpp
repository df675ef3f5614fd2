// BodyDecoder: finds data and end of one message body in the bytes of a connection. Sans-IO.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "edge/http/message.hpp"

namespace postern::http {

inline constexpr std::size_t kMaxChunkLineBytes = 1024;    ///< chunk size with its extensions
inline constexpr std::size_t kMaxTrailerBytes = 8 * 1024;  ///< trailers are read and thrown away (R41)

class BodyDecoder {
 public:
  explicit BodyDecoder(Framing framing);

  struct Piece {
    std::size_t consumed = 0;  ///< bytes of the input that are done with, `data` included
    ByteView data{};           ///< body bytes, a part of the input; may be empty
  };

  /// Reads on at the front of `input`. Nothing consumed and not done(): more input is needed. Refuses any chunk line that is not
  /// hexadecimal digits, extensions and CRLF, and what is over the limits above.
  [[nodiscard]] Result<Piece> decode(ByteView input);
  [[nodiscard]] bool done() const { return state_ == State::done; }
  /// The peer closed: the end of an until-close body, and an error (`truncated`) for any other.
  [[nodiscard]] Result<void> on_end();

 private:
  enum class State : std::uint8_t { raw, chunk_line, chunk_data, chunk_data_end, trailer, until_close, done };
  Result<Piece> decode_line(ByteView input);
  Result<void> on_chunk_line(std::string_view line);

  State state_ = State::done;
  std::uint64_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

/// "1f\r\n": what stands before the data of a chunk.
[[nodiscard]] std::string chunk_header(std::size_t size);

}  // namespace postern::http
