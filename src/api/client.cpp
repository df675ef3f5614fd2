// The client's side: an Initiator, raw or in SPNEGO, with the caller's credentials.
#include <array>
#include <variant>

#include "api/context.hpp"
#include "api/environment.hpp"
#include "api/minted_challenges.hpp"
#include "base/spn.hpp"
#include "ntlm/channel_bindings.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/lm.hpp"
#include "ntlm/outgoing.hpp"
#include "ntlm/spnego_initiator.hpp"

namespace postern::api {
namespace {

constexpr std::uint32_t kClientRequire =
    POSTERN_REQUIRE_SIGN | POSTERN_REQUIRE_SEAL | POSTERN_REQUIRE_128 | POSTERN_REQUIRE_ESS | POSTERN_REQUIRE_MIC;
constexpr std::uint32_t kClientOptions = POSTERN_OPTION_SPNEGO | POSTERN_OPTION_OFFER_SEAL | POSTERN_OPTION_DATAGRAM |
                                         POSTERN_OPTION_UNTRUSTED_TARGET | POSTERN_OPTION_LOCAL_CALL;

struct ClientPlan {
  ntlm::InitiatorConfig config{};
  bool spnego = false;
  bool datagram = false;
  bool requires_mic = false;
  Environment environment{};
};

class ClientHandshake : public Handshake {
 public:
  explicit ClientHandshake(ClientPlan plan) : plan_{std::move(plan)} {
    described_.user = plan_.config.credentials.user;
    described_.domain = plan_.config.credentials.domain;
    described_.workstation = plan_.config.workstation;
    described_.target_name = plan_.config.target_name;
    described_.version = version_of(plan_.config.response);
    if (plan_.config.response == ntlm::ResponseKind::anonymous) described_.standing = POSTERN_STANDING_DANGER_ANONYMOUS;
    described_.channel_binding = described_.version != POSTERN_VERSION_NTLMV2 ? POSTERN_BINDING_NOT_APPLICABLE
                                 : plan_.config.channel_bindings              ? POSTERN_BINDING_PRESENT
                                                                              : POSTERN_BINDING_ABSENT;
  }

  Outcome<std::optional<Completed>> step(ByteView input, Bytes& output) override {
    if (auto* challenged = std::get_if<ntlm::AwaitingChallenge>(&state_)) return answer(std::move(*challenged), input, output);
    if (auto* begun = std::get_if<ntlm::SpnegoInitiator>(&state_)) return answer_in_spnego(std::move(*begun), input, output);
    if (auto* awaiting = std::get_if<ntlm::SpnegoAwaitingResult>(&state_)) {
      POSTERN_TRY(result, awaiting->on_result(input));
      return completed(awaiting->done(), result.first);
    }
    if (plan_.datagram) {
      POSTERN_TRY(awaiting, ntlm::Initiator::start_datagram(std::move(plan_.config)));
      return answer(std::move(awaiting), input, output);
    }
    if (!input.empty()) return refuse(POSTERN_INVALID_INPUT, "input", "a client speaks first: its first step takes nothing");
    if (plan_.spnego) {
      POSTERN_TRY(begun, ntlm::SpnegoInitiator::start(std::move(plan_.config)));
      output = to_bytes(begun.token());
      state_.emplace<ntlm::SpnegoInitiator>(std::move(begun));
    } else {
      POSTERN_TRY(begun, ntlm::Initiator::start(std::move(plan_.config)));
      output = to_bytes(begun.negotiate_message());
      state_.emplace<ntlm::AwaitingChallenge>(std::move(begun));
    }
    return std::optional<Completed>{};
  }

 private:
  static postern_response_version version_of(ntlm::ResponseKind kind) {
    switch (kind) {
      case ntlm::ResponseKind::anonymous: return POSTERN_VERSION_ANONYMOUS;
      case ntlm::ResponseKind::danger_lm_v2: return POSTERN_VERSION_LMV2;
      case ntlm::ResponseKind::danger_ntlm_v1:
      case ntlm::ResponseKind::danger_ntlm_v1_with_lm: return POSTERN_VERSION_NTLMV1;
      case ntlm::ResponseKind::danger_lm: return POSTERN_VERSION_LM;
      case ntlm::ResponseKind::ntlm_v2: break;
    }
    return POSTERN_VERSION_NTLMV2;
  }

