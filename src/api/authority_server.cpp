// The server's side with posternd behind it: tokens go to the authority's socket, the verdict comes back.
#include <array>
#include <limits>
#include <variant>

#include "api/context.hpp"
#include "api/minted_challenges.hpp"
#include "edge/ipc/client/client.hpp"
#include "edge/ipc/client/socket_path.hpp"
#include "spnego/token.hpp"
#include "wire/messages.hpp"

namespace postern::api {
namespace {

constexpr std::uint32_t kAuthorityOptions = POSTERN_OPTION_SPNEGO | POSTERN_OPTION_WANT_SESSION_KEY | POSTERN_OPTION_TLS;

struct AuthorityPlan {
  ipc::Client::Options link{};
  ntlm::BeginRequest begin{};
  AcceptedByServer accepted{};
  bool wants_session_key = false;
};

/// What an edge can see of the tokens that pass through it: the flags of the CHALLENGE, and whether MICs of the mechanism list
/// were exchanged. Needed for a session, since a verdict carries the key alone.
struct Overheard {
  std::optional<wire::NegotiateFlags> negotiated{};
  bool client_sent_mic = false;
  bool server_sent_mic = false;
};

std::optional<spnego::NegTokenResp> response_in(ByteView token) {
  if (spnego::recognise(token) != spnego::TokenKind::spnego_resp) return std::nullopt;
  auto parsed = spnego::parse(token);
  if (!parsed) return std::nullopt;
  auto* response = std::get_if<spnego::NegTokenResp>(&*parsed);
  return response == nullptr ? std::nullopt : std::optional{*response};
}

void overhear_from_server(ByteView token, Overheard& overheard) {
  ByteView message = token;
  if (const auto response = response_in(token)) {
    overheard.server_sent_mic = response->mech_list_mic.has_value();
    message = response->response_token.value_or(ByteView{});
  }
  if (const auto challenge = wire::ChallengeMessage::parse(message)) overheard.negotiated = challenge->flags;
}

void overhear_from_client(ByteView token, Overheard& overheard) {
  if (const auto response = response_in(token)) overheard.client_sent_mic = response->mech_list_mic.has_value();
}

postern_status status_of(NtStatus status) {
  switch (status) {
    case NtStatus::success: return POSTERN_OK;
    case NtStatus::no_such_user:
    case NtStatus::wrong_password:
    case NtStatus::logon_failure:
    case NtStatus::no_such_domain: return POSTERN_WRONG_PASSWORD;
    case NtStatus::account_restriction:
    case NtStatus::invalid_logon_hours:
    case NtStatus::invalid_workstation:
    case NtStatus::password_expired:
    case NtStatus::account_disabled:
    case NtStatus::logon_type_not_granted:
    case NtStatus::account_expired:
    case NtStatus::password_must_change:
    case NtStatus::account_locked_out: return POSTERN_ACCOUNT_STATE;
    case NtStatus::no_logon_servers: return POSTERN_NO_AUTHORITY;
    case NtStatus::bad_bindings: return POSTERN_BINDINGS_WRONG;
    case NtStatus::invalid_parameter: return POSTERN_MALFORMED;
    case NtStatus::not_supported: return POSTERN_UNSUPPORTED;
    case NtStatus::internal_error: return POSTERN_INTERNAL;
    case NtStatus::time_difference_at_dc:
    case NtStatus::authentication_firewall_failed:
    case NtStatus::sec_unsupported_function:
    case NtStatus::ntlm_blocked: return POSTERN_POLICY;
    case NtStatus::access_denied:
    case NtStatus::request_not_accepted: return POSTERN_DENIED;
  }
  return POSTERN_DENIED;
}

postern_response_version version_of(std::string_view name) {
  constexpr std::pair<std::string_view, postern_response_version> kNames[] = {{"NTLMv2", POSTERN_VERSION_NTLMV2},
                                                                              {"NTLMv1", POSTERN_VERSION_NTLMV1},
                                                                              {"NTLMv1-ESS", POSTERN_VERSION_NTLMV1_ESS},
                                                                              {"LMv2", POSTERN_VERSION_LMV2},
                                                                              {"LM", POSTERN_VERSION_LM}};
  for (const auto& [known, version] : kNames) {
    if (known == name) return version;
  }
  return POSTERN_VERSION_ANONYMOUS;
}

postern_mic_state mic_of(std::string_view name) {
  if (name == "verified") return POSTERN_MIC_VERIFIED;
  return name == "not-applicable" ? POSTERN_MIC_NOT_APPLICABLE : POSTERN_MIC_ABSENT;
}

postern_binding_state binding_of(std::string_view name) {
  if (name == "matched") return POSTERN_BINDING_MATCHED;
  if (name == "present" || name == "mismatched") return POSTERN_BINDING_PRESENT;
  return name == "not-applicable" ? POSTERN_BINDING_NOT_APPLICABLE : POSTERN_BINDING_ABSENT;
}

postern_standing standing_of(ntlm::AccountKind kind) {
  if (kind == ntlm::AccountKind::anonymous) return POSTERN_STANDING_DANGER_ANONYMOUS;
  return kind == ntlm::AccountKind::guest ? POSTERN_STANDING_DANGER_GUEST : POSTERN_STANDING_PROVED;
}

class AuthorityHandshake : public Handshake {
 public:
  explicit AuthorityHandshake(AuthorityPlan plan) : plan_{std::move(plan)} {}

