// SMB: the frame of its messages, and what both dialects share.
#include <algorithm>
#include <string>
#include <utility>

#include "base/nt_status.hpp"
#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/smb_state.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

constexpr std::uint8_t kSessionMessage = 0x00;
constexpr std::uint8_t kSessionRequest = 0x81;
constexpr std::uint8_t kKeepAlive = 0x85;
constexpr std::size_t kSignatureBytes = 4;
constexpr std::size_t kSearchWindow = kNbssHeaderBytes + kSignatureBytes;

std::size_t message_length(ByteView frame) {
  return static_cast<std::size_t>(frame[1]) << 16 | static_cast<std::size_t>(frame[2]) << 8 | frame[3];
}

bool is_smb(ByteView message) { return message[0] >= 0xfc && message[1] == 'S' && message[2] == 'M' && message[3] == 'B'; }

/// What can begin a PDU, of a piece that is shorter than its header.
bool can_be_rpc(ByteView bytes) {
  return bytes[0] == 5 && (bytes.size() < 2 || bytes[1] <= 1) && (bytes.size() < 5 || bytes[4] == 0x10 || bytes[4] == 0x00);
}

/// How much of the PDU whose header stands here must be seen.
std::size_t wanted_of(ByteView header) {
  const std::size_t fragment = rpc_fragment_bytes(header);
  return rpc_wants_whole(header) ? fragment : std::min(fragment, kRpcCallBytes);
}

/// One message's data of one pipe, up to `end` in the message.
struct PipeData {
  SmbState& state;
  const SmbMessage& message;
  const PipeKey& key;
  std::size_t end = 0;

  /// False: more of the record must be seen, and nothing was done.
  [[nodiscard]] bool take(std::size_t at) const {
    SmbPipe* known = state.pipes.find(key);
    PipeStream* stream = known == nullptr ? nullptr : &known->stream(message.front.from);
    if (stream != nullptr && (!stream->held.empty() || stream->skip > 0) && end - at >= kRpcHeaderBytes) {
      if (!message.has(at + kRpcHeaderBytes)) return message.beyond(at + kRpcHeaderBytes);
      // One whole PDU of a call's first fragment: what was waited for never came.
      const ByteView bytes = message.part(at, end - at);
      if (is_rpc_header(bytes) && (bytes[3] & 0x01) != 0 && rpc_fragment_bytes(bytes) == end - at) *stream = {};
    }
    if (stream != nullptr && !stream->held.empty()) {
      if (!message.has(end)) {
        if (!message.beyond(end)) return false;
        *stream = {};
        return true;
      }
      at = complete(*known, *stream, at);
    }
    const auto skipped =
        stream == nullptr ? std::size_t{0} : static_cast<std::size_t>(std::min<std::uint64_t>(stream->skip, end - at));
    if (!take_whole(at + skipped)) return false;
    // Found anew: another pipe may have made room for this one.
    if (SmbPipe* pipe = skipped == 0 ? nullptr : state.pipes.find(key); pipe != nullptr) {
      pipe->stream(message.front.from).skip -= skipped;
    }
    return true;
  }

 private:
  /// Adds to what is held until a PDU is told, or the data ends. All of the data is here. Returns where to go on.
  std::size_t complete(SmbPipe& pipe, PipeStream& stream, std::size_t at) const {
    while (at < end) {
      std::size_t wanted = kRpcHeaderBytes;
      if (stream.held.size() >= kRpcHeaderBytes) {
        if (!is_rpc_header(stream.held)) {
          stream = {};
          return end;
        }
        wanted = wanted_of(stream.held);
      }
      if (const std::size_t missing = wanted - std::min(wanted, stream.held.size()); missing > 0) {
        const std::size_t count = std::min(missing, end - at);
        if (count > state.pipes.room()) {
          stream = {};
          return end;
        }
        hold(stream, at, count);
        at += count;
        if (count < missing || stream.held.size() == kRpcHeaderBytes) continue;
      }
      const Bytes pdu = std::exchange(stream.held, {});
      const std::uint64_t rest = rpc_fragment_bytes(pdu) - pdu.size();
      tell(pipe, {pdu, message.front.from, stream.begin, message.moment(at - 1)});
      const std::size_t skipped = static_cast<std::size_t>(std::min<std::uint64_t>(rest, end - at));
      stream.skip = rest - skipped;
      return at + skipped;
    }
    return at;
  }

  /// PDUs that begin here.
  [[nodiscard]] bool take_whole(std::size_t at) const {
    bool first = true;
    while (at < end) {
      const std::size_t left = end - at;
      if (!message.has(at + std::min(left, kRpcHeaderBytes))) return message.beyond(at + std::min(left, kRpcHeaderBytes));
      const ByteView bytes = message.part(at, left);
      const bool header = left >= kRpcHeaderBytes;
      if (header ? !is_rpc_header(bytes) : !can_be_rpc(bytes)) return true;
      if (!header || wanted_of(bytes) > left) {
        // The rest comes with the next message. Where it is not known whose data this is, nothing can be put behind it.
        if (!message.has(end)) return message.beyond(end);
        if (key != PipeKey{} && left <= state.pipes.room()) hold(state.pipes.at(key).stream(message.front.from), at, left);
        return true;
      }
      const std::size_t fragment = rpc_fragment_bytes(bytes);
      const std::size_t here = std::min(fragment, left);
      // Several PDUs in one message are looked at when all are there, so that nothing is told twice.
      const std::size_t wanted = first && here < left ? left : wanted_of(bytes);
      if (!message.has(at + wanted)) return message.beyond(at + wanted);
      SmbPipe& pipe = state.pipes.at(key);
      const ByteView pdu = bytes.first(std::min(here, bytes.size()));
      tell(pipe, {pdu, message.front.from, message.moment(at), message.moment(at + pdu.size() - 1)});
      if (key != PipeKey{}) pipe.stream(message.front.from).skip += fragment - here;
      at += here;
      first = false;
    }
    return true;
  }

