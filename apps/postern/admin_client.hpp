// Asks the authority's admin socket: one JSON object there, one back (docs/admin-protocol.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "postern/output.hpp"

namespace postern::cli {

inline constexpr std::size_t kMaxAdminReplyBytes = 64 * 1024 * 1024;  ///< ten thousand accounts and room
inline constexpr std::size_t kMaxAdminRequestBytes = 1024 * 1024;
inline constexpr int kAdminDeadlineSeconds = 30;

/// The request in bytes, with the secret member written at its end.
[[nodiscard]] SecretBytes request_bytes(const Json& request, std::string_view secret_name, ByteView secret);

class AdminClient {
 public:
  /// Errors: `no_authority` if nobody answers there, `denied` if the socket's owner is not ours, root or the authority's (R31).
  [[nodiscard]] static Result<AdminClient> connect(const std::string& path);

  AdminClient(AdminClient&& other) noexcept;
  AdminClient& operator=(AdminClient&&) = delete;
  ~AdminClient();

  /// A member of a request that no JSON library sees, because it would leave copies behind (R27).
  struct SecretMember {
    std::string_view name{};
    SecretBytes value{};  ///< UTF-8
  };

  /// What stands under `ok` in the answer, or its error. What was sent is wiped.
  [[nodiscard]] Result<Json> ask(const Json& request, const std::optional<SecretMember>& secret = {});
  /// How long an answer may take from now on.
  void wait_up_to(int seconds);

 private:
  explicit AdminClient(int descriptor) : descriptor_{descriptor} {}
  int descriptor_;
};

}  // namespace postern::cli
