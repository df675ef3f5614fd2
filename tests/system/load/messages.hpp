// The client's side of a logon as header lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/keys.hpp"
#include "ntlm/initiator.hpp"
#include "options.hpp"

namespace postern::load {

/// How a logon is meant to fail, if it is.
enum class Fault : std::uint8_t { none, wrong_password, unknown_account, damaged };

/// Who logs on: the hash is computed once.
class Who {
 public:
  explicit Who(const Options& options);
  [[nodiscard]] ntlm::InitiatorConfig config(Fault fault, const std::optional<ntlm::ChannelBindingHash>& bindings) const;

 private:
  std::string domain_;
  std::string user_;
  std::string target_name_;
  NtHash right_{};
  NtHash wrong_{};
};

/// "NTLM <base64>" for the first leg.
[[nodiscard]] std::string negotiate_header(const ntlm::AwaitingChallenge& awaiting);
/// "NTLM <base64>" for the last leg; nothing if the CHALLENGE is none.
[[nodiscard]] std::optional<std::string> authenticate_header(ntlm::AwaitingChallenge awaiting, std::string_view challenge_base64,
                                                             Fault fault);

/// What MsvAvChannelBindings carries for a connection whose server certificate is `certificate` (DER) and signed with SHA-256 (RFC
/// 5929 4.1).
[[nodiscard]] ntlm::ChannelBindingHash end_point_bindings(ByteView certificate);

}  // namespace postern::load
