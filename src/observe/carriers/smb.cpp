// SMB: the frame of its messages, and what both dialects share.
#include <string>

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

 private:
  SmbState state_;
  Bytes classic_challenge_;
};

}  // namespace

std::unique_ptr<Analyzer> make_smb_analyzer(const Connection& connection) { return std::make_unique<SmbAnalyzer>(connection); }

bool on_pipe_data(SmbState& state, const SmbMessage& message, std::size_t at, std::size_t size, const PipeKey& key) {
  if (at >= message.length) return true;
  const std::size_t end = at + std::min(size, message.length - at);
  bool first = true;
  while (end - at >= kRpcHeaderBytes) {
    if (!message.has(at + kRpcHeaderBytes)) return message.beyond(at + kRpcHeaderBytes);
    const ByteView bytes = message.part(at, end - at);
    if (!is_rpc_header(bytes)) return true;
    const std::size_t fragment = std::min(rpc_fragment_bytes(bytes), end - at);
    // Several fragments in one message are looked at when all are there, so that nothing is told twice.
    const bool several = first && fragment < end - at;
    const std::size_t wanted = several ? end - at : rpc_wants_whole(bytes) ? fragment : std::min(fragment, kRpcCallBytes);
    if (!message.has(at + wanted)) return message.beyond(at + wanted);
    state.pipes.at(key).on_pdu(state.connection, message.front, bytes.first(std::min(fragment, bytes.size())), message.offset + at,
                               state.target, state.numbers);
    at += fragment;
    first = false;
  }
  return true;
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
