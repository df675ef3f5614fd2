#include "authority/authority.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <unistd.h>
#include <utility>

#include "authority/account_facts.hpp"
#include "authority/explanation.hpp"
#include "authority/logon_record.hpp"
#include "authority/observe.hpp"
#include "policy/evaluate.hpp"
#include "spnego/token.hpp"

namespace postern::authority {
namespace {

using detection::Proof;
using event::Decision;
using event::Stage;
using wire::ResponseVersion;

constexpr std::size_t kMaxNetbiosBytes = 15;

/// For events of a peer that named no service of ours.
const Service kNoService{"", event::Service::other, {}};

/// What the log and the event say of an error. The four causes stay apart (R28).
NtStatus status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::wrong_password: return NtStatus::wrong_password;
    case ErrorCode::account_state: return NtStatus::account_restriction;
    case ErrorCode::bindings_wrong: return NtStatus::bad_bindings;
    case ErrorCode::target_name_wrong: return NtStatus::access_denied;
    case ErrorCode::policy: return NtStatus::ntlm_blocked;
    case ErrorCode::unsupported: return NtStatus::not_supported;
    case ErrorCode::mic_wrong:
    case ErrorCode::malformed:
    case ErrorCode::truncated:
    case ErrorCode::out_of_bounds:
    case ErrorCode::too_large:
    case ErrorCode::duplicate:
    case ErrorCode::unexpected_message:
    case ErrorCode::invalid_input: return NtStatus::invalid_parameter;
    case ErrorCode::no_authority:
    case ErrorCode::timeout:
    case ErrorCode::io: return NtStatus::no_logon_servers;
    case ErrorCode::denied: return NtStatus::access_denied;
    case ErrorCode::signature_wrong:  // no message of an established session comes this way
    case ErrorCode::replayed:
    case ErrorCode::out_of_order:
    case ErrorCode::not_found:
    case ErrorCode::conflict:
    case ErrorCode::internal: return NtStatus::internal_error;
  }
  return NtStatus::internal_error;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

ntlm::AccountKind kind_of(account::AccountKind kind) { return static_cast<ntlm::AccountKind>(kind); }

ntlm::VersionSet verifiable(const policy::Policy& policy) {
  ntlm::VersionSet allowed{};
  for (const ResponseVersion version :
       {ResponseVersion::ntlm_v1, ResponseVersion::ntlm_v1_ess, ResponseVersion::lm_v2, ResponseVersion::ntlm_v2}) {
    if (policy::may_verify(policy, event_version(version))) allowed = allowed.with(version);
  }
  return allowed;
}

/// What the client's first token asks for, where no NTLM message was understood.
event::Package package_of(ntlm::Carrier carrier, ByteView token) {
  const bool is_ntlm = carrier == ntlm::Carrier::ntlm || spnego::recognise(token) == spnego::TokenKind::ntlmssp_raw;
  return is_ntlm ? event::Package::ntlm : event::Package::negotiate;
}

/// A waiver if the policy does not ask for the proof.
std::optional<ntlm::Waiver> waiver_of(policy::Requirement requirement, std::string_view setting) {
  if (requirement == policy::Requirement::required) return std::nullopt;
  return ntlm::Waiver{setting, "not required"};
}

}  // namespace

/// One logon while it is judged, and what its event will say.
struct Authority::Judgement {
  std::shared_ptr<const Snapshot> snapshot{};
  const Service* service = nullptr;
  ntlm::ConnectionFacts connection{};
  FileTime now{};
  std::string who{};     ///< for the back-off
  Bytes reject_token{};  ///< goes with every denial, whatever its reason
  Challenged challenged{};
  detection::Lesson lesson{};  ///< for when the logon is allowed

  event::Facts facts{};
  std::vector<event::PolicyDecision> policy{};
  event::Correlation correlation{};
  event::Outcome outcome = event::Outcome::failure;

  ntlm::Verdict verdict{};
  std::optional<account::CounterUpdate> counters{};
  std::shared_ptr<AccountSlot> slot{};  ///< keeps the account's counters in memory until they are durable

