#include "observe/logons/history.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "base/text.hpp"
#include "observe/logons/posture.hpp"
#include "observe/logons/weight.hpp"

namespace postern::observe {
namespace {

using event::Finding;
using event::Severity;

constexpr std::size_t kNetBiosLetters = 15;

std::string upper(std::string_view text) { return is_utf8(text) ? upper_case_utf8(text) : std::string{text}; }

std::string_view first_label(std::string_view host) { return host.substr(0, host.find('.')); }

/// A host name as NetBIOS would have it: the first label, cut.
std::string netbios_of(std::string_view host) { return upper(first_label(host).substr(0, kNetBiosLetters)); }

std::optional<KeyedDigest> challenge_of(const Exchange& exchange) {
  return exchange.challenge ? exchange.challenge->challenge_digest : std::nullopt;
}

/// Names that programs claim which have no other: of a library's default, or of the machine that runs it.
bool is_generic(std::string_view workstation) {
  constexpr std::string_view kGeneric[] = {"WORKSTATION", "LOCALHOST", "UNKNOWN", "NONE"};
  return std::ranges::find(kGeneric, workstation) != std::end(kGeneric);
}

bool contains(const std::vector<Address>& addresses, const Address& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

std::string names_text(const event::ServerNames& names) {
  return names.dns_computer && !names.dns_computer->empty() ? *names.dns_computer
                                                            : names.nb_computer.value_or(std::string{"nobody"});
}

/// An entry that is known by a name and holds what has no heap of its own: its key is there twice.
template <typename Flat>
std::size_t heap_of(const std::string& key, const std::vector<Flat>& held) {
  static_assert(std::is_trivially_copyable_v<Flat>);
  return 2 * heap_bytes(key) + held.capacity() * sizeof(Flat) + kAllocationBytes;
}

bool is_good(const DecodedMessage& message) { return message.version == event::NtlmVersion::ntlm_v2; }
bool is_weak(const DecodedMessage& message) {
  return message.version == event::NtlmVersion::lm || message.version == event::NtlmVersion::ntlm_v1 ||
         message.version == event::NtlmVersion::ntlm_v1_ess;
}

}  // namespace

const History::Place* History::elsewhere(const Places& places, const Address& address, const std::optional<KeyedDigest>& challenge,
                                         bool by_itself) {
  const Place* found = nullptr;
  for (const Place& place : places) {
    if (place.address == address) return nullptr;  // said before, or its own
    if (place.address.is_v4() != address.is_v4() || (by_itself && !place.by_itself)) continue;
    // The same challenge at both: one logon on two ways, which RelayDetector tells apart exactly.
    if (challenge && place.challenge == challenge) continue;
    if (found == nullptr || place.seen > found->seen) found = &place;
  }
  return found;
}

void History::remember(Places& places, Place place) {
  const auto known = std::ranges::find(places, place.address, &Place::address);
  if (known != places.end()) {
    place.by_itself = place.by_itself || known->by_itself;
    *known = place;
    return;
  }
  if (places.size() == kMaxNames) places.erase(places.begin());
  places.push_back(place);
}

void History::on_challenge(Exchange& exchange) {
  const event::Text& name = exchange.challenge->names.nb_computer;
  if (!name || name->empty()) return;
  const Address& address = exchange.server().address;
  std::vector<std::string>& known = servers_.at(address).names;
  const std::string wanted = upper(*name);
  const std::string frame = "frame " + std::to_string(exchange.challenge->object.frame);
  const std::string machine = netbios_of(*name);
  Places& places = machines_.at(machine);
  if (std::ranges::find(known, wanted) == known.end()) {
    if (!known.empty()) {
      exchange.findings.push_back({"server-names-changed", Severity::warning,
                                   address.text() + " called itself " + known.back() + " before, and now " + wanted, frame});
    }
    if (known.size() == kMaxNames) known.erase(known.begin());
    known.push_back(wanted);
    if (const Place* other = elsewhere(places, address, challenge_of(exchange), true)) {
      exchange.findings.push_back({"server-names-elsewhere", follows_windows(exchange.carrier) ? Severity::warning : Severity::info,
                                   address.text() + " calls itself " + wanted + ", and " + wanted + " was seen at " +
                                       other->address.text() + ": names that a relay passes on",
                                   frame + ", before in frame " + std::to_string(other->seen.frame)});
    }
  }
  servers_.weigh(address, heap_bytes(known));
  remember(places, {address, true, challenge_of(exchange), {exchange.challenge->object.frame, exchange.challenge->object.time}});
  machines_.weigh(machine, heap_of(machine, places));
}

void History::on_rpc_call(const Connection& connection, const NoteSeen& seen) {
  const bool by_client = seen.from == Side::client;
  const Address& called = by_client ? connection.server.address : connection.client.address;
  const Address& caller = by_client ? connection.client.address : connection.server.address;
  std::vector<Coercion>& calls = coerced_.at(called);
  std::erase_if(calls, [&](const Coercion& call) { return call.caller == caller; });
  if (calls.size() == kMaxCalls) calls.erase(calls.begin());
  calls.push_back({caller, seen.detail, seen.number, seen.moment});
  std::size_t bytes = calls.capacity() * sizeof(Coercion) + kAllocationBytes;
  for (const Coercion& call : calls) bytes += heap_bytes(call.interface);
  coerced_.weigh(called, bytes);
}

void History::judge(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  judge_target_host(exchange, findings);
  judge_answered_name(exchange, findings);
  judge_machine(exchange, event, findings);
  judge_workstation(exchange, event, findings);
  judge_coercion(exchange, event, findings);
  judge_downgrade(exchange, findings);
  judge_habits(exchange, findings);
}

void History::judge_target_host(const Exchange& exchange, std::vector<Finding>& findings) {
  const std::string_view host = named_host(exchange);
  const event::ServerNames* said = exchange.server_names();
  if (host.empty() || said == nullptr || !said->nb_computer || said->nb_computer->empty()) return;
  const event::ServerNames& names = *said;
  const std::string address = exchange.server().address.text();
  if (is_address_literal(host)) {
    if (host == address || host == '[' + address + ']') return;
    if (host.starts_with("127.") || host == "::1" || host == "[::1]") return;  // a port that is forwarded
  } else {
    if (netbios_of(host) == upper(*names.nb_computer) || host == "localhost") return;
    const std::string whole = upper(host);
    for (const event::Text* name : {&names.dns_computer, &names.dns_domain, &names.nb_domain}) {
      if (*name && upper(**name) == whole) return;
    }
  }
  // An alias is what several clients call this server.
  const std::pair name{exchange.server().address, upper(host)};
  AliasKnown& alias = aliases_.at(name);
  if (!contains(alias.clients, exchange.client().address) && alias.clients.size() < kAliasClients) {
    alias.clients.push_back(exchange.client().address);
  }
  aliases_.weigh(name, heap_of(name.second, alias.clients));
  if (alias.clients.size() >= kAliasClients) return;
  const bool web = exchange.carrier == Carrier::http || exchange.carrier == Carrier::http_proxy;
  findings.push_back(
      {"relay-target-host", web ? Severity::info : Severity::warning,
       "the client meant " + std::string{host} + ", and " + address + " answered with the names of " + names_text(names),
       exchange.frames()});
}

/// Where the CHALLENGE was not seen, the response says whose it answers.
void History::judge_answered_name(const Exchange& exchange, std::vector<Finding>& findings) {
  const event::Text& answered = exchange.authenticate->meant_names.nb_computer;
  if (exchange.challenge || !answered || answered->empty()) return;
  const ServerNamesKnown* known = servers_.find(exchange.server().address);
  if (known == nullptr || known->names.empty() || std::ranges::find(known->names, upper(*answered)) != known->names.end()) return;
  findings.push_back({"server-names-changed", Severity::warning,
                      "the response answers " + *answered + ", and " + exchange.server().address.text() + " called itself " +
                          known->names.back() + " before",
                      exchange.frames()});
}

void History::judge_machine(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  if (event.account.kind != event::AccountKind::machine || event.outcome == event::Outcome::failure) return;
  const std::string name = netbios_of(std::string_view{*event.account.name}.substr(0, event.account.name->size() - 1));
  if (name.empty()) return;
  Places& places = machines_.at(name);
  const Address& from = exchange.client().address;
  if (const Place* known = elsewhere(places, from, challenge_of(exchange), true)) {
    findings.push_back({"machine-account-foreign", Severity::warning,
                        "the machine account " + *event.account.name + " comes from " + from.text() +
                            ", and the machine was seen at " + known->address.text(),
                        exchange.frames() + ", before in frame " + std::to_string(known->seen.frame)});
    machines_.weigh(name, heap_of(name, places));
    return;  // what is foreign is not learned from
  }
  remember(places, {from, true, challenge_of(exchange), {exchange.authenticate->object.frame, exchange.authenticate->object.time}});
  machines_.weigh(name, heap_of(name, places));
}

void History::judge_workstation(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  if (!event.client.workstation || event.account.kind == event::AccountKind::machine || event.outcome == event::Outcome::failure) {
    return;  // anybody can claim a name and fail
  }
  const std::string name = netbios_of(*event.client.workstation);
  if (name.empty() || is_generic(name) || is_address_literal(*event.client.workstation)) return;
  Places& places = machines_.at(name);
  const Address& from = exchange.client().address;
  const Moment now{exchange.authenticate->object.frame, exchange.authenticate->object.time};
  if (const Place* known = elsewhere(places, from, challenge_of(exchange), false)) {
    const bool at_once = now.time.distance_ticks(known->seen.time) <= kAtOnceSeconds * FileTime::kTicksPerSecond;
    findings.push_back({"workstation-elsewhere", at_once ? Severity::warning : Severity::info,
                        "the client at " + from.text() + " calls itself " + *event.client.workstation + ", which was seen at " +
                            known->address.text(),
                        exchange.frames() + ", before in frame " + std::to_string(known->seen.frame)});
  }
  remember(places, {from, false, challenge_of(exchange), now});
  machines_.weigh(name, heap_of(name, places));
}

void History::judge_coercion(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  const std::vector<Coercion>* calls = coerced_.find(exchange.client().address);
  if (calls == nullptr) return;
  const FileTime time = exchange.authenticate->object.time;
  const Coercion* call = nullptr;
  for (const Coercion& one : *calls) {
    if (time < one.moment.time || time.distance_ticks(one.moment.time) > kCoercionSeconds * FileTime::kTicksPerSecond) continue;
    // The caller whom it now logs on to, or else the latest.
    if (call == nullptr || call->caller != exchange.server().address) call = &one;
  }
  if (call == nullptr) return;
  const bool machine = event.account.kind == event::AccountKind::machine;
  const bool back = exchange.server().address == call->caller;
  if (!machine && !back) return;
  findings.push_back({"coercion", machine && back ? Severity::alarm : Severity::warning,
                      call->caller.text() + " called " + call->interface + " operation " + std::to_string(call->opnum) + " of " +
                          exchange.client().address.text() + ", which then logged on to " + exchange.server().address.text() +
                          (event.account.name ? " as " + *event.account.name : std::string{}),
                      "call in frame " + std::to_string(call->moment.frame) + ", " + exchange.frames()});
}

void History::judge_downgrade(const Exchange& exchange, std::vector<Finding>& findings) {
  std::uint32_t& good = good_logons_.at({exchange.client().address, exchange.server().address});
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (is_good(authenticate)) {
    ++good;
  } else if (is_weak(authenticate) && good >= kGoodLogons) {
    findings.push_back({"downgrade-version", Severity::warning,
                        exchange.client().address.text() + " used NTLMv2 with this server " + std::to_string(good) +
                            " times, and now " + authenticate.object.version.value_or(std::string{"less"}),
                        exchange.frames()});
  }
}

void History::judge_habits(const Exchange& exchange, std::vector<Finding>& findings) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (!is_good(authenticate) || !exchange.challenge || !exchange.challenge->flags) return;
  using wire::NegotiateFlag;
  const wire::NegotiateFlags flags = *exchange.challenge->flags;
  Habits& habits = habits_.at({exchange.client().address, exchange.server().address, exchange.carrier});
  const auto judge_one = [&](std::uint32_t& good, bool does, Severity severity, std::string_view id, std::string_view what) {
    if (does) {
      ++good;
    } else if (good >= kGoodLogons) {
      findings.push_back({std::string{id}, severity,
                          exchange.client().address.text() + " did better with this server " + std::to_string(good) +
                              " times, and now " + std::string{what},
                          exchange.frames()});
    }
  };
  const bool follows = follows_windows(exchange.carrier);
  const bool seals = flags.has(NegotiateFlag::sign) || flags.has(NegotiateFlag::seal);
  judge_one(habits.with_mic, authenticate.mic == event::Mic::present, follows ? Severity::warning : Severity::info, "downgrade-mic",
            "sends no MIC");
  judge_one(habits.with_signing, seals, follows ? Severity::warning : Severity::info, "downgrade-signing", "signs nothing");
  if (!seals) return;
  const bool strong = flags.has(NegotiateFlag::key_128) && flags.has(NegotiateFlag::key_exchange);
  judge_one(habits.with_strong_key, strong, Severity::warning, "downgrade-key", "has a weaker key");
}

std::size_t History::held_bytes() const {
  return servers_.bytes() + aliases_.bytes() + machines_.bytes() + good_logons_.bytes() + habits_.bytes() + coerced_.bytes();
}

}  // namespace postern::observe
