// Oid: an object identifier of a GSS-API mechanism, kept as the content octets of its DER form.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern::spnego {

/// A small value; unknown mechanisms are kept as they came.
class Oid {
 public:
  /// Limit of the content octets. The longest of a mechanism in use (those below, PKU2U, SCRAM, GS2) has 10.
  static constexpr std::size_t kMaxBytes = 32;

  /// A constant, from content octets that the author knows to be right: a wrong one does not compile.
  consteval Oid(std::initializer_list<std::uint8_t> der_content) : size_{static_cast<std::uint8_t>(der_content.size())} {
    std::copy(der_content.begin(), der_content.end(), content_.begin());
    if (!is_valid({content_.data(), size_})) throw "not the content of an OID";
  }

  /// From content octets off the wire. Errors: too_large over kMaxBytes; malformed if empty, if an arc does not end or starts with
  /// a padding octet (X.690 8.19.2). `offset` is where the content starts in the caller's input.
  [[nodiscard]] static Result<Oid> parse(ByteView der_content, std::size_t offset = 0);

  /// The content octets, without tag and length. The view lives as long as the Oid.
  [[nodiscard]] ByteView der_content() const& noexcept { return {content_.data(), size_}; }
  ByteView der_content() const&& = delete;
  /// For example "1.3.6.1.4.1.311.2.2.10"; arcs of any size.
  [[nodiscard]] std::string to_dotted() const;

  bool operator==(const Oid&) const = default;  // unused octets are zero

 private:
  Oid() = default;
  static constexpr bool is_valid(ByteView content) {
    bool starts_arc = true;
    for (const std::uint8_t octet : content) {
      if (starts_arc && octet == 0x80) return false;
      starts_arc = (octet & 0x80) == 0;
    }
    return !content.empty() && starts_arc;
  }

  std::array<std::uint8_t, kMaxBytes> content_{};
  std::uint8_t size_ = 0;
};

/// 1.3.6.1.5.5.2 (RFC 4178, section 3)
inline constexpr Oid kSpnego{0x2b, 0x06, 0x01, 0x05, 0x05, 0x02};
/// 1.3.6.1.4.1.311.2.2.10 (MS-SPNG 1.9)
inline constexpr Oid kNtlmssp{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a};
/// 1.2.840.113554.1.2.2 (RFC 4121)
inline constexpr Oid kKerberos5{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};
/// 1.2.840.48018.1.2.2: Kerberos as Windows 2000 misspelt it, and as it is offered first to this day (MS-SPNG 1.9)
inline constexpr Oid kMsKerberos5{0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02};
/// 1.2.840.113554.1.2.2.3: Kerberos user to user
inline constexpr Oid kKerberosUserToUser{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x03};
/// 1.3.6.1.4.1.311.2.2.30 (MS-SPNG 1.9)
inline constexpr Oid kNegoEx{0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x1e};
/// 1.3.6.1.5.2.5: IAKERB (draft-ietf-kitten-iakerb)
inline constexpr Oid kIakerb{0x2b, 0x06, 0x01, 0x05, 0x02, 0x05};

}  // namespace postern::spnego
