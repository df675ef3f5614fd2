// From what the rooms say to what the C interface says: statuses, errors, and the wall that no exception passes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <expected>
#include <new>
#include <postern/postern.h>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/text.hpp"

namespace postern::api {

/// What a call failed with: a room's Error, or one of the interface's own causes.
struct Failure {
  postern_status status = POSTERN_INTERNAL;
  std::string_view field{};
  std::size_t offset = POSTERN_NO_OFFSET;
  std::string message{};

  Failure(postern_status why, std::string_view where, std::string what) : status{why}, field{where}, message{std::move(what)} {}
  /// Implicit: POSTERN_TRY turns a room's error into this.
  Failure(Error error);  // NOLINT(google-explicit-constructor)
};

template <typename T>
class [[nodiscard]] Outcome : public std::expected<T, Failure> {
 public:
  using std::expected<T, Failure>::expected;
};

[[nodiscard]] inline std::unexpected<Failure> refuse(postern_status status, std::string_view field, std::string message) {
  return std::unexpected{Failure{status, field, std::move(message)}};
}

[[nodiscard]] postern_status status_of(ErrorCode code);

/// Fills `error` if there is one, and gives the status.
postern_status report(const Failure& failure, postern_error* error) noexcept;
postern_status report_success(postern_status status, postern_error* error) noexcept;

/// Runs the body of a call: `body` gives an Outcome<postern_status>. Whatever is thrown ends here.
template <typename Body>
postern_status guarded(postern_error* error, Body&& body) noexcept {
  try {
    const Outcome<postern_status> outcome = body();
    return outcome ? report_success(*outcome, error) : report(outcome.error(), error);
  } catch (const std::bad_alloc&) {
    return report_success(POSTERN_NO_MEMORY, error);
  } catch (const std::exception& thrown) {
    try {
      return report(Failure{POSTERN_INTERNAL, {}, thrown.what()}, error);
    } catch (...) {
      return report_success(POSTERN_INTERNAL, error);
    }
  } catch (...) {
    return report_success(POSTERN_INTERNAL, error);
  }
}

[[nodiscard]] inline Outcome<postern_status> needs(bool there, std::string_view what) {
  if (there) return POSTERN_OK;
  return refuse(POSTERN_INVALID_INPUT, what, "is needed and was NULL");
}

/// An empty buffer for no bytes; throws std::bad_alloc.
void fill(postern_buffer& buffer, ByteView bytes);

/// The bytes of a caller; a null pointer goes with size 0 only.
[[nodiscard]] Outcome<ByteView> bytes_of(const void* data, std::size_t size, std::string_view field);

[[nodiscard]] Outcome<CodePage> code_page_of(postern_code_page page);

/// Reads a struct that begins with its size, as an older or newer caller knows it: what is missing is `defaults`, and what this
/// library does not know must be zero.
template <typename Struct>
[[nodiscard]] Outcome<Struct> read_struct(const Struct* given, const Struct& defaults, std::string_view field) {
  if (given == nullptr) return refuse(POSTERN_INVALID_INPUT, field, "is needed and was NULL");
  const std::size_t size = given->size;
  constexpr std::size_t kLargest = 4096;  // no struct of any version is larger: this is no size
  if (size < 2 * sizeof(std::size_t) || size > kLargest) return refuse(POSTERN_INVALID_INPUT, field, "its size is not set");
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t at = sizeof(Struct); at < size; ++at) {
    if (bytes[at] != 0) return refuse(POSTERN_UNSUPPORTED, field, "asks for something that this library is too old for");
  }
  Struct read = defaults;
  std::memcpy(&read, given, std::min(size, sizeof(Struct)));
  read.size = sizeof(Struct);
  return read;
}

}  // namespace postern::api
