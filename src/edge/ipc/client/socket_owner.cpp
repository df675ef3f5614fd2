#include "edge/ipc/client/socket_owner.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::ipc {
namespace {

constexpr std::string_view kField = "authority socket";

std::unexpected<Error> refused(std::string message) {
  return fail(ErrorCode::denied, kField, Error::kNoOffset, std::move(message));
}

bool trusted(uid_t owner, std::optional<uid_t> expected_uid) {
  return owner == 0 || owner == geteuid() || (expected_uid && owner == *expected_uid);
}

Result<void> check_directory(const std::string& directory, std::optional<uid_t> expected_uid) {
  struct stat status{};
  if (lstat(directory.c_str(), &status) != 0) return refused(directory + ": " + std::strerror(errno));
  if (!S_ISDIR(status.st_mode)) return refused(directory + " is no directory");
  if (!trusted(status.st_uid, expected_uid)) return refused(directory + " belongs to user " + std::to_string(status.st_uid));
  const bool others_may_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (others_may_write && (status.st_mode & S_ISVTX) == 0) return refused(directory + " is writable by others");
  return {};
}

}  // namespace

Result<void> check_authority_socket(int fd, const std::string& path, std::optional<uid_t> expected_uid) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::unique_ptr<char, decltype(&std::free)> resolved{realpath(parent.c_str(), nullptr), &std::free};
  if (!resolved) return refused(parent + ": " + std::strerror(errno));

  std::string directory{resolved.get()};
  const std::string file = (directory == "/" ? "" : directory) + "/" + path.substr(slash == std::string::npos ? 0 : slash + 1);
  while (true) {
    POSTERN_CHECK(check_directory(directory, expected_uid));
    if (directory == "/") break;
    const std::size_t end = directory.rfind('/');
    directory = end == 0 ? "/" : directory.substr(0, end);
  }

  struct stat status{};
  if (lstat(file.c_str(), &status) != 0) return refused(file + ": " + std::strerror(errno));
  if (!S_ISSOCK(status.st_mode)) return refused(file + " is no socket");
  if (!trusted(status.st_uid, expected_uid)) return refused(file + " belongs to user " + std::to_string(status.st_uid));

  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return refused(std::string{"SO_PEERCRED: "} + std::strerror(errno));
  const bool right_peer = expected_uid ? peer.uid == *expected_uid : peer.uid == 0 || peer.uid == geteuid();
  if (!right_peer) return refused(file + " is served by user " + std::to_string(peer.uid) + ", which is not the authority's");
  return {};
}

}  // namespace postern::ipc
