#include "postern/admin_client.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "base/reader.hpp"
#include "base/secret.hpp"
#include "edge/ipc/client/socket_owner.hpp"

namespace postern::cli {
namespace {

constexpr std::string_view kField = "admin socket";

std::unexpected<Error> no_authority(const std::string& message) {
  return std::unexpected{Error{ErrorCode::no_authority, kField, Error::kNoOffset, message,
                               "is posternd running, and may this user be its admin? --socket names its admin socket"}};
}

Result<void> send_all(int descriptor, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return no_authority(std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<void> receive_all(int descriptor, MutableByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t received = ::recv(descriptor, bytes.data(), bytes.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return no_authority(std::strerror(errno));
    if (received == 0) return no_authority("the authority closed the connection");
    bytes = bytes.subspan(static_cast<std::size_t>(received));
  }
  return {};
}

/// Error::field is a static text, so a name that comes over the socket is looked up among those that the authority uses.
std::string_view static_field(const std::string& name) {
  constexpr std::string_view kFields[] = {"account", "domain",      "name",     "dns",           "realm", "password",
                                          "kind",    "groups",      "expires",  "from",          "until", "server",
                                          "version", "outcome",     "limit",    "after",         "op",    "request",
                                          "file",    "logon_hours", "networks", "old_after_days"};
  for (const std::string_view field : kFields) {
    if (field == name) return field;
  }
  return {};
}

Error error_of(const Json& body) {
  Error error;
  const std::string code = body.value("code", "");
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
    if (name_of(static_cast<ErrorCode>(i)) == code) error.code = static_cast<ErrorCode>(i);
  }
  error.field = static_field(body.value("field", ""));
  error.message = body.value("message", "the authority gave no reason");
  error.hint = body.value("hint", "");
  return error;
}

}  // namespace

Result<AdminClient> AdminClient::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::invalid_input, "--socket", Error::kNoOffset, "longer than a socket's path may be");
  }
  path.copy(address.sun_path, path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return fail(ErrorCode::io, kField, Error::kNoOffset, std::strerror(errno));
  AdminClient client{descriptor};
  const timeval deadline{kAdminDeadlineSeconds, 0};
  static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)));
  static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline)));
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return no_authority(path + ": " + std::strerror(errno));
  }
  // root may run commands against an authority of another user: the listener is then the owner of the socket's file.
  std::optional<uid_t> expected;
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::geteuid() == 0 && ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) expected = peer.uid;
  POSTERN_CHECK(ipc::check_authority_socket(descriptor, path, expected));
  return client;
}

AdminClient::AdminClient(AdminClient&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}

AdminClient::~AdminClient() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AdminClient::wait_up_to(int seconds) {
  const timeval deadline{seconds, 0};
  static_cast<void>(::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)));
}

SecretBytes request_bytes(const Json& request, std::string_view secret_name, ByteView secret) {
  constexpr std::size_t kLongestEscape = 6;  // \u001f
  std::string text = request.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (secret_name.empty()) return SecretBytes::take(text);
  text.pop_back();                                                                      // the closing brace
  text.reserve(text.size() + secret_name.size() + kLongestEscape * secret.size() + 8);  // so that nothing is copied on the way
  text.append(request.empty() ? "\"" : ",\"").append(secret_name).append("\":\"");
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const std::uint8_t byte : secret) {
    if (byte == '"' || byte == '\\') {
      text.append(1, '\\').append(1, static_cast<char>(byte));
    } else if (byte < 0x20) {
      text.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 0x0F]);
    } else {
      text.append(1, static_cast<char>(byte));
    }
  }
  text.append("\"}");
  return SecretBytes::take(text);
}

Result<Json> AdminClient::ask(const Json& request, const std::optional<SecretMember>& secret) {
  const SecretBytes sent = secret ? request_bytes(request, secret->name, secret->value.reveal()) : request_bytes(request, {}, {});
  if (sent.size() > kMaxAdminRequestBytes) {
    return fail(ErrorCode::too_large, kField, Error::kNoOffset, "a request of more than a mebibyte: split the file");
  }
  std::array<std::uint8_t, 4> length{};
  store_le(length.data(), static_cast<std::uint32_t>(sent.size()));
  POSTERN_CHECK(send_all(descriptor_, length));
  POSTERN_CHECK(send_all(descriptor_, sent.reveal()));
  POSTERN_CHECK(receive_all(descriptor_, length));
  const std::size_t size = load_le<std::uint32_t>(length.data());
  if (size > kMaxAdminReplyBytes) return fail(ErrorCode::too_large, kField, Error::kNoOffset, "an answer over the limit");
  Bytes reply(size);
  POSTERN_CHECK(receive_all(descriptor_, reply));
  Json answer = Json::parse(as_text(reply), nullptr, false);
  if (!answer.is_object()) return fail(ErrorCode::internal, kField, Error::kNoOffset, "the authority's answer is no JSON object");
  if (answer.contains("error")) return std::unexpected{error_of(answer["error"])};
  if (!answer.contains("ok")) return fail(ErrorCode::internal, kField, Error::kNoOffset, "the authority's answer says nothing");
  return std::move(answer["ok"]);
}

}  // namespace postern::cli
