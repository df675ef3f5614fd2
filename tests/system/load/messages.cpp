#include "messages.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <openssl/sha.h>
#include <sys/random.h>
#include <utility>

#include "crypto/md5.hpp"

namespace postern::load {
namespace {

void fill(MutableByteView bytes) {
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
}

FileTime now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

NtHash hash_of(const std::string& password) {
  auto hash = ntlm::nt_hash_of_password(SecretBytes{std::string_view{password}});
  if (!hash) {
    std::fprintf(stderr, "postern-load: the password: %s\n", hash.error().to_line().c_str());
    std::exit(2);
  }
  return std::move(*hash);
}

}  // namespace

Who::Who(const Options& options)
    : domain_{options.domain},
      user_{options.user},
      target_name_{"HTTP/" + options.address},
      right_{hash_of(options.password)},
      wrong_{hash_of(options.password + " not")} {}

ntlm::InitiatorConfig Who::config(Fault fault, const std::optional<ntlm::ChannelBindingHash>& bindings) const {
  ntlm::InitiatorConfig config;
  config.credentials.domain = domain_;
  config.credentials.user = fault == Fault::unknown_account ? "nobody-of-that-name" : user_;
  config.credentials.nt_hash = fault == Fault::wrong_password ? wrong_.duplicate() : right_.duplicate();
  config.workstation = "LOAD";
  config.target_name = target_name_;
  config.channel_bindings = bindings;
  return config;
}

std::string negotiate_header(const ntlm::AwaitingChallenge& awaiting) { return "NTLM " + to_base64(awaiting.negotiate_message()); }

std::optional<std::string> authenticate_header(ntlm::AwaitingChallenge awaiting, std::string_view challenge_base64, Fault fault) {
  const auto challenge = from_base64(challenge_base64);
  if (!challenge) return std::nullopt;
  std::array<std::uint8_t, 8> client_challenge{};
  std::array<std::uint8_t, 16> session_key{};
  fill(client_challenge);
  fill(session_key);
  ntlm::InitiatorRandom random{ntlm::ClientChallenge{client_challenge}, ntlm::ExportedSessionKey{session_key}};
  auto established = std::move(awaiting).on_challenge(*challenge, std::move(random), now());
  if (!established) return std::nullopt;
  ByteView message = established->authenticate_message();
  // Cut off at a place of its own each time, so that every field is missing once.
  if (fault == Fault::damaged) message = message.first(12 + (client_challenge[0] * message.size()) / 256 * 9 / 10);
  return "NTLM " + to_base64(message);
}

ntlm::ChannelBindingHash end_point_bindings(ByteView certificate) {
  constexpr std::string_view kPrefix = "tls-server-end-point:";
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(certificate.data(), certificate.size(), digest.data());
  // gss_channel_bindings_struct: two empty addresses of four words in all, the length of the application data, the data.
  std::array<std::uint8_t, 20> before_data{};
  before_data[16] = static_cast<std::uint8_t>(kPrefix.size() + digest.size());
  crypto::Md5 hash;
  hash.update(before_data);
  hash.update(as_bytes(kPrefix));
  hash.update(digest);
  return ntlm::ChannelBindingHash{hash.finish()};
}

}  // namespace postern::load
