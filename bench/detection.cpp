// What detection costs: logons per second through an authority with durable events, with and without it, in rounds that alternate;
// and one judgement by itself. `postern bench detection` runs it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "account/sqlite/open.hpp"
#include "authority/authority.hpp"
#include "authority/environment.hpp"
#include "ntlm/initiator.hpp"

namespace postern::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kPassword = "Correct.Horse.1";
constexpr int kAccounts = 200;
constexpr int kOutstanding = 64;  ///< logons that wait for their event at once

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "postern-bench-detection: %s\n", why.c_str());
  std::exit(3);
}
template <typename T>
T need(Result<T> result, const char* what) {
  if (!result) give_up(std::string{what} + ": " + result.error().to_line());
  return std::move(*result);
}

class Bench {
 public:
  explicit Bench(const std::string& directory) {
    account::sqlite::Config config;
    config.directory = directory + "/data";
    config.key_file = directory + "/key";
    store_ = need(account::sqlite::open(config), "store");
    account::NewDomain domain{.netbios_name = "DEMO", .dns_name = "demo.example.org"};
    const account::Domain added = need(store_->add_domain(domain, environment_.now()), "domain");
    for (int i = 0; i < kAccounts; ++i) {
      need(store_->add_account({.domain = added.id, .name = name(i), .password = SecretBytes{kPassword}, .groups = {}},
                               environment_.now()),
           "account");
    }
    peer_ = {.name = "bench", .uid = 0, .services = {"web"}};
    hash_ = ntlm::nt_hash_of_password(SecretBytes{kPassword}).value();
  }

  /// Logons per second over about `seconds`.
  double logons_per_second(authority::detection::Switch detection, double seconds) {
    authority::Config config;
    config.names = {"SRV1", "DEMO", "srv1.demo.example.org", "demo.example.org", ""};
    config.services = {authority::Service{"web", event::Service::http, {}}};
    config.peers = {peer_};
    config.detection.detection = detection;
    authority::Authority authority{config, *store_, environment_, nullptr};
    std::atomic<int> outstanding{0};
    std::atomic<std::uint64_t> done{0};
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration<double>{seconds};
    for (int i = 0; Clock::now() < end; i = (i + 1) % kAccounts) {
      while (outstanding.load() >= kOutstanding) std::this_thread::yield();
      ++outstanding;
      log_on(authority, i, [&](const ntlm::Reply& reply) {
        const auto* verdict = std::get_if<ntlm::Verdict>(&reply);
        if (verdict == nullptr || !verdict->allowed()) give_up(verdict == nullptr ? "no verdict" : verdict->why);
        ++done;
        --outstanding;
      });
    }
    while (outstanding.load() > 0) std::this_thread::yield();
    return static_cast<double>(done.load()) / std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  static std::string name(int i) { return "user" + std::to_string(i); }

  void log_on(authority::Authority& authority, int i, const authority::Authority::Answer& answer) {
    ntlm::InitiatorConfig config;
    config.credentials = {name(i), "DEMO", hash_.duplicate()};
    config.workstation = "WS" + std::to_string(i);
    config.target_name = "HTTP/srv1.demo.example.org";
    auto client = need(ntlm::Initiator::start(std::move(config)), "client");
    const ntlm::ConnectionFacts connection{{"192.0.2." + std::to_string(1 + i), 50'000}, {"198.51.100.1", 443}, true};
    authority.begin(
        peer_, 1, {"web", ntlm::Carrier::ntlm, connection, to_bytes(client.negotiate_message())}, [&](const ntlm::Reply& reply) {
          const auto* next = std::get_if<ntlm::Continue>(&reply);
          if (next == nullptr) give_up("refused at begin");
          ntlm::InitiatorRandom random;
          random.client_challenge = environment_.random_value<ntlm::ClientChallenge>();
          auto proof = need(std::move(client).on_challenge(next->token, std::move(random), environment_.now()), "client");
          authority.finish(peer_, 1, {next->handshake, to_bytes(proof.authenticate_message()), {}, {}, false}, answer);
        });
  }

  authority::SystemEnvironment environment_{};
  std::unique_ptr<account::Store> store_{};
  authority::Peer peer_{};
  NtHash hash_{};
};

/// Nanoseconds of one judgement and its lesson, of many clients.
double judgement_nanoseconds() {
  authority::detection::Detector detector{DigestKey{}};
  const authority::detection::Settings settings;
  constexpr int kJudgements = 200'000;
  std::uint64_t digest = 1;
  const auto start = Clock::now();
  for (int i = 0; i < kJudgements; ++i) {
    authority::detection::Observation seen;
    const std::string account = "user" + std::to_string(i % 5'000);
    seen.now = FileTime{134'000'000'000'000'000ULL + static_cast<std::uint64_t>(i) * FileTime::kTicksPerSecond};
    seen.proof = authority::detection::Proof::verified;
    seen.domain = "DEMO";
    seen.account = account;
    seen.workstation = account;
    seen.address = "192.0.2.10";
    seen.service = "web";
    seen.mic = event::Mic::verified;
    seen.client_challenge_digest = digest *= 0x9E3779B97F4A7C15ULL;
    seen.proof_digest = digest ^ 1;
    detector.observe(seen, settings);
  }
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / kJudgements;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(int rounds, double seconds) {
  const std::string directory = std::filesystem::temp_directory_path() / ("postern-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  std::vector<double> with, without;
  {
    Bench bench{directory};
    for (int round = 0; round < rounds; ++round) {
      without.push_back(bench.logons_per_second(authority::detection::Switch::off, seconds));
      with.push_back(bench.logons_per_second(authority::detection::Switch::on, seconds));
    }
  }
  std::filesystem::remove_all(directory);
  std::printf("logons per second without detection %10.0f\n", median(without));
  std::printf("logons per second with detection    %10.0f  (%.3f times)\n", median(with), median(with) / median(without));
  std::printf("one judgement and its lesson        %10.0f ns\n", judgement_nanoseconds());
  std::printf("medians of %d alternating rounds of %.1f s, %d logons outstanding, each with its durable event\n", rounds, seconds,
              kOutstanding);
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  int rounds = 5;
  double seconds = 2;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view option{argv[i]};
    if (i + 1 < argc && option == "--rounds") {
      rounds = std::max(1, std::atoi(argv[i + 1]));
    } else if (i + 1 < argc && option == "--seconds") {
      seconds = std::max(0.1, std::atof(argv[i + 1]));
    } else {
      std::fprintf(stderr, "usage: postern bench detection [--rounds N] [--seconds S]\n");
      return 2;
    }
  }
  return postern::bench::run(rounds, seconds);
}
