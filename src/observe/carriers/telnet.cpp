// Telnet's authentication option with NTLM (RFC 2941, MS-TNAP): IAC SB AUTHENTICATION … NTLM … IAC SE.
#include <string>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

constexpr std::uint8_t kIac = 0xff;
constexpr std::uint8_t kSb = 0xfa;
constexpr std::uint8_t kSe = 0xf0;
constexpr std::uint8_t kWill = 0xfb;
constexpr std::uint8_t kDont = 0xfe;
constexpr std::uint8_t kAuthentication = 37;
constexpr std::uint8_t kReply = 2;
constexpr std::uint8_t kNtlm = 15;
// MS-TNAP 2.2: NTLM's commands within the option.
constexpr std::uint8_t kAccept = 3;
constexpr std::uint8_t kReject = 4;
/// Text of a session without a logon: after this much of it from the server, none is awaited.
constexpr std::size_t kMaxText = std::size_t{64} * 1024;

class TelnetAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    const ByteView bytes = front.bytes;
    if (bytes[0] != kIac) return on_text(front);
    if (bytes.size() < 2) return 0;
    if (bytes[1] >= kWill && bytes[1] <= kDont) return 3;
    if (bytes[1] != kSb) return 2;
    if (bytes.size() < 3) return 0;
    Bytes content;
    for (std::size_t i = 2; i + 1 < bytes.size(); ++i) {
      if (bytes[i] != kIac) {
        content.push_back(bytes[i]);
      } else if (bytes[i + 1] == kIac) {
        content.push_back(kIac);
        ++i;
      } else if (bytes[i + 1] == kSe) {
        on_option(front, content, front.moment_of(i + 1));
        return i + 2;
      } else {
        return no_record(front);
      }
    }
    return 0;
  }

  std::uint64_t search(const Front& front) override {
    for (std::size_t i = 0; i + 3 <= front.bytes.size(); ++i) {
      if (front.bytes[i] != kIac || front.bytes[i + 1] != kSb || front.bytes[i + 2] != kAuthentication) continue;
      found(front.from);
      return i;
    }
    return front.bytes.size() < 3 ? 0 : front.bytes.size() - 2;
  }

  void on_lost(Side from, Witness&) override {
    if (from == Side::client) slot_.clear();
  }

 private:
  std::uint64_t on_text(const Front& front) {
    const auto next = std::ranges::find(front.bytes, kIac);
    const auto length = static_cast<std::uint64_t>(next - front.bytes.begin());
    text_ += length;
    if (text_ > kMaxText) finish();
    return length;
  }

  void on_option(const Front& front, ByteView content, const Moment& moment) {
    if (content.size() < 4 || content[0] != kAuthentication || content[2] != kNtlm) return;
    const ByteView rest = content.subspan(4);
    const TokenContent token = peek_token(rest);
    if (token.has_ntlm) {
      const Place place{connection_, slot_.key_for(token.ntlm, numbers_), moment, front.from, Carrier::telnet};
      report_token(place, rest, front.witness);
      return;
    }
    if (content[1] != kReply || rest.empty() || slot_.current() == 0 || (rest[0] != kAccept && rest[0] != kReject)) return;
    OutcomeSeen seen;
    seen.exchange = slot_.current();
    seen.moment = moment;
    seen.carrier = Carrier::telnet;
    seen.result = rest[0] == kAccept ? OutcomeSeen::Result::success : OutcomeSeen::Result::failure;
    seen.text = rest[0] == kAccept ? "ACCEPT" : "REJECT";
    front.witness.on_outcome(connection_, seen);
    if (rest[0] == kAccept) finish();
  }

  ExchangeNumbers numbers_;
  ExchangeSlot slot_;
  std::uint64_t text_ = 0;
};

}  // namespace

std::unique_ptr<Analyzer> make_telnet_analyzer(const Connection& connection) {
  return std::make_unique<TelnetAnalyzer>(connection);
}

}  // namespace postern::observe
