/* server USER, its password on standard input: serves one logon on a port that it prints. Exit status 0 if somebody logged on. */
#define _POSIX_C_SOURCE 200809L
#include <postern/postern.h>
#include <strings.h>

#include "frames.h"

struct account {
  const char* user;
  uint8_t nt_hash[POSTERN_KEY_SIZE];
};

static int lookup(void* user_data, const char* user, const char* domain, uint8_t* nt_hash) {
  const struct account* account = user_data;
  (void)domain;
  if (strcasecmp(user, account->user) != 0) return POSTERN_LOOKUP_NOT_FOUND;
  memcpy(nt_hash, account->nt_hash, POSTERN_KEY_SIZE);
  return POSTERN_LOOKUP_FOUND;
}

int main(int argc, char** argv) {
  postern_server_options options = POSTERN_SERVER_OPTIONS_INIT;
  const char* names[] = {"EXAMPLE/localhost"};
  postern_context* context = NULL;
  postern_buffer token = {NULL, 0};
  postern_error error;
  postern_logon logon = POSTERN_LOGON_INIT;
  struct account account;
  static uint8_t input[FRAME_MAX];
  char line[256];
  int fd = -1, length;
  postern_status status;

  account.user = argv[argc - 1];
  frames_read_line(line, sizeof line);
  if (argc != 2 || postern_nt_hash(line, strlen(line), account.nt_hash, NULL) != POSTERN_OK || (fd = frames_accept()) < 0) {
    fprintf(stderr, "usage: server USER\n");
    return 2;
  }
  options.lookup = lookup;
  options.user_data = &account;
  options.nb_computer = "EXAMPLE";
  options.accepted_target_names = names;
  options.accepted_target_name_count = 1;
  options.require = POSTERN_REQUIRE_MIC | POSTERN_REQUIRE_TARGET_NAME;
  options.options = POSTERN_OPTION_SPNEGO;
  status = postern_server_create(&options, &context, &error);

  if (status == POSTERN_OK) status = POSTERN_CONTINUE;
  while (status == POSTERN_CONTINUE) {
    const long received = frames_receive(fd, input);
    if (received < 0) break;
    status = postern_context_step(context, input, (size_t)received, &token, &error);
    if (token.size != 0) frames_send(fd, token.data, token.size); /* a refusal has a token as well */
    postern_buffer_free(&token);
  }
  if (status == POSTERN_OK && postern_context_logon(context, &logon, &error) == POSTERN_OK) {
    length = snprintf(line, sizeof line, "welcome, %.200s", logon.user);
    frames_send(fd, line, (size_t)length);
    printf("%s logged on\n", logon.user);
  } else { /* the log learns why, the peer does not */
    printf("refused: %s: %s\n", postern_status_name(status), error.message);
  }
  postern_context_destroy(context);
  close(fd);
  return status == POSTERN_OK ? 0 : 1;
}
