/* sealed_echo: client and server in two processes; each line of standard input goes to the server sealed, comes back sealed, and is
 * printed. Exit status 0 if all of it came back. */
#define _POSIX_C_SOURCE 200809L
#include <postern/postern.h>
#include <sys/wait.h>

#include "frames.h"

static const char kPassword[] = "an example's password";

static int lookup(void* user_data, const char* user, const char* domain, uint8_t* nt_hash) {
  (void)user_data, (void)user, (void)domain;
  return postern_nt_hash(kPassword, strlen(kPassword), nt_hash, NULL) == POSTERN_OK ? POSTERN_LOOKUP_FOUND
                                                                                    : POSTERN_LOOKUP_UNAVAILABLE;
}

/* Runs one side to its end and takes the session; exits if the logon fails. */
static postern_session* log_on(postern_context* context, int fd, int speaks_first) {
  static uint8_t input[FRAME_MAX];
  postern_status status = POSTERN_CONTINUE;
  postern_session* session = NULL;
  postern_error error;
  long received = 0;
  while (status == POSTERN_CONTINUE) {
    postern_buffer token;
    if (!speaks_first && (received = frames_receive(fd, input)) < 0) exit(1);
    speaks_first = 0;
    status = postern_context_step(context, input, (size_t)received, &token, &error);
    if (token.size != 0 && frames_send(fd, token.data, token.size) != 0) exit(1);
    postern_buffer_free(&token);
  }
  if (status != POSTERN_OK || postern_session_take(context, &session, &error) != POSTERN_OK) {
    fprintf(stderr, "%s: %s\n", postern_status_name(error.status), error.message);
    exit(1);
  }
  postern_context_destroy(context);
  return session;
}

/* The signature and the sealed text travel in one frame; sealing is in place and takes nothing from the heap. */
static int send_sealed(postern_session* session, int fd, uint8_t* frame, size_t size) {
  size_t token_size = FRAME_MAX;
  if (postern_session_wrap(session, frame + POSTERN_SIGNATURE_SIZE, size, frame, &token_size, NULL) != POSTERN_OK) return -1;
  return frames_send(fd, frame, token_size);
}

static long receive_sealed(postern_session* session, int fd, uint8_t* frame) {
  const long received = frames_receive(fd, frame);
  size_t size = FRAME_MAX - POSTERN_SIGNATURE_SIZE;
  postern_error error;
  if (received < 0) return -1;
  if (postern_session_unwrap(session, frame, (size_t)received, frame + POSTERN_SIGNATURE_SIZE, &size, &error) != POSTERN_OK) {
    fprintf(stderr, "%s: %s\n", postern_status_name(error.status), error.message);
    return -1;
  }
  return (long)size;
}

int main(void) {
  static uint8_t frame[FRAME_MAX];
  uint8_t* const text = frame + POSTERN_SIGNATURE_SIZE;
  postern_context* context = NULL;
  postern_session* session;
  int ends[2], outcome = 0;
  long size;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 2;
  if (fork() == 0) { /* the server */
    postern_server_options options = POSTERN_SERVER_OPTIONS_INIT;
    close(ends[0]);
    options.lookup = lookup;
    options.nb_computer = "ECHO";
    options.require = POSTERN_REQUIRE_SEAL | POSTERN_REQUIRE_128;
    if (postern_server_create(&options, &context, NULL) != POSTERN_OK) return 2;
    session = log_on(context, ends[1], 0);
    while ((size = receive_sealed(session, ends[1], frame)) >= 0 && send_sealed(session, ends[1], frame, (size_t)size) == 0) {
    }
    postern_session_destroy(session);
    return 0;
  } else {
    postern_client_options options = POSTERN_CLIENT_OPTIONS_INIT;
    close(ends[1]);
    options.user = "alice";
    options.password = kPassword;
    options.password_size = strlen(kPassword);
    options.require = POSTERN_REQUIRE_SEAL | POSTERN_REQUIRE_128;
    if (postern_client_create(&options, &context, NULL) != POSTERN_OK) return 2;
    session = log_on(context, ends[0], 1);
    while (outcome == 0 && fgets((char*)text, 1000, stdin) != NULL) {
      if (send_sealed(session, ends[0], frame, strlen((char*)text)) != 0) outcome = 1;
      if ((size = receive_sealed(session, ends[0], frame)) < 0) outcome = 1;
      if (outcome == 0) printf("%.*s", (int)size, (char*)text);
    }
    postern_session_destroy(session);
    close(ends[0]);
    wait(NULL);
    return outcome;
  }
}
