#include "ntlm/channel_bindings.hpp"

#include <array>

#include "base/reader.hpp"
#include "crypto/md5.hpp"

namespace postern::ntlm {

ChannelBindingHash channel_binding_hash(ByteView application_data) {
  constexpr std::size_t kAddressBytes = 4 * 4;  // type and length of the initiator's and the acceptor's address, all zero
  std::array<std::uint8_t, kAddressBytes + 4> head{};
  store_le(head.data() + kAddressBytes, static_cast<std::uint32_t>(application_data.size()));
  crypto::Md5 md5;
  md5.update(head);
  md5.update(application_data);
  return ChannelBindingHash{md5.finish()};
}

}  // namespace postern::ntlm
