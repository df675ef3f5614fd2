#include "authority/detection/findings.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace postern::authority::detection {
namespace {

using enum event::Severity;

constexpr std::array kKnown{
    Known{Id::service_not_allowed, "service-not-allowed", warning,
          "a program asked for a logon to a service that it may not speak for"},
    Known{Id::unknown_challenge, "unknown-challenge", warning,
          "a response came for a handshake that is unknown, used or older than its lifetime"},
    Known{Id::backed_off, "backed-off", info,
          "refused without a comparison: this client has just sent wrong passwords and has not paused"},
    Known{Id::account_changed, "account-changed", info,
          "the account was changed during this logon, so the success recorded before let nobody in"},
    Known{Id::old_password, "old-password", info, "the client has a password that the account had before"},

    Known{Id::relay_server_names, "relay-server-names", alarm,
          "the response was made for another server's names than those of our challenge"},
    Known{Id::relay_other_challenge, "relay-other-challenge", warning,
          "the response was made for a challenge that we gave to another handshake"},
    Known{Id::relay_target_class, "relay-target-class", alarm, "the client meant a service of another kind"},
    Known{Id::relay_target_host, "relay-target-host", warning, "the client meant another host"},
    Known{Id::relay_bindings, "relay-bindings", alarm, "the response is bound to another TLS channel than this one"},
    Known{Id::response_replayed, "response-replayed", alarm, "a response that was seen before came again for another challenge"},
    Known{Id::mic_missing, "mic-missing", warning,
          "the response announces a MIC and the message has none: it was cut out on its way"},
    Known{Id::mic_wrong, "mic-wrong", alarm, "the MIC is wrong: the messages were altered on their way"},

    Known{Id::reflection_machine_id, "reflection-machine-id", alarm, "this machine's own id came back from outside"},
    Known{Id::reflection_own_account, "reflection-own-account", alarm, "this machine's own account logs on from outside"},
    Known{Id::reflection_own_name, "reflection-own-name", warning, "a client from outside says that it is this machine"},
    Known{Id::reflection_own_address, "reflection-own-address", info,
          "a client with this machine's address says that it is another machine"},
    Known{Id::reflection_marshalled_name, "reflection-marshalled-name", alarm,
          "the client was given a target name with a marshalled tail, which makes a machine log on to itself"},

    Known{Id::downgrade_version, "downgrade-version", warning,
          "this client used NTLMv2 for this service before, and now something weaker"},
    Known{Id::downgrade_mic, "downgrade-mic", warning, "this client sent a MIC to this service before, and now none"},
    Known{Id::downgrade_bindings, "downgrade-bindings", warning,
          "this client sent channel bindings to this service before, and now none"},
    Known{Id::downgrade_target_name, "downgrade-target-name", warning,
          "this client named its target to this service before, and now none"},
    Known{Id::downgrade_session, "downgrade-session", info,
          "this client negotiated signing, sealing or 128 bits with this service before, and now less"},
    Known{Id::downgrade_package, "downgrade-package", info, "this account used Kerberos for this service before, and now NTLM"},

    Known{Id::new_network, "new-network", warning, "this account never came from this network before"},
    Known{Id::workstation_missing, "workstation-missing", info,
          "this account's clients always named their workstation, and this one does not"},
    Known{Id::workstation_random, "workstation-random", info, "the workstation's name looks as if a program had made it up"},
    Known{Id::machine_id_returned, "machine-id-returned", warning,
          "two machines that both run use one workstation name: an earlier machine id came back"},
    Known{Id::machine_id_names, "machine-id-names", warning, "one machine id came with several workstation names"},
    Known{Id::client_challenge_odd, "client-challenge-odd", warning,
          "the client's challenge is not random as a client's should be"},
    Known{Id::client_challenge_repeated, "client-challenge-repeated", warning, "the client's challenge was used before"},
    Known{Id::tool_fingerprint, "tool-fingerprint", warning,
          "the messages look like those of a tool that logs on with stolen hashes"},
    Known{Id::version_odd, "version-odd", info, "the client's version field is one that no real client sends"},
    Known{Id::kerberos_elsewhere, "kerberos-elsewhere", warning,
          "this account uses NTLM here while it uses Kerberos from elsewhere"},
    Known{Id::pass_the_hash, "pass-the-hash", alarm, "several signs of a stolen hash come together"},

    Known{Id::protected_user, "protected-user", warning, "a member of Protected Users uses NTLM"},
    Known{Id::canary, "canary", alarm, "somebody uses an account that nobody should use"},
    Known{Id::machine_account_foreign, "machine-account-foreign", warning,
          "a machine's account logs on from an address that is not the machine's"},

    Known{Id::password_spraying, "password-spraying", warning, "one client sends wrong passwords for many accounts"},
    Known{Id::sprayed_logon, "sprayed-logon", alarm, "a logon succeeded from a client that tries the passwords of many accounts"},
    Known{Id::password_guessing, "password-guessing", warning, "many clients send wrong passwords for one account"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kKnown.size(); ++i) {
    if (static_cast<std::size_t>(kKnown[i].id) != i) return false;
  }
  return kKnown.size() == static_cast<std::size_t>(Id::password_guessing) + 1;
}
static_assert(in_order(), "known() indexes the list by Id");

/// The first characters of `text`: never half of one.
std::string clipped(std::string text) {
  if (text.size() <= kMaxEvidenceBytes) return text;
  std::size_t size = kMaxEvidenceBytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  return text;
}

}  // namespace

std::span<const Known> all_findings() { return kKnown; }

const Known& known(Id id) { return kKnown[static_cast<std::size_t>(id)]; }

std::optional<Id> finding_from_name(std::string_view name) {
  const auto found = std::ranges::find(kKnown, name, &Known::name);
  return found == kKnown.end() ? std::nullopt : std::optional{found->id};
}

event::Finding finding(Id id, event::Severity severity, std::string evidence) {
  const Known& entry = known(id);
  event::Text shown;
  if (!evidence.empty()) shown = clipped(std::move(evidence));
  return {std::string{entry.name}, std::min(severity, entry.worst), std::string{entry.sentence}, std::move(shown)};
}

event::Finding finding(Id id, std::string evidence) { return finding(id, known(id).worst, std::move(evidence)); }

void Found::add(Id id, event::Severity severity, std::string evidence) {
  if (has(id)) return;
  ids_.push_back(id);
  findings_.push_back(finding(id, severity, std::move(evidence)));
}

std::optional<event::Severity> Found::severity_of(Id id) const {
  const auto place = std::ranges::find(ids_, id);
  if (place == ids_.end()) return std::nullopt;
  return findings_[static_cast<std::size_t>(place - ids_.begin())].severity;
}

}  // namespace postern::authority::detection
