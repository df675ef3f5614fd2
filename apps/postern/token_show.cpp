#include "postern/token_show.hpp"

#include "ntlm/acceptor.hpp"
#include "spnego/token.hpp"
#include "wire/messages.hpp"
#include "wire/ntlmv2_response.hpp"

namespace postern::cli {
namespace {

using wire::AuthenticateMessage;
using wire::AvPairs;
using wire::ChallengeMessage;
using wire::Charset;
using wire::MessageType;
using wire::NegotiateMessage;

/// Where the LM response's field stands: the place to point at if the responses have no shape.
constexpr std::size_t kLmFieldOffset = 12;

/// Adds the message's parts to the object.
class MessageWriter {
 public:
  MessageWriter(ByteView message, const ShowOptions& options, Json& out) : message_{message}, options_{options}, out_{out} {}

  Result<void> negotiate() {
    POSTERN_TRY(parsed, NegotiateMessage::parse(message_));
    flags(parsed.flags);
    POSTERN_CHECK(text("domain", parsed.domain_name, Charset::oem, "NEGOTIATE.DomainName"));
    POSTERN_CHECK(text("workstation", parsed.workstation, Charset::oem, "NEGOTIATE.Workstation"));
    version(parsed.version);
    return {};
  }

  Result<void> challenge() {
    POSTERN_TRY(parsed, ChallengeMessage::parse(message_));
    flags(parsed.flags);
    POSTERN_CHECK(text("target_name", parsed.target_name, wire::charset_of(parsed.flags), "CHALLENGE.TargetName"));
    version(parsed.version);
    out_["server_challenge"] = to_hex(parsed.server_challenge.bytes());
    if (!parsed.target_info.empty()) {
      POSTERN_TRY(pairs, AvPairs::parse(parsed.target_info, "CHALLENGE.TargetInfo", parsed.target_info_offset));
      POSTERN_CHECK(target_info(pairs, "CHALLENGE.TargetInfo"));
    }
    return {};
  }

  Result<void> authenticate() {
    POSTERN_TRY(parsed, AuthenticateMessage::parse(message_));
    flags(parsed.flags);
    POSTERN_CHECK(text("user", parsed.user_name, parsed.charset, "AUTHENTICATE.UserName"));
    POSTERN_CHECK(text("domain", parsed.domain_name, parsed.charset, "AUTHENTICATE.DomainName"));
    POSTERN_CHECK(text("workstation", parsed.workstation, parsed.charset, "AUTHENTICATE.Workstation"));
    version(parsed.version);
    auto kind = wire::response_version(parsed);
    if (!kind) {
      if (kind.error().offset == Error::kNoOffset) kind.error().offset = kLmFieldOffset;
      return std::unexpected{std::move(kind).error()};
    }
    Json response;
    response["version"] = name_of(*kind);
    response["nt_bytes"] = parsed.nt_response.size();
    response["lm_bytes"] = parsed.lm_response.size();
    std::optional<Json> spn;
    if (*kind == wire::ResponseVersion::ntlm_v2) {
      POSTERN_TRY(v2, wire::Ntlmv2Response::parse(parsed.nt_response, parsed.nt_response_offset));
      POSTERN_CHECK(target_info(v2.av_pairs, "AUTHENTICATE.NtChallengeResponse.AvPairs"));
      response["client_time"] = v2.time.to_rfc3339();
      if (options_.secrets == Secrets::shown) response["client_challenge"] = to_hex(v2.challenge_from_client);
      if (const auto name = v2.av_pairs.find(wire::AvId::target_name)) {
        POSTERN_TRY(utf8, utf16le_to_utf8(*name, "MsvAvTargetName", offset_of(*name)));
        spn = std::move(utf8);
      }
    }
    if (options_.secrets == Secrets::shown) {
      response["nt"] = to_hex(parsed.nt_response);
      response["lm"] = to_hex(parsed.lm_response);
    }
    out_["response"] = std::move(response);

    // The states of MIC and bindings are those that the acceptor sees.
    POSTERN_TRY(awaiting, ntlm::danger_await_recorded(
                              {.server_challenge = {}, .negotiate = {}, .challenge = {}, .oem_code_page = options_.oem_code_page}));
    POSTERN_TRY(pending, std::move(awaiting).on_authenticate(message_));
    out_["mic"] = name_of(pending.claims().mic);
    out_["channel_binding"] = name_of(pending.binding_state({}));
    if (spn) out_["spn"] = std::move(*spn);
    out_["key_exchange"] = ntlm::key_exchange_is_effective(parsed.flags, parsed.encrypted_random_session_key);
    return {};
  }

 private:
  [[nodiscard]] std::size_t offset_of(ByteView part) const { return static_cast<std::size_t>(part.data() - message_.data()); }

  void flags(wire::NegotiateFlags flags) {
    out_["negotiate_flags"] = flags.to_hex();
    out_["flags"] = Json::array();
    for (const std::string_view name : flags.names()) out_["flags"].push_back(name);
  }

  void version(const std::optional<wire::Version>& version) {
    if (!version) return;
    out_["version"] =
        Json{{"major", version->major}, {"minor", version->minor}, {"build", version->build}, {"revision", version->revision}};
  }

