// One question to the authority's admin socket, and its answer printed.
#pragma once

#include <optional>

#include "postern/admin_client.hpp"
#include "postern/commands.hpp"

namespace postern::cli {

/// Sends the request and prints what the answer holds under `member`: an object, or the names of a list.
ExitCode ask_and_print(const Context& context, const Json& request, const char* member, const Output& output,
                       const std::optional<AdminClient::SecretMember>& secret = {}, int seconds = kAdminDeadlineSeconds);

}  // namespace postern::cli
