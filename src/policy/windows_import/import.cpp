#include "policy/windows_import/import.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "policy/lists.hpp"

namespace postern::policy::windows_import {
namespace {

/// How a setting's value stands in the registry, and here.
enum class Kind : std::uint8_t { number, mask, list };

struct Row {
  std::string_view key;  // without its root, in upper case
  std::string_view name;
  Kind kind;
};

constexpr std::string_view kLsa = R"(SYSTEM\CURRENTCONTROLSET\CONTROL\LSA)";
constexpr std::string_view kMsv = R"(SYSTEM\CURRENTCONTROLSET\CONTROL\LSA\MSV1_0)";
constexpr std::string_view kNetlogon = R"(SYSTEM\CURRENTCONTROLSET\SERVICES\NETLOGON\PARAMETERS)";
constexpr std::string_view kServer = R"(SYSTEM\CURRENTCONTROLSET\SERVICES\LANMANSERVER\PARAMETERS)";
constexpr std::string_view kWorkstation = R"(SYSTEM\CURRENTCONTROLSET\SERVICES\LANMANWORKSTATION\PARAMETERS)";
constexpr std::string_view kWorkstationPolicy = R"(SOFTWARE\POLICIES\MICROSOFT\WINDOWS\LANMANWORKSTATION)";
constexpr std::string_view kDirectory = R"(SYSTEM\CURRENTCONTROLSET\SERVICES\NTDS\PARAMETERS)";
constexpr std::string_view kLdapClient = R"(SYSTEM\CURRENTCONTROLSET\SERVICES\LDAP)";
constexpr std::string_view kKerberos = R"(SOFTWARE\MICROSOFT\WINDOWS\CURRENTVERSION\POLICIES\SYSTEM\KERBEROS\PARAMETERS)";
constexpr std::string_view kSystemAccess = "[SYSTEM ACCESS]";

/// Windows' settings that are ours as well, by the same name and number.
constexpr std::array kRows{
    Row{kLsa, "LmCompatibilityLevel", Kind::number},
    Row{kMsv, "RestrictSendingNTLMTraffic", Kind::number},
    Row{kMsv, "RestrictReceivingNTLMTraffic", Kind::number},
    Row{kMsv, "AuditReceivingNTLMTraffic", Kind::number},
    Row{kMsv, "ClientAllowedNTLMServers", Kind::list},
    Row{kMsv, "NtlmMinClientSec", Kind::mask},
    Row{kMsv, "NtlmMinServerSec", Kind::mask},
    Row{kMsv, "BlockNtlmv1SSO", Kind::number},
    Row{kNetlogon, "RestrictNTLMInDomain", Kind::number},
    Row{kNetlogon, "AuditNTLMInDomain", Kind::number},
    Row{kNetlogon, "DCAllowedNTLMServers", Kind::list},
    Row{kServer, "SmbServerNameHardeningLevel", Kind::number},
    Row{kWorkstation, "BlockNTLM", Kind::number},
    Row{kWorkstation, "BlockNTLMServerExceptionList", Kind::list},
    Row{kWorkstationPolicy, "BlockNTLM", Kind::number},
    Row{kWorkstationPolicy, "BlockNTLMServerExceptionList", Kind::list},
    Row{kDirectory, "LdapEnforceChannelBinding", Kind::number},
};

struct KnownRow {
  std::string_view key;
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kSigning =
    "SMB signing is the server's and the client's own; here a service asks for it when it logs on";
constexpr std::string_view kSecureChannel = "the secure channel to a domain controller is always signed, sealed and strong here";
constexpr std::string_view kLockout = "lockout belongs to posternd's configuration, see posternd.toml(5)";

/// About NTLM or logons, and nothing to set here.
constexpr std::array kKnownRows{
    KnownRow{kLsa, "NoLMHash", "no LM hash is ever stored here"},
    KnownRow{kLsa, "SuppressExtendedProtection", "a switch of the whole client; ExtendedProtection is set for each service here"},
    KnownRow{kLsa, "RestrictAnonymous", "AllowAnonymous decides, and its default is never"},
    KnownRow{kLsa, "RestrictAnonymousSAM", "accounts are listed through the admin socket only"},
    KnownRow{kLsa, "EveryoneIncludesAnonymous", "AllowAnonymous decides, and its default is never"},
    KnownRow{kLsa, "ForceGuest", "nobody becomes a guest here"},
    KnownRow{kLsa, "LimitBlankPasswordUse", "an empty password is refused for every logon here"},
    KnownRow{kLsa, "DisableLoopbackCheck", "the client does not log on to itself unless the call is shown to be local"},
    KnownRow{kLsa, "DisableDomainCreds", "no credentials are stored for the client here"},
    KnownRow{kLsa, "UseMachineId", "this machine's account logs on nowhere by itself"},
    KnownRow{kLsa, "OldPasswordAllowedPeriod", "the grace of an old password belongs to the accounts, not to the policy"},
    KnownRow{kLsa, "RunAsPPL", "protects the process that holds hashes in Windows; posternd has a unit of its own with that aim"},
    KnownRow{kMsv, "AllowNullSessionFallback", "nobody falls back to a null session here"},
    KnownRow{kMsv, "BackConnectionHostNames", "the client does not log on to itself unless the call is shown to be local"},
    KnownRow{kMsv, "AuditReceivingNTLMTrafficEnhanced", "every logon is on record with all its facts here"},
    KnownRow{kNetlogon, "RequireSignOrSeal", kSecureChannel},
    KnownRow{kNetlogon, "SealSecureChannel", kSecureChannel},
    KnownRow{kNetlogon, "SignSecureChannel", kSecureChannel},
    KnownRow{kNetlogon, "RequireStrongKey", kSecureChannel},
    KnownRow{kNetlogon, "RequireSeal", kSecureChannel},
    KnownRow{kNetlogon, "FullSecureChannelProtection", kSecureChannel},
    KnownRow{kNetlogon, "VulnerableChannelAllowList", kSecureChannel},
    KnownRow{kNetlogon, "EnableEnhancedDomainNtlmLogs", "every logon is on record with all its facts here"},
    KnownRow{kServer, "RequireSecuritySignature", kSigning},
    KnownRow{kServer, "EnableSecuritySignature", kSigning},
    KnownRow{kServer, "RestrictNullSessAccess", "AllowAnonymous decides, and its default is never"},
    KnownRow{kServer, "NullSessionPipes", "AllowAnonymous decides, and its default is never"},
    KnownRow{kServer, "NullSessionShares", "AllowAnonymous decides, and its default is never"},
    KnownRow{kServer, "InvalidAuthenticationDelayTimeInMs", "posternd backs off from whom guesses by itself"},
    KnownRow{kWorkstation, "RequireSecuritySignature", kSigning},
    KnownRow{kWorkstation, "EnableSecuritySignature", kSigning},
    KnownRow{kWorkstation, "EnablePlainTextPassword", "no password is ever sent here"},
    KnownRow{kWorkstation, "AllowInsecureGuestAuth", "nobody becomes a guest here"},
    KnownRow{kWorkstationPolicy, "AllowInsecureGuestAuth", "nobody becomes a guest here"},
    KnownRow{kDirectory, "LDAPServerIntegrity",
             "LDAP signing is the directory's own; RequireMic and ExtendedProtection guard its logons"},
    KnownRow{kLdapClient, "LDAPClientIntegrity", "LDAP signing is the client's own"},
    KnownRow{kKerberos, "SupportedEncryptionTypes", "about Kerberos: keys are stored for AES only here"},
    KnownRow{kSystemAccess, "LockoutBadCount", kLockout},
    KnownRow{kSystemAccess, "ResetLockoutCount", kLockout},
    KnownRow{kSystemAccess, "LockoutDuration", kLockout},
};

bool same_name(std::string_view a, std::string_view b) { return upper_case_utf8(a) == upper_case_utf8(b); }

/// The key without its root, in upper case, and with the control set that runs: an export names it, or one by its number.
std::string normal_key(std::string_view written) {
  std::string key = upper_case_utf8(written);
  for (const std::string_view root : {R"(HKEY_LOCAL_MACHINE\)", R"(HKLM\)", R"(MACHINE\)"}) {
    if (key.starts_with(root)) {
      key.erase(0, root.size());
      break;
    }
  }
  constexpr std::string_view kNumbered = R"(SYSTEM\CONTROLSET)";  // and three digits
  constexpr std::size_t kDigits = 3;
  if (key.starts_with(kNumbered) && key.size() > kNumbered.size() + kDigits && key[kNumbered.size() + kDigits] == '\\') {
    key.replace(0, kNumbered.size() + kDigits, R"(SYSTEM\CURRENTCONTROLSET)");
  }
  return key;
}

std::string hex_of(std::uint32_t number) {
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) {
    const unsigned digit = (number >> shift) & 0xf;
    if (digit != 0 || !digits.empty() || shift == 0) digits += "0123456789abcdef"[digit];
  }
  return "0x" + digits;
}

/// A basic string of TOML.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (letter == '"' || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xf];
    } else {
      out += letter;
    }
  }
  return out + "\"";
}

