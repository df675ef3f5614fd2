// sealed_echo: client and server in two processes; each line of standard input goes to the server sealed, comes back sealed, and is
// printed. Exit status 0 if all of it came back.
#include <iostream>
#include <postern/postern.hpp>
#include <sys/wait.h>

#include "frames.h"

namespace {

constexpr std::string_view kPassword = "an example's password";

std::optional<postern::bytes> receive(int fd) {
  postern::bytes frame(FRAME_MAX);
  const long size = frames_receive(fd, frame.data());
  if (size < 0) return std::nullopt;
  frame.resize(static_cast<std::size_t>(size));
  return frame;
}

/// Runs one side to its end. Faults are exceptions here, by .value().
postern::session log_on(postern::context& context, int fd, bool speaks_first) {
  postern::bytes input;
  for (;;) {
    if (!std::exchange(speaks_first, false)) input = receive(fd).value();
    const auto step = context.step(input);
    if (!step.token.empty()) frames_send(fd, step.token.data(), step.token.size());
    if (step.failed()) throw step.error;
    if (step.complete()) return context.take_session().value();
  }
}

int serve(int fd) {
  postern::server_options options;
  options.lookup = [](std::string_view, std::string_view) {
    return postern::account{POSTERN_LOOKUP_FOUND, postern::nt_hash(kPassword).value()};
  };
  options.nb_computer = "ECHO";
  options.require = POSTERN_REQUIRE_SEAL | POSTERN_REQUIRE_128;
  auto context = postern::make_server(options).value();
  auto session = log_on(context, fd, false);
  while (const auto frame = receive(fd)) {
    const auto answer = session.wrap(session.unwrap(*frame).value()).value();
    if (frames_send(fd, answer.data(), answer.size()) != 0) return 1;
  }
  return 0;
}

int talk(int fd) {
  postern::client_options options;
  options.user = "alice";
  options.password = kPassword;
  options.require = POSTERN_REQUIRE_SEAL | POSTERN_REQUIRE_128;
  auto context = postern::make_client(options).value();
  auto session = log_on(context, fd, true);
  for (std::string line; std::getline(std::cin, line);) {
    const auto token = session.wrap(line).value();
    frames_send(fd, token.data(), token.size());
    const auto echoed = session.unwrap(receive(fd).value()).value();
    std::cout << std::string(echoed.begin(), echoed.end()) << '\n';
  }
  return 0;
}

}  // namespace

int main() try {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 2;
  const pid_t server = fork();
  close(ends[server == 0 ? 0 : 1]);
  if (server == 0) return serve(ends[1]);
  const int outcome = talk(ends[0]);
  close(ends[0]);
  waitpid(server, nullptr, 0);
  return outcome;
} catch (const std::exception& fault) {
  std::cerr << fault.what() << '\n';
  return 1;
}
