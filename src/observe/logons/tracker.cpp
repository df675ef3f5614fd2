#include "observe/logons/tracker.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <utility>

#include "event/event_id.hpp"
#include "observe/logons/clocks.hpp"
#include "observe/logons/decode.hpp"
#include "observe/logons/exchange.hpp"
#include "observe/logons/history.hpp"
#include "observe/logons/posture.hpp"
#include "observe/logons/reasons.hpp"
#include "observe/logons/relay.hpp"
#include "observe/logons/weight.hpp"

namespace postern::observe {
namespace {

/// What is kept of a text that a message may make 64 KiB long.
constexpr std::size_t kMaxKeptText = 256;
constexpr std::size_t kMaxConnections = 8192;
/// How long an SMB logon without a target name waits for its tree connect, which names the server.
constexpr std::uint64_t kTreeSeconds = 1;

void shorten(std::string& text) {
  if (text.size() > kMaxKeptText) text.resize(kMaxKeptText);
  text.shrink_to_fit();
}
void shorten(MessageObject::Text& text) {
  if (text) shorten(*text);
}
void shorten(event::ServerNames& names) {
  for (event::Text* name : {&names.nb_computer, &names.nb_domain, &names.dns_computer, &names.dns_domain, &names.dns_tree})
    shorten(*name);
}
/// A message as it is kept until its exchange ends.
DecodedMessage shortened(DecodedMessage message) {
  for (MessageObject::Text* text :
       {&message.object.user, &message.object.domain, &message.object.workstation, &message.object.target_name,
        &message.object.nb_computer, &message.object.nb_domain, &message.object.dns_computer, &message.object.dns_domain,
        &message.object.spn, &message.object.error}) {
    shorten(*text);
  }
  shorten(message.names);
  shorten(message.meant_names);
  message.object.anomalies.clear();
  return message;
}

using ExchangeId = std::pair<std::uint64_t, ExchangeKey>;

}  // namespace

class LogonTracker::State {
 public:
  State(LogonTrackerConfig config, LogonOutput& output)
      : config_{std::move(config)}, output_{output}, relays_{config_.proxies, config_.learn_proxies} {}

  void on_message(const Connection& connection, const MessageSeen& seen) {
    advance(seen.moment.time);
    ++counters_.messages;
    Exchange& exchange = open(connection, seen.exchange, seen.moment, seen.carrier);
    const auto negotiated = exchange.challenge ? exchange.challenge->flags : std::nullopt;
    DecodedMessage decoded = decode_message(connection, seen, negotiated, config_.digest_key);
    if (decoded.object.error) ++counters_.malformed;
    output_.on_message_object(decoded.object);
    if (!seen.target.empty()) exchange.target = seen.target;
    exchange.winrm = exchange.winrm || seen.winrm;
    exchange.asks_proxy = exchange.asks_proxy || seen.asks_proxy;
    exchange.ended_tls = exchange.ended_tls || seen.ended_tls;
    exchange.in_spnego = exchange.in_spnego || seen.in_spnego;
    if (!seen.offered_mechs.empty()) exchange.offered_mechs = seen.offered_mechs;
    if (decoded.type) keep(exchange, seen, std::move(decoded));
    weigh(exchanges_.find({connection.id, seen.exchange}));
  }

  void keep(Exchange& exchange, const MessageSeen& seen, DecodedMessage decoded) {
    switch (*decoded.type) {
      case wire::MessageType::negotiate:
        exchange.client_side = seen.from;
        exchange.negotiate = shortened(std::move(decoded));
        break;
      case wire::MessageType::challenge:
        exchange.client_side = seen.from == Side::client ? Side::server : Side::client;
        exchange.challenge = shortened(std::move(decoded));
        relays_.on_challenge(exchange);
        history_.on_challenge(exchange);
        break;
      case wire::MessageType::authenticate:
        exchange.client_side = seen.from;
        exchange.authenticate = shortened(std::move(decoded));
        relays_.on_authenticate(exchange);
        break;
    }
  }

  void on_classic_logon(const Connection& connection, const ClassicLogonSeen& seen) {
    advance(seen.moment.time);
    Exchange& exchange = open(connection, seen.exchange, seen.moment, seen.carrier);
    exchange.client_side = seen.from;
    exchange.classic = true;
    DecodedMessage decoded;
    decoded.object.frame = seen.moment.frame;
    decoded.object.time = seen.moment.time;
    decode_responses(seen, config_.digest_key, decoded);
    exchange.authenticate = shortened(std::move(decoded));
    if (!seen.challenge.empty()) {
      DecodedMessage challenge;
      challenge.object.frame = seen.moment.frame;
      challenge.type = wire::MessageType::challenge;
      challenge.challenge_digest = keyed_digest(config_.digest_key, seen.challenge);
      challenge.challenge_is_pattern = is_pattern_challenge(seen.challenge);
      exchange.challenge = std::move(challenge);
      relays_.on_challenge(exchange);
    }
    relays_.on_authenticate(exchange);
    weigh(exchanges_.find({connection.id, seen.exchange}));
  }

