// Follows secrets through a logon and its session: keys and hashes are marked undefined, and memcheck reports each branch and each
// index that depends on them. What it may report is named in named-tables.supp. Without valgrind this is an ordinary logon.
//
//   memcheck_secrets          must be silent
//   memcheck_secrets leak     branches on a key; must be reported, or this test is blind
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <valgrind/memcheck.h>

#include "base/declassify.hpp"
#include "base/text.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/session_security.hpp"

namespace postern {

// Takes the place of the function in base: a verdict is public from here on.
bool declassify(bool verdict) noexcept {
  VALGRIND_MAKE_MEM_DEFINED(&verdict, sizeof verdict);
  return verdict;
}

namespace {

using namespace ntlm;

void poison(const void* secret, std::size_t size) { VALGRIND_MAKE_MEM_UNDEFINED(secret, size); }
/// What goes over the wire is public.
void publish(ByteView bytes) { VALGRIND_MAKE_MEM_DEFINED(bytes.data(), bytes.size()); }

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

template <typename T>
T must(Result<T> result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "%s: %s\n", what, result.error().to_line().c_str());
    std::exit(1);
  }
  return std::move(*result);
}

NtHash poisoned_hash() {
  std::array<std::uint8_t, NtHash::kSize> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(17 * i + 3);
  NtHash hash{bytes};
  poison(hash.reveal().data(), NtHash::kSize);
  return hash;
}

struct Ends {
  ClientEstablished client;
  Established server;
};

Ends log_on(wire::NegotiateFlags offered, ResponseKind kind, VersionSet versions) {
  InitiatorConfig config;
  config.credentials = {"alice", "EXAMPLE", poisoned_hash(), {}};
  config.target_name = "HTTP/web1.example.org";
  config.offered = offered;
  config.response = kind;
  auto awaiting_challenge = must(Initiator::start(std::move(config)), "start");
  AcceptorConfig server;
  server.names = {"WEB1", "EXAMPLE", "web1.example.org", "example.org", "example.org"};
  constexpr FileTime kNow{133'000'000'000'000'000};
  auto awaiting = must(Acceptor::on_negotiate(awaiting_challenge.negotiate_message(), server,
                                              wire::ServerChallenge{std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}}, kNow),
                       "on_negotiate");
  InitiatorRandom random;
  random.client_challenge = ClientChallenge{std::array<std::uint8_t, 8>{9, 10, 11, 12, 13, 14, 15, 16}};
  poison(random.random_session_key.reveal().data(), ExportedSessionKey::kSize);
  auto client =
      must(std::move(awaiting_challenge).on_challenge(awaiting.challenge_message(), std::move(random), kNow), "on_challenge");
  publish(client.authenticate_message());
  auto pending = must(std::move(awaiting).on_authenticate(client.authenticate_message()), "on_authenticate");
  const NtHash account = poisoned_hash();
  auto verified = must(pending.verify(account, versions), "verify");
  auto mic = must(pending.prove_mic(verified, Waiver{"RequireMic", "never"}), "prove_mic");
  auto bindings = must(pending.prove_bindings({}, Waiver{"ExtendedProtection", "never"}), "prove_bindings");
  Established established =
      std::move(pending).establish(std::move(verified), std::move(mic), std::move(bindings),
                                   TargetNameNotRequired{Waiver{"TargetNameCheck", "never"}}, LogonAllowed{"memcheck"});
  return {std::move(client), std::move(established)};
}

void carry_traffic(const Ends& ends) {
  SessionSecurity client{ends.client.negotiated(), ends.client.exported_session_key(), Role::client};
  SessionSecurity server{ends.server.negotiated(), ends.server.exported_session_key(), Role::server};
  for (const std::size_t size : {5u, 64u, 300u, 1000u, 20'000u}) {
    Bytes text(size, 0x41), token(size + kSignatureBytes), back(size);
    if (!client.wrap(text, token)) give_up("wrap");
    publish(token);
    if (!server.unwrap(token, back)) give_up("unwrap");
    publish(back);
    if (back != text) give_up("another text came out");
    token[20] ^= 1;
    if (server.unwrap(token, back)) give_up("an altered message was accepted");
    const auto signature = server.sign(text);
    if (!signature) give_up("sign");
    publish(signature->bytes());
    if (!client.verify(text, signature->bytes())) give_up("verify");
  }
}

int run(std::string_view mode) {
  if (mode == "leak") {
    const NtHash hash = poisoned_hash();
    if (hash.reveal()[0] == 3) std::puts("a branch on a key");
    return 0;
  }
  using wire::NegotiateFlag;
  using wire::ResponseVersion;
  const wire::NegotiateFlags sealing = InitiatorConfig::kDefaultOffer.with(NegotiateFlag::seal);
  carry_traffic(log_on(sealing, ResponseKind::ntlm_v2, kNtlmv2Only));
  carry_traffic(log_on(sealing.without(NegotiateFlag::key_exchange), ResponseKind::ntlm_v2, kNtlmv2Only));
  log_on(sealing, ResponseKind::danger_lm_v2, VersionSet{ResponseVersion::lm_v2});
  carry_traffic(log_on(sealing, ResponseKind::danger_ntlm_v1, VersionSet{ResponseVersion::ntlm_v1_ess}));
  log_on(sealing.without(NegotiateFlag::extended_session_security), ResponseKind::danger_ntlm_v1,
         VersionSet{ResponseVersion::ntlm_v1});
  std::puts("logons and traffic with followed secrets: done");
  return 0;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) { return postern::run(argc > 1 ? argv[1] : ""); }
