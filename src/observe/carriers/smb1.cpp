// SMB1 (MS-CIFS 2.2, MS-SMB 2.2): NEGOTIATE, SESSION_SETUP_ANDX with and without extended security, trees, and the data of pipes.
#include <string>

#include "base/text.hpp"
#include "observe/carriers/smb_state.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kWords = kHeaderBytes + 1;  ///< the parameter words follow their count
/// The words of any command that is read by its head, and their byte count.
constexpr std::size_t kMaxWordsBytes = 40;
constexpr std::uint8_t kTransaction = 0x25;
constexpr std::uint8_t kReadAndX = 0x2e;
constexpr std::uint8_t kWriteAndX = 0x2f;
constexpr std::uint8_t kNegotiate = 0x72;
constexpr std::uint8_t kSessionSetup = 0x73;
constexpr std::uint8_t kTreeConnect = 0x75;
constexpr std::uint8_t kFlagReply = 0x80;
constexpr std::uint16_t kFlags2Unicode = 0x8000;
constexpr std::uint32_t kExtendedSecurity = 0x8000'0000;
constexpr std::uint8_t kSigningRequired = 0x08;
constexpr std::uint16_t kActionGuest = 0x01;
constexpr std::uint16_t kTransactNamedPipe = 0x26;
constexpr std::size_t kChallengeBytes = 8;

std::uint64_t user_id(const SmbMessage& message) { return message.u16(28); }
/// PID and MID name the request that an answer is to.
std::uint64_t request_id(const SmbMessage& message) { return std::uint64_t{message.u16(26)} << 16 | message.u16(30); }
bool is_unicode(const SmbMessage& message) { return (message.u16(10) & kFlags2Unicode) != 0; }

PipeKey pipe_key(std::uint16_t fid) { return {static_cast<std::uint8_t>(fid), static_cast<std::uint8_t>(fid >> 8)}; }

/// A zero-terminated text at `at`, which moves behind it. UTF-16 starts at an even place of the message.
std::string take_text(const SmbMessage& message, std::size_t& at) {
  if (!is_unicode(message)) {
    const std::string_view rest = as_text(message.part(at, message.bytes.size()));
    const std::size_t length = std::min(rest.find('\0'), rest.size());
    at += length + 1;
    const std::string_view text = rest.substr(0, length);
    return oem_to_utf8(as_bytes(text), CodePage::cp850, "SMB1 text").value_or(std::string{});
  }
  at += at % 2;
  const std::size_t start = at;
  while (message.has(at + 2) && message.u16(at) != 0) at += 2;
  const ByteView text = message.part(start, at - start);
  at += 2;
  return utf16le_to_utf8_lossy(text);
}

void on_negotiate(SmbState& state, const SmbMessage& message, bool answer, Bytes& classic_challenge) {
  if (!answer || message.bytes[kHeaderBytes] != 17 || !message.has(kWords + 34 + 2)) return;
  const bool required = (message.bytes[35] & kSigningRequired) != 0;
  report_note(state, message, Carrier::smb1, required ? NoteSeen::Kind::signing_required : NoteSeen::Kind::signing_not_required);
  const std::size_t data = kWords + 34 + 2;
  if ((message.u32(52) & kExtendedSecurity) == 0) {
    const ByteView challenge = message.part(data, message.bytes[66]);
    classic_challenge = challenge.size() == kChallengeBytes ? to_bytes(challenge) : Bytes{};
    return;
  }
  constexpr std::size_t kGuidBytes = 16;
  const std::size_t size = message.u16(67);
  if (size <= kGuidBytes) return;
  const ByteView token = message.part(data + kGuidBytes, size - kGuidBytes);
  const Place place{state.connection, 0, message.moment(0), message.front.from, Carrier::smb1};
  if (!token.empty() && !peek_token(token).has_ntlm) report_token(place, token, message.front.witness);
}

void report_blob(SmbState& state, const SmbMessage& message, SmbSession& session, std::size_t at, std::size_t size) {
  const ByteView token = message.part(at, size);
  if (token.empty()) return;
  Place place{state.connection, session.slot.key_for(peek_token(token).ntlm, state.numbers)};
  place.moment = message.moment(at + token.size() - 1);
  place.from = message.front.from;
  place.carrier = Carrier::smb1;
  report_token(place, token, message.front.witness);
}

void on_classic_setup(SmbState& state, const SmbMessage& message, const Bytes& challenge) {
  const std::size_t lm_size = message.u16(47);
  const std::size_t nt_size = message.u16(49);
  const std::size_t data = kWords + 26 + 2;
  SmbSession& session = state.sessions.of_request(user_id(message), request_id(message));
  ClassicLogonSeen seen;
  seen.exchange = session.slot.key_for(wire::MessageType::negotiate, state.numbers);
  seen.moment = message.moment(message.bytes.size() - 1);
  seen.from = message.front.from;
  seen.challenge = challenge;
  seen.lm_response = message.part(data, lm_size);
  seen.nt_response = message.part(data + lm_size, nt_size);
  std::size_t at = data + lm_size + nt_size;
  seen.user = take_text(message, at);
  seen.domain = take_text(message, at);
  message.front.witness.on_classic_logon(state.connection, seen);
}

