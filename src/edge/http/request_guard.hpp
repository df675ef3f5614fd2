// What a request must not be, whoever sends it; and which requests need no logon. Pure functions over a head.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edge/http/config.hpp"
#include "edge/http/message.hpp"

namespace postern::http {

/// The header by which a request shows that something in front forwarded it (R42): "Via", "Forwarded" or one of X-Forwarded-*.
[[nodiscard]] std::optional<std::string> forwarding_sign(const Headers& headers);

/// True if the configuration opens this request to everybody. A path that an upstream could read as another one (dot segments,
/// encoded or doubled slashes, backslashes, parameters) is never open.
[[nodiscard]] bool is_anonymous(const RequestHead& head, std::string_view origin_target, const AuthenticationConfig& config);

enum class Offer : std::uint8_t { allowed, forbidden };
/// May NTLM be offered on this connection?
[[nodiscard]] Offer offer_on(Security security, std::string_view client_address, std::string_view server_address,
                             PlainHttp setting);

/// A request for a WebSocket (RFC 6455 4.1). Other upgrades, h2c among them, are not passed on.
[[nodiscard]] bool is_websocket_upgrade(const RequestHead& head);

}  // namespace postern::http
