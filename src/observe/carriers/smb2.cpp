// SMB2 and 3 (MS-SMB2 2.2): NEGOTIATE, SESSION_SETUP, TREE_CONNECT, and the data of pipes. Everything else is skipped by its head.
#include "base/text.hpp"
#include "observe/carriers/smb_state.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

constexpr std::size_t kHeaderBytes = 64;
constexpr std::uint16_t kNegotiate = 0;
constexpr std::uint16_t kSessionSetup = 1;
constexpr std::uint16_t kTreeConnect = 3;
constexpr std::uint16_t kRead = 8;
constexpr std::uint16_t kWrite = 9;
constexpr std::uint16_t kIoctl = 11;
constexpr std::uint32_t kFlagAnswer = 0x1;
constexpr std::uint32_t kPipeTransceive = 0x0011'C017;  // FSCTL_PIPE_TRANSCEIVE, MS-FSCC 2.3
constexpr std::uint32_t kStatusPending = 0x0000'0103;
constexpr std::uint16_t kSigningRequired = 0x2;
constexpr std::uint16_t kSessionIsGuest = 0x1;
constexpr std::uint16_t kSessionIsNull = 0x2;
constexpr std::uint16_t kSessionEncrypts = 0x4;

PipeKey file_id(const SmbMessage& message, std::size_t at) {
  PipeKey key{};
  const ByteView bytes = message.part(at, key.size());
  std::ranges::copy(bytes, key.begin());
  return key;
}

void on_negotiate(SmbState& state, const SmbMessage& message, bool answer) {
  if (!answer || !message.has(kHeaderBytes + 64)) return;
  const bool required = (message.u16(kHeaderBytes + 2) & kSigningRequired) != 0;
  report_note(state, message, Carrier::smb2, required ? NoteSeen::Kind::signing_required : NoteSeen::Kind::signing_not_required);
  const ByteView token = message.part(message.u16(kHeaderBytes + 56), message.u16(kHeaderBytes + 58));
  if (token.empty()) return;
  // The server's NegTokenInit2 says what it offers; an NTLM message it is none of.
  const Place place{state.connection, 0, message.moment(0), message.front.from, Carrier::smb2};
  if (!peek_token(token).has_ntlm) report_token(place, token, message.front.witness);
}

void on_setup_request(SmbState& state, const SmbMessage& message) {
  if (!message.has(kHeaderBytes + 24)) return;
  const std::size_t at = message.u16(kHeaderBytes + 12);
  const ByteView token = message.part(at, message.u16(kHeaderBytes + 14));
  if (token.empty()) return;
  SmbSession& session = state.sessions.of_request(message.u64(40), message.u64(24));
  Place place{state.connection, session.slot.key_for(peek_token(token).ntlm, state.numbers)};
  place.moment = message.moment(at + token.size() - 1);
  place.from = message.front.from;
  place.carrier = Carrier::smb2;
  report_token(place, token, message.front.witness);
}

void on_setup_answer(SmbState& state, const SmbMessage& message) {
  if (!message.has(kHeaderBytes + 8)) return;
  const std::uint32_t status = message.u32(8);
  SmbSession& session = state.sessions.of_answer(message.u64(40), message.u64(24));
  const bool carries = status == 0 || status == kStatusMoreProcessing;  // else an ERROR response stands there
  const std::size_t at = carries ? message.u16(kHeaderBytes + 4) : 0;
  const ByteView token = carries ? message.part(at, message.u16(kHeaderBytes + 6)) : ByteView{};
  if (!token.empty()) {
    Place place{state.connection, session.slot.key_for(peek_token(token).ntlm, state.numbers)};
    place.moment = message.moment(at + token.size() - 1);
    place.from = message.front.from;
    place.carrier = Carrier::smb2;
    report_token(place, token, message.front.witness);
  }
  const std::uint16_t flags = status == 0 ? message.u16(kHeaderBytes + 2) : std::uint16_t{0};
  if ((flags & kSessionEncrypts) != 0) {
    report_note(state, message, Carrier::smb2, NoteSeen::Kind::encrypted_from_here, session.slot.current());
  }
  report_setup(state, message, Carrier::smb2, session.slot.current(), status,
               (flags & kSessionIsGuest) != 0  ? OutcomeSeen::Standing::guest
               : (flags & kSessionIsNull) != 0 ? OutcomeSeen::Standing::anonymous
                                               : OutcomeSeen::Standing::as_named);
}

