// Shared by the interop tests: one account, our two sides, and the demands of each logon.
#pragma once

#include <string>

#include "ntlm/ntlm_test_support.hpp"

namespace postern::interop {

using namespace ntlm;
using ntlm::testing_support::code_of;
using ntlm::testing_support::Demands;
using ntlm::testing_support::finish;
using ntlm::testing_support::fixed;
using ntlm::testing_support::hash_of;
using ntlm::testing_support::hex;

inline constexpr char kUser[] = "alice";
inline constexpr char kDomain[] = "LAB";
inline constexpr char kPassword[] = "Passw0rd.1";
inline constexpr char kWrongPassword[] = "Passw0rd.2";

inline FileTime now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

inline AwaitingChallenge our_client(const char* password, wire::NegotiateFlags offered = InitiatorConfig::kDefaultOffer) {
  InitiatorConfig config;
  config.credentials = {kUser, kDomain, hash_of(password)};
  config.workstation = "CLIENT";
  config.target_name = "HTTP/localhost";
  config.offered = offered;
  return Initiator::start(std::move(config)).value();
}
inline Result<ClientEstablished> answer(AwaitingChallenge client, ByteView challenge) {
  InitiatorRandom random{fixed<ClientChallenge>("a1a2a3a4a5a6a7a8"), fixed<ExportedSessionKey>("c1c2c3c4c5c6c7c8c9cacbcccdcecfc0")};
  return std::move(client).on_challenge(challenge, std::move(random), now());
}

inline Result<AwaitingAuthenticate> our_server(ByteView negotiate) {
  AcceptorConfig config;
  config.names = {"SRV", kDomain, "srv.lab.test", "lab.test", "lab.test"};
  return Acceptor::on_negotiate(negotiate, config, fixed<wire::ServerChallenge>("5152535455565758"), now());
}

}  // namespace postern::interop
