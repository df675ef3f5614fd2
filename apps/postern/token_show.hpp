// `postern token show`: what is in a token.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "postern/output.hpp"
#include "postern/token_input.hpp"

namespace postern::cli {

/// Whether the challenge and the responses of an AUTHENTICATE are shown: together they allow guessing the password offline (R29).
enum class Secrets : std::uint8_t { hidden, shown };

struct ShowOptions {
  Secrets secrets = Secrets::hidden;
  CodePage oem_code_page = CodePage::cp850;
};

/// The object of docs/json.md for the token. Errors: the malformed family, with field and offset in the token; a token with
/// anomalies that the specification forbids is refused.
[[nodiscard]] Result<Json> show_token(const TokenInput& input, const ShowOptions& options);

/// The NTLM message in a token: the token itself, or what SPNEGO carries. A view into the token. Errors: `unsupported` if SPNEGO
/// carries none.
struct NtlmToken {
  ByteView message{};
  std::size_t offset = 0;  ///< of the message in the token
};
[[nodiscard]] Result<NtlmToken> ntlm_message_of(ByteView token);

}  // namespace postern::cli