  Outcome<ntlm::InitiatorRandom> draw() {
    ntlm::InitiatorRandom random;
    std::array<std::uint8_t, ntlm::ClientChallenge::kSize> client_challenge{};
    POSTERN_CHECK(plan_.environment.fill_random(client_challenge));
    POSTERN_CHECK(plan_.environment.fill_random(random.random_session_key.reveal_for_writing()));
    random.client_challenge = ntlm::ClientChallenge{client_challenge};
    return random;
  }

  Outcome<postern_status> check(const ntlm::ClientEstablished& done) const {
    if (!plan_.requires_mic || done.sent_mic()) return POSTERN_OK;
    return refuse(POSTERN_POLICY, "AUTHENTICATE.MIC", "the server gave no time, so no MIC can be sent");
  }

  Outcome<std::optional<Completed>> answer(ntlm::AwaitingChallenge awaiting, ByteView input, Bytes& output) {
    POSTERN_TRY(random, draw());
    POSTERN_TRY(done, std::move(awaiting).on_challenge(input, std::move(random), plan_.environment.now()));
    POSTERN_CHECK(check(done));
    output = to_bytes(done.authenticate_message());
    return completed(done, {});
  }

  Outcome<std::optional<Completed>> answer_in_spnego(ntlm::SpnegoInitiator begun, ByteView input, Bytes& output) {
    POSTERN_TRY(random, draw());
    POSTERN_TRY(awaiting, std::move(begun).on_challenge(input, std::move(random), plan_.environment.now()));
    POSTERN_CHECK(check(awaiting.done()));
    output = to_bytes(awaiting.token());
    state_.emplace<ntlm::SpnegoAwaitingResult>(std::move(awaiting));
    return std::optional<Completed>{};
  }

  Outcome<std::optional<Completed>> completed(const ntlm::ClientEstablished& done, ntlm::SequenceNumbers first) {
    Completed completed = std::move(described_);
    completed.negotiated = done.negotiated();
    if (completed.version == POSTERN_VERSION_NTLMV1 && done.negotiated().has(wire::NegotiateFlag::extended_session_security)) {
      completed.version = POSTERN_VERSION_NTLMV1_ESS;
    }
    completed.mic = completed.version != POSTERN_VERSION_NTLMV2 ? POSTERN_MIC_NOT_APPLICABLE
                    : done.sent_mic()                           ? POSTERN_MIC_SENT
                                                                : POSTERN_MIC_ABSENT;
    completed.role = ntlm::Role::client;
    completed.first = first;
    completed.exported_session_key = done.exported_session_key().duplicate();
    return std::optional<Completed>{std::move(completed)};
  }

