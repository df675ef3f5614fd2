#include "edge/http/authenticator.hpp"

#include <fmt/format.h>
#include <utility>

#include "edge/http/authority_link.hpp"
#include "edge/http/log.hpp"

namespace postern::http {
namespace {

constexpr unsigned kMaxRounds = 8;  ///< tokens of one handshake; SPNEGO with a wrong guess needs three

std::string from_text(const ConnectionFacts& facts) {
  return fmt::format("{}:{}", facts.ends.client.address, facts.ends.client.port);
}

/// The one line of a logon: who, from where, how, and how it ended.
void log_logon(const ntlm::Verdict& verdict, ntlm::Carrier carrier, const ConnectionFacts& facts) {
  const std::string_view name = name_of(verdict.status);
  const std::string status = name.empty() ? to_hex_code(verdict.status) : std::string{name};
  const std::string why = verdict.why.empty() ? "" : " why=" + verdict.why;
  const std::string line = fmt::format(
      "logon {} user=\"{}\" from={} tls={} scheme={} package={} version={} mic={} channel_binding={} status={} event={}{}",
      verdict.allowed() ? "allowed" : "denied", account_text(verdict.identity), from_text(facts), facts.ends.tls ? "yes" : "no",
      scheme_name(carrier), verdict.facts.package, verdict.facts.version, verdict.facts.mic, verdict.facts.channel_binding, status,
      verdict.event_id, verdict.decided ? log_text(*verdict.decided) : why);
  log::info(log::printable(line));
}

}  // namespace

Authenticator::~Authenticator() { end(); }

void Authenticator::end() {
  const auto* challenged = std::get_if<Challenged>(&state_);
  // While the gateway stops, the authority's connection goes too, and with it what was half open on it.
  if (challenged != nullptr && !services_.stopping) services_.authority.cancel(challenged->handshake, challenged->link);
  state_ = None{};
}

std::shared_ptr<const LoggedOn> Authenticator::logged_on() const {
  const auto* logged_on = std::get_if<std::shared_ptr<const LoggedOn>>(&state_);
  return logged_on == nullptr ? nullptr : *logged_on;
}

boost::asio::awaitable<Outcome> Authenticator::step(const Headers& request, const Settings& settings,
                                                    const ConnectionFacts& facts) {
  const AuthenticationConfig& config = settings.config.authentication;
  Authorization authorization = parse_authorization(request, config);
  if (auto* token = std::get_if<TokenAuthorization>(&authorization)) {
    TokenAuthorization taken = std::move(*token);
    co_return co_await on_token(std::move(taken), settings, facts);
  }
  if (const auto* malformed = std::get_if<MalformedAuthorization>(&authorization)) {
    co_return on_malformed(malformed->why, settings, facts, Outcome::Then::close);
  }
  if (std::holds_alternative<NoAuthorization>(authorization) && logged_on()) co_return Outcome{Outcome::Kind::logged_on, {}, {}};
  // No credentials yet; or other ones than ours, which claim to be somebody: the identity of the connection is not theirs.
  end();
  co_return Outcome{Outcome::Kind::unauthorized, offers(config), Outcome::Then::keep};
}

boost::asio::awaitable<Outcome> Authenticator::on_token(TokenAuthorization authorization, const Settings& settings,
                                                        const ConnectionFacts& facts) {
  const ntlm::Carrier carrier = authorization.carrier;
  const bool first = starts_handshake(authorization.token);
  const auto* challenged = std::get_if<Challenged>(&state_);
  if (challenged == nullptr || first || challenged->carrier != carrier) {
    // R42: a new handshake ends the identity first, whatever comes of it.
    end();
    challenged = nullptr;
    if (!first) co_return on_malformed("a token that no handshake waits for", settings, facts, Outcome::Then::keep);
  }

  unsigned rounds = 0;
  Result<AuthorityLink::Answer> answer = fail(ErrorCode::internal, "");
  if (challenged == nullptr) {
    ntlm::BeginRequest request;
    request.service = settings.config.authority.service;
    request.carrier = carrier;
    request.connection = facts.ends;
    request.token = std::move(authorization.token);
    answer = co_await services_.authority.begin(std::move(request));
  } else {
    const Challenged current = *challenged;
    rounds = current.rounds;
    state_ = None{};  // consumed: nothing that happens while the authority thinks finds a handshake to go on with
    if (rounds >= kMaxRounds) {
      services_.authority.cancel(current.handshake, current.link);
      co_return on_malformed("a handshake that does not end", settings, facts, Outcome::Then::close);
    }
    ntlm::FinishRequest request;
    request.handshake = current.handshake;
    request.token = std::move(authorization.token);
    request.channel_bindings = facts.served_bindings;
    for (const auto& extra : settings.extra_bindings) {
      if (request.channel_bindings.size() < ntlm::kMaxBindings) request.channel_bindings.push_back(extra);
    }
    request.target_names = settings.config.authentication.target_names;
    answer = co_await services_.authority.finish(std::move(request), current.link);
  }

  if (!answer) {
    const Error& error = answer.error();
    if (error.code == ErrorCode::unexpected_message) {  // the authority came back anew in between: the client may start again
      co_return Outcome{Outcome::Kind::unauthorized, offers(settings.config.authentication), Outcome::Then::keep};
    }
    ++services_.metrics.logons_unavailable;
    log::warn(log::printable(fmt::format("logon unavailable from={} why={}", from_text(facts), error.to_line())));
    co_return Outcome{Outcome::Kind::unavailable, {}, Outcome::Then::keep};
  }
  if (auto* verdict = std::get_if<ntlm::Verdict>(&answer->reply)) {
    co_return on_verdict(std::move(*verdict), carrier, settings, facts);
  }
  const auto& more = std::get<ntlm::Continue>(answer->reply);
  state_ = Challenged{carrier, more.handshake, answer->connection, rounds + 1};
  Headers headers;
  headers.push_back(challenge_header(carrier, more.token));
  co_return Outcome{Outcome::Kind::unauthorized, std::move(headers), Outcome::Then::keep};
}

Outcome Authenticator::on_verdict(ntlm::Verdict verdict, ntlm::Carrier carrier, const Settings& settings,
                                  const ConnectionFacts& facts) {
  log_logon(verdict, carrier, facts);
  Headers headers;
  if (!verdict.token.empty() && carrier == ntlm::Carrier::negotiate) headers.push_back(challenge_header(carrier, verdict.token));

  // Anonymous is nobody that an upstream could be told about.
  const bool somebody = !verdict.identity.name.empty() && verdict.identity.kind != ntlm::AccountKind::anonymous;
  if (verdict.allowed() && somebody) {
    if (principal_ && !(*principal_ == verdict.identity) && !facts.trusted_proxy) {
      log::warn(log::printable(fmt::format("refused: {} and {} on one connection from={}", account_text(*principal_),
                                           account_text(verdict.identity), from_text(facts))));
      end();
      return {Outcome::Kind::multiplexed, {}, Outcome::Then::close};
    }
    ++services_.metrics.logons_allowed;
    refusals_ = 0;
    principal_ = verdict.identity;
    state_ = std::make_shared<const LoggedOn>(LoggedOn{std::move(verdict.identity), std::move(verdict.groups),
                                                       std::move(verdict.facts), std::move(verdict.event_id), carrier});
    return {Outcome::Kind::logged_on, std::move(headers), Outcome::Then::keep};
  }
  end();
  if (verdict.status == NtStatus::no_logon_servers) {  // R28: nobody said no
    ++services_.metrics.logons_unavailable;
    return {Outcome::Kind::unavailable, {}, Outcome::Then::keep};
  }
  ++services_.metrics.logons_denied;
  return deny(std::move(verdict), std::move(headers), settings);
}

/// What the authority lets the client know decides how to go on: without a word the answer is the same for every reason (R37).
Outcome Authenticator::deny(ntlm::Verdict verdict, Headers headers, const Settings& settings) {
  Outcome outcome = refuse(std::move(headers), settings);
  if (!verdict.told) return outcome;
  if (verdict.told->stage == ntlm::DenialStage::negotiate) {
    outcome.kind = Outcome::Kind::forbidden;
    outcome.headers.clear();
  } else {
    // The same client comes to the same end, whatever its user types; one that can do better opens a connection of its own.
    outcome.then = Outcome::Then::close;
  }
  outcome.told = Denial{std::move(*verdict.told), std::move(verdict.event_id)};
  return outcome;
}

Outcome Authenticator::on_malformed(std::string_view why, const Settings& settings, const ConnectionFacts& facts,
                                    Outcome::Then then) {
  end();
  ++services_.metrics.logons_malformed;
  log::info(log::printable(fmt::format("logon malformed from={} why={}", from_text(facts), why)));
  Outcome outcome = refuse({}, settings);
  if (then == Outcome::Then::close) outcome.then = then;
  return outcome;
}

/// A 401 with fresh offers; a reject token stands in for Negotiate's bare offer.
Outcome Authenticator::refuse(Headers headers, const Settings& settings) {
  AuthenticationConfig remaining = settings.config.authentication;
  if (!headers.empty()) remaining.negotiate = false;
  for (Header& offer : offers(remaining)) headers.push_back(std::move(offer));
  ++refusals_;
  const bool enough = refusals_ >= settings.config.authentication.max_attempts_per_connection;
  return {Outcome::Kind::unauthorized, std::move(headers), enough ? Outcome::Then::close : Outcome::Then::keep};
}

}  // namespace postern::http
