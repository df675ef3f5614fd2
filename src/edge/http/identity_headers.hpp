// The headers that tell the upstream who logged on, and the removal of whatever a client sends under their names (R41).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "edge/http/message.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::http {

/// Who logged on at this connection and how.
struct LoggedOn {
  ntlm::Identity identity{};
  std::vector<std::string> groups{};
  ntlm::LogonFacts facts{};
  std::string event_id{};
  ntlm::Carrier carrier = ntlm::Carrier::ntlm;
};

/// "DOMAIN\name"; the name alone without a domain.
[[nodiscard]] std::string account_text(const ntlm::Identity& identity);

/// Bytes below 0x21, above 0x7e, `%` and `,` become %XX, so that the value is printable, reversible and a group is one list member.
[[nodiscard]] std::string encode_name(std::string_view name);

/// True for X-Remote-User, -Domain, -Package, -Groups in any case and with `_` for `-`: what CGI and WSGI would read as one of
/// them.
[[nodiscard]] bool is_identity_header(std::string_view name);

/// Removes the client's identity headers, its credentials and what it says about who forwarded it.
void remove_client_claims(Headers& headers);

/// Adds the four headers. `too_large` if the groups need more than `max_groups_bytes`: an upstream that decides by groups must see
/// all.
[[nodiscard]] Result<void> add_identity(Headers& headers, const LoggedOn& logged_on, std::size_t max_groups_bytes);

}  // namespace postern::http
