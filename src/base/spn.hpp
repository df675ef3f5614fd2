// Target names (MsvAvTargetName, MS-NLMP 2.2.2.1), which are SPNs, against the names that a service accepts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

/// No SPN that a client sends is longer (`class/host:port/realm`: a host name has at most 253 letters).
inline constexpr std::size_t kMaxSpnBytes = 1024;

/// CredMarshalTargetInfo appends a CREDENTIAL_TARGET_INFORMATION in a base 64 of its own, which always begins with `1UWhRC`.
/// Windows cuts it off for the name it connects to and keeps it for the name it authenticates to: that is how a reflection gets
/// past a name check (CVE-2025-33073).
[[nodiscard]] bool has_marshalled_suffix(std::string_view text);

/// The host of `class/host`, with or without `:port` and `/realm`; of an IPv6 address without its brackets. Empty where there is
/// none. A view into `spn`.
[[nodiscard]] std::string_view host_of_spn(std::string_view spn);

/// True if the name that the client sent is one that the service accepts. Names are `class/host`, with an optional `:port` and an
/// optional `/realm`; class and host must both be equal without regard to ASCII case, an address literal counts as a host (IPv6
/// with or without brackets). A port must be equal if the accepted name has one, and may be anything if it has none; the realm
/// likewise. A name with a marshalled target suffix (CREDENTIAL_TARGET_INFORMATION in base 64, `1UWhRC…`, R24), with control
/// characters, or over kMaxSpnBytes never matches.
[[nodiscard]] bool spn_matches(const std::vector<std::string>& accepted, std::string_view spn);

}  // namespace postern
