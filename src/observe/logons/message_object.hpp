// One object per NTLM message: what `watch --messages` prints (docs/observe.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_time.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

/// Text in UTF-8; absent = not in the message. Neither challenge nor responses (R29).
struct MessageObject {
  using Text = std::optional<std::string>;

  std::uint64_t frame = 0;  ///< number of the packet that holds the message's last byte
  FileTime time{};
  Endpoint src{};
  Endpoint dst{};
  std::string type{};  ///< "NEGOTIATE", "CHALLENGE", "AUTHENTICATE", "unknown"
  Carrier transport = Carrier::http;
  std::optional<std::uint32_t> negotiate_flags{};  ///< the message's own
  Text user{};
  Text domain{};
  Text workstation{};
  Text version{};
  Text target_name{};
  Text nb_computer{};
  Text nb_domain{};
  Text dns_computer{};
  Text dns_domain{};
  Text mic{};
  Text channel_binding{};
  Text spn{};
  Text error{};                          ///< malformed: what could not be read
  std::vector<std::string> anomalies{};  ///< what the specification forbids and could be read all the same
};

/// One line without its end; keys in the order above, unknown ones left out.
[[nodiscard]] std::string to_json(const MessageObject& object);

}  // namespace postern::observe
