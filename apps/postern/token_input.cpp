#include "postern/token_input.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "spnego/token.hpp"
#include "wire/messages.hpp"

namespace postern::cli {
namespace {

constexpr std::string_view kField = "token";
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kHint = "a token is raw bytes, hex, base64, or a header line such as `Authorization: NTLM TlRM...`";

std::unexpected<Error> no_token(std::string message) {
  return std::unexpected{Error{ErrorCode::malformed, kField, 0, std::move(message), std::string{kHint}}};
}

bool is_text(ByteView input) {
  return std::ranges::all_of(input, [](std::uint8_t c) { return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n'; });
}

bool looks_raw(ByteView input) {
  // Cut inside the signature it is still a message, and said to be truncated.
  constexpr std::string_view signature{"NTLMSSP\0", 8};
  const auto start = as_text(input).substr(0, signature.size());
  if (start.size() >= 4 && signature.starts_with(start) && start == as_text(input)) return true;
  return wire::has_signature(input) || spnego::recognise(input) != spnego::TokenKind::unknown || !is_text(input);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string without_blanks(std::string_view text) {
  std::string out{text};
  std::erase_if(out, [](char c) { return kBlanks.find(c) != std::string_view::npos; });
  return out;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same_word(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

/// The credentials behind `NTLM ` or `Negotiate `, with or without the header's name in front; nothing if the text is no header.
std::optional<std::string_view> header_credentials(std::string_view text) {
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const std::string_view name = trimmed(text.substr(0, colon));
    constexpr std::string_view kNames[] = {"Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate",
                                           "Authentication-Info"};
    if (std::ranges::none_of(kNames, [&](std::string_view known) { return same_word(name, known); })) return std::nullopt;
    text = trimmed(text.substr(colon + 1));
  }
  const auto blank = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view scheme = text.substr(0, blank);
  if (!same_word(scheme, "NTLM") && !same_word(scheme, "Negotiate")) return std::nullopt;
  return trimmed(text.substr(blank));
}

bool can_only_be_a_token(const TokenInput& input) {
  return input.form == InputForm::hex || input.form == InputForm::header ||
         spnego::recognise(input.token) != spnego::TokenKind::unknown;
}

}  // namespace

Result<TokenInput> decode_token_input(ByteView input) {
  if (input.size() > kMaxInputBytes) return fail(ErrorCode::too_large, kField, 0, "longer than any token");
  if (looks_raw(input)) return TokenInput{to_bytes(input), InputForm::raw};
  const std::string_view text = trimmed(as_text(input));
  if (text.empty()) return no_token("the input is empty");
  if (const auto credentials = header_credentials(text)) {
    if (credentials->empty()) return no_token("the header holds no token");
    auto token = from_base64(*credentials);
    if (!token) return no_token("the header's token is not base64");
    return TokenInput{std::move(*token), InputForm::header};
  }
  const std::string compact = without_blanks(text);
  if (auto token = from_hex(compact)) return TokenInput{std::move(*token), InputForm::hex};
  if (auto token = from_base64(compact)) return TokenInput{std::move(*token), InputForm::base64};
  return no_token("neither raw bytes nor hex, base64 or a header");
}

Result<Bytes> read_input_file(const std::string& path, std::size_t bytes_max) {
  const auto io_error = [&](int number) {
    return fail(ErrorCode::io, kField, Error::kNoOffset, path + ": " + std::strerror(number));
  };
  struct Closer {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  const std::unique_ptr<std::FILE, Closer> file{path == "-" ? stdin : std::fopen(path.c_str(), "rb")};
  if (!file) return io_error(errno);
  Bytes bytes(bytes_max + 1);
  const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file.get());
  if (std::ferror(file.get()) != 0) return io_error(errno);
  if (count > bytes_max) return fail(ErrorCode::too_large, kField, 0, path + " is longer than it may be");
  bytes.resize(count);
  return bytes;
}

Result<TokenInput> read_token_argument(const std::string& argument, Otherwise otherwise) {
  std::error_code error;
  const bool names_a_file = argument == "-" || argument.starts_with('@') || std::filesystem::exists(argument, error);
  if (!names_a_file) {
    auto token = decode_token_input(as_bytes(argument));
    if (otherwise == Otherwise::token || (token && can_only_be_a_token(*token))) return token;
  }
  POSTERN_TRY(bytes, read_input_file(argument.starts_with('@') ? argument.substr(1) : argument));
  return decode_token_input(bytes);
}

}  // namespace postern::cli
