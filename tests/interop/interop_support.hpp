// Shared by the interop tests: one account, our two sides, and the demands of each logon.
#pragma once

#include <string>

#include "ntlm/lm.hpp"
#include "ntlm/ntlm_test_support.hpp"

namespace postern::interop {

using namespace ntlm;
using ntlm::testing_support::code_of;
using ntlm::testing_support::Demands;
using ntlm::testing_support::finish;
using ntlm::testing_support::fixed;
using ntlm::testing_support::hash_of;
using ntlm::testing_support::hex;
using ntlm::testing_support::kEveryVersion;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

inline constexpr char kUser[] = "alice";
inline constexpr char kDomain[] = "LAB";
inline constexpr char kPassword[] = "Passw0rd.1";
inline constexpr char kWrongPassword[] = "Passw0rd.2";

inline FileTime now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

inline LmHash lm_hash_of(const char* password) {
  return danger_lm_hash_of_password(SecretBytes{std::string_view{password}}, CodePage::cp850).value();
}

/// What our client says and how.
struct OurForm {
  NegotiateFlags offered = InitiatorConfig::kDefaultOffer;
  ResponseKind kind = ResponseKind::ntlm_v2;
  LmKeys lm_keys = LmKeys::refused;
};

inline InitiatorConfig our_client_config(const char* password, const OurForm& form) {
  InitiatorConfig config;
  if (form.kind != ResponseKind::anonymous) {
    config.credentials = {kUser, kDomain, hash_of(password), lm_hash_of(password)};
  }
  config.workstation = "CLIENT";
  config.target_name = "HTTP/localhost";
  config.offered = form.offered;
  config.response = form.kind;
  config.lm_keys = form.lm_keys;
  return config;
}
inline AwaitingChallenge our_client(const char* password, const OurForm& form) {
  return Initiator::start(our_client_config(password, form)).value();
}
inline AwaitingChallenge our_client(const char* password, NegotiateFlags offered = InitiatorConfig::kDefaultOffer) {
  return our_client(password, OurForm{offered});
}
inline Result<ClientEstablished> answer(AwaitingChallenge client, ByteView challenge) {
  InitiatorRandom random{fixed<ClientChallenge>("a1a2a3a4a5a6a7a8"), fixed<ExportedSessionKey>("c1c2c3c4c5c6c7c8c9cacbcccdcecfc0")};
  return std::move(client).on_challenge(challenge, std::move(random), now());
}

inline AcceptorConfig our_server_config(LmKeys lm_keys = LmKeys::refused) {
  AcceptorConfig config;
  config.names = {"SRV", kDomain, "srv.lab.test", "lab.test", "lab.test"};
  config.lm_keys = lm_keys;
  return config;
}
inline Result<AwaitingAuthenticate> our_server(ByteView negotiate, LmKeys lm_keys = LmKeys::refused) {
  return Acceptor::on_negotiate(negotiate, our_server_config(lm_keys), fixed<wire::ServerChallenge>("5152535455565758"), now());
}

/// Our server's verdict where every kind of response is let in.
inline Result<Established> finish_any(AwaitingAuthenticate server, ByteView authenticate, const char* account_password) {
  const LmHash lm = lm_hash_of(account_password);
  return finish(std::move(server), authenticate, hash_of(account_password),
                {kEveryVersion, ntlm::testing_support::kMicWaiver, {}, ntlm::testing_support::kBindingsWaiver, &lm});
}

/// The bits that session security hangs on.
inline NegotiateFlags session_bits(NegotiateFlags flags) {
  NegotiateFlags bits;
  for (const NegotiateFlag flag : {NegotiateFlag::sign, NegotiateFlag::seal, NegotiateFlag::datagram, NegotiateFlag::lm_key,
                                   NegotiateFlag::extended_session_security, NegotiateFlag::request_non_nt_session_key,
                                   NegotiateFlag::key_128, NegotiateFlag::key_exchange, NegotiateFlag::key_56}) {
    if (flags.has(flag)) bits = bits.with(flag);
  }
  return bits;
}

}  // namespace postern::interop
