// LDAP (RFC 4511): binds with SASL GSS-SPNEGO, NTLM and GSSAPI, and Microsoft's Sicily binds (MS-ADTS 5.1.1.1.3).
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/der_frame.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"
#include "spnego/der.hpp"

namespace postern::observe {
namespace {

using spnego::der::Element;
using Der = spnego::der::Reader;

constexpr std::uint8_t kMessage = 0x30;
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kBindRequest = 0x60;
constexpr std::uint8_t kBindResponse = 0x61;
constexpr std::uint8_t kSasl = 0xa3;
constexpr std::uint8_t kServerSaslCreds = 0x87;
constexpr std::uint8_t kSicilyNegotiate = 0x8a;  ///< [10]; [9] asks for the packages, [11] carries the response
constexpr std::uint8_t kSicilyResponse = 0x8b;
/// Head of an LDAPMessage, its messageID, and the head of its operation.
constexpr std::size_t kHeadBytes = 6 + 6 + 6;
constexpr std::size_t kMaxBinds = 8;

constexpr unsigned kSuccess = 0;
constexpr unsigned kStrongerAuthRequired = 8;
constexpr unsigned kSaslBindInProgress = 14;
constexpr unsigned kInvalidCredentials = 49;

std::string result_text(unsigned code) {
  struct Name {
    unsigned code;
    std::string_view text;
  };
  // RFC 4511, 4.1.9: what a bind ends with.
  constexpr Name kNames[] = {{0, "success"},
                             {1, "operationsError"},
                             {2, "protocolError"},
                             {7, "authMethodNotSupported"},
                             {8, "strongerAuthRequired"},
                             {14, "saslBindInProgress"},
                             {48, "inappropriateAuthentication"},
                             {49, "invalidCredentials"},
                             {50, "insufficientAccessRights"},
                             {51, "busy"},
                             {52, "unavailable"},
                             {53, "unwillingToPerform"},
                             {80, "other"}};
  const auto* name = std::ranges::find(kNames, code, &Name::code);
  return std::string{name == std::end(kNames) ? std::string_view{"result"} : name->text} + " (" + std::to_string(code) + ')';
}

std::uint64_t number_of(ByteView content) {
  std::uint64_t value = 0;
  for (const std::uint8_t octet : content.last(std::min<std::size_t>(content.size(), 8))) value = value << 8 | octet;
  return value;
}

struct Bind {
  std::uint64_t message = 0;
  ExchangeKey exchange = 0;
  bool sicily = false;
  bool authenticated = false;  ///< it carried the last message of an exchange
};

class LdapAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    // Behind a bind with sealing each buffer is wrapped behind four bytes of length; behind StartTLS there is TLS.
    if (front.bytes[0] != kMessage) {
      if (!ours_) return no_record(front);
      finish_encrypted(front, Carrier::ldap);
      return 0;
    }
    const DerFrame frame = der_frame(front.bytes);
    if (frame.state == DerFrame::State::more) return 0;
    if (frame.state == DerFrame::State::none) return no_record(front);
    const std::size_t head = static_cast<std::size_t>(std::min<std::uint64_t>(frame.total_bytes, kHeadBytes));
    if (front.bytes.size() < head) return 0;
    const std::uint8_t operation = operation_of(front.bytes.subspan(frame.head_bytes, head - frame.head_bytes));
    if (operation == 0) return no_record(front);
    ours_ = true;
    const bool wanted = operation == kBindRequest || operation == kBindResponse;
    if (!wanted || frame.total_bytes > Inlet::kMaxBytes) return frame.total_bytes;
    if (front.bytes.size() < frame.total_bytes) return 0;
    read_message(front, front.bytes.first(static_cast<std::size_t>(frame.total_bytes)));
    return frame.total_bytes;
  }

  std::uint64_t search(const Front& front) override {
    for (std::size_t i = 0; i + kHeadBytes <= front.bytes.size(); ++i) {
      if (front.bytes[i] != kMessage) continue;
      const DerFrame frame = der_frame(front.bytes.subspan(i));
      if (frame.state != DerFrame::State::whole_head || frame.total_bytes < 7) continue;
      const std::uint8_t operation = operation_of(front.bytes.subspan(i + frame.head_bytes, kHeadBytes - frame.head_bytes));
      if (operation != kBindRequest && operation != kBindResponse) continue;
      found(front.from);
      return i;
    }
    return front.bytes.size() < kHeadBytes ? 0 : front.bytes.size() - kHeadBytes + 1;
  }

  void on_lost(Side from, Witness&) override {
    if (from == Side::client) slot_.clear();
  }

 private:
  /// The tag of the operation behind the messageID; 0 if there is none.
  static std::uint8_t operation_of(ByteView content) {
    if (content.size() < 4 || content[0] != kInteger || content[1] == 0 || content[1] > 4) return 0;
    const std::size_t at = 2U + content[1];
    const std::uint8_t tag = at < content.size() ? content[at] : std::uint8_t{0};
    return (tag & 0xc0) == 0x40 ? tag : std::uint8_t{0};  // [APPLICATION n]
  }

