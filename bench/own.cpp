// Postern's own Initiator and Acceptor, with the random values and the clock that a program gives them.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "entropy/entropy.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/session_security.hpp"
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
  if (!entropy::fill(bytes)) std::abort();
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
  void change_password() override {
    server_hash_ = hash_of(kWrongPassword);
    prepared_.reset();
  }

  bool log_on(Stopwatch& server) override {
    auto done = exchange(server);
    return done && constant_time_equal(done->server.exported_session_key().reveal(), done->client.exported_session_key().reveal());
  }

  bool log_on_many(Stopwatch& server, int count) override {
    std::vector<ClientEstablished> clients;
    std::vector<AwaitingAuthenticate> awaiting;
    for (int i = 0; i < count; ++i) {
      auto asked = ask(server);
      if (!asked) return false;
      clients.push_back(std::move(asked->client));
      awaiting.push_back(std::move(asked->server));
    }
    server.start();
    bool right = true;
    std::vector<PendingVerification> pending;
    std::vector<VerificationItem> items;
    pending.reserve(clients.size());
    for (std::size_t i = 0; i < clients.size(); ++i) {
      auto parsed = std::move(awaiting[i]).on_authenticate(clients[i].authenticate_message());
      if (!parsed) return false;
      pending.push_back(std::move(*parsed));
      items.push_back({&pending.back().request(), &server_hash_});
    }
    auto verified = verify_responses(items, kNtlmv2Only);
    std::vector<MicItem> mics;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (!verified[i]) return false;
      mics.push_back({&pending[i], &*verified[i], std::nullopt});
    }
    auto proofs = prove_mics(mics);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      right = right && proofs[i] && conclude(std::move(pending[i]), std::move(*verified[i]), std::move(*proofs[i])).has_value();
    }
    server.stop();
    return right;
  }

  bool open_session() override {
    Stopwatch off{false};
    auto done = exchange(off);
    if (!done) return false;
    sender_.emplace(done->client.negotiated(), done->client.exported_session_key(), Role::client);
    SessionSecurity receiver{done->server.negotiated(), done->server.exported_session_key(), Role::server};
    std::array<std::uint8_t, 5> text{1, 2, 3, 4, 5}, sealed{}, opened{};
    const auto signature = sender_->seal(text, sealed);
    return signature && receiver.unseal(sealed, signature->bytes(), opened) && opened == text;
  }
  bool seal(std::span<std::uint8_t> message) override {
    const Segment segment = Segment::sealed_in_place(message);
    return sender_->seal({&segment, 1}).has_value();
  }
  bool sign(std::span<const std::uint8_t> message) override { return sender_->sign(message).has_value(); }

  bool keep_server_side(std::size_t so_many) override {
    Stopwatch off{false};
    auto done = exchange(off);
    if (!done) return false;
    kept_.reserve(so_many);
    kept_.push_back(
        std::make_unique<SessionSecurity>(done->server.negotiated(), done->server.exported_session_key(), Role::server));
    return true;
  }

 private:
  struct Exchange {
    ClientEstablished client;
    Established server;
  };
  /// A logon up to the AUTHENTICATE.
  struct Asked {
    ClientEstablished client;
    AwaitingAuthenticate server;
  };
  std::optional<Asked> ask(Stopwatch& server) {
    InitiatorConfig client;
    client.credentials = {kUser, kDomain, client_hash_.duplicate(), {}};
    client.workstation = "CLIENT";
    client.target_name = kService;
    client.offered = InitiatorConfig::kDefaultOffer.with(wire::NegotiateFlag::seal);
    auto start = Initiator::start(std::move(client));
    if (!start) return std::nullopt;
    server.start();
    auto awaiting = Acceptor::on_negotiate(start->negotiate_message(), config_, random_value<wire::ServerChallenge>(), now());
    server.stop();
    if (!awaiting) return std::nullopt;
    auto done = std::move(*start).on_challenge(awaiting->challenge_message(),
                                               {random_value<ClientChallenge>(), random_value<ExportedSessionKey>()}, now());
    if (!done) return std::nullopt;
    return Asked{std::move(*done), std::move(*awaiting)};
  }
  std::optional<Exchange> exchange(Stopwatch& server) {
    auto asked = ask(server);
    if (!asked) return std::nullopt;
    server.start();
    auto established = decide(std::move(asked->server), asked->client);
    server.stop();
    if (!established) return std::nullopt;
    return Exchange{std::move(asked->client), std::move(*established)};
  }

  /// The account's ResponseKeyNT, kept from logon to logon as posternd keeps it: made anew for another spelling of the name.
  const ResponseKeyNt& response_key(const VerificationRequest& request) {
    if (!prepared_ || !std::ranges::equal(prepared_->user_utf16, request.user_utf16) ||
        !std::ranges::equal(prepared_->domain_utf16, request.domain_utf16)) {
      prepared_.emplace(Prepared{
          to_bytes(request.user_utf16), to_bytes(request.domain_utf16), {server_hash_, request.user_utf16, request.domain_utf16}});
    }
    return prepared_->key;
  }

  static NtHash hash_of(std::string_view password) { return nt_hash_of_password(SecretBytes{password}).value(); }

  Result<Established> decide(AwaitingAuthenticate awaiting, const ClientEstablished& client) {
    POSTERN_TRY(pending, std::move(awaiting).on_authenticate(client.authenticate_message()));
    POSTERN_TRY(verified, pending.verify(server_hash_, kNtlmv2Only, &response_key(pending.request())));
    POSTERN_TRY(mic, pending.prove_mic(verified, std::nullopt));
    return conclude(std::move(pending), std::move(verified), std::move(mic));
  }
  static Result<Established> conclude(PendingVerification pending, ResponseVerified verified, MicProof mic) {
    POSTERN_TRY(bindings, pending.prove_bindings({}, Waiver{"ExtendedProtection", "never"}));
    return std::move(pending).establish(std::move(verified), std::move(mic), std::move(bindings),
                                        TargetNameNotRequired{Waiver{"TargetNameCheck", "never"}}, LogonAllowed{"benchmark"});
  }

  AcceptorConfig config_{};
  NtHash client_hash_ = hash_of(kPassword);
  NtHash server_hash_ = hash_of(kPassword);
  struct Prepared {
    Bytes user_utf16;
    Bytes domain_utf16;
    ResponseKeyNt key;
  };
  std::optional<Prepared> prepared_{};
  std::optional<SessionSecurity> sender_{};
  std::vector<std::unique_ptr<SessionSecurity>> kept_{};
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
