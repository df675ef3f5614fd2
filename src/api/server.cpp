// The server's side with the program's own password source: an Acceptor in process.
#include <array>
#include <variant>

#include "api/context.hpp"
#include "api/environment.hpp"
#include "api/minted_challenges.hpp"
#include "base/spn.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/spnego_acceptor.hpp"

namespace postern::api {
namespace {

using ntlm::PendingVerification;
using wire::ResponseVersion;

constexpr std::uint32_t kServerRequire = POSTERN_REQUIRE_SIGN | POSTERN_REQUIRE_SEAL | POSTERN_REQUIRE_128 | POSTERN_REQUIRE_ESS |
                                         POSTERN_REQUIRE_MIC | POSTERN_REQUIRE_BINDINGS | POSTERN_REQUIRE_TARGET_NAME;
constexpr std::uint32_t kServerOptions = POSTERN_OPTION_SPNEGO | POSTERN_OPTION_DATAGRAM;
constexpr std::uint32_t kDangers = POSTERN_DANGER_ALLOW_NTLMV1 | POSTERN_DANGER_ALLOW_LMV2 | POSTERN_DANGER_ALLOW_ANONYMOUS |
                                   POSTERN_DANGER_ALLOW_GUEST | POSTERN_DANGER_ALLOW_LM;
constexpr ntlm::Waiver kNotRequired{"require", "not set"};

struct ServerPlan {
  ntlm::AcceptorConfig config{};
  AcceptedByServer accepted{};
  std::uint32_t require = 0;
  std::uint32_t danger_allowed = 0;
  bool spnego = false;
  bool datagram = false;
  postern_lookup lookup = nullptr;
  postern_danger_lm_lookup danger_lm_lookup = nullptr;
  void* user_data = nullptr;
  Environment environment{};

  [[nodiscard]] bool requires_bit(std::uint32_t bit) const { return (require & bit) != 0; }
  [[nodiscard]] bool danger_allows(std::uint32_t bit) const { return (danger_allowed & bit) != 0; }
  [[nodiscard]] ntlm::VersionSet versions() const {
    ntlm::VersionSet versions = ntlm::kNtlmv2Only;
    if (danger_allows(POSTERN_DANGER_ALLOW_NTLMV1))
      versions = versions.with(ResponseVersion::ntlm_v1).with(ResponseVersion::ntlm_v1_ess);
    if (danger_allows(POSTERN_DANGER_ALLOW_LMV2)) versions = versions.with(ResponseVersion::lm_v2);
    if (danger_allows(POSTERN_DANGER_ALLOW_LM)) versions = versions.with(ResponseVersion::lm);
    return versions;
  }
};

std::optional<ntlm::Waiver> waiver_if(bool waived) { return waived ? std::optional{kNotRequired} : std::nullopt; }

postern_response_version version_of(ResponseVersion version) {
  switch (version) {
    case ResponseVersion::anonymous: return POSTERN_VERSION_ANONYMOUS;
    case ResponseVersion::lm: return POSTERN_VERSION_LM;
    case ResponseVersion::ntlm_v1: return POSTERN_VERSION_NTLMV1;
    case ResponseVersion::ntlm_v1_ess: return POSTERN_VERSION_NTLMV1_ESS;
    case ResponseVersion::lm_v2: return POSTERN_VERSION_LMV2;
    case ResponseVersion::ntlm_v2: return POSTERN_VERSION_NTLMV2;
  }
  return POSTERN_VERSION_ANONYMOUS;
}

postern_standing standing_of(ntlm::Standing standing) {
  switch (standing) {
    case ntlm::Standing::proved: return POSTERN_STANDING_PROVED;
    case ntlm::Standing::danger_anonymous: return POSTERN_STANDING_DANGER_ANONYMOUS;
    case ntlm::Standing::danger_guest: return POSTERN_STANDING_DANGER_GUEST;
  }
  return POSTERN_STANDING_DANGER_ANONYMOUS;
}

postern_binding_state binding_of(ntlm::BindingState state) {
  switch (state) {
    case ntlm::BindingState::matched: return POSTERN_BINDING_MATCHED;
    case ntlm::BindingState::present:
    case ntlm::BindingState::mismatched: return POSTERN_BINDING_PRESENT;
    case ntlm::BindingState::absent:
    case ntlm::BindingState::zero: return POSTERN_BINDING_ABSENT;
    case ntlm::BindingState::not_applicable: break;
  }
  return POSTERN_BINDING_NOT_APPLICABLE;
}

class ServerHandshake : public Handshake {
 public:
  explicit ServerHandshake(ServerPlan plan) : plan_{std::move(plan)} {}

