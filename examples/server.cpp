// server USER, its password on standard input: serves one logon on a port that it prints. Exit status 0 if somebody logged on.
#include <postern/postern.hpp>
#include <strings.h>

#include "frames.h"

int main(int argc, char** argv) {
  char password[256];
  const auto nt_hash = postern::nt_hash(frames_read_line(password, sizeof password));
  std::memset(password, 0, sizeof password);
  if (argc != 2 || !nt_hash) {
    std::fprintf(stderr, "usage: server USER\n");
    return 2;
  }
  const std::string known = argv[1];
  postern::server_options options;
  options.lookup = [&](std::string_view user, std::string_view) -> postern::account {
    if (strcasecmp(std::string{user}.c_str(), known.c_str()) != 0) return {};
    return {POSTERN_LOOKUP_FOUND, *nt_hash};
  };
  options.nb_computer = "EXAMPLE";
  options.accepted_target_names = {"EXAMPLE/localhost"};
  options.require = POSTERN_REQUIRE_MIC | POSTERN_REQUIRE_TARGET_NAME;
  options.options = POSTERN_OPTION_SPNEGO;
  auto server = postern::make_server(options);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().what());
    return 2;
  }

  const int fd = frames_accept();
  postern::bytes input(FRAME_MAX);
  postern::stepped step;
  do {
    const long received = frames_receive(fd, input.data());
    if (received < 0) return 1;
    step = server->step({input.data(), static_cast<std::size_t>(received)});
    if (!step.token.empty()) frames_send(fd, step.token.data(), step.token.size());  // a refusal has a token as well
  } while (step.goes_on());
  if (step.failed()) {  // the log learns why, the peer does not
    std::printf("refused: %s: %s\n", step.error.name(), step.error.what());
    return 1;
  }
  const postern::logon logon = server->identity().value();
  const std::string welcome = "welcome, " + logon.user;
  frames_send(fd, welcome.data(), welcome.size());
  std::printf("%s logged on\n", logon.user.c_str());
  close(fd);
  return 0;
}