  Result<void> text(const char* key, ByteView bytes, Charset charset, std::string_view field) {
    if (bytes.empty()) return {};
    const std::size_t offset = offset_of(bytes);
    auto utf8 = charset == Charset::unicode ? utf16le_to_utf8(bytes, field, offset)
                                            : oem_to_utf8(bytes, options_.oem_code_page, field, offset);
    if (!utf8 && charset == Charset::oem) utf8.error().hint = "--oem-codepage names the code page of text that is not Unicode";
    if (!utf8) return std::unexpected{std::move(utf8).error()};
    out_[key] = std::move(*utf8);
    return {};
  }

  Result<void> target_info(const AvPairs& pairs, std::string_view field) {
    Json list = Json::array();
    std::optional<Error> error;
    pairs.for_each([&](wire::AvPair pair) {
      Json entry{{"id", static_cast<std::uint16_t>(pair.id)}};
      if (const auto name = name_of(pair.id); !name.empty()) entry["name"] = name;
      if (wire::is_text(pair.id)) {
        auto utf8 = utf16le_to_utf8(pair.value, field, pair.value.empty() ? 0 : offset_of(pair.value));
        entry["value"] = utf8.value_or("");
        if (!utf8 && !error) error = std::move(utf8).error();
      } else if (pair.id == wire::AvId::timestamp) {
        entry["value"] = pairs.timestamp()->to_rfc3339();
      } else {
        entry["value"] = to_hex(pair.value);
      }
      list.push_back(std::move(entry));
    });
    if (error) return std::unexpected{std::move(*error)};
    out_["target_info"] = std::move(list);
    return {};
  }

  ByteView message_;
  const ShowOptions& options_;
  Json& out_;
};

Result<Json> show_message(ByteView message, std::string_view carrier, const ShowOptions& options) {
  POSTERN_TRY(type, wire::type_of(message));
  Json out;
  MessageWriter writer{message, options, out};
  switch (type) {
    case MessageType::negotiate:
      out["type"] = "NEGOTIATE";
      out["carrier"] = carrier;
      POSTERN_CHECK(writer.negotiate());
      break;
    case MessageType::challenge:
      out["type"] = "CHALLENGE";
      out["carrier"] = carrier;
      POSTERN_CHECK(writer.challenge());
      break;
    case MessageType::authenticate:
      out["type"] = "AUTHENTICATE";
      out["carrier"] = carrier;
      POSTERN_CHECK(writer.authenticate());
      break;
  }
  return out;
}

std::string_view name_of(spnego::NegState state) {
  switch (state) {
    case spnego::NegState::accept_completed: return "accept-completed";
    case spnego::NegState::accept_incomplete: return "accept-incomplete";
    case spnego::NegState::reject: return "reject";
    case spnego::NegState::request_mic: return "request-mic";
  }
  return "reject";
}

/// The mechanism's token in a SPNEGO token, if there is one.
std::optional<ByteView> mechanism_token(const spnego::Token& token) {
  if (const auto* init = std::get_if<spnego::NegTokenInit>(&token)) return init->mech_token;
  return std::get<spnego::NegTokenResp>(token).response_token;
}

Result<Json> show_spnego(ByteView token, std::string_view carrier, const ShowOptions& options) {
  POSTERN_TRY(parsed, spnego::parse(token));
  Json out{{"type", "SPNEGO"}, {"carrier", carrier}};
  Json mech_types = Json::array();
  bool has_mic = false;
  if (const auto* init = std::get_if<spnego::NegTokenInit>(&parsed)) {
    for (const spnego::Oid& oid : init->mech_types) mech_types.push_back(oid.to_dotted());
    has_mic = init->mech_list_mic.has_value();
  } else {
    const auto& response = std::get<spnego::NegTokenResp>(parsed);
    if (response.supported_mech) mech_types.push_back(response.supported_mech->to_dotted());
    has_mic = response.mech_list_mic.has_value();
    if (response.state) out["state"] = name_of(*response.state);
  }
  if (!mech_types.empty()) out["mech_types"] = std::move(mech_types);
  out["mech_list_mic"] = has_mic ? "present" : "absent";
  if (const auto inner = mechanism_token(parsed); inner && !inner->empty()) {
    if (!wire::has_signature(*inner)) {
      out["mech_token_bytes"] = inner->size();  // another mechanism's, for example a Kerberos ticket
      return out;
    }
    auto message = show_message(*inner, "spnego", options);
    if (!message)
      return std::unexpected{std::move(message).error().shifted(static_cast<std::size_t>(inner->data() - token.data()))};
    out["mech_token"] = std::move(*message);
  }
  return out;
}

bool is_spnego(ByteView token) {
  const auto kind = spnego::recognise(token);
  return kind == spnego::TokenKind::spnego_init || kind == spnego::TokenKind::spnego_resp ||
         kind == spnego::TokenKind::gss_other_mech;
}

}  // namespace

Result<Json> show_token(const TokenInput& input, const ShowOptions& options) {
  const bool http = input.form == InputForm::header;
  if (is_spnego(input.token)) return show_spnego(input.token, http ? "http" : "spnego", options);
  return show_message(input.token, http ? "http" : "raw", options);
}

Result<NtlmToken> ntlm_message_of(ByteView token) {
  if (!is_spnego(token)) return NtlmToken{token, 0};
  POSTERN_TRY(parsed, spnego::parse(token));
  const auto inner = mechanism_token(parsed);
  if (!inner || !wire::has_signature(*inner)) {
    return fail(ErrorCode::unsupported, "token", 0, "the SPNEGO token carries no NTLM message");
  }
  return NtlmToken{*inner, static_cast<std::size_t>(inner->data() - token.data())};
}

}  // namespace postern::cli
