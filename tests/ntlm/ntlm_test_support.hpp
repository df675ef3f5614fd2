// Shared by the tests of the ntlm room.
#pragma once

#include <string_view>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"

namespace postern::ntlm::testing_support {

inline Bytes hex(std::string_view text) { return from_hex(text).value(); }
inline Bytes utf16(std::string_view text) { return utf8_to_utf16le(text, "test").value(); }

template <typename Fixed>
Fixed fixed(std::string_view hex_text) {
  const Bytes bytes = hex(hex_text);
  return Fixed{std::span<const std::uint8_t, Fixed::kSize>{bytes}};
}

}  // namespace postern::ntlm::testing_support