struct Forms {
  std::string text{};
  std::string toml{};
};

Result<Forms> forms_of(const RegistryValue& value, Kind kind) {
  if (kind != Kind::list) {
    POSTERN_TRY(number, number_of(value));
    const std::string text = kind == Kind::mask ? hex_of(number) : std::to_string(number);
    return Forms{text, text};
  }
  POSTERN_TRY(items, texts_of(value));
  std::string toml = "[";
  for (const std::string& item : items) {
    if (item.find(',') != std::string::npos) {
      return fail(ErrorCode::invalid_input, "data", value.offset, "a comma inside the name \"" + item + "\"");
    }
    toml += (toml.size() == 1 ? "" : ", ") + quoted(item);
  }
  return Forms{join_list(items), toml + "]"};
}

}  // namespace

void WindowsImport::take(Source source, std::string_view setting, std::string value, std::string toml) {
  drop(setting, "a later value for " + std::string{setting} + " takes its place");
  taken_.push_back({std::move(source), setting, std::move(value), std::move(toml)});
}

void WindowsImport::drop(std::string_view setting, const std::string& why) {
  const auto before = std::ranges::find(taken_, setting, &Taken::setting);
  if (before == taken_.end()) return;
  replaced_.push_back({std::move(before->source), why});
  taken_.erase(before);
}

