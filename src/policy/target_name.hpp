// Target names (MsvAvTargetName, MS-NLMP 2.2.2.1) against the names that a service accepts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/names.hpp"

namespace postern::policy {

/// No SPN that a client sends is longer (`class/host:port/realm`: a host name has at most 253 letters).
inline constexpr std::size_t kMaxSpnBytes = 1024;

/// True if the name that the client sent is one that the service accepts. Names are `class/host`, with an optional `:port` and an
/// optional `/realm`; class and host must both be equal without regard to ASCII case, an address literal counts as a host (IPv6
/// with or without brackets). A port must be equal if the accepted name has one, and may be anything if it has none; the realm
/// likewise. A name with a marshalled target suffix (CREDENTIAL_TARGET_INFORMATION in base 64, `1UWhRC…`, R24), with control
/// characters, or over kMaxSpnBytes never matches.
[[nodiscard]] bool spn_matches(const std::vector<std::string>& accepted, std::string_view spn);

/// MsvAvFlags bit 0x4: the client had the SPN from an untrusted source.
enum class SpnSource : std::uint8_t { trusted, untrusted };

/// The event's `spn_check`. Unset if the service accepts no names in particular: then there is nothing to check. An empty SPN is
/// `absent`; one that does not match is `refused`, whatever its source.
[[nodiscard]] std::optional<event::SpnCheck> check_target_name(const std::vector<std::string>& accepted,
                                                               const std::optional<std::string>& spn, SpnSource source);

}  // namespace postern::policy
