// The handle of a session: arguments checked, then SessionSecurity. Nothing here allocates unless a message is refused.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "api/context.hpp"
#include "ntlm/session_security.hpp"

namespace postern::api {
namespace {

using ntlm::kSignatureBytes;
using ntlm::Segment;
static_assert(kSignatureBytes == POSTERN_SIGNATURE_SIZE);

/// True if the two places of the same size are one or do not touch.
bool same_or_apart(const void* a, const void* b, std::size_t size) {
  const auto at = reinterpret_cast<std::uintptr_t>(a);
  const auto to = reinterpret_cast<std::uintptr_t>(b);
  return at == to || at + size <= to || to + size <= at;
}

bool apart(const void* a, std::size_t a_size, const void* b, std::size_t b_size) {
  const auto at = reinterpret_cast<std::uintptr_t>(a);
  const auto to = reinterpret_cast<std::uintptr_t>(b);
  return at + a_size <= to || to + b_size <= at;
}

std::unexpected<Failure> overlapping() {
  return refuse(POSTERN_INVALID_INPUT, "out", "overlaps what is read: it must be the same place or apart");
}

/// The parts of a caller, where their call can see them.
class Parts {
 public:
  Outcome<postern_status> read(const postern_iov* parts, std::size_t count) {
    if (parts == nullptr && count != 0) return refuse(POSTERN_INVALID_INPUT, "parts", "is NULL and has a count");
    if (count > POSTERN_IOV_COUNT_MAX) return refuse(POSTERN_TOO_LARGE, "parts", "more than 64");
    count_ = count;
    for (std::size_t i = 0; i < count; ++i) {
      const postern_iov& part = parts[i];
      if (part.in == nullptr && part.size != 0) return refuse(POSTERN_INVALID_INPUT, "parts", "one is NULL and has a size");
      views_[i] = {static_cast<const std::uint8_t*>(part.in), part.size};
      if (part.out == nullptr || part.size == 0) {
        segments_[i] = Segment::signed_only(views_[i]);
        continue;
      }
      if (!same_or_apart(part.in, part.out, part.size)) return overlapping();
      segments_[i] = Segment::sealed(views_[i], {static_cast<std::uint8_t*>(part.out), part.size});
    }
    return POSTERN_OK;
  }
  [[nodiscard]] std::span<const Segment> segments() const { return std::span{segments_}.first(count_); }
  [[nodiscard]] std::span<const ByteView> views() const { return std::span{views_}.first(count_); }

