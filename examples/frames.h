/* frames.h - how the examples carry tokens: over TCP on loopback, each with its length in four bytes before it. */
#ifndef FRAMES_H
#define FRAMES_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 65536

static int frames_address(struct sockaddr_in* address, int port) {
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_port = htons((uint16_t)port);
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return socket(AF_INET, SOCK_STREAM, 0);
}

/* A connection to the port; -1 if nobody listens. */
static inline int frames_connect(int port) {
  struct sockaddr_in address;
  const int fd = frames_address(&address, port);
  return fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof address) == 0 ? fd : -1;
}

/* The first connection to a port that the kernel chooses and that is printed. */
static inline int frames_accept(void) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  const int fd = frames_address(&address, 0);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 1) != 0) return -1;
  if (getsockname(fd, (struct sockaddr*)&address, &size) != 0) return -1;
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return accept(fd, NULL, NULL);
}

static inline int frames_all(int fd, void* bytes, size_t size, int writes) {
  size_t done = 0;
  while (done < size) {
    char* at = (char*)bytes + done;
    const ssize_t count = writes ? write(fd, at, size - done) : read(fd, at, size - done);
    if (count <= 0) return -1;
    done += (size_t)count;
  }
  return 0;
}

/* 0, or -1 if the connection is gone. */
static inline int frames_send(int fd, const void* bytes, size_t size) {
  uint32_t length = htonl((uint32_t)size);
  if (frames_all(fd, &length, sizeof length, 1) != 0) return -1;
  return frames_all(fd, (void*)(uintptr_t)bytes, size, 1);
}

/* Bytes received into FRAME_MAX of room, or -1. */
static inline long frames_receive(int fd, uint8_t* bytes) {
  uint32_t length = 0;
  if (frames_all(fd, &length, sizeof length, 0) != 0) return -1;
  length = ntohl(length);
  if (length > FRAME_MAX || frames_all(fd, bytes, length, 0) != 0) return -1;
  return (long)length;
}

/* A line of standard input without its end: how the examples are told a password. */
static inline const char* frames_read_line(char* line, int size) {
  if (fgets(line, size, stdin) == NULL) line[0] = 0;
  line[strcspn(line, "\n")] = 0;
  return line;
}

#endif
