#include "observe/logons/history.hpp"

#include <algorithm>
#include <array>

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

bool contains(const std::vector<Address>& addresses, const Address& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

std::string names_text(const event::ServerNames& names) {
  return names.dns_computer && !names.dns_computer->empty() ? *names.dns_computer
                                                            : names.nb_computer.value_or(std::string{"nobody"});
}

/// An entry that is known by a name and holds addresses: its key is there twice.
std::size_t heap_of(const std::string& key, const std::vector<Address>& addresses) {
  return 2 * heap_bytes(key) + addresses.capacity() * sizeof(Address) + kAllocationBytes;
}

bool is_good(const DecodedMessage& message) { return message.version == event::NtlmVersion::ntlm_v2; }
bool is_weak(const DecodedMessage& message) {
  return message.version == event::NtlmVersion::lm || message.version == event::NtlmVersion::ntlm_v1 ||
         message.version == event::NtlmVersion::ntlm_v1_ess;
}

}  // namespace

void History::on_challenge(Exchange& exchange) {
  const event::Text& name = exchange.challenge->names.nb_computer;
  if (!name || name->empty()) return;
  std::vector<std::string>& known = servers_.at(exchange.server().address).names;
  const std::string wanted = upper(*name);
  if (std::ranges::find(known, wanted) != known.end()) return;
  if (!known.empty()) {
    exchange.findings.push_back({"server-names-changed", Severity::warning,
                                 exchange.server().address.text() + " called itself " + known.back() + " before, and now " + wanted,
                                 "frame " + std::to_string(exchange.challenge->object.frame)});
  }
  if (known.size() == kMaxNames) known.erase(known.begin());
  known.push_back(wanted);
  servers_.weigh(exchange.server().address, heap_bytes(known));
  std::vector<Address>& addresses = machines_.at(wanted);
  if (!contains(addresses, exchange.server().address) && addresses.size() < kMaxNames)
    addresses.push_back(exchange.server().address);
  machines_.weigh(wanted, heap_of(wanted, addresses));
}

void History::on_rpc_call(const Connection& connection, const NoteSeen& seen) {
  const bool by_client = seen.from == Side::client;
  const Address& called = by_client ? connection.server.address : connection.client.address;
  const Address& caller = by_client ? connection.client.address : connection.server.address;
  Coercion& known = coerced_.at(called);
  known = {caller, seen.detail, seen.number, seen.moment};
  coerced_.weigh(called, heap_bytes(known.interface));
}

void History::judge(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  judge_target_host(exchange, findings);
  judge_machine(exchange, event, findings);
  judge_coercion(exchange, event, findings);
  judge_downgrade(exchange, findings);
}

void History::judge_target_host(const Exchange& exchange, std::vector<Finding>& findings) {
  const std::string_view host = named_host(exchange);
  if (host.empty() || !exchange.challenge || !exchange.challenge->names.nb_computer ||
      exchange.challenge->names.nb_computer->empty())
    return;
  const event::ServerNames& names = exchange.challenge->names;
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

void History::judge_machine(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  if (event.account.kind != event::AccountKind::machine || event.outcome == event::Outcome::failure) return;
  const std::string name = upper(event.account.name->substr(0, event.account.name->size() - 1));
  if (name.empty()) return;
  std::vector<Address>& known = machines_.at(name);
  const Address& from = exchange.client().address;
  if (contains(known, from)) return;
  const auto same_family = [&](const Address& address) { return address.is_v4() == from.is_v4(); };
  if (const auto before = std::ranges::find_if(known, same_family); before != known.end()) {
    findings.push_back({"machine-account-foreign", Severity::warning,
                        "the machine account " + *event.account.name + " comes from " + from.text() +
                            ", and the machine was seen at " + before->text(),
                        exchange.frames()});
    machines_.weigh(name, heap_of(name, known));
    return;  // what is foreign is not learned from
  }
  if (known.size() < kMaxNames) known.push_back(from);
  machines_.weigh(name, heap_of(name, known));
}

void History::judge_coercion(const Exchange& exchange, const event::LogonEvent& event, std::vector<Finding>& findings) {
  const Coercion* call = coerced_.find(exchange.client().address);
  if (call == nullptr) return;
  const FileTime time = exchange.authenticate->object.time;
  if (time < call->moment.time || time.distance_ticks(call->moment.time) > kCoercionSeconds * FileTime::kTicksPerSecond) return;
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

std::size_t History::held_bytes() const {
  return servers_.bytes() + aliases_.bytes() + machines_.bytes() + good_logons_.bytes() + coerced_.bytes();
}

}  // namespace postern::observe
