// Postern's own Initiator and Acceptor, with the random values and the clock that a program gives them.
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/random.h>

#include "base/text.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"
#include "peer.hpp"

namespace {

std::uint64_t g_allocations = 0;

}  // namespace

// POSTERN_BENCH_ALLOCATIONS=1 prints how many allocations a logon makes.
void* operator new(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace postern::bench {
namespace {

using namespace ntlm;

template <typename Fixed>
Fixed random_value() {
  std::array<std::uint8_t, Fixed::kSize> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  Fixed value{std::span<const std::uint8_t, Fixed::kSize>{bytes}};
  wipe(bytes);
  return value;
}

FileTime now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

class Own final : public Peer {
 public:
  Own() {
    config_.names = {"SRV", kDomain, "srv.testdom.example", "testdom.example", "testdom.example"};
    config_.required = wire::NegotiateFlags{0x2008'0010};  // 128, ESS, SIGN
  }
  [[nodiscard]] std::string name() const override { return "Postern"; }
  void change_password() override { server_hash_ = hash_of(kWrongPassword); }

  bool log_on(Stopwatch& server) override {
    InitiatorConfig client;
    client.credentials = {kUser, kDomain, client_hash_.duplicate()};
    client.workstation = "CLIENT";
    client.target_name = kService;
    client.offered = InitiatorConfig::kDefaultOffer.with(wire::NegotiateFlag::seal);
    auto start = Initiator::start(std::move(client));
    if (!start) return false;
    server.start();
    auto awaiting = Acceptor::on_negotiate(start->negotiate_message(), config_, random_value<wire::ServerChallenge>(), now());
    server.stop();
    if (!awaiting) return false;
    auto done = std::move(*start).on_challenge(awaiting->challenge_message(),
                                               {random_value<ClientChallenge>(), random_value<ExportedSessionKey>()}, now());
    if (!done) return false;
    server.start();
    const bool accepted = decide(std::move(*awaiting), *done);
    server.stop();
    return accepted;
  }

 private:
  static NtHash hash_of(std::string_view password) { return nt_hash_of_password(SecretBytes{password}).value(); }

  bool decide(AwaitingAuthenticate awaiting, const ClientEstablished& client) const {
    auto pending = std::move(awaiting).on_authenticate(client.authenticate_message());
    if (!pending) return false;
    auto verified = verify_response(pending->request(), server_hash_, kNtlmv2Only);
    if (!verified) return false;
    auto mic = pending->prove_mic(*verified, std::nullopt);
    if (!mic) return false;
    auto bindings = pending->prove_bindings({}, Waiver{"ExtendedProtection", "never"});
    if (!bindings) return false;
    const Established established =
        std::move(*pending).establish(std::move(*verified), std::move(*mic), std::move(*bindings),
                                      TargetNameNotRequired{Waiver{"TargetNameCheck", "never"}}, LogonAllowed{"benchmark"});
    return constant_time_equal(established.exported_session_key().reveal(), client.exported_session_key().reveal());
  }

  AcceptorConfig config_{};
  NtHash client_hash_ = hash_of(kPassword);
  NtHash server_hash_ = hash_of(kPassword);
};

}  // namespace
}  // namespace postern::bench

int main() {
  postern::bench::Own own;
  if (std::getenv("POSTERN_BENCH_ALLOCATIONS") != nullptr) {
    postern::bench::Stopwatch off{false};
    const std::uint64_t before = g_allocations;
    if (!own.log_on(off)) return 1;
    std::cout << g_allocations - before << " allocations in a logon of both sides" << std::endl;
    return 0;
  }
  return postern::bench::serve(own);
}