  void deny(NtStatus status, std::string why) {
    verdict.status = status;
    verdict.why = std::move(why);
    verdict.token = reject_token;
  }
  /// Denies what was allowed already: nothing of the identity goes out.
  void revoke(NtStatus status, std::string why) {
    deny(status, std::move(why));
    outcome = event::Outcome::failure;
    verdict.identity.sid.clear();
    verdict.identity.kind = ntlm::AccountKind::unknown;
    verdict.groups.clear();
    verdict.session_key.reset();
    verdict.decided.reset();  // another reason holds now
    verdict.told.reset();
  }
  void deny(const Error& error) { deny(status_of(error.code), error.to_line()); }
  /// `judged`: the stage that the decisions were made at.
  void block(const policy::Decisions& decisions, Stage judged) {
    outcome = event::Outcome::blocked;
    const event::PolicyDecision& first = decisions.entries().front();
    // What is undecided has no status of its own, and success would let in.
    const NtStatus status = policy::status_for(decisions);
    deny(status == NtStatus::success ? NtStatus::ntlm_blocked : status, first.setting + " = " + first.value + ": " + first.why);
    explain(verdict, decisions, judged, facts);
  }
};

Authority::Authority(Config config, account::Store& store, Environment& environment, event::Sink* sink)
    : store_{store},
      environment_{environment},
      digest_key_{environment.random_value<DigestKey>()},
      handshakes_{config.handshake_lifetime},
      accounts_{store, environment.random_value<NtHash>(), config.cached_accounts},
      detector_{environment.random_value<DigestKey>()},
      committer_{store, sink, config.max_queued_commits} {
  auto domains = store.list_domains();
  publish(std::move(config), domains ? std::optional{std::move(*domains)} : std::nullopt);
}

Authority::~Authority() = default;

const Service* Authority::Snapshot::service(std::string_view name) const {
  const auto found = std::ranges::find(config.services, name, &Service::name);
  return found == config.services.end() ? nullptr : &*found;
}

std::shared_ptr<const Authority::Snapshot> Authority::snapshot() const {
  const std::lock_guard lock{snapshot_mutex_};
  return snapshot_;
}

void Authority::publish(Config config, std::optional<std::vector<account::Domain>> domains) {
  auto next = std::make_shared<Snapshot>();
  next->config = std::move(config);
  next->domains_known = domains.has_value();
  next->domains = {std::move(domains).value_or(std::vector<account::Domain>{}), next->config.default_domain};

  ntlm::ServerNames& names = next->acceptor.names;
  names = next->config.names;
  const account::Domain* domain = next->domains.by_default();
  const std::string host = host_name();
  if (names.nb_computer.empty()) {
    names.nb_computer = upper_case_utf8(std::string_view{host}.substr(0, host.find('.'))).substr(0, kMaxNetbiosBytes);
  }
  if (names.nb_domain.empty()) names.nb_domain = domain == nullptr ? names.nb_computer : domain->netbios_name;
  if (names.dns_domain.empty() && domain != nullptr) names.dns_domain = domain->dns_name;
  if (names.dns_computer.empty()) names.dns_computer = host;
  next->acceptor.target_type = domain == nullptr ? ntlm::TargetType::server : ntlm::TargetType::domain;
  next->acceptor.oem_code_page = next->config.oem_code_page;

  const std::lock_guard lock{snapshot_mutex_};
  snapshot_ = std::move(next);
}

void Authority::reconfigure(Config config) {
  const std::lock_guard lock{publish_mutex_};
  const auto current = snapshot();
  publish(std::move(config), current->domains_known ? std::optional{current->domains.domains} : std::nullopt);
}

void Authority::set_policies(const std::vector<Service>& services) {
  const std::lock_guard lock{publish_mutex_};
  const auto current = snapshot();
  Config config = current->config;
  for (Service& service : config.services) {
    const auto next = std::ranges::find(services, service.name, &Service::name);
    if (next != services.end()) service.policy = next->policy;
  }
  publish(std::move(config), current->domains_known ? std::optional{current->domains.domains} : std::nullopt);
}

