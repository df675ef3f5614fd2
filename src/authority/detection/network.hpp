// The network that a client's address belongs to: what detection learns of where an account comes from.
#pragma once

#include "base/ip_network.hpp"

namespace postern::authority::detection {

/// The /24 of an IPv4 address, the /64 of an IPv6 one: about what one site or one line has.
[[nodiscard]] inline IpNetwork network_of(const IpAddress& address) {
  constexpr unsigned kSiteBitsV4 = 24, kSiteBitsV6 = 64;
  return IpNetwork::around(address, address.is_v4() ? kSiteBitsV4 : kSiteBitsV6);
}

}  // namespace postern::authority::detection
