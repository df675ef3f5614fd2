// A token as people have it: raw bytes, hex, base64, a header line or value, or the file that holds one of these.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern::cli {

/// Over twice the hex of the longest token that is read, with room for white space; longer input is refused unread.
inline constexpr std::size_t kMaxInputBytes = 512 * 1024;

/// Where the token stood.
enum class InputForm : std::uint8_t { raw, hex, base64, header };

struct TokenInput {
  Bytes token{};
  InputForm form = InputForm::raw;
};

/// Finds the token: raw bytes (a token's first bytes, or anything that is no text), else hex, else base64, else a header line
/// (`Authorization: NTLM …`) or its value. Line breaks and blanks around it are ignored, and inside hex and base64 too, since tools
/// wrap both. Errors: `malformed` for anything else, and for nothing at all.
[[nodiscard]] Result<TokenInput> decode_token_input(ByteView input);

/// The bytes of a file, `-` for standard input. Errors: `io`, `too_large`.
[[nodiscard]] Result<Bytes> read_input_file(const std::string& path, std::size_t bytes_max = kMaxInputBytes);

/// What an argument is if no file has its name.
enum class Otherwise : std::uint8_t {
  token,  ///< the token itself
  file,   ///< a file that is missing (`io`), unless it can only be a token: hex, a header, or base64 of a token's first bytes
};

/// What a person gives as a token: `-` is standard input, `@FILE` a file, and so is the name of one that exists.
[[nodiscard]] Result<TokenInput> read_token_argument(const std::string& argument, Otherwise otherwise);

}  // namespace postern::cli