  Outcome<std::optional<Completed>> step(ByteView input, Bytes& output) override {
    if (auto* datagram = std::get_if<ntlm::AwaitingAuthenticate>(&state_)) {
      POSTERN_TRY(pending, std::move(*datagram).on_authenticate(input));
      return judge(std::move(pending), ntlm::SpnegoEnd{}, output);
    }
    if (auto* logon = std::get_if<ntlm::NegotiatedLogon>(&state_); logon != nullptr && !logon->awaits_negotiate()) {
      output = ntlm::reject_token(carrier(), input);
      POSTERN_TRY(answered, std::move(*logon).on_authenticate(input));
      return judge(std::move(answered.pending), answered.end, output);
    }
    std::array<std::uint8_t, wire::ServerChallenge::kSize> bytes{};
    POSTERN_CHECK(plan_.environment.fill_random(bytes));
    const wire::ServerChallenge server_challenge{bytes};
    const FileTime now = plan_.environment.now();
    if (plan_.datagram) {
      if (!input.empty()) return refuse(POSTERN_INVALID_INPUT, "input", "in datagram mode the server speaks first");
      POSTERN_TRY(awaiting, ntlm::Acceptor::start_datagram(plan_.config, server_challenge, now));
      output = to_bytes(awaiting.challenge_message());
      minted_ = MintedChallenge{server_challenge};
      state_.emplace<ntlm::AwaitingAuthenticate>(std::move(awaiting));
      return std::optional<Completed>{};
    }
    output = ntlm::reject_token(carrier(), input);
    auto* logon = std::get_if<ntlm::NegotiatedLogon>(&state_);
    POSTERN_TRY(begun, logon == nullptr ? ntlm::NegotiatedLogon::begin(carrier(), input, plan_.config, server_challenge, now)
                                        : std::move(*logon).on_negotiate(input, plan_.config, server_challenge, now));
    output = std::move(begun.second);
    if (!begun.first.awaits_negotiate()) minted_ = MintedChallenge{server_challenge};
    state_.emplace<ntlm::NegotiatedLogon>(std::move(begun.first));
    return std::optional<Completed>{};
  }

 private:
  [[nodiscard]] ntlm::Carrier carrier() const { return plan_.spnego ? ntlm::Carrier::negotiate : ntlm::Carrier::ntlm; }

  /// What the account's key says to the response. `blocked`: the account may not log on, whatever the password.
  struct Compared {
    ntlm::ResponseVerified verified;
    bool blocked = false;
  };
  Outcome<Compared> compare(const PendingVerification& pending) const {
    const ntlm::VerificationRequest& request = pending.request();
    if (request.version == ResponseVersion::anonymous) {
      if (!plan_.danger_allows(POSTERN_DANGER_ALLOW_ANONYMOUS))
        return refuse(POSTERN_POLICY, "AUTHENTICATE", "anonymous logons are not allowed");
      POSTERN_TRY(verified, ntlm::danger_accept_anonymous(request));
      return Compared{std::move(verified), false};
    }
    NtHash hash;
    const int found = plan_.lookup(plan_.user_data, pending.claims().user.c_str(), pending.claims().domain.c_str(),
                                   hash.reveal_for_writing().data());
    const bool is_known = found == POSTERN_LOOKUP_FOUND || found == POSTERN_LOOKUP_BLOCKED;
    if (!is_known && found != POSTERN_LOOKUP_NOT_FOUND)
      return refuse(POSTERN_NO_AUTHORITY, "lookup", "the accounts cannot be asked");
    // An unknown account costs what a known one does: its response is compared as well, with a key that nobody has (R37).
    NtHash decoy;
    POSTERN_CHECK(plan_.environment.fill_random(decoy.reveal_for_writing()));
    POSTERN_TRY(verified, verify(pending, is_known ? hash : decoy, decoy));
    if (!is_known && (verified || verified.error().code == ErrorCode::wrong_password)) {
      if (plan_.danger_allows(POSTERN_DANGER_ALLOW_GUEST)) return Compared{ntlm::danger_accept_guest(request), false};
      return refuse(POSTERN_WRONG_PASSWORD, "AUTHENTICATE.NtChallengeResponse", "the response does not prove the key");
    }
    if (!verified) return std::unexpected{Failure{std::move(verified).error()}};
    return Compared{std::move(*verified), found == POSTERN_LOOKUP_BLOCKED};
  }

