// Enums whose enumerators have a name in JSON: one table each, read in both directions.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace postern::event {

/// The names of E's enumerators, in order; the enumerators count from 0. A specialisation makes E a NamedEnum.
template <typename E>
inline constexpr std::nullptr_t kNames = nullptr;

template <typename E>
concept NamedEnum = std::is_enum_v<E> && !std::is_same_v<decltype(kNames<E>), const std::nullptr_t>;

/// The enumerator's exact name in JSON.
template <NamedEnum E>
[[nodiscard]] constexpr std::string_view name_of(E value) {
  return kNames<E>.at(static_cast<std::size_t>(value));
}

/// The enumerator with exactly that name (case counts); nothing for any other text.
template <NamedEnum E>
[[nodiscard]] constexpr std::optional<E> from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames<E>.size(); ++i) {
    if (kNames<E>[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace postern::event
