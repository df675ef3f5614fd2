// Whether a textual address is this machine's own loopback.
#pragma once

#include <string_view>

namespace postern::policy {

/// True for 127.0.0.0/8, ::1 (short or in full) and ::ffff:127.0.0.0/104, without brackets or port. Anything else, unreadable text
/// included, is not loopback.
[[nodiscard]] bool is_loopback(std::string_view address);

}  // namespace postern::policy