  /// A lone LM field is tried with the LM hash as well, where the server accepts that; `decoy` stands in for one that is not there.
  Outcome<Result<ntlm::ResponseVerified>> verify(const PendingVerification& pending, const NtHash& hash,
                                                 const NtHash& decoy) const {
    const ntlm::VerificationRequest& request = pending.request();
    if (request.version != ResponseVersion::lm || !plan_.danger_allows(POSTERN_DANGER_ALLOW_LM)) {
      return pending.verify(hash, plan_.versions());
    }
    LmHash lm_hash;
    const int found = plan_.danger_lm_lookup(plan_.user_data, pending.claims().user.c_str(), pending.claims().domain.c_str(),
                                             lm_hash.reveal_for_writing().data());
    if (found == POSTERN_LOOKUP_NOT_FOUND) {
      lm_hash = LmHash{decoy.reveal()};
    } else if (found != POSTERN_LOOKUP_FOUND && found != POSTERN_LOOKUP_BLOCKED) {
      return refuse(POSTERN_NO_AUTHORITY, "danger_lm_lookup", "the accounts cannot be asked");
    }
    return ntlm::danger_verify_response_with_lm(request, hash, lm_hash, plan_.versions());
  }

  Outcome<ntlm::TargetNameProof> prove_target_name(const ntlm::Claims& claims) const {
    const bool required = plan_.requires_bit(POSTERN_REQUIRE_TARGET_NAME);
    const bool sent = claims.spn && !claims.spn->empty();
    if (sent && !plan_.accepted.target_names.empty()) {
      if (!spn_matches(plan_.accepted.target_names, *claims.spn)) {
        return refuse(POSTERN_TARGET_NAME_WRONG, "MsvAvTargetName", "the client meant another server");
      }
      if (!claims.untrusted_spn) return ntlm::TargetNameProof{ntlm::TargetNameVerified{*claims.spn}};
    }
    if (required) return refuse(POSTERN_TARGET_NAME_WRONG, "MsvAvTargetName", "no target name from a trusted source");
    return ntlm::TargetNameProof{ntlm::TargetNameNotRequired{kNotRequired}};
  }

  Outcome<ntlm::BindingsProof> prove_bindings(const PendingVerification& pending) const {
    const bool required = plan_.requires_bit(POSTERN_REQUIRE_BINDINGS);
    const bool of_another_channel = pending.binding_state(plan_.accepted.bindings) == ntlm::BindingState::mismatched;
    POSTERN_TRY(proof, pending.prove_bindings(plan_.accepted.bindings, waiver_if(!required && !of_another_channel)));
    return proof;
  }

  /// In the order of the authority: the response, MIC, bindings, target name, mechListMIC, account state.
  Outcome<std::optional<Completed>> judge(PendingVerification pending, const ntlm::SpnegoEnd& end, Bytes& output) {
    output = end.reject();
    POSTERN_TRY(compared, compare(pending));
    POSTERN_TRY(mic, pending.prove_mic(compared.verified, waiver_if(!plan_.requires_bit(POSTERN_REQUIRE_MIC))));
    POSTERN_TRY(bindings, prove_bindings(pending));
    POSTERN_TRY(target_name, prove_target_name(pending.claims()));
    const ntlm::ExportedSessionKey key = pending.exported_session_key(compared.verified);
    POSTERN_TRY(last_token, end.accept(pending.negotiated(), key));
    if (compared.blocked) return refuse(POSTERN_ACCOUNT_STATE, "lookup", "the account may not log on");

    Completed completed;
    completed.channel_binding = binding_of(pending.binding_state(plan_.accepted.bindings));
    const ntlm::Established established =
        std::move(pending).establish(std::move(compared.verified), std::move(mic), bindings, std::move(target_name),
                                     ntlm::LogonAllowed{"the program's own password source"});
    const ntlm::Claims& claims = established.claims();
    completed.user = claims.user;
    completed.domain = claims.domain;
    completed.workstation = claims.workstation;
    completed.target_name = claims.spn.value_or("");
    completed.version = version_of(established.version());
    completed.mic = completed.version != POSTERN_VERSION_NTLMV2 ? POSTERN_MIC_NOT_APPLICABLE
                    : claims.mic == ntlm::MicState::verified    ? POSTERN_MIC_VERIFIED
                                                                : POSTERN_MIC_ABSENT;
    completed.standing = standing_of(established.standing());
    completed.negotiated = established.negotiated();
    completed.role = ntlm::Role::server;
    if (end.exchanges_mics()) completed.first = {1, 1};
    if (established.standing() != ntlm::Standing::danger_guest) {
      completed.exported_session_key = established.exported_session_key().duplicate();
    }
    output = std::move(last_token);
    return std::optional<Completed>{std::move(completed)};
  }