Result<void> Authority::refresh_domains() {
  const std::lock_guard lock{publish_mutex_};
  POSTERN_TRY(domains, store_.list_domains());
  publish(snapshot()->config, std::move(domains));
  return {};
}

Authority::Counters Authority::counters() const {
  return {begun_.load(), allowed_.load(), denied_.load(), comparisons_.load(), hashes_compared_.load(), backed_off_.load()};
}

const Service* Authority::allowed_service(const Snapshot& snapshot, const Peer& peer, std::string_view name) const {
  if (std::ranges::find(peer.services, name) == peer.services.end()) return nullptr;
  return snapshot.service(name);
}

std::shared_ptr<Authority::Judgement> Authority::new_judgement(const Service& service, const ntlm::ConnectionFacts& connection,
                                                               std::shared_ptr<const Snapshot> snapshot) {
  auto judgement = std::make_shared<Judgement>();
  judgement->snapshot = std::move(snapshot);
  judgement->service = &service;
  judgement->connection = connection;
  judgement->now = environment_.now();
  judgement->facts =
      facts_of(LogonSetting{&service, &judgement->connection, judgement->snapshot->acceptor.names.nb_computer, judgement->now});
  if (judgement->snapshot->domains_known) judgement->facts.server.domain_member = !judgement->snapshot->domains.domains.empty();
  return judgement;
}

void Authority::begin(const Peer& peer, PeerConnection connection, ntlm::BeginRequest request, const Answer& answer) {
  begun_.fetch_add(1, std::memory_order_relaxed);
  const auto current = snapshot();
  const Service* service = allowed_service(*current, peer, request.service);
  auto judgement = new_judgement(service == nullptr ? kNoService : *service, request.connection, current);
  judgement->reject_token = ntlm::reject_token(request.carrier, request.token);
  if (service == nullptr) {
    judgement->facts.server.name = request.service;
    judgement->facts.findings.push_back(finding(detection::Id::service_not_allowed, peer.name));
    judgement->deny(NtStatus::access_denied, "the peer " + peer.name + " may not speak for the service " + request.service);
    return conclude(std::move(judgement), answer);
  }
  if (policy::rule(service->policy, judgement->facts, Stage::negotiate).denied()) {
    const policy::Decisions decisions = policy::evaluate(service->policy, judgement->facts, Stage::negotiate);
    judgement->policy = decisions.entries();
    judgement->block(decisions, Stage::negotiate);
    return conclude(std::move(judgement), answer);
  }

  const FileTime now = judgement->now;
  auto begun = ntlm::NegotiatedLogon::begin(request.carrier, request.token, current->acceptor,
                                            environment_.random_value<wire::ServerChallenge>(), now);
  if (!begun) {
    judgement->facts.package = package_of(request.carrier, request.token);
    judgement->deny(begun.error());
    return conclude(std::move(judgement), answer);
  }
  const auto id = environment_.random_value<ntlm::HandshakeId>();
  const std::shared_ptr<const ntlm::ServerNames> names{current, &current->acceptor.names};
  HalfOpen half_open{service->name, std::move(request.connection), now, names, std::move(begun->first)};
  if (!handshakes_.add(peer.uid, connection, id, std::move(half_open), environment_.monotonic_ticks(), peer.max_half_open)) {
    // No event: there would be one for each request of whoever fills the table.
    denied_.fetch_add(1, std::memory_order_relaxed);
    judgement->deny(NtStatus::request_not_accepted, "too many half-open handshakes of the peer " + peer.name);
    return answer(std::move(judgement->verdict));
  }
  detector_.minted(now, service->name);
  answer(ntlm::Continue{id, std::move(begun->second)});
}

void Authority::cancel(PeerConnection connection, const ntlm::CancelRequest& request) {
  static_cast<void>(handshakes_.take(connection, request.handshake, environment_.monotonic_ticks()));
}

void Authority::connection_closed(PeerConnection connection) { handshakes_.drop_connection(connection); }