  void on_outcome(const Connection& connection, const OutcomeSeen& seen) {
    advance(seen.moment.time);
    const auto at = exchanges_.find({connection.id, seen.exchange});
    if (at == exchanges_.end() || !at->second.exchange.authenticate) {
      ++counters_.outcomes_unmatched;
      return;
    }
    Exchange& exchange = at->second.exchange;
    exchange.outcome = seen;
    exchange.last = seen.moment;
    const bool smb = exchange.carrier == Carrier::smb1 || exchange.carrier == Carrier::smb2;
    const bool named = !exchange.target.empty() || exchange.authenticate->object.spn;
    if (smb && !named && seen.result == OutcomeSeen::Result::success) {
      touch(at->second);
      return;  // the tree connect that follows names the server
    }
    close(at);
  }

  void on_note(const Connection& connection, const NoteSeen& seen) {
    advance(seen.moment.time);
    switch (seen.kind) {
      case NoteSeen::Kind::target_named: return on_target(connection, seen);
      case NoteSeen::Kind::rpc_level: open(connection, seen.exchange, seen.moment, seen.carrier).rpc_level = seen.number; return;
      case NoteSeen::Kind::encrypted_from_here:
        facts(connection).encrypted = true;
        for_each_exchange(connection, [](Exchange& exchange) { exchange.encrypted = true; });
        return;
      case NoteSeen::Kind::signing_required: facts(connection).signing_required = true; return;
      case NoteSeen::Kind::signing_not_required: facts(connection).signing_required = false; return;
      case NoteSeen::Kind::mechs_offered:
        if (seen.exchange == 0 || seen.from != Side::client) facts(connection).server_mechs = seen.detail.substr(0, kMaxKeptText);
        return;
      case NoteSeen::Kind::kerberos_token: facts(connection).kerberos_tried = true; return;
      case NoteSeen::Kind::kerberos_error:
        facts(connection).kerberos_tried = true;
        facts(connection).kerberos_error = seen.number;
        return;
      case NoteSeen::Kind::given_up: ++counters_.connections_given_up; return;
      case NoteSeen::Kind::rpc_call: return history_.on_rpc_call(connection, seen);
      case NoteSeen::Kind::as_request:
      case NoteSeen::Kind::tgs_request:
      case NoteSeen::Kind::kdc_error:
      case NoteSeen::Kind::kdc_reply:
      case NoteSeen::Kind::kdc_unreachable: return reasons_.on_note(connection, seen);
    }
  }

  void on_connection_end(const Connection& connection) {
    for (auto at = exchanges_.lower_bound({connection.id, 0}); at != exchanges_.end() && at->first.first == connection.id;) {
      const auto next = std::next(at);
      close(at);
      at = next;
    }
    connections_.erase(connection.id);
  }

  void advance(FileTime now) {
    if (now <= now_) return;
    now_ = now;
    while (!order_.empty()) {
      const auto at = exchanges_.find(order_.front());
      const Exchange& exchange = at->second.exchange;
      const std::uint64_t seconds = exchange.outcome ? kTreeSeconds : exchange.authenticate ? kOutcomeSeconds : kExchangeSeconds;
      const std::uint64_t age = now_.ticks() - std::min(now_, exchange.last.time).ticks();
      if (age < seconds * FileTime::kTicksPerSecond) break;
      close(at);
    }
  }

  void finish() {
    while (!order_.empty()) close(exchanges_.find(order_.front()));
    connections_.clear();
  }

  [[nodiscard]] const LogonTrackerCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t held_bytes() const {
    constexpr std::size_t kUsualConnection = 160;
    return exchange_bytes() + connections_.size() * kUsualConnection + relays_.held_bytes() + history_.held_bytes() +
           clocks_.held_bytes() + reasons_.held_bytes();
  }

 private:
  struct Entry {
    Exchange exchange{};
    std::list<ExchangeId>::iterator place{};
    std::size_t heap_bytes = 0;
  };
  using Entries = std::map<ExchangeId, Entry>;

  /// What a connection said before or beside its exchanges.
  struct ConnectionFacts {
    std::optional<bool> signing_required{};
    std::string server_mechs{};
    bool kerberos_tried = false;
    std::optional<std::uint32_t> kerberos_error{};
    bool encrypted = false;
  };

  ConnectionFacts& facts(const Connection& connection) {
    if (connections_.size() == kMaxConnections && !connections_.contains(connection.id)) connections_.erase(connections_.begin());
    return connections_[connection.id];
  }

