// The outcome of anything that can fail: a value, or an Error that says what, where and how to go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace postern {

/// What went wrong, by culprit. The four causes of a refused logon stay apart (R28): `wrong_password`, `account_state`,
/// `no_authority` and the malformed family never stand for one another.
enum class ErrorCode : std::uint8_t {
  // The peer's bytes are not what the specification calls a message.
  malformed,           ///< structure broken: signature, length, order, encoding
  truncated,           ///< the input ends inside a field
  out_of_bounds,       ///< a length and offset point outside the message
  too_large,           ///< over a named limit
  duplicate,           ///< an item that may come once came twice
  unsupported,         ///< well formed, but nothing that we speak
  unexpected_message,  ///< a message of another type, or in a state that awaits none
  // The peer's bytes are well formed and the logon fails.
  wrong_password,     ///< the response does not prove the key (also: unknown account)
  account_state,      ///< right or wrong password, but the account may not log on
  mic_wrong,          ///< an announced MIC is missing or wrong
  bindings_wrong,     ///< channel bindings missing where demanded, or of another channel
  target_name_wrong,  ///< the client meant another server
  policy,             ///< allowed by nothing above, refused by policy
  // A message of an established session is refused.
  signature_wrong,  ///< its bytes are not those that were signed
  replayed,         ///< its sequence number was used before
  out_of_order,     ///< a message before it is missing
  // Nobody's bytes are at fault.
  no_authority,   ///< the account's authority cannot be asked
  invalid_input,  ///< the caller's argument, or a configuration value
  not_found,      ///< the named thing does not exist
  conflict,       ///< the named thing exists already, or is in use
  denied,         ///< the operating system or a peer's rights say no
  timeout,        ///< a limit of time ran out
  io,             ///< file, socket or database failed
  internal,       ///< a fault of Postern
};

/// The code's name as JSON carries it, for example "out_of_bounds".
[[nodiscard]] std::string_view name_of(ErrorCode code);

/// An error. `field` is a static text (`AUTHENTICATE.NtChallengeResponse`); `offset` counts bytes from the start of the input that
/// was being parsed, `kNoOffset` where there is none. `message` is for a person and never holds a secret.
struct Error {
  static constexpr std::size_t kNoOffset = static_cast<std::size_t>(-1);

  ErrorCode code = ErrorCode::internal;
  std::string_view field{};
  std::size_t offset = kNoOffset;
  std::string message{};
  std::string hint{};

  /// The same error, seen from an input in which the parsed one starts at `base`.
  [[nodiscard]] Error shifted(std::size_t base) && {
    if (offset != kNoOffset) offset += base;
    return std::move(*this);
  }
  /// One readable line: code, field, offset, message.
  [[nodiscard]] std::string to_line() const;
};

/// std::expected that the compiler does not let a caller drop.
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string_view field, std::size_t offset, std::string message) {
  return std::unexpected{Error{code, field, offset, std::move(message), {}}};
}
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return fail(code, {}, Error::kNoOffset, std::move(message));
}

}  // namespace postern

#define POSTERN_CONCAT_INNER(a, b) a##b
#define POSTERN_CONCAT(a, b) POSTERN_CONCAT_INNER(a, b)

/// POSTERN_TRY(name, expression): declares `name` with the value, or returns the error from the enclosing function.
#define POSTERN_TRY(name, ...)                                                         \
  auto POSTERN_CONCAT(postern_try_, __LINE__) = (__VA_ARGS__);                         \
  if (!POSTERN_CONCAT(postern_try_, __LINE__)) [[unlikely]]                            \
    return std::unexpected{std::move(POSTERN_CONCAT(postern_try_, __LINE__)).error()}; \
  auto name = std::move(*POSTERN_CONCAT(postern_try_, __LINE__))

/// POSTERN_CHECK(expression): for a Result without a value that is wanted; returns the error if there is one.
#define POSTERN_CHECK(...)                                               \
  do {                                                                   \
    if (auto postern_check = (__VA_ARGS__); !postern_check) [[unlikely]] \
      return std::unexpected{std::move(postern_check).error()};          \
  } while (false)
