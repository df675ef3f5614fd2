// What the exporters share: one line of ASCII, whatever the texts hold.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "event/logon_event.hpp"

namespace postern::event {

using Json = nlohmann::ordered_json;

/// All that is not ASCII is escaped: no terminal and no reader of lines finds a control or a line separator in it. DEL, which JSON
/// lets stand, is escaped here.
[[nodiscard]] inline std::string to_line(const Json& object) {
  std::string line = object.dump(-1, ' ', true, Json::error_handler_t::replace);
  for (std::size_t at = line.find('\x7f'); at != std::string::npos; at = line.find('\x7f', at)) line.replace(at, 1, "\\u007f");
  return line;
}

[[nodiscard]] inline Json or_null(const Text& text) { return text ? Json(*text) : Json(nullptr); }

template <NamedEnum E>
[[nodiscard]] std::string text_of(E value) {
  return std::string{name_of(value)};
}

/// Puts `value` under `key` if it is known.
template <typename T>
void put(Json& object, const char* key, const std::optional<T>& value) {
  if (!value) return;
  if constexpr (NamedEnum<T>) {
    object[key] = name_of(*value);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    object[key] = value->file_time().to_rfc3339();
  } else {
    object[key] = *value;
  }
}

/// Puts the object under `key` unless it is empty.
inline void put_object(Json& outer, const char* key, Json object) {
  if (!object.empty()) outer[key] = std::move(object);
}

}  // namespace postern::event