  void read_message(const Front& front, ByteView whole) {
    Der outer{whole};
    const auto message = outer.next("LDAPMessage");
    if (!message) return;
    Der in{*message};
    const auto id = in.expect(kInteger, "messageID");
    if (!id) return;
    const auto operation = in.next("protocolOp");
    if (!operation) return;
    const std::uint64_t number = number_of(id->content);
    switch (operation->tag) {
      case kBindRequest: return on_bind_request(front, *operation, number);
      case kBindResponse: return on_bind_response(front, *operation, number);
      default: return;
    }
  }

  void on_bind_request(const Front& front, const Element& operation, std::uint64_t number) {
    Der in{operation};
    const auto version = in.expect(kInteger, "version");
    const auto name = in.next("name");
    if (!version || !name || in.at_end()) return;
    const auto authentication = in.next("authentication");
    if (!authentication) return;
    Bind bind{number, 0, authentication->tag == kSicilyNegotiate || authentication->tag == kSicilyResponse, false};
    std::optional<Element> token;
    if (authentication->tag == kSasl) {
      Der sasl{*authentication};
      const auto mechanism = sasl.expect(spnego::der::kOctetString, "mechanism");
      if (!mechanism || sasl.at_end()) return;
      const std::string_view named = as_text(mechanism->content);
      if (named != "GSS-SPNEGO" && named != "NTLM" && named != "GSSAPI") return;
      if (const auto credentials = sasl.expect(spnego::der::kOctetString, "credentials")) token = *credentials;
    } else if (bind.sicily) {
      token = *authentication;
    }
    if (!token || token->content.empty()) return;
    const TokenContent content = report(front, *token, bind.exchange);
    bind.authenticated = content.ntlm == wire::MessageType::authenticate;
    if (binds_.size() == kMaxBinds) binds_.erase(binds_.begin());
    binds_.push_back(bind);
  }

  TokenContent report(const Front& front, const Element& token, ExchangeKey& exchange) {
    const TokenContent content = peek_token(token.content);
    exchange = slot_.key_for(content.ntlm, numbers_);
    Place place{connection_, exchange, front.moment_of(token.content_offset + token.content.size() - 1), front.from};
    place.carrier = Carrier::ldap;
    report_token(place, token.content, front.witness);
    return content;
  }

  void on_bind_response(const Front& front, const Element& operation, std::uint64_t number) {
    Der in{operation};
    const auto code = in.expect(spnego::der::kEnumerated, "resultCode");
    const auto matched = in.next("matchedDN");
    const auto diagnostic = in.next("diagnosticMessage");
    if (!code || !matched || !diagnostic) return;
    const auto result = static_cast<unsigned>(number_of(code->content));
    const auto known = std::ranges::find(binds_, number, &Bind::message);
    Bind bind;
    if (known != binds_.end()) {
      bind = *known;
      binds_.erase(known);
    }
    // Sicily's CHALLENGE comes where the DN would be (MS-ADTS 5.1.1.1.3).
    if (peek_token(matched->content).has_ntlm) report(front, *matched, bind.exchange);
    while (!in.at_end()) {
      const auto part = in.next("BindResponse");
      if (!part) break;
      if (part->tag == kServerSaslCreds && !part->content.empty()) report(front, *part, bind.exchange);
    }
    if (result == kStrongerAuthRequired) {
      NoteSeen seen;
      seen.kind = NoteSeen::Kind::signing_required;
      seen.exchange = bind.exchange;
      seen.carrier = Carrier::ldap;
      seen.moment = front.moment_of(0);
      note(front, seen);
    }
    const bool in_progress = result == kSaslBindInProgress || (bind.sicily && !bind.authenticated && result == kSuccess);
    if (bind.exchange == 0 || in_progress) return;
    OutcomeSeen seen;
    seen.exchange = bind.exchange;
    seen.moment = front.moment_of(0);
    seen.carrier = Carrier::ldap;
    seen.result = result == kSuccess ? OutcomeSeen::Result::success : OutcomeSeen::Result::failure;
    seen.text = result_text(result);
    // Active Directory says why: `80090308: LdapErr: DSID-…, comment: …, data 52e, v…`; the number is a Win32 error.
    if (result == kInvalidCredentials) seen.nt_status = status_of(as_text(diagnostic->content));
    front.witness.on_outcome(connection_, seen);
  }

  /// The NTSTATUS of a Win32 logon error in Active Directory's text.
  static std::optional<std::uint32_t> status_of(std::string_view diagnostic) {
    struct Row {
      std::string_view data;
      std::uint32_t status;
    };
    constexpr Row kRows[] = {{"data 525,", 0xC000'0064}, {"data 52e,", 0xC000'006D}, {"data 530,", 0xC000'006F},
                             {"data 531,", 0xC000'0070}, {"data 532,", 0xC000'0071}, {"data 533,", 0xC000'0072},
                             {"data 701,", 0xC000'0193}, {"data 773,", 0xC000'0224}, {"data 775,", 0xC000'0234}};
    for (const Row& row : kRows) {
      if (diagnostic.find(row.data) != std::string_view::npos) return row.status;
    }
    return std::nullopt;
  }

  ExchangeNumbers numbers_;
  ExchangeSlot slot_;
  std::vector<Bind> binds_;
  bool ours_ = false;  ///< a message of LDAP was seen
};

}  // namespace

std::unique_ptr<Analyzer> make_ldap_analyzer(const Connection& connection) { return std::make_unique<LdapAnalyzer>(connection); }

}  // namespace postern::observe
