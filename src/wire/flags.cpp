#include "wire/flags.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace postern::wire {
namespace {

struct Row {
  NegotiateFlag flag;
  std::string_view name;
};
constexpr Row kRows[] = {
    {NegotiateFlag::unicode, "NTLMSSP_NEGOTIATE_UNICODE"},
    {NegotiateFlag::oem, "NTLM_NEGOTIATE_OEM"},
    {NegotiateFlag::request_target, "NTLMSSP_REQUEST_TARGET"},
    {NegotiateFlag::sign, "NTLMSSP_NEGOTIATE_SIGN"},
    {NegotiateFlag::seal, "NTLMSSP_NEGOTIATE_SEAL"},
    {NegotiateFlag::datagram, "NTLMSSP_NEGOTIATE_DATAGRAM"},
    {NegotiateFlag::lm_key, "NTLMSSP_NEGOTIATE_LM_KEY"},
    {NegotiateFlag::ntlm, "NTLMSSP_NEGOTIATE_NTLM"},
    {NegotiateFlag::anonymous, "NTLMSSP_NEGOTIATE_ANONYMOUS"},
    {NegotiateFlag::oem_domain_supplied, "NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED"},
    {NegotiateFlag::oem_workstation_supplied, "NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED"},
    {NegotiateFlag::always_sign, "NTLMSSP_NEGOTIATE_ALWAYS_SIGN"},
    {NegotiateFlag::target_type_domain, "NTLMSSP_TARGET_TYPE_DOMAIN"},
    {NegotiateFlag::target_type_server, "NTLMSSP_TARGET_TYPE_SERVER"},
    {NegotiateFlag::extended_session_security, "NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY"},
    {NegotiateFlag::identify, "NTLMSSP_NEGOTIATE_IDENTIFY"},
    {NegotiateFlag::request_non_nt_session_key, "NTLMSSP_REQUEST_NON_NT_SESSION_KEY"},
    {NegotiateFlag::target_info, "NTLMSSP_NEGOTIATE_TARGET_INFO"},
    {NegotiateFlag::version, "NTLMSSP_NEGOTIATE_VERSION"},
    {NegotiateFlag::key_128, "NTLMSSP_NEGOTIATE_128"},
    {NegotiateFlag::key_exchange, "NTLMSSP_NEGOTIATE_KEY_EXCH"},
    {NegotiateFlag::key_56, "NTLMSSP_NEGOTIATE_56"},
};
static_assert(std::ranges::is_sorted(kRows, {}, &Row::flag), "lowest bit first");
static_assert(std::ranges::adjacent_find(kRows, {}, &Row::flag) == std::end(kRows), "each bit once");

}  // namespace

std::string_view name_of(NegotiateFlag flag) {
  const auto* row = std::ranges::find(kRows, flag, &Row::flag);
  return row == std::end(kRows) ? std::string_view{} : row->name;
}

std::string NegotiateFlags::to_hex() const {
  std::array<char, 16> text{};
  const int length = std::snprintf(text.data(), text.size(), "0x%08x", wire_);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::vector<std::string_view> NegotiateFlags::names() const {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (has(row.flag)) names.push_back(row.name);
  }
  return names;
}

}  // namespace postern::wire
