// NegotiateFlags: the 32 bits that the three messages carry (MS-NLMP 2.2.2.5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::wire {

enum class NegotiateFlag : std::uint32_t {
  unicode = 0x0000'0001,
  oem = 0x0000'0002,
  request_target = 0x0000'0004,
  sign = 0x0000'0010,
  seal = 0x0000'0020,
  datagram = 0x0000'0040,
  lm_key = 0x0000'0080,
  ntlm = 0x0000'0200,
  anonymous = 0x0000'0800,
  oem_domain_supplied = 0x0000'1000,
  oem_workstation_supplied = 0x0000'2000,
  always_sign = 0x0000'8000,
  target_type_domain = 0x0001'0000,
  target_type_server = 0x0002'0000,
  extended_session_security = 0x0008'0000,
  identify = 0x0010'0000,
  request_non_nt_session_key = 0x0040'0000,
  target_info = 0x0080'0000,
  version = 0x0200'0000,
  key_128 = 0x2000'0000,
  key_exchange = 0x4000'0000,
  key_56 = 0x8000'0000,
};

/// The specification's name, for example "NTLMSSP_NEGOTIATE_UNICODE".
[[nodiscard]] std::string_view name_of(NegotiateFlag flag);

/// All 32 bits as they came: unknown ones survive.
class NegotiateFlags {
 public:
  constexpr NegotiateFlags() = default;
  constexpr explicit NegotiateFlags(std::uint32_t wire) : wire_{wire} {}

  [[nodiscard]] constexpr std::uint32_t wire() const { return wire_; }
  [[nodiscard]] constexpr bool has(NegotiateFlag flag) const { return (wire_ & static_cast<std::uint32_t>(flag)) != 0; }
  [[nodiscard]] constexpr NegotiateFlags with(NegotiateFlag flag) const {
    return NegotiateFlags{wire_ | static_cast<std::uint32_t>(flag)};
  }
  [[nodiscard]] constexpr NegotiateFlags without(NegotiateFlag flag) const {
    return NegotiateFlags{wire_ & ~static_cast<std::uint32_t>(flag)};
  }
  /// This set with `flag` present or not as in `other`.
  [[nodiscard]] constexpr NegotiateFlags with_if(bool wanted, NegotiateFlag flag) const {
    return wanted ? with(flag) : without(flag);
  }

  /// "0xe2898215"
  [[nodiscard]] std::string to_hex() const;
  /// The specification's names of the set bits, lowest bit first; reserved bits have none.
  [[nodiscard]] std::vector<std::string_view> names() const;

  bool operator==(const NegotiateFlags&) const = default;

 private:
  std::uint32_t wire_ = 0;
};

static_assert(NegotiateFlags{0x8000'0001}.with(NegotiateFlag::sign).wire() == 0x8000'0011, "unknown bits survive");

/// How the text fields of a CHALLENGE or AUTHENTICATE are written.
enum class Charset : std::uint8_t { oem, unicode };

/// UNICODE wins where both bits are set (MS-NLMP 2.2.2.5, bit B).
[[nodiscard]] constexpr Charset charset_of(NegotiateFlags flags) {
  return flags.has(NegotiateFlag::unicode) ? Charset::unicode : Charset::oem;
}
[[nodiscard]] constexpr bool names_a_charset(NegotiateFlags flags) {
  return flags.has(NegotiateFlag::unicode) || flags.has(NegotiateFlag::oem);
}

}  // namespace postern::wire