void WindowsImport::add(std::string_view name, const RegistryFile& file) {
  for (const RegistryValue& value : file.values) {
    const std::string key = normal_key(value.key);
    Source source{std::string{name}, value.key + "\\" + (value.name.empty() ? "(default)" : value.name), value.offset};
    if (value.change == Change::removed_key) {
      source.value = value.key;
      for (const Row& row : kRows) {
        if (row.key == key || row.key.starts_with(key + "\\")) drop(row.name, "the file removes its key again");
      }
      not_understood_.push_back({std::move(source), "the file removes this key; what is not set has Postern's default"});
      continue;
    }
    const auto matches = [&](const auto& row) { return row.key == key && same_name(row.name, value.name); };
    if (const auto row = std::ranges::find_if(kRows, matches); row != kRows.end()) {
      if (value.change == Change::removed) {
        drop(row->name, "the file removes it again");
        refused_.push_back({std::move(source), "the file removes this value; what is not set has Postern's default"});
        continue;
      }
      auto forms = forms_of(value, row->kind);
      if (!forms) {
        refused_.push_back({std::move(source), forms.error().message});
      } else if (auto set_to = set(checked_, row->name, forms->text); !set_to) {
        refused_.push_back({std::move(source), set_to.error().message});
      } else {
        take(std::move(source), row->name, std::move(forms->text), std::move(forms->toml));
      }
      continue;
    }
    if (const auto known = std::ranges::find_if(kKnownRows, matches); known != kKnownRows.end()) {
      without_counterpart_.push_back({std::move(source), std::string{known->why}});
      continue;
    }
    not_understood_.push_back({std::move(source), "not a value that Postern knows"});
  }
}

std::string WindowsImport::policy_file() const {
  std::string text =
      "# Written by `postern policy import`. Only what the files set stands here: for the rest Postern's defaults hold, which are\n"
      "# not always Windows' (docs/policy.md).\n";
  for (const Taken& taken : taken_) {
    // A line break in a comment would end it.
    std::string from = taken.source.file + ": " + taken.source.value;
    std::ranges::replace_if(from, [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; }, '?');
    text += "\n# " + from + "\n" + std::string{taken.setting} + " = " + taken.toml + "\n";
  }
  return text;
}

}  // namespace postern::policy::windows_import