void on_setup_request(SmbState& state, const SmbMessage& message, const Bytes& challenge) {
  const std::uint8_t words = message.bytes[kHeaderBytes];
  if (words == 12 && message.has(kWords + 24 + 2)) {
    SmbSession& session = state.sessions.of_request(user_id(message), request_id(message));
    report_blob(state, message, session, kWords + 24 + 2, message.u16(47));
  } else if (words == 13 && message.has(kWords + 26 + 2)) {
    on_classic_setup(state, message, challenge);
  }
}

void on_setup_answer(SmbState& state, const SmbMessage& message) {
  const std::uint32_t status = message.u32(5);
  const std::uint8_t words = message.bytes[kHeaderBytes];
  SmbSession& session = state.sessions.of_answer(user_id(message), request_id(message));
  if (words == 4 && message.has(kWords + 8 + 2)) report_blob(state, message, session, kWords + 8 + 2, message.u16(39));
  const bool guest = words >= 3 && message.has(39) && (message.u16(37) & kActionGuest) != 0;
  report_setup(state, message, Carrier::smb1, session.slot.current(), status,
               guest ? OutcomeSeen::Standing::guest : OutcomeSeen::Standing::as_named);
}

void on_tree_connect(SmbState& state, const SmbMessage& message) {
  if (message.bytes[kHeaderBytes] != 4 || !message.has(kWords + 8 + 2)) return;
  std::size_t at = kWords + 8 + 2 + message.u16(39);
  on_tree(state, message, Carrier::smb1, take_text(message, at), user_id(message));
}

bool on_transaction(SmbState& state, const SmbMessage& message, bool answer) {
  const std::uint64_t request = request_id(message);
  if (!answer) {
    if (message.bytes[kHeaderBytes] < 16 || message.u16(61) != kTransactNamedPipe) return true;
    const PipeKey key = pipe_key(message.u16(63));
    const bool used = on_pipe_data(state, message, message.u16(57), message.u16(55), key);
    if (used) state.pipes.expect_read(request, key);
    return used;
  }
  if (message.bytes[kHeaderBytes] < 10) return true;
  const bool used = on_pipe_data(state, message, message.u16(47), message.u16(45), state.pipes.read_of(request));
  if (used) state.pipes.forget_read(request);
  return used;
}

bool on_read(SmbState& state, const SmbMessage& message, bool answer) {
  const std::uint64_t request = request_id(message);
  if (!answer) {
    state.pipes.expect_read(request, pipe_key(message.u16(37)));
    return true;
  }
  if (message.bytes[kHeaderBytes] != 12) return true;
  const bool used = on_pipe_data(state, message, message.u16(45), message.u16(43), state.pipes.read_of(request));
  if (used) state.pipes.forget_read(request);
  return used;
}

bool on_write(SmbState& state, const SmbMessage& message, bool answer) {
  if (answer || message.bytes[kHeaderBytes] < 12) return true;
  const PipeKey key = pipe_key(message.u16(37));
  std::size_t at = message.u16(55);
  std::size_t size = message.u16(53);
  // The first write of a message-mode pipe can start with its length (MS-CIFS 2.2.4.43.1, WriteMode: start of message).
  constexpr std::uint16_t kStartOfMessage = 0x8;
  constexpr std::uint16_t kRaw = 0x4;
  const std::uint16_t mode = message.u16(47);
  if ((mode & kStartOfMessage) != 0 && (mode & kRaw) != 0 && size > 2) {
    at += 2;
    size -= 2;
  }
  return on_pipe_data(state, message, at, size, key);
}

}  // namespace

bool on_smb1(SmbState& state, const SmbMessage& message, Bytes& classic_challenge) {
  if (message.length < kHeaderBytes + 3) return true;
  const std::size_t head = std::min(message.length, kWords + kMaxWordsBytes);
  if (!message.has(head)) return false;
  const bool answer = (message.bytes[9] & kFlagReply) != 0;
  const std::uint8_t command = message.bytes[4];
  switch (command) {
    case kTransaction:
    case kReadAndX:
    case kWriteAndX:
      if (head < kWords + kMaxWordsBytes) {
        // Shorter than the words that are read below: no data in it, but a read may be asked for.
        if (command == kReadAndX && !answer && message.has(39)) return on_read(state, message, answer);
        return true;
      }
      return command == kTransaction ? on_transaction(state, message, answer)
             : command == kReadAndX  ? on_read(state, message, answer)
                                     : on_write(state, message, answer);
    case kNegotiate:
    case kSessionSetup:
    case kTreeConnect: break;
    default: return true;
  }
  if (!message.whole()) return message.beyond(message.length);
  if (command == kNegotiate) {
    on_negotiate(state, message, answer, classic_challenge);
  } else if (command == kTreeConnect) {
    if (!answer) on_tree_connect(state, message);
  } else if (answer) {
    on_setup_answer(state, message);
  } else {
    on_setup_request(state, message, classic_challenge);
  }
  return true;
}

}  // namespace postern::observe
