// Addresses in the texts of events, as far as the advisor reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::advise {

/// An IPv4 or IPv6 address and nothing else; IPv6 with or without brackets.
[[nodiscard]] bool is_ip_literal(std::string_view text);
/// The address itself as a network, then /24 and /16 of an IPv4 address; of anything else only itself, nothing for no address.
[[nodiscard]] std::vector<std::string> networks_of(std::string_view address);

}  // namespace postern::advise
