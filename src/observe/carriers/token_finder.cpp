#include "observe/carriers/token_finder.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "spnego/der.hpp"

namespace postern::observe {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "NTLMSSP\0"sv;

/// The NTLM message in `token` from its signature on; empty if there is none.
ByteView find_ntlm(ByteView token) {
  const std::size_t at = find_text(token, kSignature);
  return at == std::string_view::npos ? ByteView{} : token.subspan(at);
}

bool is_kerberos(const spnego::Oid& oid) { return oid == spnego::kKerberos5 || oid == spnego::kMsKerberos5; }

/// What was found, before anybody is told.
struct Finds {
  ByteView ntlm{};
  bool in_spnego = false;
  std::vector<std::string> offered{};
  std::optional<spnego::NegState> state{};
  std::optional<std::string> kerberos_mech{};
  std::optional<std::uint32_t> kerberos_error{};
};

/// The mechanism of a frame of RFC 2743, 3.1, that is not SPNEGO's.
std::optional<spnego::Oid> framed_mech(ByteView token) {
  spnego::der::Reader outer{token};
  const auto frame = outer.next("token");
  if (!frame || frame->tag != spnego::der::kApplication0) return std::nullopt;
  spnego::der::Reader in{*frame};
  const auto oid = in.expect(spnego::der::kOid, "thisMech");
  if (!oid) return std::nullopt;
  const auto parsed = spnego::Oid::parse(oid->content);
  if (!parsed) return std::nullopt;
  return *parsed;
}

void look_at_init(const spnego::NegTokenInit& init, Finds& finds) {
  for (const spnego::Oid& mech : init.mech_types) finds.offered.push_back(mech.to_dotted());
  if (!init.mech_token) return;
  finds.ntlm = find_ntlm(*init.mech_token);
  // The token is the first mechanism's. A raw AP-REQ without a frame is taken at the offer's word.
  if (finds.ntlm.empty() && is_kerberos(init.mech_types.front())) finds.kerberos_mech = init.mech_types.front().to_dotted();
}

Finds look(ByteView token) {
  Finds finds;
  switch (spnego::recognise(token)) {
    case spnego::TokenKind::ntlmssp_raw: finds.ntlm = token; return finds;
    case spnego::TokenKind::spnego_init:
    case spnego::TokenKind::spnego_resp: {
      finds.in_spnego = true;
      const auto parsed = spnego::parse(token);
      if (!parsed) {
        finds.ntlm = find_ntlm(token);
        return finds;
      }
      if (const auto* init = std::get_if<spnego::NegTokenInit>(&*parsed)) {
        look_at_init(*init, finds);
      } else {
        const auto& resp = std::get<spnego::NegTokenResp>(*parsed);
        finds.state = resp.state;
        if (resp.response_token) finds.ntlm = find_ntlm(*resp.response_token);
        if (resp.response_token && finds.ntlm.empty()) finds.kerberos_error = kerberos_error_in(*resp.response_token);
        if (finds.ntlm.empty() && resp.supported_mech && is_kerberos(*resp.supported_mech)) {
          finds.kerberos_mech = resp.supported_mech->to_dotted();
        }
      }
      return finds;
    }
    case spnego::TokenKind::gss_other_mech: {
      const auto mech = framed_mech(token);
      if (mech && is_kerberos(*mech)) {
        finds.kerberos_mech = mech->to_dotted();
        finds.kerberos_error = kerberos_error_in(token);
      }
      finds.ntlm = find_ntlm(token);  // NTLM in a frame of its own OID, as old GSSAPI clients send it
      return finds;
    }
    case spnego::TokenKind::unknown: finds.ntlm = find_ntlm(token); return finds;
  }
  return finds;
}

TokenContent content_of(const Finds& finds) {
  TokenContent content;
  content.has_ntlm = !finds.ntlm.empty();
  if (content.has_ntlm) {
    if (const auto type = wire::type_of(finds.ntlm)) content.ntlm = *type;
  }
  content.state = finds.state;
  content.kerberos = finds.kerberos_mech.has_value();
  return content;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += ',';
    out += text;
  }
  return out;
}

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

constexpr std::uint8_t kNoDigit = 0xff;
constexpr auto kBase64Digits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  std::uint8_t value = 0;
  for (const char letter : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"sv) {
    digits[static_cast<unsigned char>(letter)] = value++;
  }
  return digits;
}();

}  // namespace

TokenContent peek_token(ByteView token) { return content_of(look(token)); }

TokenContent report_token(const Place& place, ByteView token, Witness& witness) {
  Finds finds = look(token);
  const TokenContent content = content_of(finds);
  NoteSeen note;
  note.exchange = place.exchange;
  note.moment = place.moment;
  note.carrier = place.carrier;
  note.from = place.from;
  if (!finds.offered.empty()) {
    note.kind = NoteSeen::Kind::mechs_offered;
    note.detail = joined(finds.offered);
    witness.on_note(place.connection, note);
  }
  if (finds.kerberos_mech) {
    note.kind = NoteSeen::Kind::kerberos_token;
    note.detail = *finds.kerberos_mech;
    witness.on_note(place.connection, note);
  }
  if (finds.kerberos_error) {
    note.kind = NoteSeen::Kind::kerberos_error;
    note.number = *finds.kerberos_error;
    note.detail.clear();
    witness.on_note(place.connection, note);
    note.number = 0;
  }
  if (content.has_ntlm) {
    MessageSeen seen;
    seen.exchange = place.exchange;
    seen.moment = place.moment;
    seen.from = place.from;
    seen.carrier = place.carrier;
    seen.message = finds.ntlm.first(std::min(finds.ntlm.size(), wire::kMaxMessageBytes));
    seen.in_spnego = finds.in_spnego;
    seen.offered_mechs = std::move(finds.offered);
    seen.target = std::string{place.target};
    seen.winrm = place.winrm;
    seen.asks_proxy = place.asks_proxy;
    seen.ended_tls = place.ended_tls;
    witness.on_message(place.connection, seen);
  }
  return content;
}

Bytes decode_base64(std::string_view text) {
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char letter : text) {
    const std::uint8_t digit = kBase64Digits[static_cast<unsigned char>(letter)];
    if (digit == kNoDigit) break;
    bits = bits << 6 | digit;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::uint8_t>(bits >> count));
    }
  }
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace postern::observe