  Exchange& open(const Connection& connection, ExchangeKey key, const Moment& moment, Carrier carrier) {
    const ExchangeId id{connection.id, key};
    auto at = exchanges_.find(id);
    if (at == exchanges_.end()) {
      if (exchanges_.size() == kMaxExchanges) {
        ++counters_.exchanges_evicted;
        close(exchanges_.find(order_.front()));
      }
      at = exchanges_.emplace(id, Entry{}).first;
      at->second.place = order_.insert(order_.end(), id);
      Exchange& exchange = at->second.exchange;
      exchange.connection = connection;
      exchange.key = key;
      exchange.carrier = carrier;
    }
    touch(at->second);
    at->second.exchange.last = moment;
    return at->second.exchange;
  }
  [[nodiscard]] std::size_t exchange_bytes() const {
    constexpr std::size_t kNodesBytes = 144;  // of map and list
    return exchanges_.size() * (sizeof(Entry) + kNodesBytes) + exchange_heap_bytes_;
  }
  /// Counts what the exchange, which was touched last, holds; others may be closed for it.
  void weigh(Entries::iterator at) {
    const Exchange& exchange = at->second.exchange;
    std::size_t bytes = heap_bytes(exchange.target) + heap_bytes(exchange.offered_mechs);
    for (const auto* message : {&exchange.negotiate, &exchange.challenge, &exchange.authenticate}) {
      if (*message) bytes += heap_bytes(**message);
    }
    for (const event::Finding& finding : exchange.findings) bytes += sizeof finding + heap_bytes(finding.text);
    exchange_heap_bytes_ += bytes - at->second.heap_bytes;
    at->second.heap_bytes = bytes;
    while (exchange_bytes() > kMaxExchangeBytes && exchanges_.size() > 1) {
      ++counters_.exchanges_evicted;
      close(exchanges_.find(order_.front()));
    }
  }
  void touch(Entry& entry) { order_.splice(order_.end(), order_, entry.place); }

  template <typename Visit>
  void for_each_exchange(const Connection& connection, Visit&& visit) {
    for (auto at = exchanges_.lower_bound({connection.id, 0}); at != exchanges_.end() && at->first.first == connection.id; ++at) {
      visit(at->second.exchange);
    }
  }

  void on_target(const Connection& connection, const NoteSeen& seen) {
    const auto at = exchanges_.find({connection.id, seen.exchange});
    if (at == exchanges_.end()) return;
    Exchange& exchange = at->second.exchange;
    if (exchange.target.empty()) exchange.target = seen.detail;
    if (exchange.outcome) close(at);
  }

  void close(Entries::iterator at) {
    Exchange exchange = std::move(at->second.exchange);
    exchange_heap_bytes_ -= at->second.heap_bytes;
    order_.erase(at->second.place);
    exchanges_.erase(at);
    if (!exchange.authenticate) {
      ++counters_.exchanges_unfinished;
      return;
    }
    if (const auto known = connections_.find(exchange.connection.id); known != connections_.end()) {
      exchange.signing_required = known->second.signing_required;
      exchange.server_mechs = known->second.server_mechs;
      exchange.kerberos_tried = known->second.kerberos_tried;
      exchange.kerberos_error = known->second.kerberos_error;
      exchange.encrypted = exchange.encrypted || known->second.encrypted;
    }
    event::LogonEvent event = event_of(exchange);
    event.findings = std::move(exchange.findings);
    relays_.judge(exchange, event.findings);
    history_.judge(exchange, event, event.findings);
    clocks_.judge(exchange, event.findings);
    judge_posture(exchange, event, event.findings);
    event.reason = reasons_.reason_of(exchange, event);
    if (!config_.host.empty()) event.source.host = config_.host;
    if (config_.random) {
      std::array<std::uint8_t, event::EventId::kRandomBytes> random{};
      config_.random(random);
      event.id = event::EventId::make(exchange.authenticate->object.time, random);
    }
    ++counters_.events;
    output_.on_event(event);
  }

  LogonTrackerConfig config_;
  LogonOutput& output_;
  LogonTrackerCounters counters_{};
  FileTime now_{};
  Entries exchanges_;
  std::size_t exchange_heap_bytes_ = 0;
  std::list<ExchangeId> order_;  ///< the one that was touched longest ago first
  std::map<std::uint64_t, ConnectionFacts> connections_;
  RelayDetector relays_;
  History history_;
  Clocks clocks_;
  Reasons reasons_;
};

LogonTracker::LogonTracker(LogonTrackerConfig config, LogonOutput& output)
    : state_{std::make_unique<State>(std::move(config), output)} {}
LogonTracker::~LogonTracker() = default;

void LogonTracker::on_message(const Connection& connection, const MessageSeen& seen) { state_->on_message(connection, seen); }
void LogonTracker::on_outcome(const Connection& connection, const OutcomeSeen& seen) { state_->on_outcome(connection, seen); }
void LogonTracker::on_note(const Connection& connection, const NoteSeen& seen) { state_->on_note(connection, seen); }
void LogonTracker::on_classic_logon(const Connection& connection, const ClassicLogonSeen& seen) {
  state_->on_classic_logon(connection, seen);
}
void LogonTracker::on_connection_end(const Connection& connection) { state_->on_connection_end(connection); }
void LogonTracker::advance(FileTime now) { state_->advance(now); }
void LogonTracker::finish() { state_->finish(); }
const LogonTrackerCounters& LogonTracker::counters() const { return state_->counters(); }
std::size_t LogonTracker::held_bytes() const { return state_->held_bytes(); }

}  // namespace postern::observe