  Outcome<std::optional<Completed>> step(ByteView input, Bytes& output) override {
    overhear_from_client(input, overheard_);
    POSTERN_TRY(reply, ask(input));
    if (auto* goes_on = std::get_if<ntlm::Continue>(&reply)) {
      overhear_from_server(goes_on->token, overheard_);
      const auto challenge = challenge_in(goes_on->token);
      minted_ = challenge ? MintedChallenge{*challenge} : MintedChallenge{};
      output = std::move(goes_on->token);
      handshake_ = goes_on->handshake;
      return std::optional<Completed>{};
    }
    auto& verdict = std::get<ntlm::Verdict>(reply);
    overhear_from_server(verdict.token, overheard_);
    output = std::move(verdict.token);
    if (!verdict.allowed()) return refuse(status_of(verdict.status), "verdict", std::move(verdict.why));
    return completed(std::move(verdict));
  }

 private:
  Result<ntlm::Reply> ask(ByteView input) {
    if (!link_) {
      POSTERN_TRY(link, ipc::Client::connect(plan_.link));
      link_.emplace(std::move(link));
      ntlm::BeginRequest request = plan_.begin;
      request.token = to_bytes(input);
      return link_->begin(std::move(request));
    }
    ntlm::FinishRequest request;
    request.handshake = handshake_;
    request.token = to_bytes(input);
    request.channel_bindings = plan_.accepted.bindings;
    request.target_names = plan_.accepted.target_names;
    request.wants_session_key = plan_.wants_session_key;
    return link_->finish(std::move(request));
  }

  std::optional<Completed> completed(ntlm::Verdict verdict) const {
    Completed completed;
    completed.user = std::move(verdict.identity.name);
    completed.domain = std::move(verdict.identity.domain);
    completed.sid = std::move(verdict.identity.sid);
    completed.workstation = std::move(verdict.facts.workstation);
    completed.target_name = std::move(verdict.facts.spn);
    completed.event_id = std::move(verdict.event_id);
    completed.groups = std::move(verdict.groups);
    completed.version = version_of(verdict.facts.version);
    completed.mic = mic_of(verdict.facts.mic);
    completed.channel_binding = binding_of(verdict.facts.channel_binding);
    completed.standing = standing_of(verdict.identity.kind);
    completed.role = ntlm::Role::server;
    if (verdict.session_key && overheard_.negotiated) {
      completed.negotiated = *overheard_.negotiated;
      completed.exported_session_key = std::move(verdict.session_key);
      if (overheard_.client_sent_mic && overheard_.server_sent_mic) completed.first = {1, 1};
    }
    return completed;
  }

  AuthorityPlan plan_;
  std::optional<ipc::Client> link_{};
  ntlm::HandshakeId handshake_{};
  Overheard overheard_{};
  MintedChallenge minted_{};
};

Outcome<postern_status> create(const postern_authority_options* given, postern_context** context) {
  postern_authority_options defaults{};
  defaults.authority_uid = -1;
  POSTERN_TRY(options, read_struct(given, defaults, "options"));
  POSTERN_CHECK(check_bits(options.options, kAuthorityOptions, "options"));
  AuthorityPlan plan;
  plan.link.socket_path = ipc::authority_socket_path(text_of(options.socket_path));
  if (options.authority_uid != -1) {
    if (options.authority_uid < 0 || options.authority_uid >= std::numeric_limits<uid_t>::max()) {
      return refuse(POSTERN_INVALID_INPUT, "authority_uid", "is no user");
    }
    plan.link.authority_uid = static_cast<uid_t>(options.authority_uid);
  }
  if (options.deadline_ms != 0) plan.link.deadline_ms = options.deadline_ms;
  plan.begin.service = text_of(options.service);
  if (plan.begin.service.empty()) return refuse(POSTERN_INVALID_INPUT, "service", "posternd must be told for whom it decides");
  plan.begin.carrier = (options.options & POSTERN_OPTION_SPNEGO) != 0 ? ntlm::Carrier::negotiate : ntlm::Carrier::ntlm;
  ntlm::ConnectionFacts& connection = plan.begin.connection;
  connection.client = {std::string{text_of(options.client_address)}, options.client_port};
  connection.server = {std::string{text_of(options.server_address)}, options.server_port};
  connection.tls = (options.options & POSTERN_OPTION_TLS) != 0;
  plan.wants_session_key = (options.options & POSTERN_OPTION_WANT_SESSION_KEY) != 0;
  POSTERN_TRY(accepted, read_accepted(options.accepted_bindings, options.accepted_binding_count, options.accepted_target_names,
                                      options.accepted_target_name_count));
  plan.accepted = std::move(accepted);
  hand_over(std::make_unique<AuthorityHandshake>(std::move(plan)), context);
  return POSTERN_OK;
}

}  // namespace
}  // namespace postern::api

namespace api = postern::api;

extern "C" postern_status postern_authority_server_create(const postern_authority_options* options, postern_context** context,
                                                          postern_error* error) noexcept {
  if (context != nullptr) *context = nullptr;
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(context != nullptr, "context"));
    return api::create(options, context);
  });
}