void Authority::finish(const Peer& peer, PeerConnection connection, ntlm::FinishRequest request, const Answer& answer) {
  auto current = snapshot();
  if (!current->domains_known && refresh_domains()) current = snapshot();
  auto half_open = handshakes_.take(connection, request.handshake, environment_.monotonic_ticks());
  if (!half_open) {
    // Not begun here, finished already, or too old (R40): whatever the token proves, it proves it to a challenge that is not ours.
    auto judgement = new_judgement(kNoService, {}, current);
    judgement->facts.findings.push_back(finding(detection::Id::unknown_challenge));
    judgement->reject_token = ntlm::reject_token(ntlm::Carrier::negotiate, request.token);
    judgement->deny(NtStatus::request_not_accepted, "no such handshake: unknown, used already, or older than its lifetime");
    return conclude(std::move(judgement), answer);
  }
  const Service* service = allowed_service(*current, peer, half_open->service);
  auto judgement = new_judgement(service == nullptr ? kNoService : *service, half_open->connection, current);
  judgement->reject_token = ntlm::reject_token(ntlm::Carrier::negotiate, request.token);
  if (service == nullptr) {
    judgement->facts.server.name = half_open->service;
    judgement->deny(NtStatus::access_denied, "a reload took the service " + half_open->service + " away");
    return conclude(std::move(judgement), answer);
  }
  if (half_open->logon.awaits_negotiate()) {
    const FileTime now = environment_.now();
    auto next = std::move(half_open->logon)
                    .on_negotiate(request.token, current->acceptor, environment_.random_value<wire::ServerChallenge>(), now);
    if (!next) {
      judgement->deny(next.error());
      return conclude(std::move(judgement), answer);
    }
    const auto id = environment_.random_value<ntlm::HandshakeId>();
    const std::shared_ptr<const ntlm::ServerNames> names{current, &current->acceptor.names};
    HalfOpen again{half_open->service, half_open->connection, now, names, std::move(next->first)};
    if (handshakes_.add(peer.uid, connection, id, std::move(again), environment_.monotonic_ticks(), peer.max_half_open)) {
      detector_.minted(now, service->name);
      return answer(ntlm::Continue{id, std::move(next->second)});
    }
    judgement->deny(NtStatus::request_not_accepted, "too many half-open handshakes of the peer " + peer.name);
    return conclude(std::move(judgement), answer);
  }

  judgement->correlation.challenge_digest = keyed_digest(digest_key_, half_open->logon.server_challenge().bytes());
  const FileTime server_time = half_open->server_time;
  auto answered = std::move(half_open->logon).on_authenticate(request.token);
  if (!answered) {
    judgement->deny(answered.error());
    return conclude(std::move(judgement), answer);
  }
  if (!answered->pending.proof().empty()) {
    judgement->correlation.proof_digest = keyed_digest(digest_key_, answered->pending.proof());
  }
  judgement->reject_token = answered->end.reject();
  judgement->challenged = {half_open->names, server_time, answered->end.is_spnego()};
  add_claims(judgement->facts, answered->pending, *half_open->names, server_time, request.channel_bindings, request.target_names);
  if (peer.session_keys == SessionKeys::withheld) request.wants_session_key = false;

  const ntlm::Claims& claims = answered->pending.claims();
  const ClaimedName claimed = take_apart(claims.domain, claims.user);
  judgement->facts.account.domain = clip_utf8(claimed.domain, ntlm::kMaxNameBytes);
  judgement->facts.account.name = clip_utf8(claimed.name, ntlm::kMaxNameBytes);
  const AccountKey key = resolve(current->domains, claimed);
  auto slot = accounts_.lock(key);
  // Whether the account is a domain's is asked before anything is compared, and the store knows better than the client's claim.
  const event::AccountKind claimed_kind = judgement->facts.account.kind;
  if (slot && (*slot)->account) judgement->facts.account.kind = event_kind_of((*slot)->account->kind);

  const policy::Decisions decisions = policy::evaluate(service->policy, judgement->facts, Stage::response);
  judgement->policy = decisions.entries();
  if (decisions.denied()) {
    // A decoy raises its alarm on any use.
    detect(*judgement, answered->pending, Proof::not_compared, slot ? &**slot : nullptr);
    judgement->block(decisions, Stage::response);  // nothing is compared, charged or refunded (R39)
    return conclude(std::move(judgement), answer);
  }
  judgement->facts.account.kind = claimed_kind;  // more of the account shows only once the password was proved (R37)

  if (!current->domains_known) {
    judgement->deny(NtStatus::no_logon_servers, "the store does not say which domains are ours");
    return conclude(std::move(judgement), answer);
  }
  const std::string who = std::to_string(static_cast<std::int64_t>(key.domain)) + "\n" + key.name_key + "\n" +
                          half_open->connection.client.address + "\n" + answered->pending.negotiated().to_hex() + "\n" +
                          claims.workstation;
  judgement->who = as_text(keyed_digest(digest_key_, as_bytes(who)));  // a client's texts may be long

  if (!slot) {
    judgement->deny(NtStatus::no_logon_servers, slot.error().to_line());
    return conclude(std::move(judgement), answer);
  }
  // Asked while the account is locked: of many tries at once each sees what became of the one before.
  if (backoff_.ask(judgement->who, environment_.monotonic_ticks()) == Backoff::Answer::refuse) {
    backed_off_.fetch_add(1, std::memory_order_relaxed);
    judgement->facts.findings.push_back(finding(detection::Id::backed_off));
    detect(*judgement, answered->pending, Proof::not_compared, &**slot);
    judgement->deny(NtStatus::logon_failure, "the client keeps sending wrong passwords and is held off");
    return conclude(std::move(judgement), answer);
  }
  const std::uint64_t compare_from = environment_.monotonic_ticks();
  compare(*judgement, std::move(*answered), request, **slot);
  statistics_.compare.add(environment_.monotonic_ticks() - compare_from);
  judgement->slot = slot->share();
  // Queued while the account is locked: the order of the commits is the order of the counters.
  conclude(std::move(judgement), answer);
}