  void hold(PipeStream& stream, std::size_t at, std::size_t count) const {
    const ByteView bytes = message.part(at, count);
    if (stream.held.empty()) stream.begin = message.moment(at);
    stream.held.insert(stream.held.end(), bytes.begin(), bytes.end());
  }
  void tell(SmbPipe& pipe, const RpcPdu& pdu) const {
    pipe.channel.on_pdu({state.connection, message.front.witness, state.numbers, state.target, state.pipes.room()}, pdu);
  }
};

class SmbAnalyzer final : public RecordAnalyzer {
 public:
  explicit SmbAnalyzer(const Connection& connection) : RecordAnalyzer{connection}, state_{connection_} {}

 protected:
  std::uint64_t on_front(const Front& front) override {
    if (front.bytes.size() < kNbssHeaderBytes) return 0;
    const std::uint8_t type = front.bytes[0];
    const std::size_t length = message_length(front.bytes);
    const std::uint64_t record = kNbssHeaderBytes + length;
    if (type >= kSessionRequest && type <= kKeepAlive && front.bytes[1] <= 1) return record;
    if (type != kSessionMessage) return no_record(front);
    if (length < kSignatureBytes) return record;
    if (front.bytes.size() < kSearchWindow) return 0;
    const ByteView bytes = front.bytes.subspan(kNbssHeaderBytes);
    if (!is_smb(bytes)) return no_record(front);
    const SmbMessage message{front, bytes.first(std::min(length, bytes.size())), length, kNbssHeaderBytes};
    switch (bytes[0]) {
      case 0xff: return on_smb1(state_, message, classic_challenge_) ? record : 0;
      case 0xfe: return on_smb2(state_, message) ? record : 0;
      case 0xfd:  // MS-SMB2 2.2.41: what is inside is sealed; a session of another user may still begin in clear
        if (!state_.encrypted) report_note(state_, message, Carrier::smb2, NoteSeen::Kind::encrypted_from_here);
        state_.encrypted = true;
        return record;
      default: return record;  // compressed
    }
  }

  std::uint64_t search(const Front& front) override {
    for (std::size_t i = 0; i + kSearchWindow <= front.bytes.size(); ++i) {
      if (front.bytes[i] != 0 || !is_smb(front.bytes.subspan(i + kNbssHeaderBytes))) continue;
      found(front.from);
      return i;
    }
    return front.bytes.size() < kSearchWindow ? 0 : front.bytes.size() - kSearchWindow + 1;
  }

  void on_lost(Side from, Witness&) override { state_.pipes.on_lost(from); }
  [[nodiscard]] std::size_t held_beside() const override { return state_.pipes.held_bytes(); }

 private:
  static_assert(2 * kMaxRpcPartBytes <= kMaxBesideBytes, "vectors grow by doubling");
  SmbState state_;
  Bytes classic_challenge_;
};

}  // namespace

std::unique_ptr<Analyzer> make_smb_analyzer(const Connection& connection) { return std::make_unique<SmbAnalyzer>(connection); }

bool on_pipe_data(SmbState& state, const SmbMessage& message, std::size_t at, std::size_t size, const PipeKey& key) {
  if (at >= message.length || size == 0) return true;
  const PipeData data{state, message, key, at + std::min(size, message.length - at)};
  return data.take(at);
}

void on_tree(SmbState& state, const SmbMessage& message, Carrier carrier, std::string path, std::uint64_t session) {
  if (!path.starts_with("\\\\")) return;
  std::string host = path.substr(2, path.find('\\', 2) - 2);
  if (host.empty()) return;
  state.target = host;
  const SmbSession* known = state.sessions.find(session);
  report_note(state, message, carrier, NoteSeen::Kind::target_named, known == nullptr ? 0 : known->slot.current(), std::move(host));
}

void report_setup(const SmbState& state, const SmbMessage& message, Carrier carrier, ExchangeKey exchange, std::uint32_t status,
                  OutcomeSeen::Standing standing) {
  if (exchange == 0 || status == kStatusMoreProcessing) return;
  OutcomeSeen seen;
  seen.exchange = exchange;
  seen.moment = message.moment(0);
  seen.carrier = carrier;
  seen.result = status == 0 ? OutcomeSeen::Result::success : OutcomeSeen::Result::failure;
  seen.standing = standing;
  seen.nt_status = status;
  seen.text = std::string{name_of(static_cast<NtStatus>(status))};
  if (seen.text.empty()) seen.text = to_hex_code(static_cast<NtStatus>(status));
  message.front.witness.on_outcome(state.connection, seen);
}

void report_note(const SmbState& state, const SmbMessage& message, Carrier carrier, NoteSeen::Kind kind, ExchangeKey exchange,
                 std::string detail) {
  NoteSeen seen;
  seen.kind = kind;
  seen.exchange = exchange;
  seen.moment = message.moment(0);
  seen.carrier = carrier;
  seen.from = message.front.from;
  seen.detail = std::move(detail);
  message.front.witness.on_note(state.connection, seen);
}

}  // namespace postern::observe