  ClientPlan plan_;
  Completed described_{};
  std::variant<std::monostate, ntlm::AwaitingChallenge, ntlm::SpnegoInitiator, ntlm::SpnegoAwaitingResult> state_{};
};

Outcome<ntlm::ResponseKind> kind_of(postern_danger_response response) {
  switch (response) {
    case POSTERN_DANGER_RESPONSE_ANONYMOUS: return ntlm::ResponseKind::anonymous;
    case POSTERN_DANGER_RESPONSE_LMV2: return ntlm::ResponseKind::danger_lm_v2;
    case POSTERN_DANGER_RESPONSE_NTLMV1: return ntlm::ResponseKind::danger_ntlm_v1;
    case POSTERN_DANGER_RESPONSE_NTLMV1_LM: return ntlm::ResponseKind::danger_ntlm_v1_with_lm;
    case POSTERN_DANGER_RESPONSE_LM: return ntlm::ResponseKind::danger_lm;
    case POSTERN_DANGER_RESPONSE_RESERVED: break;
  }
  return refuse(POSTERN_INVALID_INPUT, "response", "is no kind of response");
}

Outcome<NtHash> hash_of_password(const char* password, std::size_t size) {
  POSTERN_TRY(bytes, bytes_of(password, size, "password"));
  POSTERN_TRY(hash, ntlm::nt_hash_of_password(SecretBytes{bytes}));
  return hash;
}

Outcome<postern_status> read_credentials(const postern_client_options& options, ntlm::InitiatorConfig& config) {
  ntlm::Credentials& credentials = config.credentials;
  if (text_of(options.domain).empty()) {
    auto name = ntlm::split_user_name(text_of(options.user));
    credentials.user = std::move(name.user);
    credentials.domain = std::move(name.domain);
  } else {
    credentials.user = text_of(options.user);
    credentials.domain = text_of(options.domain);
  }
  const bool has_password = options.password != nullptr;
  const bool has_hash = options.nt_hash != nullptr;
  if (config.response == ntlm::ResponseKind::anonymous) {
    if (!credentials.user.empty() || has_password || has_hash) {
      return refuse(POSTERN_INVALID_INPUT, "user", "an anonymous logon has no user and no password");
    }
    return POSTERN_OK;
  }
  if (credentials.user.empty()) return refuse(POSTERN_INVALID_INPUT, "user", "a user name is needed");
  if (has_password == has_hash) return refuse(POSTERN_INVALID_INPUT, "password", "give a password or an NT hash");
  if (has_hash) {
    credentials.nt_hash = NtHash{std::span<const std::uint8_t, POSTERN_KEY_SIZE>{options.nt_hash, POSTERN_KEY_SIZE}};
    return POSTERN_OK;
  }
  POSTERN_TRY(hash, hash_of_password(options.password, options.password_size));
  credentials.nt_hash = std::move(hash);
  return POSTERN_OK;
}

/// R25: whether the caller's rules let NTLM go to the host of `target_name`.
Outcome<postern_status> check_outgoing(const postern_client_options& options) {
  if (options.allowed_hosts == nullptr) {
    if (options.allowed_host_count != 0) return refuse(POSTERN_INVALID_INPUT, "allowed_hosts", "is NULL and has a count");
    if ((options.options & POSTERN_OPTION_UNTRUSTED_TARGET) == 0) return POSTERN_OK;
    return refuse(POSTERN_POLICY, "allowed_hosts", "a target name from elsewhere is sent to only where a list allows its host");
  }
  if (options.allowed_host_count > ntlm::kMaxOutgoingRules)
    return refuse(POSTERN_TOO_LARGE, "allowed_host_count", "more than 4096");
  std::vector<std::string> patterns;
  for (std::size_t i = 0; i < options.allowed_host_count; ++i) patterns.emplace_back(text_of(options.allowed_hosts[i]));
  auto rules = ntlm::OutgoingRules::of(std::move(patterns));
  if (!rules) return refuse(POSTERN_INVALID_INPUT, "allowed_hosts", std::move(rules.error().message));
  auto allowed = rules->judge(host_of_spn(text_of(options.target_name)));
  if (!allowed) return refuse(POSTERN_POLICY, "target_name", std::move(allowed.error().message));
  return POSTERN_OK;
}

Outcome<postern_status> create(const postern_client_options* given, ntlm::ResponseKind response, const std::uint8_t* lm_hash,
                               postern_context** context) {
  POSTERN_TRY(options, read_struct(given, postern_client_options{}, "options"));
  POSTERN_CHECK(check_bits(options.require, kClientRequire, "require"));
  POSTERN_CHECK(check_bits(options.options, kClientOptions, "options"));
  POSTERN_CHECK(check_outgoing(options));
  ClientPlan plan;
  plan.spnego = (options.options & POSTERN_OPTION_SPNEGO) != 0;
  plan.datagram = (options.options & POSTERN_OPTION_DATAGRAM) != 0;
  plan.requires_mic = (options.require & POSTERN_REQUIRE_MIC) != 0;
  if (plan.spnego && plan.datagram) return refuse(POSTERN_INVALID_INPUT, "options", "there is no datagram mode in SPNEGO");
  POSTERN_TRY(environment, Environment::read(options.environment));
  plan.environment = environment;

  ntlm::InitiatorConfig& config = plan.config;
  config.response = response;
  POSTERN_CHECK(read_credentials(options, config));
  const bool needs_lm = response == ntlm::ResponseKind::danger_lm || response == ntlm::ResponseKind::danger_ntlm_v1_with_lm;
  if (needs_lm != (lm_hash != nullptr)) return refuse(POSTERN_INVALID_INPUT, "lm_hash", "goes with the two responses of LM");
  if (needs_lm) {
    config.credentials.danger_lm_hash.emplace(std::span<const std::uint8_t, POSTERN_KEY_SIZE>{lm_hash, POSTERN_KEY_SIZE});
    config.offered = config.offered.without(wire::NegotiateFlag::extended_session_security);
  }
  config.workstation = text_of(options.workstation);
  config.target_name = text_of(options.target_name);
  config.own_names.nb_computer = config.workstation;
  config.is_own_challenge = is_minted_here;
  if ((options.options & POSTERN_OPTION_LOCAL_CALL) != 0) config.local_call = ntlm::LocalCall::shown;
  if (options.channel_bindings != nullptr) {
    config.channel_bindings.emplace(std::span<const std::uint8_t, POSTERN_KEY_SIZE>{options.channel_bindings, POSTERN_KEY_SIZE});
  }
  POSTERN_TRY(single_host, bytes_of(options.single_host, options.single_host_size, "single_host"));
  config.single_host = to_bytes(single_host);
  POSTERN_TRY(code_page, code_page_of(options.oem_code_page));
  config.oem_code_page = code_page;
  if ((options.options & POSTERN_OPTION_UNTRUSTED_TARGET) != 0) config.target_name_source = ntlm::TargetNameSource::untrusted;
  config.required = required_flags(options.require);
  const bool offers_seal = (options.options & POSTERN_OPTION_OFFER_SEAL) != 0;
  config.offered = wire::NegotiateFlags{config.offered.wire() | config.required.wire()}.with_if(
      offers_seal || config.required.has(wire::NegotiateFlag::seal), wire::NegotiateFlag::seal);
  POSTERN_CHECK(ntlm::Initiator::check(config));  // the caller learns it here, with the options at hand
  for (const auto& [text, field] :
       {std::pair{&config.workstation, "workstation"}, std::pair{&config.credentials.user, "user"},
        std::pair{&config.credentials.domain, "domain"}, std::pair{&config.target_name, "target_name"}}) {
    if (!is_utf8(*text)) return refuse(POSTERN_INVALID_INPUT, field, "is not UTF-8");
  }
  hand_over(std::make_unique<ClientHandshake>(std::move(plan)), context);
  return POSTERN_OK;
}

}  // namespace
}  // namespace postern::api

