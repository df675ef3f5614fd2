#include "postern/token_verify.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "ntlm/acceptor.hpp"
#include "ntlm/credentials.hpp"
#include "ntlm/verification.hpp"
#include "postern/token_show.hpp"

namespace postern::cli {
namespace {

using ntlm::BindingState;
using ntlm::MicState;
using wire::ResponseVersion;

constexpr std::size_t kMaxSecretLineBytes = 4096;
constexpr ntlm::Waiver kNotAnnounced{"token verify", "what is not announced is not required"};
constexpr ntlm::VersionSet kAllVersions{ResponseVersion::lm, ResponseVersion::ntlm_v1, ResponseVersion::ntlm_v1_ess,
                                        ResponseVersion::lm_v2, ResponseVersion::ntlm_v2};

Result<ByteView> message_in(const Bytes& token) {
  if (token.empty()) return ByteView{};
  POSTERN_TRY(found, ntlm_message_of(token));
  return found.message;
}

/// The MIC's state after the check, and a warning if it could not be made.
Result<MicState> check_mic(const ntlm::PendingVerification& pending, const ntlm::ResponseVerified& verified,
                           std::vector<std::string>& warnings) {
  const MicState announced = pending.claims().mic;
  if (announced == MicState::present && !pending.can_check_mic()) {
    warnings.emplace_back("the MIC was not checked: that needs the messages before it (--negotiate and --challenge-message)");
    return announced;
  }
  const auto proof = pending.prove_mic(verified, kNotAnnounced);
  if (proof) return announced == MicState::present ? MicState::verified : announced;
  if (proof.error().code != ErrorCode::mic_wrong) return std::unexpected{proof.error()};
  return announced == MicState::announced_missing ? announced : MicState::wrong;
}

NtStatus status_of(bool response_right, MicState mic, BindingState binding) {
  if (!response_right) return NtStatus::logon_failure;
  // What Windows and Samba answer to a MIC that does not fit.
  if (mic == MicState::wrong || mic == MicState::announced_missing) return NtStatus::invalid_parameter;
  if (binding == BindingState::mismatched) return NtStatus::bad_bindings;
  return NtStatus::success;
}

}  // namespace

Result<VerifyAnswer> verify_token(const VerifyInput& input, const NtHash& nt_hash, const LmHash* lm_hash) {
  POSTERN_TRY(negotiate, message_in(input.negotiate));
  POSTERN_TRY(challenge, message_in(input.challenge_message));
  POSTERN_TRY(authenticate, message_in(input.authenticate));
  if (!negotiate.empty()) POSTERN_CHECK(wire::NegotiateMessage::parse(negotiate));
  if (!challenge.empty()) {
    POSTERN_TRY(parsed, wire::ChallengeMessage::parse(challenge));
    if (input.challenge && *input.challenge != parsed.server_challenge) {
      return fail(ErrorCode::invalid_input, "--challenge", Error::kNoOffset, "not the challenge of --challenge-message");
    }
  } else if (!input.challenge) {
    return fail(ErrorCode::invalid_input, "--challenge", Error::kNoOffset, "needed unless --challenge-message is given");
  }
  POSTERN_TRY(awaiting, ntlm::danger_await_recorded({.server_challenge = input.challenge.value_or(wire::ServerChallenge{}),
                                                     .negotiate = negotiate,
                                                     .challenge = challenge,
                                                     .oem_code_page = input.oem_code_page}));
  POSTERN_TRY(pending, std::move(awaiting).on_authenticate(authenticate));

  VerifyAnswer answer;
  ResponseVersion version = pending.claims().version;
  MicState mic = pending.claims().mic;
  std::vector<ntlm::ChannelBindingHash> accepted_bindings;
  if (input.channel_binding) accepted_bindings.push_back(*input.channel_binding);
  const BindingState binding = pending.binding_state(accepted_bindings);

  const auto verified = lm_hash == nullptr
                            ? ntlm::verify_response(pending.request(), nt_hash, kAllVersions)
                            : ntlm::danger_verify_response_with_lm(pending.request(), nt_hash, *lm_hash, kAllVersions);
  if (verified) {
    version = verified->version();
    POSTERN_TRY(checked, check_mic(pending, *verified, answer.warnings));
    mic = checked;
  } else if (verified.error().code != ErrorCode::wrong_password && version != ResponseVersion::anonymous) {
    return std::unexpected{verified.error()};
  } else if (version == ResponseVersion::lm && lm_hash == nullptr) {
    answer.warnings.emplace_back("only LMv2 was tried: an LM response is verified with a password of at most 14 characters");
  }
  const NtStatus status = status_of(verified.has_value(), mic, binding);
  answer.accepted = status == NtStatus::success;
  answer.object = Json{{"accepted", answer.accepted},
                       {"version", wire::name_of(version)},
                       {"mic", ntlm::name_of(mic)},
                       {"channel_binding", ntlm::name_of(binding)},
                       {"status", status_json(status)}};
  if (!answer.warnings.empty()) answer.object["warnings"] = answer.warnings;
  return answer;
}

Result<NtHash> nt_hash_of_line(const SecretBytes& line, CredentialForm form) {
  if (form == CredentialForm::password) {
    if (line.empty()) return fail(ErrorCode::denied, "password", Error::kNoOffset, "an empty password is never accepted");
    return ntlm::nt_hash_of_password(line);
  }
  const auto digits = line.reveal_text();
  auto bytes = from_hex(digits);
  if (!bytes || bytes->size() != NtHash::kSize) {
    if (bytes) wipe(*bytes);
    return fail(ErrorCode::malformed, "NT hash", Error::kNoOffset, "not 32 hexadecimal digits");
  }
  NtHash hash{std::span<const std::uint8_t, NtHash::kSize>{*bytes}};
  wipe(*bytes);
  return hash;
}

std::optional<LmHash> lm_hash_of_line(const SecretBytes& line, CredentialForm form, CodePage code_page) {
  if (form != CredentialForm::password) return std::nullopt;
  auto hash = ntlm::danger_lm_hash_of_password(line, code_page);
  if (!hash) return std::nullopt;
  return std::move(*hash);
}

Result<SecretBytes> read_secret_line() {
  // Read byte by byte without a stream's buffer, which nobody would wipe; what follows the line stays unread.
  std::array<std::uint8_t, kMaxSecretLineBytes> buffer{};
  std::size_t size = 0;
  bool ended = false;
  while (!ended) {
    std::uint8_t byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      wipe(buffer);
      return fail(ErrorCode::io, "standard input", Error::kNoOffset, std::strerror(errno));
    }
    if (count == 0 || byte == '\n') {
      ended = true;
    } else if (size == buffer.size()) {
      wipe(buffer);
      return fail(ErrorCode::too_large, "standard input", Error::kNoOffset, "the first line is longer than any password");
    } else {
      buffer[size++] = byte;
    }
  }
  if (size > 0 && buffer[size - 1] == '\r') --size;
  SecretBytes line{ByteView{buffer}.first(size)};
  wipe(buffer);
  return line;
}

}  // namespace postern::cli
