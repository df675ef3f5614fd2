// Asks the authority's admin socket: one JSON object there, one back (docs/admin-protocol.md).
#pragma once

#include <string>

#include "base/result.hpp"
#include "postern/output.hpp"

namespace postern::cli {

inline constexpr std::string_view kDefaultAdminSocket = "/run/postern/admin.sock";
inline constexpr std::string_view kDemoAdminSocket = ".postern/run/admin.sock";  ///< what ./start makes
inline constexpr std::size_t kMaxAdminReplyBytes = 64 * 1024 * 1024;             ///< ten thousand accounts and room
inline constexpr int kAdminDeadlineSeconds = 30;

/// The socket: `--socket`, else POSTERN_SOCKET, else the default, else, if that is not there, the one that ./start made in this
/// folder. All but the default are ignored in a privileged process (R31).
[[nodiscard]] std::string admin_socket_path(const std::string& option);

class AdminClient {
 public:
  /// Errors: `no_authority` if nobody answers there, `denied` if the socket's owner is not ours, root or the authority's (R31).
  [[nodiscard]] static Result<AdminClient> connect(const std::string& path);

  AdminClient(AdminClient&& other) noexcept;
  AdminClient& operator=(AdminClient&&) = delete;
  ~AdminClient();

  /// What stands under `ok` in the answer, or its error. A text under "password" is wiped from the request, and all that was sent.
  [[nodiscard]] Result<Json> ask(Json request);

 private:
  explicit AdminClient(int descriptor) : descriptor_{descriptor} {}
  int descriptor_;
};

}  // namespace postern::cli
