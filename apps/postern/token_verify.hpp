// `postern token verify`: does one recorded exchange prove one password?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/keys.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"
#include "ntlm/authority_protocol.hpp"
#include "postern/output.hpp"
#include "wire/messages.hpp"

namespace postern::cli {

/// One exchange (R29: never a list). Tokens as received, SPNEGO around them or not.
struct VerifyInput {
  std::optional<wire::ServerChallenge> challenge{};  ///< may be left out if challenge_message is there
  Bytes negotiate{};                                 ///< empty: unknown
  Bytes challenge_message{};                         ///< empty: unknown
  Bytes authenticate{};
  std::optional<ntlm::ChannelBindingHash> channel_binding{};  ///< of the channel; none: the client's hash is not compared
  CodePage oem_code_page = CodePage::cp850;
};

struct VerifyAnswer {
  bool accepted = false;
  Json object{};                        ///< docs/json.md
  std::vector<std::string> warnings{};  ///< what could not be checked
};

/// Verifies what is there by what it is: response, announced MIC, channel bindings that were sent. No policy, no clock limit, no
/// account state. `lm_hash`: without one an LM response cannot be verified. Errors: the malformed family.
[[nodiscard]] Result<VerifyAnswer> verify_token(const VerifyInput& input, const NtHash& nt_hash, const LmHash* lm_hash = nullptr);

/// What the first line of standard input is.
enum class CredentialForm : std::uint8_t { password, nt_hash };

/// The hash of the line: a password (UTF-8; an empty one is refused, R8) or 32 hex digits. `line` has no line end.
[[nodiscard]] Result<NtHash> nt_hash_of_line(const SecretBytes& line, CredentialForm form);

/// The LM hash of a line that is a password; nothing for an NT hash, and for a password that has none.
[[nodiscard]] std::optional<LmHash> lm_hash_of_line(const SecretBytes& line, CredentialForm form, CodePage code_page);

/// The first line of standard input without its line end (`\n` or `\r\n`). Errors: `io`; `too_large` over 4 KiB.
[[nodiscard]] Result<SecretBytes> read_secret_line();

}  // namespace postern::cli
