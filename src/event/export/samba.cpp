// Samba's form. Names, types and their order are those of log_authentication_event_json in Samba's auth/auth_log.c; what an NTLM
// logon here cannot know is null, as it is there.
#include <algorithm>
#include <cstdio>

#include "event/export/forms.hpp"
#include "event/export/writing.hpp"

namespace postern::event {
namespace {

constexpr int kLogonSucceeded = 4624;  // Windows' event ids, which Samba took over
constexpr int kLogonFailed = 4625;
constexpr int kNetworkLogon = 3;
constexpr std::size_t kLogonIdBytes = 8;

/// `ipv4:192.0.2.1:445`, `ipv6:2001:db8::1:445`: the text of a tsocket address. Null without an address.
Json socket_address(const Text& address, const std::optional<std::uint16_t>& port) {
  if (!address || address->empty()) return nullptr;
  const bool v6 = address->contains(':');
  return std::string{v6 ? "ipv6:" : "ipv4:"} + *address + ":" + std::to_string(port.value_or(0));
}

/// NT_STATUS_X for our STATUS_X; Samba writes success as OK, and what has no name by its number.
std::string status_text(const LogonEvent& event) {
  if (!event.status) return event.outcome == Outcome::success ? "NT_STATUS_OK" : "NT_STATUS_UNSUCCESSFUL";
  if (event.status->code == 0) return "NT_STATUS_OK";
  const std::string name = event.status->name.value_or("");
  if (name.starts_with("STATUS_")) return "NT_" + name;
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "NT code 0x%08x", event.status->code);
  return text.data();
}

/// Samba writes the zone as digits. Ours is always UTC.
Json timestamp(const std::optional<Timestamp>& time) {
  if (!time) return nullptr;
  std::string text = time->file_time().to_rfc3339();
  text.pop_back();  // Z
  return text + "+0000";
}

Json password_type(const std::optional<NtlmVersion>& version) {
  if (!version) return nullptr;
  switch (*version) {
    case NtlmVersion::lm:
    case NtlmVersion::lm_v2: return "LANMan";
    case NtlmVersion::ntlm_v1:
    case NtlmVersion::ntlm_v1_ess: return "NTLMv1";
    case NtlmVersion::ntlm_v2: return "NTLMv2";
    case NtlmVersion::anonymous: return "No-Password";
  }
  return nullptr;
}

Json service_description(const std::optional<Service>& service) {
  if (!service) return nullptr;
  switch (*service) {
    case Service::smb: return "SMB2";
    case Service::ldap: return "LDAP";
    case Service::dcerpc: return "DCE/RPC";
    default: return name_of(*service);
  }
}

/// 64 bits in hex, as Samba's random ones are: the random end of our id.
std::string logon_id(const std::optional<EventId>& id) {
  std::string text;
  if (!id) return "0";
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t i = id->bytes().size() - kLogonIdBytes; i < id->bytes().size(); ++i) {
    text += kHex[id->bytes()[i] >> 4];
    text += kHex[id->bytes()[i] & 0xf];
  }
  const std::size_t first = text.find_first_not_of('0');
  return first == std::string::npos ? "0" : text.substr(first);
}

}  // namespace

std::string to_samba_json(const LogonEvent& event) {
  const bool success = event.outcome == Outcome::success;
  const Json account = or_null(event.account.name);
  const Json domain = or_null(event.account.domain);
  Json authentication{{"version", {{"major", kSambaMajor}, {"minor", kSambaMinor}}},
                      {"eventId", success ? kLogonSucceeded : kLogonFailed},
                      {"logonId", logon_id(event.id)},
                      {"logonType", kNetworkLogon},
                      {"status", status_text(event)},
                      {"localAddress", socket_address(event.server.address, event.server.port)},
                      {"remoteAddress", socket_address(event.client.address, event.client.port)},
                      {"serviceDescription", service_description(event.server.service)},
                      {"authDescription", event.package == Package::ntlm ? Json("NTLMSSP") : Json(nullptr)},
                      {"clientDomain", domain},
                      {"clientAccount", account},
                      {"workstation", or_null(event.client.workstation)},
                      {"becameAccount", success ? account : Json(nullptr)},
                      {"becameDomain", success ? domain : Json(nullptr)},
                      {"becameSid", success ? or_null(event.account.sid) : Json(nullptr)},
                      {"mappedAccount", account},
                      {"mappedDomain", domain},
                      {"netlogonComputer", nullptr},
                      {"netlogonTrustAccount", nullptr},
                      {"netlogonNegotiateFlags", "0x00000000"},
                      {"netlogonSecureChannelType", 0},
                      {"netlogonTrustAccountSid", nullptr},
                      {"passwordType", password_type(event.ntlm.version)},
                      {"clientPolicyAccessCheck", nullptr},
                      {"serverPolicyAccessCheck", nullptr}};
  return to_line(
      Json{{"timestamp", timestamp(event.time)}, {"type", "Authentication"}, {"Authentication", std::move(authentication)}});
}

}  // namespace postern::event