void Authority::detect(Judgement& judgement, const ntlm::PendingVerification& pending, Proof proof, const AccountSlot* slot) {
  const account::Account* account = slot != nullptr && slot->account ? &*slot->account : nullptr;
  detection::Observation observation = observation_of(judgement.facts, pending, judgement.challenged, account, detector_);
  observation.proof = proof;
  detection::Detector::Judged judged = detector_.judge(observation, judgement.snapshot->config.detection);
  std::ranges::move(judged.findings, std::back_inserter(judgement.facts.findings));
  judgement.lesson = judged.lesson;
}

void Authority::compare(Judgement& judgement, ntlm::NegotiatedLogon::Answered answered, const ntlm::FinishRequest& request,
                        AccountSlot& slot) {
  const ntlm::PendingVerification& pending = answered.pending;
  const Config& config = judgement.snapshot->config;
  const policy::Policy& policy = judgement.service->policy;
  event::Facts& facts = judgement.facts;

  // R39: the charge comes before the comparison. The slot is ours until the outcome is known.
  const account::BadPasswordState before = slot.bad_passwords;
  const account::Charge charge = account::charge(before, config.lockout, judgement.now);
  slot.bad_passwords = charge.after;
  const auto take_back = [&] { slot.bad_passwords = account::take_back(slot.bad_passwords, charge, config.lockout); };
  const auto write_counters = [&](std::optional<FileTime> last_logon) {
    account::CounterUpdate update;
    if (slot.account) {
      update.account = slot.account->id;
      update.counters_version = slot.account->counters_version;
    }
    update.bad_passwords = slot.bad_passwords;
    update.last_logon = last_logon;
    judgement.counters = update;
  };

  comparisons_.fetch_add(1, std::memory_order_relaxed);
  hashes_compared_.fetch_add(AccountSlot::kCandidates, std::memory_order_relaxed);
  auto proof = slot.verify(pending.request(), verifiable(policy));
  // Nobody knows the decoy; should a response match it all the same, there is still no account (R37).
  if (proof && !slot.account) proof = fail(ErrorCode::wrong_password, "no such account");
  if (proof && proof->password != PasswordAge::current) {
    facts.findings.push_back(old_password_finding(proof->password, *slot.account));
    const bool accepted = proof->password == PasswordAge::previous &&
                          account::old_password_is_accepted(*slot.account, judgement.now, config.old_password);
    if (!accepted) {
      take_back();  // the N-2 rule: whoever knows an old password guesses nothing, and locks nobody out
      proof = fail(ErrorCode::wrong_password, "a password that the account had before; it is not counted");
    }
  }
  if (!proof) {
    const bool wrong = proof.error().code == ErrorCode::wrong_password;
    detect(judgement, pending, wrong ? Proof::wrong : Proof::not_compared, &slot);
    if (!wrong) {
      take_back();
      return judgement.deny(proof.error());
    }
    write_counters({});
    backoff_.failed(judgement.who, environment_.monotonic_ticks());
    if (!slot.account) return judgement.deny(NtStatus::no_such_user, "no such account");
    if (account::is_locked(before, config.lockout, judgement.now)) {
      return judgement.deny(NtStatus::account_locked_out, "the account is locked, and the password is wrong");
    }
    return judgement.deny(NtStatus::wrong_password, proof.error().message);
  }

  ntlm::ResponseVerified* const verified = &proof->response;
  const account::Account& account = *slot.account;
  facts.ntlm.version = event_version(verified->version());
  add_account_facts(facts, account, before, judgement.now, config);
  const auto domain = std::ranges::find(judgement.snapshot->domains.domains, account.domain, &account::Domain::id);
  if (domain != judgement.snapshot->domains.domains.end()) facts.account.domain = domain->netbios_name;

  // The rest of the proofs. None of their failures charges or refunds (R39).
  const policy::Ruling asked = policy::rule(policy, facts, Stage::response);
  auto mic = pending.prove_mic(*verified, waiver_of(asked.mic, policy::kRequireMic));
  if (!mic) {
    facts.ntlm.mic = pending.claims().mic == ntlm::MicState::present ? event::Mic::wrong : facts.ntlm.mic;
    detect(judgement, pending, Proof::verified, &slot);
    take_back();
    const policy::Decisions said = policy::evaluate(policy, facts, Stage::verified);
    judgement.policy = said.entries();
    explain(judgement.verdict, said, Stage::verified, facts);
    return judgement.deny(mic.error());
  }
  if (std::holds_alternative<ntlm::MicVerified>(*mic)) facts.ntlm.mic = event::Mic::verified;
  detect(judgement, pending, Proof::verified, &slot);

  const policy::Decisions decisions = policy::evaluate(policy, facts, Stage::verified);
  judgement.policy = decisions.entries();
  if (!decisions.allowed()) {  // `depends` lets nobody in
    take_back();
    write_counters({});  // unchanged: the same work as for a wrong password (R37)
    return judgement.block(decisions, Stage::verified);
  }
  auto bindings =
      pending.prove_bindings(request.channel_bindings, waiver_of(decisions.bindings_requirement(), policy::kExtendedProtection));
  if (!bindings) {
    take_back();
    return judgement.deny(bindings.error());
  }
  const bool name_accepted = facts.ntlm.spn_check == event::SpnCheck::accepted;
  const auto name_waiver = waiver_of(decisions.target_name_requirement(), policy::kTargetNameCheck);
  if (!name_accepted && !name_waiver) {
    take_back();
    return judgement.deny(
        Error{ErrorCode::target_name_wrong, "MsvAvTargetName", Error::kNoOffset, "the client means another server", {}});
  }
  ntlm::TargetNameProof target_name = name_accepted ? ntlm::TargetNameProof{ntlm::TargetNameVerified{facts.ntlm.spn.value_or("")}}
                                                    : ntlm::TargetNameProof{ntlm::TargetNameNotRequired{*name_waiver}};
  auto last_token = answered.end.accept(pending.negotiated(), pending.exported_session_key(*verified));
  if (!last_token) {
    take_back();
    return judgement.deny(last_token.error());
  }
  if (const auto state = account::account_state(account, before, judgement.now, config.lockout, config.password_age,
                                                pending.claims().workstation)) {
    take_back();
    write_counters({});  // unchanged: the same work as for a wrong password (R37)
    return judgement.deny(*state, "the password is right, and the account may not log on");
  }

  slot.bad_passwords = account::clear(slot.bad_passwords);
  write_counters(judgement.now);
  backoff_.succeeded(judgement.who);
  detector_.learn(judgement.lesson);
  const ntlm::Established established =
      std::move(answered.pending)
          .establish(std::move(*verified), std::move(*mic), *bindings, std::move(target_name), ntlm::LogonAllowed{"authority"});
  judgement.outcome = event::Outcome::success;
  judgement.verdict.status = NtStatus::success;
  judgement.verdict.token = std::move(*last_token);
  judgement.verdict.identity = {facts.account.domain.value_or(""), account.name, account.sid, kind_of(account.kind)};
  judgement.verdict.groups = account.groups;
  if (request.wants_session_key) judgement.verdict.session_key = established.exported_session_key().duplicate();
}

