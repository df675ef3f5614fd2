#include "observe/logons/relay.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "observe/logons/weight.hpp"

namespace postern::observe {
namespace {

Leg leg_of(const Exchange& exchange, const DecodedMessage& message) {
  Leg leg;
  leg.connection = exchange.connection.id;
  leg.exchange = exchange.key;
  leg.client = exchange.client();
  leg.server = exchange.server();
  leg.first_sequences = exchange.connection.first_sequences;
  leg.carrier = exchange.carrier;
  leg.frame = message.object.frame;
  leg.time = message.object.time;
  leg.target = exchange.target;
  leg.asks_proxy = exchange.asks_proxy;
  if (exchange.challenge) {
    const event::ServerNames& names = exchange.challenge->names;
    leg.names = names.dns_computer.value_or(names.nb_computer.value_or(std::string{}));
  }
  if (exchange.authenticate) {
    const MessageObject& object = exchange.authenticate->object;
    leg.proof = exchange.authenticate->proof_digest;
    if (object.user && !object.user->empty()) leg.who = object.domain.value_or(std::string{}) + '\\' + *object.user;
  }
  return leg;
}

bool is_http(Carrier carrier) { return carrier == Carrier::http || carrier == Carrier::http_proxy; }

bool same_host(std::string_view a, std::string_view b) {
  return !a.empty() && upper_case_utf8(host_of(a)) == upper_case_utf8(host_of(b));
}

std::string host_text(const Address& address, const std::string& name) {
  return name.empty() ? address.text() : address.text() + " (" + name + ')';
}

event::Finding relay_finding(const Leg& victim, const Leg& target, bool by_proof) {
  const bool linked = victim.server.address == target.client.address;
  const std::string relay =
      linked ? victim.server.address.text()
             : victim.server.address.text() + " and " + target.client.address.text() + " (one host, or two that work together)";
  const std::string who = !victim.who.empty() ? victim.who : target.who;
  // A relay brings a logon to somebody else than the client called; under the same name a reverse proxy does the same.
  const bool same_name = is_http(victim.carrier) && is_http(target.carrier) && same_host(victim.target, target.target);
  event::Finding finding;
  finding.id = "relay";
  finding.severity = linked && !same_name ? event::Severity::alarm : event::Severity::warning;
  finding.text = "a logon was relayed: victim " + host_text(victim.client.address, who) + ", relay host " + relay + ", target " +
                 host_text(target.server.address, target.names) + " over " + std::string{name_of(target.carrier)} +
                 (same_name ? ", under the name that the client called: a reverse proxy, or somebody between" : "");
  finding.evidence = std::string{by_proof ? "the same response in frames " : "the same server challenge in frames "} +
                     std::to_string(std::min(victim.frame, target.frame)) + " and " +
                     std::to_string(std::max(victim.frame, target.frame)) + ": " + victim.client.text() + " to " +
                     victim.server.text() + ", " + target.client.text() + " to " + target.server.text();
  return finding;
}

}  // namespace

RelayDetector::RelayDetector(std::vector<Address> proxies, LogonTrackerConfig::LearnProxies learn)
    : proxies_{std::move(proxies)}, learn_{learn} {}

void RelayDetector::weigh(Digests& digests, const KeyedDigest& digest, const Legs& legs) {
  std::size_t bytes = legs.capacity() * sizeof(Leg) + kAllocationBytes;
  for (const Leg& leg : legs) bytes += heap_bytes(leg.target) + heap_bytes(leg.names) + heap_bytes(leg.who);
  digests.weigh(digest, bytes);
}

void RelayDetector::add(Digests& digests, const KeyedDigest& digest, Leg leg) {
  Legs& legs = digests.at(digest);
  const auto same = [&](const Leg& known) { return known.connection == leg.connection && known.exchange == leg.exchange; };
  if (const auto known = std::ranges::find_if(legs, same); known != legs.end()) {
    *known = std::move(leg);
  } else if (legs.size() < kMaxLegs) {
    legs.push_back(std::move(leg));
  }
  weigh(digests, digest, legs);
}

void RelayDetector::on_challenge(const Exchange& exchange) {
  const DecodedMessage& challenge = *exchange.challenge;
  if (!challenge.challenge_digest) return;
  add(challenges_, *challenge.challenge_digest, leg_of(exchange, challenge));
}

void RelayDetector::on_authenticate(const Exchange& exchange) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (authenticate.proof_digest) add(proofs_, *authenticate.proof_digest, leg_of(exchange, authenticate));
  if (!exchange.challenge || !exchange.challenge->challenge_digest) return;
  Legs* legs = challenges_.find(*exchange.challenge->challenge_digest);
  if (legs == nullptr) return;
  for (Leg& leg : *legs) {
    if (leg.connection != exchange.connection.id || leg.exchange != exchange.key) continue;
    const std::uint64_t frame = leg.frame;
    leg = leg_of(exchange, *exchange.challenge);
    leg.frame = frame;
  }
  weigh(challenges_, *exchange.challenge->challenge_digest, *legs);
}

