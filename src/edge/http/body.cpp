#include "edge/http/body.hpp"

#include <algorithm>
#include <charconv>

namespace postern::http {
namespace {

constexpr std::size_t kMaxChunkDigits = 15;  ///< 60 bits: no size that overflows

std::unexpected<Error> malformed(std::string message) {
  return fail(ErrorCode::malformed, "chunked body", Error::kNoOffset, std::move(message));
}

}  // namespace

BodyDecoder::BodyDecoder(Framing framing) : left_{framing.length} {
  switch (framing.kind) {
    case Framing::Kind::none: state_ = State::done; break;
    case Framing::Kind::length: state_ = framing.length > 0 ? State::raw : State::done; break;
    case Framing::Kind::chunked: state_ = State::chunk_line; break;
    case Framing::Kind::until_close: state_ = State::until_close; break;
  }
}

Result<BodyDecoder::Piece> BodyDecoder::decode(ByteView input) {
  switch (state_) {
    case State::done: return Piece{};
    case State::until_close: return Piece{input.size(), input};
    case State::raw:
    case State::chunk_data: {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      left_ -= size;
      if (left_ == 0) state_ = state_ == State::raw ? State::done : State::chunk_data_end;
      return Piece{size, input.first(size)};
    }
    case State::chunk_data_end:
      if (!input.empty() && input[0] != '\r') return malformed("a chunk longer than its size");
      if (input.size() < 2) return Piece{};
      if (input[1] != '\n') return malformed("a chunk longer than its size");
      state_ = State::chunk_line;
      return Piece{2, {}};
    case State::chunk_line:
    case State::trailer: return decode_line(input);
  }
  return Piece{};
}

Result<BodyDecoder::Piece> BodyDecoder::decode_line(ByteView input) {
  const std::string_view text = as_text(input);
  const std::size_t limit = state_ == State::trailer ? kMaxTrailerBytes - trailer_bytes_ : kMaxChunkLineBytes;
  const std::size_t end = text.find('\n');
  if ((end == std::string_view::npos ? text.size() : end) > limit) {
    return fail(ErrorCode::too_large, "chunked body", Error::kNoOffset, "a chunk line or trailer larger than allowed");
  }
  if (end == std::string_view::npos) return Piece{};
  if (end == 0 || text[end - 1] != '\r') return malformed("a line feed without carriage return");
  const std::string_view line = text.substr(0, end - 1);
  if (line.find('\r') != std::string_view::npos || line.find('\0') != std::string_view::npos)
    return malformed("a control character");
  if (state_ == State::chunk_line) {
    POSTERN_CHECK(on_chunk_line(line));
  } else {
    trailer_bytes_ += end + 1;
    if (line.empty()) state_ = State::done;
  }
  return Piece{end + 1, {}};
}

Result<void> BodyDecoder::on_chunk_line(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find_first_of("; \t"));
  const std::string_view rest = line.substr(digits.size());
  if (!rest.empty() && rest.substr(std::min(rest.find_first_not_of(" \t"), rest.size())).substr(0, 1) != ";") {
    return malformed("a chunk size that is no hexadecimal number");
  }
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (digits.empty() || digits.size() > kMaxChunkDigits || error != std::errc{} || end != digits.data() + digits.size()) {
    return malformed("a chunk size that is no hexadecimal number");
  }
  left_ = size;
  state_ = size > 0 ? State::chunk_data : State::trailer;
  return {};
}

Result<void> BodyDecoder::on_end() {
  if (state_ == State::until_close) state_ = State::done;
  if (state_ == State::done) return {};
  return fail(ErrorCode::truncated, "body", Error::kNoOffset, "the connection ended inside the body");
}

std::string chunk_header(std::size_t size) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, size, 16);
  (void)error;  // 16 digits fit
  return std::string{digits, end} + "\r\n";
}

}  // namespace postern::http
