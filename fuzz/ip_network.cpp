// Any text as a network: refused, or one that comes back the same from what we write of it and that holds its own first address.
#include "base/ip_network.hpp"

#include "base/bytes.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text = as_text({data, size});
  const auto address = IpAddress::parse(text);
  if (address) POSTERN_INVARIANT(IpAddress::parse(address->to_text()) == address);
  const auto network = IpNetwork::parse(text);
  if (!network) return 0;
  POSTERN_INVARIANT(IpNetwork::parse(network->to_text()) == network);
  const auto first = IpAddress::parse(text.substr(0, text.find('/')));
  POSTERN_INVARIANT(first.has_value() && network->contains(*first));
  return 0;
}
