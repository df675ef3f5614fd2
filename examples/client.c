/* client PORT USER, the password on standard input: logs on to the example server. Exit status 0 if it lets us in. */
#define _POSIX_C_SOURCE 200809L
#include <postern/postern.h>

#include "frames.h"

int main(int argc, char** argv) {
  postern_client_options options = POSTERN_CLIENT_OPTIONS_INIT;
  postern_context* context = NULL;
  postern_buffer token = {NULL, 0};
  postern_error error;
  static uint8_t input[FRAME_MAX];
  char password[256];
  long received = 0;
  int fd;
  postern_status status;

  if (argc != 3 || (fd = frames_connect(atoi(argv[1]))) < 0) {
    fprintf(stderr, "usage: client PORT USER\n");
    return 2;
  }
  options.user = argv[2]; /* user, DOMAIN\user or user@domain */
  options.password = frames_read_line(password, sizeof password);
  options.password_size = strlen(password);
  options.target_name = "EXAMPLE/localhost";
  options.options = POSTERN_OPTION_SPNEGO;
  status = postern_client_create(&options, &context, &error);
  memset(password, 0, sizeof password); /* the library has forgotten it as well */

  if (status == POSTERN_OK) status = POSTERN_CONTINUE;
  while (status == POSTERN_CONTINUE) {
    status = postern_context_step(context, input, (size_t)received, &token, &error);
    if (token.size != 0 && frames_send(fd, token.data, token.size) != 0) break;
    postern_buffer_free(&token);
    if (status == POSTERN_CONTINUE && (received = frames_receive(fd, input)) < 0) break;
  }
  postern_context_destroy(context);
  if (status != POSTERN_OK) {
    fprintf(stderr, "refused: %s: %s\n", postern_status_name(status), error.message);
    return 1;
  }
  received = frames_receive(fd, input);
  printf("the server says: %.*s\n", received < 0 ? 0 : (int)received, (char*)input);
  close(fd);
  return 0;
}
