// client PORT USER, the password on standard input: logs on to the example server. Exit status 0 if it lets us in.
#include <postern/postern.hpp>

#include "frames.h"

int main(int argc, char** argv) {
  const int fd = argc == 3 ? frames_connect(std::atoi(argv[1])) : -1;
  if (fd < 0) {
    std::fprintf(stderr, "usage: client PORT USER\n");
    return 2;
  }
  char password[256];
  postern::client_options options;
  options.user = argv[2];  // user, DOMAIN\user or user@domain
  options.password = frames_read_line(password, sizeof password);
  options.target_name = "EXAMPLE/localhost";
  options.options = POSTERN_OPTION_SPNEGO;
  auto client = postern::make_client(options);
  std::memset(password, 0, sizeof password);  // the library has forgotten it as well
  if (!client) {
    std::fprintf(stderr, "refused: %s\n", client.error().what());
    return 1;
  }

  postern::bytes input(FRAME_MAX);
  auto step = client->step();
  for (;;) {
    if (!step.token.empty() && frames_send(fd, step.token.data(), step.token.size()) != 0) return 1;
    if (!step.goes_on()) break;
    const long received = frames_receive(fd, input.data());
    if (received < 0) return 1;
    step = client->step({input.data(), static_cast<std::size_t>(received)});
  }
  if (step.failed()) {
    std::fprintf(stderr, "refused: %s: %s\n", step.error.name(), step.error.what());
    return 1;
  }
  const long received = frames_receive(fd, input.data());
  std::printf("the server says: %.*s\n", received < 0 ? 0 : static_cast<int>(received),
              reinterpret_cast<const char*>(input.data()));
  close(fd);
  return 0;
}
