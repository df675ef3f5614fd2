// NTSTATUS values that a logon can end with (MS-ERREF 2.3.1), and one SSPI code, with their names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

enum class NtStatus : std::uint32_t {
  success = 0x00000000,
  invalid_parameter = 0xC000000D,
  access_denied = 0xC0000022,
  no_logon_servers = 0xC000005E,
  no_such_user = 0xC0000064,
  wrong_password = 0xC000006A,
  logon_failure = 0xC000006D,
  account_restriction = 0xC000006E,
  invalid_logon_hours = 0xC000006F,
  invalid_workstation = 0xC0000070,
  password_expired = 0xC0000071,
  account_disabled = 0xC0000072,
  not_supported = 0xC00000BB,
  internal_error = 0xC00000E5,
  request_not_accepted = 0xC00000D0,
  time_difference_at_dc = 0xC0000133,
  logon_type_not_granted = 0xC000015B,
  no_such_domain = 0xC00000DF,
  account_expired = 0xC0000193,
  password_must_change = 0xC0000224,
  account_locked_out = 0xC0000234,
  bad_bindings = 0xC000035B,
  authentication_firewall_failed = 0xC0000413,
  ntlm_blocked = 0xC0000418,
  /// No NTSTATUS but an SSPI code (MS-ERREF 2.1): what MS-NLMP's client and server answer where 128-bit encryption was required and
  /// is missing. Its number is no other status'.
  sec_unsupported_function = 0x80090302,
};

/// "STATUS_LOGON_FAILURE"; empty for a value that is not listed above.
[[nodiscard]] std::string_view name_of(NtStatus status);
/// "0xC000006D", eight upper-case digits.
[[nodiscard]] std::string to_hex_code(NtStatus status);
/// The status with that name or `0x…` code; nothing if it is not listed above.
[[nodiscard]] std::optional<NtStatus> nt_status_from_text(std::string_view text);

}  // namespace postern
