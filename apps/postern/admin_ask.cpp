#include "postern/admin_ask.hpp"

#include "postern/admin_socket.hpp"

namespace postern::cli {

ExitCode ask_and_print(const Context& context, const Json& request, const char* member, const Output& output,
                       const std::optional<AdminClient::SecretMember>& secret, int seconds) {
  const auto socket = admin_socket_path(context.socket, context.config);
  if (!socket) return output.fail(socket.error());
  auto client = AdminClient::connect(*socket);
  if (!client) return output.fail(client.error());
  client->wait_up_to(seconds);
  auto answer = client->ask(request, secret);
  if (!answer) return output.fail(answer.error());
  if (!answer->contains(member)) {
    output.answer(*answer);
    return ExitCode::done;
  }
  const Json& shown = (*answer)[member];
  if (output.format() == Format::json || shown.is_object()) {
    output.answer(shown);
  } else if (shown.is_array()) {
    for (const Json& element : shown) output.line(element.value("account", element.value("name", "")));
  } else {
    output.answer(*answer);
  }
  return ExitCode::done;
}

}  // namespace postern::cli