 private:
  std::array<Segment, POSTERN_IOV_COUNT_MAX> segments_{};
  std::array<ByteView, POSTERN_IOV_COUNT_MAX> views_{};
  std::size_t count_ = 0;
};

void clear_signature(std::uint8_t* signature) {
  if (signature != nullptr) std::memset(signature, 0, POSTERN_SIGNATURE_SIZE);
}

Outcome<postern_status> sign(postern_session* session, const postern_iov* parts, std::size_t count, std::uint8_t* signature) {
  POSTERN_CHECK(needs(session != nullptr, "session"));
  POSTERN_CHECK(needs(signature != nullptr, "signature"));
  Parts read;
  POSTERN_CHECK(read.read(parts, count));
  POSTERN_TRY(made, session->security.sign(read.views()));
  std::ranges::copy(made.bytes(), signature);
  return POSTERN_OK;
}

Outcome<postern_status> verify(postern_session* session, const postern_iov* parts, std::size_t count, const void* signature,
                               std::size_t signature_size) {
  POSTERN_CHECK(needs(session != nullptr, "session"));
  POSTERN_TRY(given, bytes_of(signature, signature_size, "signature"));
  Parts read;
  POSTERN_CHECK(read.read(parts, count));
  POSTERN_CHECK(session->security.verify(read.views(), given));
  return POSTERN_OK;
}

Outcome<postern_status> seal(postern_session* session, const postern_iov* parts, std::size_t count, std::uint8_t* signature) {
  POSTERN_CHECK(needs(session != nullptr, "session"));
  POSTERN_CHECK(needs(signature != nullptr, "signature"));
  Parts read;
  POSTERN_CHECK(read.read(parts, count));
  POSTERN_TRY(made, session->security.seal(read.segments()));
  std::ranges::copy(made.bytes(), signature);
  return POSTERN_OK;
}

Outcome<postern_status> unseal(postern_session* session, const postern_iov* parts, std::size_t count, const void* signature,
                               std::size_t signature_size) {
  POSTERN_CHECK(needs(session != nullptr, "session"));
  POSTERN_TRY(given, bytes_of(signature, signature_size, "signature"));
  Parts read;
  POSTERN_CHECK(read.read(parts, count));
  POSTERN_CHECK(session->security.unseal(read.segments(), given));
  return POSTERN_OK;
}

/// One message and where its other form goes.
Outcome<Segment> place_of(const void* in, void* out, std::size_t size) {
  if (size != 0 && (in == nullptr || out == nullptr)) return refuse(POSTERN_INVALID_INPUT, "message", "is NULL and has a size");
  if (!same_or_apart(in, out, size)) return overlapping();
  return Segment{{static_cast<const std::uint8_t*>(in), size}, {static_cast<std::uint8_t*>(out), size}};
}

/// Sets `*room` to what is needed; BUFFER_TOO_SMALL if there was less.
Outcome<postern_status> check_room(const void* place, std::size_t* room, std::size_t needed, std::string_view field) {
  const std::size_t there = place == nullptr ? 0 : *room;
  *room = needed;
  if (there >= needed && (place != nullptr || needed == 0)) return POSTERN_OK;
  return refuse(POSTERN_BUFFER_TOO_SMALL, field, "there is less room than is needed");
}

Outcome<postern_status> wrap(postern_session* session, const void* message, std::size_t size, void* token,
                             std::size_t* token_size) {
  POSTERN_CHECK(needs(session != nullptr, "session"));
  POSTERN_CHECK(needs(token_size != nullptr, "token_size"));
  POSTERN_TRY(text, bytes_of(message, size, "message"));
  if (size > SIZE_MAX - kSignatureBytes) return refuse(POSTERN_TOO_LARGE, "message", "no token has room for it");
  POSTERN_CHECK(check_room(token, token_size, size + kSignatureBytes, "token"));
  auto* out = static_cast<std::uint8_t*>(token);
  if (message != out + kSignatureBytes && !apart(message, size, token, size + kSignatureBytes)) return overlapping();
  POSTERN_CHECK(session->security.wrap(text, {out, size + kSignatureBytes}));
  return POSTERN_OK;
}

Outcome<postern_status> unwrap(postern_session* session, const void* token, std::size_t token_size, void* message,
                               std::size_t* message_size) {
  POSTERN_CHECK(needs(session != nullptr, "session"));
  POSTERN_CHECK(needs(message_size != nullptr, "message_size"));
  POSTERN_TRY(whole, bytes_of(token, token_size, "token"));
  if (token_size < kSignatureBytes) return refuse(POSTERN_TRUNCATED, "MessageSignature", "a token has 16 bytes and more");
  const std::size_t size = token_size - kSignatureBytes;
  POSTERN_CHECK(check_room(message, message_size, size, "message"));
  if (message != whole.data() + kSignatureBytes && !apart(token, token_size, message, size)) return overlapping();
  POSTERN_CHECK(session->security.unwrap(whole, {static_cast<std::uint8_t*>(message), size}));
  return POSTERN_OK;
}

}  // namespace
}  // namespace postern::api

namespace api = postern::api;
using Status = api::Outcome<postern_status>;

extern "C" {

void postern_session_destroy(postern_session* session) noexcept { delete session; }

uint32_t postern_session_flags(const postern_session* session) noexcept {
  return session == nullptr ? 0 : session->security.negotiated().wire();
}

postern_status postern_session_sign(postern_session* session, const void* message, size_t size,
                                    uint8_t signature[POSTERN_SIGNATURE_SIZE], postern_error* error) noexcept {
  api::clear_signature(signature);
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_CHECK(api::needs(signature != nullptr, "signature"));
    POSTERN_TRY(text, api::bytes_of(message, size, "message"));
    POSTERN_TRY(made, session->security.sign(text));
    std::ranges::copy(made.bytes(), signature);
    return POSTERN_OK;
  });
}

