#include "ntlm/session_codec.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/reader.hpp"
#include "base/writer.hpp"
#include "crypto/state_access.hpp"

namespace postern::ntlm {
namespace {

using crypto::StateAccess;

constexpr std::string_view kMagic = "PSTS";
constexpr std::size_t kHeaderBytes = 8;
constexpr std::string_view kField = "exported session";

std::array<std::uint8_t, kHeaderBytes> header() {
  std::array<std::uint8_t, kHeaderBytes> bytes{};
  std::ranges::copy(as_bytes(kMagic), bytes.begin());
  store_le(bytes.data() + kMagic.size(), SessionCodec::kVersion);
  return bytes;
}

std::unexpected<Error> malformed(const Reader& in, std::string message) {
  return fail(ErrorCode::malformed, kField, in.position(), std::move(message));
}

Result<bool> read_mark(Reader& in) {
  POSTERN_TRY(mark, in.u8(kField));
  if (mark > 1) return malformed(in, "a mark is 0 or 1");
  return mark == 1;
}

/// A buffer that is wiped whatever way is taken out.
struct Wiped {
  Bytes bytes;
  explicit Wiped(Bytes taken) : bytes{std::move(taken)} {}
  ~Wiped() { wipe(bytes); }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
};

}  // namespace

Bytes SessionCodec::write(const SessionSecurity& session) {
  Writer out{kMaxExportedSessionBytes};  // never grows, so that no copy of a key is left behind
  const std::size_t streams = session.extended() ? 2 : 1;
  out.u32(session.negotiated_.wire());
  out.u8(static_cast<std::uint8_t>(streams));
  for (const SessionSecurity::Stream& stream : std::span{session.streams_}.first(streams)) {
    out.u8(stream.sealing_key_bytes);
    out.bytes(stream.sealing_key.reveal().first(stream.sealing_key_bytes));
    if (session.extended()) {
      std::array<std::uint8_t, StateAccess::kHmacKeyBytes> state{};
      StateAccess::save(*stream.signing_key, state);
      out.bytes(state);
      wipe(state);
    }
    out.u32(stream.next);
    out.u8(stream.used_up ? 1 : 0);
    out.u8(stream.handle ? 1 : 0);
    if (stream.handle) {
      std::array<std::uint8_t, StateAccess::kRc4Bytes> state{};
      StateAccess::save(*stream.handle, state);
      out.bytes(state);
      wipe(state);
    }
  }
  return std::move(out).take();
}

Result<Bytes> SessionCodec::export_session(const SessionSecurity& session, SessionAead& aead) {
  const auto associated_data = header();
  const Wiped plain{write(session)};
  POSTERN_TRY(sealed, aead.seal(associated_data, plain.bytes));
  if (sealed.size() > kMaxExportedSessionBytes - kHeaderBytes) {
    return fail(ErrorCode::too_large, kField, Error::kNoOffset, "the AEAD adds more than a session has room for");
  }
  Bytes exported{associated_data.begin(), associated_data.end()};
  exported.insert(exported.end(), sealed.begin(), sealed.end());
  return exported;
}

Result<SessionSecurity> SessionCodec::import_session(ByteView exported, SessionAead& aead) {
  if (exported.size() > kMaxExportedSessionBytes) {
    return fail(ErrorCode::too_large, kField, kMaxExportedSessionBytes, "longer than any exported session");
  }
  Reader in{exported};
  POSTERN_TRY(magic, in.take(kMagic.size(), kField));
  if (as_text(magic) != kMagic) return fail(ErrorCode::malformed, kField, 0, "not an exported session");
  POSTERN_TRY(version, in.u16(kField));
  if (version != kVersion) {
    return fail(ErrorCode::unsupported, kField, kMagic.size(), "version " + std::to_string(version) + " of the form is not known");
  }
  POSTERN_TRY(reserved, in.u16(kField));
  if (reserved != 0) return malformed(in, "reserved bytes are not zero");
  POSTERN_TRY(plain, aead.open(exported.first(kHeaderBytes), in.rest()));
  return read(plain.reveal());
}

Result<SessionSecurity> SessionCodec::read(ByteView plain) {
  Reader in{plain};
  SessionSecurity session;
  POSTERN_TRY(flags, in.u32(kField));
  session.negotiated_ = wire::NegotiateFlags{flags};
  POSTERN_TRY(streams, in.u8(kField));
  if (streams != (session.extended() ? 2 : 1)) return malformed(in, "the number of streams does not fit the flags");
  // What the flags say of the key's length (SEALKEY, MS-NLMP 3.4.5.3); the value of the key does not matter for that.
  const std::size_t key_bytes = sealing_key(session.negotiated_, ExportedSessionKey{}, Direction::client_to_server).size();
  for (SessionSecurity::Stream& stream : std::span{session.streams_}.first(streams)) {
    POSTERN_TRY(sealing_key_bytes, in.u8(kField));
    if (sealing_key_bytes != key_bytes) return malformed(in, "a sealing key of another length than the flags say");
    POSTERN_TRY(key, in.take(sealing_key_bytes, kField));
    stream.sealing_key_bytes = sealing_key_bytes;
    std::ranges::copy(key, stream.sealing_key.reveal_for_writing().begin());
    if (session.extended()) {
      POSTERN_TRY(state, in.take(StateAccess::kHmacKeyBytes, kField));
      stream.signing_key.emplace(StateAccess::load_hmac_key(state.first<StateAccess::kHmacKeyBytes>()));
    }
    POSTERN_TRY(next, in.u32(kField));
    POSTERN_TRY(used_up, read_mark(in));
    POSTERN_TRY(is_under_way, read_mark(in));
    stream.next = next;
    stream.used_up = used_up;
    if (is_under_way) {
      POSTERN_TRY(state, in.take(StateAccess::kRc4Bytes, kField));
      stream.handle = StateAccess::load_rc4(state.first<StateAccess::kRc4Bytes>());
      if (!stream.handle) return malformed(in, "no key stream can be in this state");
    }
  }
  POSTERN_CHECK(in.expect_end(kField));
  return session;
}

}  // namespace postern::ntlm
