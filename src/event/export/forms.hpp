// A LogonEvent in the forms that other programs read. docs/event-forms.md has the mapping, field by field.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "event/logon_event.hpp"

namespace postern::event {

/// `json`: our own; `samba`: the `Authentication` lines of Samba's audit log; `ecs`: the Elastic Common Schema.
enum class Form : std::uint8_t { json, samba, ecs };
template <>
inline constexpr std::array<std::string_view, 3> kNames<Form>{"json", "samba", "ecs"};

/// What Samba's auth/auth_log.c says of its own lines: 1.3 has the two policy access checks.
inline constexpr int kSambaMajor = 1;
inline constexpr int kSambaMinor = 3;
inline constexpr std::string_view kEcsVersion = "8.11.0";

/// One line without its end, whatever the event holds: text that is no UTF-8 becomes U+FFFD, controls and line separators are
/// escaped. An event has no secret, and nothing is added to it here.
[[nodiscard]] std::string to_samba_json(const LogonEvent& event);
[[nodiscard]] std::string to_ecs_json(const LogonEvent& event);
[[nodiscard]] std::string to_form(const LogonEvent& event, Form form);

}  // namespace postern::event
