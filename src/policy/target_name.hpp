// Target names (MsvAvTargetName, MS-NLMP 2.2.2.1) against the names that a service accepts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/spn.hpp"
#include "event/names.hpp"

namespace postern::policy {

using postern::kMaxSpnBytes;
using postern::spn_matches;

/// MsvAvFlags bit 0x4: the client had the SPN from an untrusted source.
enum class SpnSource : std::uint8_t { trusted, untrusted };

/// The event's `spn_check`. Unset if the service accepts no names in particular: then there is nothing to check. An empty SPN is
/// `absent`; one that does not match is `refused`, whatever its source.
[[nodiscard]] std::optional<event::SpnCheck> check_target_name(const std::vector<std::string>& accepted,
                                                               const std::optional<std::string>& spn, SpnSource source);

}  // namespace postern::policy
