// Names of domains and accounts: what is one, and when two are the same.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace postern::account {

inline constexpr std::size_t kMaxNetbiosNameChars = 15;
inline constexpr std::size_t kMaxDnsNameBytes = 253;
inline constexpr std::size_t kMaxDnsLabelBytes = 63;
inline constexpr std::size_t kMaxRealmBytes = 255;
inline constexpr std::size_t kMaxAccountNameChars = 256;
inline constexpr std::size_t kMaxGroupNameChars = 256;
inline constexpr std::size_t kMaxGroupsPerAccount = 1024;

// Each refuses with invalid_input, the field's name and the offset of the byte that is at fault. Characters are UTF-16 code units,
// as Windows counts.

/// 1 to 15 characters, none of `\ / : * ? " < > | @`, no control character, no space at an end, no leading dot.
[[nodiscard]] Result<void> check_netbios_name(std::string_view name);
/// Labels of 1 to 63 letters, digits, `-` and `_`, no `-` at a label's ends, 253 bytes in all, no dot at the end.
[[nodiscard]] Result<void> check_dns_name(std::string_view name);
/// Printable ASCII without space, `/`, `@`, `:` and `\` (RFC 4120 section 6.1, the domain style and what may be typed beside it).
[[nodiscard]] Result<void> check_realm(std::string_view realm);
/// 1 to 256 characters, none of `" / \ [ ] : ; | = , + * ? < > @`, no control character, no dot at the end, not only spaces and
/// dots.
[[nodiscard]] Result<void> check_account_name(std::string_view name);
/// As an account's name, but `\`, `@`, `=` and `,` may be there (a group may be DOMAIN\name or a distinguished name); 1 to 256
/// characters.
[[nodiscard]] Result<void> check_group_name(std::string_view name);

/// What a client can claim to be: a NetBIOS or a DNS name, so 1 to 253 characters, none of `" / \ [ ] : ; | = , + * ? < > @`, no
/// space and no control character.
[[nodiscard]] Result<void> check_workstation_name(std::string_view name);

/// Two names are the same when their keys are: upper-cased as Windows does (text.hpp). The name must be valid UTF-8.
[[nodiscard]] std::string name_key(std::string_view name);

}  // namespace postern::account