void on_tree_connect(SmbState& state, const SmbMessage& message, bool answer) {
  if (answer || !message.has(kHeaderBytes + 8)) return;
  const ByteView path = message.part(message.u16(kHeaderBytes + 4), message.u16(kHeaderBytes + 6));
  on_tree(state, message, Carrier::smb2, utf16le_to_utf8_lossy(path), message.u64(40));
}

bool on_read(SmbState& state, const SmbMessage& message, bool answer) {
  if (!answer) {
    if (!message.has(kHeaderBytes + 32)) return message.beyond(kHeaderBytes + 32);
    state.pipes.expect_read(message.u64(24), file_id(message, kHeaderBytes + 16));
    return true;
  }
  const std::uint64_t request = message.u64(24);
  if (message.u32(8) == kStatusPending) return true;  // MS-SMB2 3.3.4.4: the data comes later, under the same MessageId
  if (!message.has(kHeaderBytes + 8)) return message.beyond(kHeaderBytes + 8);
  const bool used =
      on_pipe_data(state, message, message.bytes[kHeaderBytes + 2], message.u32(kHeaderBytes + 4), state.pipes.read_of(request));
  if (used) state.pipes.forget_read(request);
  return used;
}

bool on_write(SmbState& state, const SmbMessage& message, bool answer) {
  if (answer) return true;
  if (!message.has(kHeaderBytes + 32)) return message.beyond(kHeaderBytes + 32);
  return on_pipe_data(state, message, message.u16(kHeaderBytes + 2), message.u32(kHeaderBytes + 4),
                      file_id(message, kHeaderBytes + 16));
}

bool on_ioctl(SmbState& state, const SmbMessage& message, bool answer) {
  if (answer && message.u32(8) == kStatusPending) return true;
  if (!message.has(kHeaderBytes + 48)) return message.beyond(kHeaderBytes + 48);
  if (message.u32(kHeaderBytes + 4) != kPipeTransceive) return true;
  const PipeKey key = file_id(message, kHeaderBytes + 8);
  // Input is what the client sends, output what comes back.
  const std::size_t at = message.u32(kHeaderBytes + (answer ? 32 : 24));
  const std::size_t size = message.u32(kHeaderBytes + (answer ? 36 : 28));
  return on_pipe_data(state, message, at, size, key);
}

/// One message of a compound, or the only one.
bool on_one(SmbState& state, const SmbMessage& message) {
  const bool answer = (message.u32(16) & kFlagAnswer) != 0;
  switch (message.u16(12)) {
    case kNegotiate:
    case kSessionSetup:
    case kTreeConnect: break;
    case kRead: return on_read(state, message, answer);
    case kWrite: return on_write(state, message, answer);
    case kIoctl: return on_ioctl(state, message, answer);
    default: return true;
  }
  if (!message.whole()) return message.beyond(message.length);
  switch (message.u16(12)) {
    case kNegotiate: on_negotiate(state, message, answer); break;
    case kSessionSetup: answer ? on_setup_answer(state, message) : on_setup_request(state, message); break;
    default: on_tree_connect(state, message, answer); break;
  }
  return true;
}

}  // namespace

bool on_smb2(SmbState& state, const SmbMessage& message) {
  if (message.length < kHeaderBytes) return true;
  if (!message.has(kHeaderBytes)) return false;
  if (message.u32(20) == 0) return on_one(state, message);
  if (!message.whole()) return message.beyond(message.length);
  std::size_t at = 0;
  while (message.has(at + kHeaderBytes)) {
    const std::size_t next = message.u32(at + 20);
    const std::size_t left = message.bytes.size() - at;
    const std::size_t length = next == 0 ? left : std::min(next, left);
    const SmbMessage one{message.front, message.bytes.subspan(at, length), length, message.offset + at};
    static_cast<void>(on_one(state, one));
    if (next < kHeaderBytes || next > left) break;
    at += next;
  }
  return true;
}

}  // namespace postern::observe
