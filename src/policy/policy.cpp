#include "policy/policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace postern::policy {
namespace {

std::string text_of(LmCompatibilityLevel level) { return std::to_string(level.number()); }
template <event::NamedEnum E>
std::string text_of(E value) {
  return std::string{name_of(value)};
}
std::string text_of(ClockSkew skew) {
  if (!skew.seconds()) return "off";
  const std::uint32_t seconds = *skew.seconds();
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

/// Decimal digits and nothing else.
std::optional<std::uint32_t> number_from(std::string_view text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

template <event::NamedEnum E>
bool read(std::string_view text, E& value) {
  const auto found = from_name<E>(text);
  if (found) value = *found;
  return found.has_value();
}
bool read(std::string_view text, LmCompatibilityLevel& level) {
  const auto number = number_from(text);
  const auto found = number ? LmCompatibilityLevel::of(*number) : std::nullopt;
  if (found) level = *found;
  return found.has_value();
}
bool read(std::string_view text, ClockSkew& skew) {
  if (text == "off") {
    skew = ClockSkew::off();
    return true;
  }
  if (text.empty()) return false;
  const std::uint64_t unit = text.back() == 'h' ? 3600 : text.back() == 'm' ? 60 : text.back() == 's' ? 1 : 0;
  const auto number = number_from(text.substr(0, text.size() - 1));
  if (unit == 0 || !number) return false;
  const auto found = ClockSkew::of_seconds(*number * unit);
  if (found) skew = *found;
  return found.has_value();
}

template <auto Member>
struct Access {
  static std::string text(const Policy& policy) { return text_of(policy.*Member); }
  static bool set(Policy& policy, std::string_view value) { return read(value, policy.*Member); }
};

struct Row {
  std::string_view name;
  std::string_view takes;
  std::string (*text)(const Policy&);
  bool (*set)(Policy&, std::string_view);
};

template <auto Member>
constexpr Row row(std::string_view name, std::string_view takes) {
  return {name, takes, &Access<Member>::text, &Access<Member>::set};
}

constexpr std::array kRows{
    row<&Policy::lm_compatibility_level>(kLmCompatibilityLevel, "0 to 5"),
    row<&Policy::allow_anonymous>(kAllowAnonymous, "never or always"),
    row<&Policy::require_mic>(kRequireMic, "never, when-supported or always"),
    row<&Policy::extended_protection>(kExtendedProtection, "never, when-supported or always"),
    row<&Policy::target_name_check>(kTargetNameCheck, "never, when-supported or always"),
    row<&Policy::plain_http>(kPlainHttp, "never, loopback or always"),
    row<&Policy::clock_skew>(kClockSkew, "off, or a time of at most 366 days as in 36h, 90m, 30s"),
    row<&Policy::legacy_crypto>(kLegacyCrypto, "allow or refuse"),
};

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::vector<Setting> settings_of(const Policy& policy) {
  std::vector<Setting> settings;
  for (const Row& row : kRows) settings.push_back({row.name, row.text(policy)});
  return settings;
}

std::string value_of(const Policy& policy, std::string_view name) {
  const auto row = std::ranges::find(kRows, name, &Row::name);
  return row == kRows.end() ? std::string{} : row->text(policy);
}

Result<void> set(Policy& policy, std::string_view name, std::string_view value) {
  const auto row = std::ranges::find_if(kRows, [&](const Row& each) { return equal_without_case(each.name, name); });
  if (row == kRows.end()) {
    return fail(ErrorCode::not_found, "policy", Error::kNoOffset, "no setting is called \"" + std::string{name} + "\"");
  }
  if (!row->set(policy, value)) {
    return fail(ErrorCode::invalid_input, row->name, Error::kNoOffset,
                std::string{row->name} + " takes " + std::string{row->takes} + ", not \"" + std::string{value} + "\"");
  }
  return {};
}

}  // namespace postern::policy