namespace api = postern::api;

extern "C" {

postern_status postern_client_create(const postern_client_options* options, postern_context** context,
                                     postern_error* error) noexcept {
  if (context != nullptr) *context = nullptr;
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(context != nullptr, "context"));
    return api::create(options, postern::ntlm::ResponseKind::ntlm_v2, nullptr, context);
  });
}

postern_status postern_danger_client_create(const postern_client_options* options, postern_danger_response response,
                                            const uint8_t* lm_hash, postern_context** context, postern_error* error) noexcept {
  if (context != nullptr) *context = nullptr;
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(context != nullptr, "context"));
    POSTERN_TRY(kind, api::kind_of(response));
    return api::create(options, kind, lm_hash, context);
  });
}

postern_status postern_nt_hash(const char* password, size_t password_size, uint8_t nt_hash[POSTERN_KEY_SIZE],
                               postern_error* error) noexcept {
  if (nt_hash != nullptr) std::memset(nt_hash, 0, POSTERN_KEY_SIZE);
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(nt_hash != nullptr, "nt_hash"));
    POSTERN_TRY(hash, api::hash_of_password(password, password_size));
    std::ranges::copy(hash.reveal(), nt_hash);
    return POSTERN_OK;
  });
}

postern_status postern_danger_lm_hash(const char* password, size_t password_size, uint8_t lm_hash[POSTERN_KEY_SIZE],
                                      postern_error* error) noexcept {
  if (lm_hash != nullptr) std::memset(lm_hash, 0, POSTERN_KEY_SIZE);
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(lm_hash != nullptr, "lm_hash"));
    POSTERN_TRY(bytes, api::bytes_of(password, password_size, "password"));
    POSTERN_TRY(hash, postern::ntlm::danger_lm_hash_of_password(postern::SecretBytes{bytes}, postern::CodePage::cp850));
    std::ranges::copy(hash.reveal(), lm_hash);
    return POSTERN_OK;
  });
}

postern_status postern_channel_bindings(const void* application_data, size_t size, uint8_t bindings[POSTERN_KEY_SIZE],
                                        postern_error* error) noexcept {
  if (bindings != nullptr) std::memset(bindings, 0, POSTERN_KEY_SIZE);
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(bindings != nullptr, "bindings"));
    POSTERN_TRY(data, api::bytes_of(application_data, size, "application_data"));
    if (data.empty()) return api::refuse(POSTERN_INVALID_INPUT, "application_data", "is empty");
    if (data.size() > postern::ntlm::kMaxTokenBytes) return api::refuse(POSTERN_TOO_LARGE, "application_data", "is too long");
    const auto hash = postern::ntlm::channel_binding_hash(data);
    std::ranges::copy(hash.bytes(), bindings);
    return POSTERN_OK;
  });
}

}  // extern "C"
