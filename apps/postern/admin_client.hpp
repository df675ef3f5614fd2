// Asks the authority's admin socket: one JSON object there, one back (docs/admin-protocol.md).
#pragma once

#include <string>

#include "base/result.hpp"
#include "postern/output.hpp"

namespace postern::cli {

inline constexpr std::size_t kMaxAdminReplyBytes = 64 * 1024 * 1024;  ///< ten thousand accounts and room
inline constexpr int kAdminDeadlineSeconds = 30;

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