bool RelayDetector::is_same_conversation(const Leg& a, const Leg& b) {
  // One end is the same to the port: a second tap, or a translation of the other end's address (NAT, load balancing in the
  // network).
  if (a.client == b.client) return true;
  const bool same_response = !a.proof || !b.proof || a.proof == b.proof;
  // Both ends are others, and the TCP connection is the same: packets were forwarded (full NAT, load balancing by a switch). A host
  // that relays ends the connection itself, and its own kernel chooses the numbers of the next.
  if (a.first_sequences && a.first_sequences == b.first_sequences && a.carrier == b.carrier && a.target == b.target &&
      same_response) {
    return true;
  }
  return a.server == b.server && a.client.address != b.client.address && same_response;
}

bool RelayDetector::is_proxy(const Leg& victim, const Leg& target) {
  if (std::ranges::find(proxies_, victim.server.address) != proxies_.end()) return true;
  // The client itself asked this host to forward to that name, and there it went.
  if (victim.asks_proxy && same_host(victim.target, target.target)) return true;
  Forwarder& forwarder = forwarders_.at(victim.server.address);
  if (forwarder.clients.empty()) forwarder.first = victim.time;
  forwarder.last = std::max(forwarder.last, victim.time);
  if (!forwarder.target) forwarder.target = target.server;
  forwarder.one_target = forwarder.one_target && *forwarder.target == target.server;
  // A reverse proxy passes the name on that it was called by; a relay brings a logon to somebody else.
  forwarder.http_only =
      forwarder.http_only && is_http(victim.carrier) && is_http(target.carrier) && same_host(victim.target, target.target);
  const bool known = std::ranges::find(forwarder.clients, victim.client.address) != forwarder.clients.end();
  if (!known && forwarder.clients.size() < kLearnClients) {
    forwarder.clients.push_back(victim.client.address);
    forwarders_.weigh(victim.server.address, forwarder.clients.capacity() * sizeof(Address) + kAllocationBytes);
  }
  if (learn_ == LogonTrackerConfig::LearnProxies::no) return false;
  const std::uint64_t span = forwarder.last.ticks() - forwarder.first.ticks();
  return forwarder.clients.size() >= kLearnClients && span >= kLearnSeconds * FileTime::kTicksPerSecond && forwarder.one_target &&
         forwarder.http_only;
}

void RelayDetector::judge_pair(const Leg& victim, const Leg& target, bool by_proof, std::vector<event::Finding>& findings) {
  if (is_proxy(victim, target)) return;
  findings.push_back(relay_finding(victim, target, by_proof));
}

void RelayDetector::judge(const Exchange& exchange, std::vector<event::Finding>& findings) {
  const auto is_own = [&](const Leg& leg) { return leg.connection == exchange.connection.id && leg.exchange == exchange.key; };
  const auto own_of = [&](Legs* legs) {
    if (legs == nullptr) return static_cast<const Leg*>(nullptr);
    const auto at = std::ranges::find_if(*legs, is_own);
    return at == legs->end() ? nullptr : static_cast<const Leg*>(&*at);
  };
  // The same proof on two flows: the one that had it first is the victim's.
  if (exchange.authenticate->proof_digest) {
    Legs* legs = proofs_.find(*exchange.authenticate->proof_digest);
    if (const Leg* own = own_of(legs); own != nullptr) {
      for (const Leg& leg : *legs) {
        if (is_own(leg) || is_same_conversation(*own, leg)) continue;
        // A client that sends its response once more to the same server, on a new connection.
        if (leg.client.address == own->client.address && leg.server.address == own->server.address) continue;
        const bool own_first = own->frame < leg.frame;
        return judge_pair(own_first ? *own : leg, own_first ? leg : *own, true, findings);
      }
    }
  }
  // The same challenge on two flows: the server that sent it first is the target.
  if (!exchange.challenge || !exchange.challenge->challenge_digest) return;
  Legs* legs = challenges_.find(*exchange.challenge->challenge_digest);
  const Leg* own = own_of(legs);
  if (own == nullptr) return;
  for (const Leg& leg : *legs) {
    if (is_own(leg) || is_same_conversation(*own, leg)) continue;
    if (leg.server.address == own->server.address || exchange.challenge->challenge_is_pattern ||
        leg.time.distance_ticks(own->time) > kSameSeconds * FileTime::kTicksPerSecond) {
      if (leg.frame > own->frame) continue;  // said of the later one
      event::Finding finding{
          "challenge-repeated",
          event::Severity::warning,
          "the server challenge was used before, which a random one never is: a capture tool, or a broken server",
          {}};
      finding.evidence = "frames " + std::to_string(leg.frame) + " and " + std::to_string(own->frame);
      findings.push_back(std::move(finding));
      return;
    }
    const bool own_first = own->frame < leg.frame;
    return judge_pair(own_first ? leg : *own, own_first ? *own : leg, false, findings);
  }
}

std::size_t RelayDetector::held_bytes() const { return challenges_.bytes() + proofs_.bytes() + forwarders_.bytes(); }

}  // namespace postern::observe
