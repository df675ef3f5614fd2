// Marks: the digests that detection's tables are keyed by, so that the tables hold no name and no outsider can aim at their
// buckets.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "authority/detection/network.hpp"
#include "authority/detection/observation.hpp"
#include "base/bytes.hpp"
#include "base/keyed_digest.hpp"

namespace postern::authority::detection {

/// 64 bits of SipHash under the detector's key: two of a million marks are equal once in 37 million such tables.
class Marker {
 public:
  explicit Marker(DigestKey key) : key_{std::move(key)} {}

  [[nodiscard]] std::uint64_t of(ByteView bytes) const;
  [[nodiscard]] std::uint64_t of(std::initializer_list<std::uint64_t> parts) const;
  /// Of a name, whose case does not count.
  [[nodiscard]] std::uint64_t of_name(std::string_view name) const;
  [[nodiscard]] const DigestKey& key() const& { return key_; }

 private:
  DigestKey key_;
};

/// What a logon does well, as bits: whoever did before and does not now has been weakened.
enum class Trait : std::uint8_t { ntlm_v2, mic, bindings, target_name, server_time, sign, seal, key_128 };
inline constexpr std::size_t kTraits = 8;
struct Traits {
  std::uint8_t asked = 0;  ///< those that this logon could have
  std::uint8_t had = 0;    ///< those that it has
  [[nodiscard]] bool lacks(Trait trait) const {
    const unsigned missing = static_cast<unsigned>(asked) & ~static_cast<unsigned>(had);
    return (missing >> static_cast<unsigned>(trait) & 1U) != 0;
  }
};

/// All that is learned of a logon, and all that the tables are asked for: no view, so that it can be kept until the logon is
/// allowed.
struct Lesson {
  FileTime time{};
  bool kerberos = false;
  bool machine_account = false;
  bool named = false;  ///< a workstation was named
  std::uint64_t account = 0;
  std::uint64_t address = 0;      ///< 0: unknown
  std::uint64_t network = 0;      ///< 0: unknown
  std::uint64_t workstation = 0;  ///< 0: none named
  std::uint64_t machine_id = 0;   ///< 0: none sent
  std::uint64_t pair = 0;         ///< account, client and service
  std::uint64_t program = 0;      ///< the same, and what its messages look like
  std::uint64_t account_service = 0;
  Traits traits{};
  bool teaches = true;  ///< false: it was judged to be somebody else's
};

[[nodiscard]] Lesson lesson_of(const Observation& observation, const Marker& marker);

}  // namespace postern::authority::detection
