#include "authority/detection/exchange_checks.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string>

#include "base/ip_network.hpp"
#include "base/spn.hpp"
#include "base/text.hpp"

namespace postern::authority::detection {
namespace {

using enum event::Severity;

/// What somebody claims without a proof is worth less: anybody can send it.
event::Severity alarm_if_proved(const Observation& seen) { return seen.proof == Proof::verified ? alarm : warning; }

bool same_name(std::string_view a, std::string_view b) { return upper_case_utf8(a) == upper_case_utf8(b); }

// ---- relay ----------------------------------------------------------------------------------------------------------------------

/// Whether a service of that kind is one that an SPN of this class is for. Those that carry many protocols fit everything.
bool class_fits(event::Service service, std::string_view service_class) {
  const auto any_of = [service_class](std::initializer_list<std::string_view> classes) {
    return std::ranges::any_of(classes, [&](std::string_view one) { return same_name(one, service_class); });
  };
  if (any_of({"HOST"})) return true;  // stands for whatever the machine offers
  switch (service) {
    case event::Service::http:
    case event::Service::http_proxy: return any_of({"HTTP"});
    case event::Service::winrm: return any_of({"HTTP", "WSMAN"});
    case event::Service::smb: return any_of({"CIFS"});
    case event::Service::ldap: return any_of({"LDAP", "GC"});
    case event::Service::mssql: return any_of({"MSSQLSvc"});
    case event::Service::smtp: return any_of({"SMTP", "SMTPSVC"});
    case event::Service::imap: return any_of({"IMAP", "IMAP4"});
    case event::Service::pop3: return any_of({"POP", "POP3"});
    case event::Service::rdp: return any_of({"TERMSRV"});
    case event::Service::dcerpc:
    case event::Service::other: return true;
  }
  return true;
}

void check_relay(const Observation& seen, Found& found) {
  // What the proof covers can have been changed only between the client's asking and its answer: by who stands in between.
  if (seen.proof == Proof::verified) {
    if (seen.names == Echo::others) {
      found.add(Id::relay_server_names, alarm, seen.foreign_names);
    } else if (seen.server_time == Echo::others) {
      found.add(Id::relay_server_names, alarm, "the time in the target information is not that of our challenge");
    }
  }
  const bool judged =
      (seen.target_check == event::SpnCheck::refused || !seen.target_check) && !has_marshalled_suffix(seen.target_name);
  if (judged && !seen.target_name.empty()) {
    const std::string_view service_class = seen.target_name.substr(0, seen.target_name.find('/'));
    if (!class_fits(seen.service_kind, service_class)) {
      found.add(Id::relay_target_class, alarm_if_proved(seen), std::string{seen.target_name});
    } else if (seen.target_check) {
      found.add(Id::relay_target_host, warning, std::string{seen.target_name});
    }
  }
  if (seen.channel_binding == event::ChannelBinding::mismatched) {
    found.add(Id::relay_bindings, alarm_if_proved(seen));
  } else if (seen.channel_binding == event::ChannelBinding::present && !seen.tls) {
    found.add(Id::relay_bindings, warning, "it came without TLS");
  }
  if (seen.mic == event::Mic::announced_missing) found.add(Id::mic_missing, warning);
  if (seen.mic == event::Mic::wrong) found.add(Id::mic_wrong, alarm_if_proved(seen));
}

// ---- reflection (R24) ---------------------------------------------------------------------------------------------------------

enum class Origin { unknown, here, outside };

Origin origin_of(const Observation& seen, const Settings& settings) {
  const auto address = IpAddress::parse(seen.address);
  if (!address) return Origin::unknown;
  if (address->is_loopback() || address == IpAddress::parse(seen.server_address)) return Origin::here;
  const bool own =
      std::ranges::any_of(settings.own_addresses, [&](const std::string& text) { return address == IpAddress::parse(text); });
  return own ? Origin::here : Origin::outside;
}

void check_reflection(const Observation& seen, const Settings& settings, Found& found) {
  if (has_marshalled_suffix(seen.target_name)) {
    found.add(Id::reflection_marshalled_name, alarm_if_proved(seen), std::string{seen.target_name});
  }
  const Origin origin = origin_of(seen, settings);
  if (!seen.machine_id.empty() && origin != Origin::here && !settings.own_machine_ids.empty()) {
    const std::string id = to_hex(seen.machine_id);
    if (std::ranges::find(settings.own_machine_ids, id) != settings.own_machine_ids.end()) {
      found.add(Id::reflection_machine_id, alarm_if_proved(seen), id);
    }
  }
  if (seen.own_name.empty() || origin == Origin::unknown) return;
  const bool own_workstation = same_name(seen.workstation, seen.own_name);
  if (origin == Origin::outside) {
    if (seen.account.ends_with('$') && same_name(seen.account.substr(0, seen.account.size() - 1), seen.own_name)) {
      found.add(Id::reflection_own_account, alarm_if_proved(seen),
                std::string{seen.account} + " from " + std::string{seen.address});
    }
    if (own_workstation) {
      found.add(Id::reflection_own_name, warning, std::string{seen.workstation} + " from " + std::string{seen.address});
    }
  } else if (!own_workstation && !seen.workstation.empty() && !IpAddress::parse(seen.address)->is_loopback()) {
    found.add(Id::reflection_own_address, info, std::string{seen.workstation} + " from " + std::string{seen.address});
  }
}

// ---- tools --------------------------------------------------------------------------------------------------------------------

/// 16 letters and digits of both cases: longer than a NetBIOS name may be, and what one tool makes up for each logon (windows.md
/// 4.2, rule 72124974). Or eight letters that change their case at least three times: of random ones 1 - (1 + 7 + 21) / 2^7 = 77 %
/// do, and hardly a name that a person gives a machine.
bool looks_random(std::string_view name) {
  constexpr std::size_t kLong = 16;
  constexpr std::size_t kShort = 8;
  constexpr int kCaseChanges = 3;
  const auto is = [](int (*test)(int)) { return [test](char c) { return test(static_cast<unsigned char>(c)) != 0; }; };
  if (name.size() == kLong) {
    return std::ranges::all_of(name, is(std::isalnum)) && std::ranges::any_of(name, is(std::isupper)) &&
           std::ranges::any_of(name, is(std::islower));
  }
  if (name.size() != kShort || !std::ranges::all_of(name, is(std::isalpha))) return false;
  int changes = 0;
  for (std::size_t i = 1; i < name.size(); ++i) changes += is(std::isupper)(name[i]) != is(std::isupper)(name[i - 1]) ? 1 : 0;
  return changes >= kCaseChanges;
}

/// Two of three habits of impacket's client, none of which a real client has (peers.md's table; its ntlm.py): the flags of its
/// NEGOTIATE in 32 bytes; a target name that it makes itself, always of class cifs and of the server's NetBIOS name, without a MIC;
/// an LMv2 response beside the server's own time, where real clients send zeros or nothing (MS-NLMP 3.1.5.1.2).
std::string impacket_signs(const Observation& seen) {
  constexpr std::uint32_t kSigning = 0xE088'8235;
  constexpr std::uint32_t kPlain = 0xA088'0205;
  constexpr std::size_t kNegotiateBytes = 32;
  int signs = 0;
  std::string evidence;
  const auto sign = [&](bool is_there, std::string_view text) {
    if (!is_there) return;
    ++signs;
    evidence += (evidence.empty() ? "" : ", ") + std::string{text};
  };
  sign((seen.offered_flags == kSigning || seen.offered_flags == kPlain) && seen.negotiate_bytes == kNegotiateBytes,
       "flags of its NEGOTIATE");
  const bool no_mic = seen.mic == event::Mic::absent || seen.mic == event::Mic::zero;
  sign(no_mic && !seen.own_name.empty() && same_name(seen.target_name, "cifs/" + std::string{seen.own_name}),
       "target name made of our NetBIOS name");
  sign(seen.server_time == Echo::ours && seen.lm_field == LmField::response, "LMv2 beside the server's time");
  return signs >= 2 ? "like impacket: " + evidence : std::string{};
}

void check_tools(const Observation& seen, Found& found) {
  if (seen.proof != Proof::verified) return;
  if (seen.version == event::NtlmVersion::ntlm_v2) {
    if (std::string evidence = impacket_signs(seen); !evidence.empty())
      found.add(Id::tool_fingerprint, warning, std::move(evidence));
  }
  // windows.md 4.2, rule 24549159.
  if (same_name(seen.workstation, "RULER")) found.add(Id::tool_fingerprint, warning, "workstation RULER");
  if (looks_random(seen.workstation)) found.add(Id::workstation_random, info, std::string{seen.workstation});
  if (seen.version_field == VersionField::odd) found.add(Id::version_odd, info);
}

}  // namespace

void check_exchange(const Observation& seen, const Settings& settings, Found& found) {
  if (seen.canary) {
    found.add(Id::canary, alarm, seen.proof == Proof::verified ? "with the right password" : "without the right password");
  }
  if (seen.package != event::Package::ntlm) return;
  if (seen.protected_user) found.add(Id::protected_user, warning);
  check_relay(seen, found);
  check_reflection(seen, settings, found);
  check_tools(seen, found);
}

}  // namespace postern::authority::detection
