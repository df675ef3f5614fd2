// SessionCodec: an established session as bytes, so that the process that did the logon can hand it to the one that serves.
//
// The bytes hold every key of the session. They leave this room only through an AEAD that the caller supplies; what comes back is
// believed only because that AEAD opened it, and is checked all the same. Sans-IO: keys and nonces are the AEAD's affair.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "ntlm/session_security.hpp"

namespace postern::ntlm {

/// An exported session, whatever the AEAD adds, is never longer.
inline constexpr std::size_t kMaxExportedSessionBytes = 4096;

/// Authenticated encryption, by the caller. Each seal() needs a fresh nonce, which travels in what it returns.
class SessionAead {
 public:
  virtual ~SessionAead() = default;
  SessionAead() = default;
  SessionAead(const SessionAead&) = delete;
  SessionAead& operator=(const SessionAead&) = delete;

  [[nodiscard]] virtual Result<Bytes> seal(ByteView associated_data, ByteView plain) = 0;
  /// An error for anything that seal() did not write with the same associated data and key.
  [[nodiscard]] virtual Result<SecretBytes> open(ByteView associated_data, ByteView sealed) = 0;
};

/// The form: "PSTS", u16 version, u16 zero; then what the AEAD made, with those eight bytes as its associated data. Inside, little-
/// endian: u32 flags, u8 number of streams (two with extended session security, else one); for each u8 length of the sealing key,
/// the sealing key, with extended session security the 32 bytes of the signing key's states; u32 SeqNum, u8 whether the numbers are
/// used up, u8 whether a key stream is under way and then its 258 bytes.
class SessionCodec {
 public:
  static constexpr std::uint16_t kVersion = 1;

  /// `session` is left as it was; who hands it over must stop using it, because two users of one key stream give the exclusive-or
  /// of their texts away. Errors: the AEAD's, `too_large` over kMaxExportedSessionBytes.
  [[nodiscard]] static Result<Bytes> export_session(const SessionSecurity& session, SessionAead& aead);

  /// Errors: `malformed` (not this form), `unsupported` (another version, or flags that are no session's), `truncated`,
  /// `too_large`, and the AEAD's. An export must be imported once only: this cannot be seen from here.
  [[nodiscard]] static Result<SessionSecurity> import_session(ByteView exported, SessionAead& aead);

 private:
  static Bytes write(const SessionSecurity& session);
  static Result<SessionSecurity> read(ByteView plain);
};

}  // namespace postern::ntlm