void Authority::conclude(std::shared_ptr<Judgement> judgement, const Answer& answer) {
  event::LogonEvent event = event::event_of(judgement->facts);
  std::array<std::uint8_t, event::EventId::kRandomBytes> random{};
  environment_.random(random);
  event.id = event::EventId::make(judgement->now, random);
  event.source.host = judgement->facts.authority.name;
  event.outcome = judgement->outcome;
  event.status = event::Status::of(judgement->verdict.status);
  event.policy = judgement->policy;
  event.correlation = judgement->correlation;

  ntlm::Verdict& verdict = judgement->verdict;
  verdict.event_id = event.id->text();
  verdict.why = clip_utf8(verdict.why, ntlm::kMaxNameBytes);
  const auto name = [](const auto& value) { return value ? std::string{event::name_of(*value)} : std::string{}; };
  verdict.facts.package = name(event.package);
  verdict.facts.version = name(event.ntlm.version);
  verdict.facts.mic = name(event.ntlm.mic);
  verdict.facts.channel_binding = name(event.ntlm.channel_binding);
  verdict.facts.spn = event.ntlm.spn.value_or("");
  verdict.facts.spn_check = name(event.ntlm.spn_check);
  verdict.facts.workstation = event.client.workstation.value_or("");
  if (!verdict.allowed()) {
    verdict.identity = {event.account.domain.value_or(""), event.account.name.value_or(""), {}, ntlm::AccountKind::unknown};
  }

  Committer::Job job;
  job.commit = {record_of(event), judgement->counters, tags_of(event)};
  job.event = std::make_shared<const event::LogonEvent>(std::move(event));
  job.done = [this, judgement, answer, submitted = environment_.monotonic_ticks()](const Committer::Outcome& outcome) {
    statistics_.commit.add(environment_.monotonic_ticks() - submitted);
    if (outcome) statistics_.logons.add(judgement->outcome, judgement->facts.ntlm.version, judgement->policy);
    answer_recorded(judgement, outcome, answer);
  };
  if (!committer_.submit(std::move(job))) {
    answer_recorded(judgement, fail(ErrorCode::timeout, "too many logons wait to be recorded"), answer);
  }
}

void Authority::answer_recorded(const std::shared_ptr<Judgement>& judgement, const Committer::Outcome& outcome,
                                const Answer& answer) {
  ntlm::Verdict& verdict = judgement->verdict;
  if (!outcome) {
    // What could not be recorded did not happen: nobody gets in (R33).
    judgement->revoke(NtStatus::no_logon_servers, "the logon could not be recorded: " + outcome.error().to_line());
    verdict.event_id.clear();
  } else if (*outcome == account::CounterOutcome::stale && judgement->slot) {
    // The account was changed between the comparison and the commit: the proof was for the old state.
    AccountCache::invalidate(*judgement->slot);
    if (verdict.allowed()) {
      // The event that says otherwise is stored: another one takes it back.
      judgement->revoke(NtStatus::request_not_accepted, "the account was changed during the logon; the client may try again");
      judgement->facts.findings.push_back(finding(detection::Id::account_changed, verdict.event_id));
      judgement->counters.reset();
      return conclude(judgement, answer);
    }
  }
  (verdict.allowed() ? allowed_ : denied_).fetch_add(1, std::memory_order_relaxed);
  answer(std::move(verdict));
}

}  // namespace postern::authority