postern_status postern_session_verify(postern_session* session, const void* message, size_t size, const void* signature,
                                      size_t signature_size, postern_error* error) noexcept {
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_TRY(text, api::bytes_of(message, size, "message"));
    POSTERN_TRY(given, api::bytes_of(signature, signature_size, "signature"));
    POSTERN_CHECK(session->security.verify(text, given));
    return POSTERN_OK;
  });
}

postern_status postern_session_seal(postern_session* session, const void* in, void* out, size_t size,
                                    uint8_t signature[POSTERN_SIGNATURE_SIZE], postern_error* error) noexcept {
  api::clear_signature(signature);
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_CHECK(api::needs(signature != nullptr, "signature"));
    POSTERN_TRY(place, api::place_of(in, out, size));
    POSTERN_TRY(made, session->security.seal(place.in, place.out));
    std::ranges::copy(made.bytes(), signature);
    return POSTERN_OK;
  });
}

postern_status postern_session_unseal(postern_session* session, const void* in, void* out, size_t size, const void* signature,
                                      size_t signature_size, postern_error* error) noexcept {
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_TRY(place, api::place_of(in, out, size));
    POSTERN_TRY(given, api::bytes_of(signature, signature_size, "signature"));
    POSTERN_CHECK(session->security.unseal(place.in, given, place.out));
    return POSTERN_OK;
  });
}

postern_status postern_session_sign_iov(postern_session* session, const postern_iov* parts, size_t count,
                                        uint8_t signature[POSTERN_SIGNATURE_SIZE], postern_error* error) noexcept {
  api::clear_signature(signature);
  return api::guarded(error, [&] { return api::sign(session, parts, count, signature); });
}

postern_status postern_session_verify_iov(postern_session* session, const postern_iov* parts, size_t count, const void* signature,
                                          size_t signature_size, postern_error* error) noexcept {
  return api::guarded(error, [&] { return api::verify(session, parts, count, signature, signature_size); });
}

postern_status postern_session_seal_iov(postern_session* session, const postern_iov* parts, size_t count,
                                        uint8_t signature[POSTERN_SIGNATURE_SIZE], postern_error* error) noexcept {
  api::clear_signature(signature);
  return api::guarded(error, [&] { return api::seal(session, parts, count, signature); });
}

postern_status postern_session_unseal_iov(postern_session* session, const postern_iov* parts, size_t count, const void* signature,
                                          size_t signature_size, postern_error* error) noexcept {
  return api::guarded(error, [&] { return api::unseal(session, parts, count, signature, signature_size); });
}

postern_status postern_session_wrap(postern_session* session, const void* message, size_t size, void* token, size_t* token_size,
                                    postern_error* error) noexcept {
  return api::guarded(error, [&] { return api::wrap(session, message, size, token, token_size); });
}

postern_status postern_session_unwrap(postern_session* session, const void* token, size_t token_size, void* message,
                                      size_t* message_size, postern_error* error) noexcept {
  return api::guarded(error, [&] { return api::unwrap(session, token, token_size, message, message_size); });
}

postern_status postern_session_reset(postern_session* session, uint32_t directions, int restart_numbers,
                                     postern_error* error) noexcept {
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_CHECK(api::check_bits(directions, POSTERN_SENDING | POSTERN_RECEIVING, "directions"));
    if (directions == 0) return api::refuse(POSTERN_INVALID_INPUT, "directions", "names none");
    const auto counters = restart_numbers != 0 ? postern::ntlm::Counters::restart : postern::ntlm::Counters::keep;
    if ((directions & POSTERN_SENDING) != 0) session->security.reset_sending(counters);
    if ((directions & POSTERN_RECEIVING) != 0) session->security.reset_receiving(counters);
    return POSTERN_OK;
  });
}

postern_status postern_session_set_numbers(postern_session* session, uint32_t sending, uint32_t receiving,
                                           postern_error* error) noexcept {
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_CHECK(session->security.set_sequence_numbers({sending, receiving}));
    return POSTERN_OK;
  });
}

postern_status postern_session_numbers(const postern_session* session, uint32_t* sending, uint32_t* receiving,
                                       postern_error* error) noexcept {
  return api::guarded(error, [&]() -> Status {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    const auto numbers = session->security.sequence_numbers();
    if (sending != nullptr) *sending = numbers.sending;
    if (receiving != nullptr) *receiving = numbers.receiving;
    return POSTERN_OK;
  });
}

}  // extern "C"
