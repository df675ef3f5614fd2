// Policy: what one service, and the authority behind it, allow. docs/policy.md lists each setting, its values, default and reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "event/named_enum.hpp"

namespace postern::policy {

using event::from_name;
using event::name_of;

/// `when_supported` asks only of those whom the setting's text calls supporting; `always` asks of everybody.
enum class Level : std::uint8_t { never, when_supported, always };
enum class PlainHttp : std::uint8_t { never, loopback, always };
enum class AllowAnonymous : std::uint8_t { never, always };
enum class LegacyCrypto : std::uint8_t { allow, refuse };

/// Lsa\LmCompatibilityLevel as the account's authority reads it: 0 to 3 accept every version, 4 all but LM, 5 NTLMv2 only.
class LmCompatibilityLevel {
 public:
  static constexpr std::uint8_t kHighest = 5;
  constexpr LmCompatibilityLevel() = default;
  /// Nothing for a number over 5.
  [[nodiscard]] static constexpr std::optional<LmCompatibilityLevel> of(unsigned number) {
    if (number > kHighest) return std::nullopt;
    LmCompatibilityLevel level;
    level.number_ = static_cast<std::uint8_t>(number);
    return level;
  }
  [[nodiscard]] constexpr unsigned number() const { return number_; }
  bool operator==(const LmCompatibilityLevel&) const = default;

 private:
  std::uint8_t number_ = kHighest;
};

/// How far a client's time may be from the authority's, in either direction.
class ClockSkew {
 public:
  static constexpr std::uint32_t kDefaultSeconds = 36 * 3600;
  static constexpr std::uint32_t kMaxSeconds = 366 * 24 * 3600;
  constexpr ClockSkew() = default;  // 36 hours
  [[nodiscard]] static constexpr ClockSkew off() {
    ClockSkew skew;
    skew.seconds_.reset();
    return skew;
  }
  /// Nothing for 0 and for more than a year.
  [[nodiscard]] static constexpr std::optional<ClockSkew> of_seconds(std::uint64_t seconds) {
    if (seconds == 0 || seconds > kMaxSeconds) return std::nullopt;
    ClockSkew skew;
    skew.seconds_ = static_cast<std::uint32_t>(seconds);
    return skew;
  }
  /// Unset: any time is taken.
  [[nodiscard]] constexpr std::optional<std::uint32_t> seconds() const { return seconds_; }
  bool operator==(const ClockSkew&) const = default;

 private:
  std::optional<std::uint32_t> seconds_ = kDefaultSeconds;
};

/// The settings that `evaluate` reads, for one service. The default is what a fresh Postern enforces.
struct Policy {
  LmCompatibilityLevel lm_compatibility_level{};
  AllowAnonymous allow_anonymous = AllowAnonymous::never;
  Level require_mic = Level::never;
  Level extended_protection = Level::when_supported;
  Level target_name_check = Level::when_supported;
  PlainHttp plain_http = PlainHttp::loopback;
  ClockSkew clock_skew{};
  LegacyCrypto legacy_crypto = LegacyCrypto::allow;
  bool operator==(const Policy&) const = default;
};

/// The settings' names, in the order in which they are listed everywhere.
inline constexpr std::string_view kLmCompatibilityLevel = "LmCompatibilityLevel";
inline constexpr std::string_view kAllowAnonymous = "AllowAnonymous";
inline constexpr std::string_view kRequireMic = "RequireMic";
inline constexpr std::string_view kExtendedProtection = "ExtendedProtection";
inline constexpr std::string_view kTargetNameCheck = "TargetNameCheck";
inline constexpr std::string_view kPlainHttp = "PlainHttp";
inline constexpr std::string_view kClockSkew = "ClockSkew";
inline constexpr std::string_view kLegacyCrypto = "LegacyCrypto";

struct Setting {
  std::string_view name{};
  std::string value{};
  bool operator==(const Setting&) const = default;
};

/// Every setting with its value as text, in order.
[[nodiscard]] std::vector<Setting> settings_of(const Policy& policy);
/// One setting's value as text; empty for a name that is none of those above.
[[nodiscard]] std::string value_of(const Policy& policy, std::string_view name);
/// Sets one setting from its text form. Names in any case, values exactly as documented; `ClockSkew` takes `36h`, `90m`, `30s` or
/// `off`. An error names the setting and what it takes, and leaves the policy as it was.
[[nodiscard]] Result<void> set(Policy& policy, std::string_view name, std::string_view value);

}  // namespace postern::policy

namespace postern::event {
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::Level>{"never", "when-supported", "always"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::PlainHttp>{"never", "loopback", "always"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<policy::AllowAnonymous>{"never", "always"};
template <>
inline constexpr std::array<std::string_view, 2> kNames<policy::LegacyCrypto>{"allow", "refuse"};
}  // namespace postern::event