  ServerPlan plan_;
  MintedChallenge minted_{};
  std::variant<std::monostate, ntlm::NegotiatedLogon, ntlm::AwaitingAuthenticate> state_{};
};

Outcome<postern_status> create(const postern_server_options* given, std::uint32_t danger_allowed, postern_context** context) {
  POSTERN_TRY(options, read_struct(given, postern_server_options{}, "options"));
  POSTERN_CHECK(check_bits(options.require, kServerRequire, "require"));
  POSTERN_CHECK(check_bits(options.options, kServerOptions, "options"));
  POSTERN_CHECK(check_bits(danger_allowed, kDangers, "allowed"));
  POSTERN_CHECK(needs(options.lookup != nullptr, "lookup"));
  const bool allows_lm = (danger_allowed & POSTERN_DANGER_ALLOW_LM) != 0;
  if (allows_lm != (options.danger_lm_lookup != nullptr)) {
    return refuse(POSTERN_INVALID_INPUT, "danger_lm_lookup", "goes with POSTERN_DANGER_ALLOW_LM");
  }
  ServerPlan plan;
  plan.lookup = options.lookup;
  plan.danger_lm_lookup = options.danger_lm_lookup;
  POSTERN_TRY(code_page, code_page_of(options.oem_code_page));
  plan.config.oem_code_page = code_page;
  plan.user_data = options.user_data;
  plan.require = options.require;
  plan.danger_allowed = danger_allowed;
  plan.spnego = (options.options & POSTERN_OPTION_SPNEGO) != 0;
  plan.datagram = (options.options & POSTERN_OPTION_DATAGRAM) != 0;
  if (plan.spnego && plan.datagram) return refuse(POSTERN_INVALID_INPUT, "options", "there is no datagram mode in SPNEGO");
  POSTERN_TRY(environment, Environment::read(options.environment));
  plan.environment = environment;
  POSTERN_TRY(accepted, read_accepted(options.accepted_bindings, options.accepted_binding_count, options.accepted_target_names,
                                      options.accepted_target_name_count));
  plan.accepted = std::move(accepted);
  if (plan.requires_bit(POSTERN_REQUIRE_BINDINGS) && plan.accepted.bindings.empty()) {
    return refuse(POSTERN_INVALID_INPUT, "accepted_bindings", "bindings are required and none would be accepted");
  }
  if (plan.requires_bit(POSTERN_REQUIRE_TARGET_NAME) && plan.accepted.target_names.empty()) {
    return refuse(POSTERN_INVALID_INPUT, "accepted_target_names", "a target name is required and none would be accepted");
  }
  ntlm::ServerNames& names = plan.config.names;
  names.nb_computer = text_of(options.nb_computer);
  names.nb_domain = text_of(options.nb_domain);
  names.dns_computer = text_of(options.dns_computer);
  names.dns_domain = text_of(options.dns_domain);
  if (names.nb_computer.empty()) return refuse(POSTERN_INVALID_INPUT, "nb_computer", "a server needs a name");
  if (names.nb_domain.empty()) {
    names.nb_domain = names.nb_computer;
    plan.config.target_type = ntlm::TargetType::server;
  }
  for (const auto& [text, field] : {std::pair{&names.nb_computer, "nb_computer"}, std::pair{&names.nb_domain, "nb_domain"},
                                    std::pair{&names.dns_computer, "dns_computer"}, std::pair{&names.dns_domain, "dns_domain"}}) {
    if (text->size() > ntlm::kMaxServerNameBytes) return refuse(POSTERN_TOO_LARGE, field, "longer than a name may be");
    if (!is_utf8(*text)) return refuse(POSTERN_INVALID_INPUT, field, "is not UTF-8");
  }
  plan.config.required = required_flags(options.require);
  hand_over(std::make_unique<ServerHandshake>(std::move(plan)), context);
  return POSTERN_OK;
}

}  // namespace
}  // namespace postern::api

namespace api = postern::api;

extern "C" {

postern_status postern_server_create(const postern_server_options* options, postern_context** context,
                                     postern_error* error) noexcept {
  return postern_danger_server_create(options, 0, context, error);
}

postern_status postern_danger_server_create(const postern_server_options* options, uint32_t allowed, postern_context** context,
                                            postern_error* error) noexcept {
  if (context != nullptr) *context = nullptr;
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(context != nullptr, "context"));
    return api::create(options, allowed, context);
  });
}

}  // extern "C"
