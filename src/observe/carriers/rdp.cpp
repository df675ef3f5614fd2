// RDP's start (MS-RDPBCGR 2.2.1.1): as a rule TLS follows, and CredSSP is inside it. Where TSRequests (MS-CSSP 2.2.1) travel in
// clear, behind a TLS terminator or in a decrypted capture, their tokens are read.
#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/der_frame.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"
#include "spnego/der.hpp"

namespace postern::observe {
namespace {

using spnego::der::context;
using spnego::der::Element;
using Der = spnego::der::Reader;

constexpr std::uint8_t kTpkt = 0x03;
constexpr std::uint8_t kSequence = spnego::der::kSequence;
constexpr std::size_t kTpktBytes = 4;
/// TPKT packets in clear before a TSRequest: connection request and confirm. More is RDP with its own old security.
constexpr unsigned kMaxTpkts = 8;

class RdpAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    const std::uint8_t first = front.bytes[0];
    if (first == 0x16) {
      finish_encrypted(front, Carrier::rdp);
      return 0;
    }
    if (first == kTpkt) return on_tpkt(front);
    if (first != kSequence) {
      finish();
      return 0;
    }
    const DerFrame frame = der_frame(front.bytes);
    if (frame.state == DerFrame::State::more) return 0;
    if (frame.state == DerFrame::State::none || frame.total_bytes > Inlet::kMaxBytes) {
      finish();
      return 0;
    }
    if (front.bytes.size() < frame.total_bytes) return 0;
    on_request(front, front.bytes.first(static_cast<std::size_t>(frame.total_bytes)));
    return frame.total_bytes;
  }

  std::uint64_t search(const Front& front) override {
    give_up(front, Carrier::rdp);  // one connection has one logon, and this one has a hole
    return front.bytes.size();
  }

 private:
  std::uint64_t on_tpkt(const Front& front) {
    if (front.bytes.size() < kTpktBytes) return 0;
    const std::size_t length = static_cast<std::size_t>(front.bytes[2]) << 8 | front.bytes[3];
    if (length < kTpktBytes || ++tpkts_ > kMaxTpkts) finish();
    return std::max(length, kTpktBytes);
  }

  /// TSRequest ::= SEQUENCE { version [0], negoTokens [1] OPTIONAL, authInfo [2] OPTIONAL, pubKeyAuth [3] OPTIONAL, errorCode [4] …
  /// }
  void on_request(const Front& front, ByteView whole) {
    Der outer{whole};
    const auto request = outer.next("TSRequest");
    if (!request) return finish();
    Der in{*request};
    bool key_proved = false;
    while (!in.at_end()) {
      const auto field = in.next("TSRequest");
      if (!field) return;
      if (field->tag == context(1)) on_tokens(front, *field);
      if (field->tag == context(2)) return finish();  // the credentials: the logon is over
      key_proved = key_proved || field->tag == context(3);
      if (field->tag == context(4)) on_error(front, *field);
    }
    // The server's own pubKeyAuth comes after it has accepted the AUTHENTICATE (MS-CSSP 3.1.5).
    if (key_proved && server_speaks(front) && slot_.authenticated()) {
      outcome(front, OutcomeSeen::Result::success, 0, "pubKeyAuth");
      finish();
    }
  }

  void on_tokens(const Front& front, const Element& field) {
    const auto list = spnego::der::only_child(field, kSequence, "negoTokens");
    if (!list) return;
    Der items{*list};
    while (!items.at_end()) {
      const auto item = items.next("negoTokens");
      if (!item) return;
      const auto tagged = spnego::der::only_child(*item, context(0), "negoToken");
      if (!tagged) return;
      const auto token = spnego::der::only_child(*tagged, spnego::der::kOctetString, "negoToken");
      if (!token || token->content.empty()) return;
      const TokenContent content = peek_token(token->content);
      Place place{connection_, slot_.key_for(content.ntlm, numbers_)};
      place.moment = front.moment_of(token->content_offset + token->content.size() - 1);
      place.from = front.from;
      place.carrier = Carrier::rdp;
      place.ended_tls = true;  // MS-CSSP 3.1.5: a TSRequest has always come by TLS
      report_token(place, token->content, front.witness);
      if (content.ntlm == wire::MessageType::authenticate) client_ = front.from;
    }
  }

  void on_error(const Front& front, const Element& field) {
    const auto code = spnego::der::only_child(field, 0x02, "errorCode");
    if (!code || slot_.current() == 0) return;
    std::uint32_t status = 0;
    for (const std::uint8_t octet : code->content) status = status << 8 | octet;
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08X", status);
    outcome(front, OutcomeSeen::Result::failure, status, text.data());
    finish();
  }

  [[nodiscard]] bool server_speaks(const Front& front) const { return client_ && front.from != *client_; }

  void outcome(const Front& front, OutcomeSeen::Result result, std::uint32_t status, std::string text) const {
    OutcomeSeen seen;
    seen.exchange = slot_.current();
    seen.moment = front.moment_of(0);
    seen.carrier = Carrier::rdp;
    seen.result = result;
    seen.nt_status = status;
    seen.text = std::move(text);
    front.witness.on_outcome(connection_, seen);
  }

  ExchangeNumbers numbers_;
  ExchangeSlot slot_;
  std::optional<Side> client_{};
  unsigned tpkts_ = 0;
};

}  // namespace

std::unique_ptr<Analyzer> make_rdp_analyzer(const Connection& connection) { return std::make_unique<RdpAnalyzer>(connection); }

}  // namespace postern::observe
