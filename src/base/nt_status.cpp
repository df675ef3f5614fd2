#include "base/nt_status.hpp"

#include <array>
#include <cstdio>

namespace postern {
namespace {

struct Row {
  NtStatus status;
  std::string_view name;
};

constexpr Row kRows[] = {
    {NtStatus::success, "STATUS_SUCCESS"},
    {NtStatus::invalid_parameter, "STATUS_INVALID_PARAMETER"},
    {NtStatus::access_denied, "STATUS_ACCESS_DENIED"},
    {NtStatus::no_logon_servers, "STATUS_NO_LOGON_SERVERS"},
    {NtStatus::no_such_user, "STATUS_NO_SUCH_USER"},
    {NtStatus::wrong_password, "STATUS_WRONG_PASSWORD"},
    {NtStatus::logon_failure, "STATUS_LOGON_FAILURE"},
    {NtStatus::account_restriction, "STATUS_ACCOUNT_RESTRICTION"},
    {NtStatus::invalid_logon_hours, "STATUS_INVALID_LOGON_HOURS"},
    {NtStatus::invalid_workstation, "STATUS_INVALID_WORKSTATION"},
    {NtStatus::password_expired, "STATUS_PASSWORD_EXPIRED"},
    {NtStatus::account_disabled, "STATUS_ACCOUNT_DISABLED"},
    {NtStatus::not_supported, "STATUS_NOT_SUPPORTED"},
    {NtStatus::internal_error, "STATUS_INTERNAL_ERROR"},
    {NtStatus::request_not_accepted, "STATUS_REQUEST_NOT_ACCEPTED"},
    {NtStatus::time_difference_at_dc, "STATUS_TIME_DIFFERENCE_AT_DC"},
    {NtStatus::logon_type_not_granted, "STATUS_LOGON_TYPE_NOT_GRANTED"},
    {NtStatus::no_such_domain, "STATUS_NO_SUCH_DOMAIN"},
    {NtStatus::account_expired, "STATUS_ACCOUNT_EXPIRED"},
    {NtStatus::password_must_change, "STATUS_PASSWORD_MUST_CHANGE"},
    {NtStatus::account_locked_out, "STATUS_ACCOUNT_LOCKED_OUT"},
    {NtStatus::bad_bindings, "STATUS_BAD_BINDINGS"},
    {NtStatus::authentication_firewall_failed, "STATUS_AUTHENTICATION_FIREWALL_FAILED"},
    {NtStatus::ntlm_blocked, "STATUS_NTLM_BLOCKED"},
    {NtStatus::sec_unsupported_function, "SEC_E_UNSUPPORTED_FUNCTION"},
};

}  // namespace

std::string_view name_of(NtStatus status) {
  for (const Row& row : kRows) {
    if (row.status == status) return row.name;
  }
  return {};
}

std::string to_hex_code(NtStatus status) {
  std::array<char, 16> text{};
  const int length = std::snprintf(text.data(), text.size(), "0x%08X", static_cast<unsigned>(status));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<NtStatus> nt_status_from_text(std::string_view text) {
  for (const Row& row : kRows) {
    if (row.name == text || to_hex_code(row.status) == text) return row.status;
  }
  return std::nullopt;
}

}  // namespace postern
