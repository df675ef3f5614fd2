// postern-bench-socket SOCKET SERVICE CLIENTS SECONDS ACCOUNTS: logons through the authority's socket, each client a thread with a
// connection of its own and one logon at a time, client n as user LAB\user<n mod ACCOUNTS>. The password is the first line of
// standard input. Prints one JSON object. The clients' own arithmetic is part of what is measured. bench/authority/run.sh runs it.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "authority/environment.hpp"
#include "edge/ipc/client/client.hpp"
#include "ntlm/initiator.hpp"

namespace postern::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Load {
  std::string socket{}, service{};
  int clients = 1;
  double seconds = 1;
  int accounts = 1;
};

struct Seen {
  std::vector<double> milliseconds{};
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "postern-bench-socket: %s\n", why.c_str());
  std::exit(3);
}
template <typename T>
T need(Result<T> result) {
  if (!result) give_up(result.error().to_line());
  return std::move(*result);
}

void log_on_until(Clock::time_point end, const Load& load, int number, const NtHash& hash, Seen& seen) {
  authority::SystemEnvironment environment;
  const auto bindings = environment.random_value<ntlm::ChannelBindingHash>();
  auto connection = need(ipc::Client::connect({.socket_path = load.socket}));
  while (Clock::now() < end) {
    const auto start = Clock::now();
    ntlm::InitiatorConfig config;
    config.credentials = {"user" + std::to_string(number % load.accounts), "LAB", hash.duplicate()};
    config.workstation = "WS" + std::to_string(number);
    config.target_name = "HTTP/www.lab.test";
    config.channel_bindings = bindings;
    auto client = need(ntlm::Initiator::start(std::move(config)));
    const ntlm::ConnectionFacts facts{{"192.0.2." + std::to_string(1 + number % 250), 50'000}, {"198.51.100.1", 443}, true};
    ntlm::Reply begun = need(connection.begin({load.service, ntlm::Carrier::ntlm, facts, to_bytes(client.negotiate_message())}));
    const auto* next = std::get_if<ntlm::Continue>(&begun);
    if (next == nullptr) give_up("refused at begin: " + std::get<ntlm::Verdict>(begun).why);
    ntlm::InitiatorRandom random;
    random.client_challenge = environment.random_value<ntlm::ClientChallenge>();
    random.random_session_key = environment.random_value<ntlm::ExportedSessionKey>();
    auto proof = need(std::move(client).on_challenge(next->token, std::move(random), environment.now()));
    const ntlm::Reply answer = need(
        connection.finish({next->handshake, to_bytes(proof.authenticate_message()), {bindings}, {"HTTP/www.lab.test"}, false}));
    const auto* verdict = std::get_if<ntlm::Verdict>(&answer);
    if (verdict == nullptr || !verdict->allowed()) give_up(verdict == nullptr ? "no verdict" : verdict->why);
    seen.milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
}

double at(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

int run(const Load& load) {
  std::string password;
  std::getline(std::cin, password);
  const NtHash hash = need(ntlm::nt_hash_of_password(SecretBytes{std::string_view{password}}));
  std::vector<Seen> seen(static_cast<std::size_t>(load.clients));
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{load.seconds});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < load.clients; ++i) {
      threads.emplace_back([&, i] { log_on_until(end, load, i, hash, seen[static_cast<std::size_t>(i)]); });
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<double> all;
  for (const Seen& one : seen) all.insert(all.end(), one.milliseconds.begin(), one.milliseconds.end());
  std::ranges::sort(all);
  std::printf(R"({"logons":%zu,"logons_per_second":%.1f,"p50_ms":%.3f,"p99_ms":%.3f})"
              "\n",
              all.size(), static_cast<double>(all.size()) / seconds, at(all, 0.50), at(all, 0.99));
  return 0;
}

std::optional<int> number_in(const char* text, int most) {
  int number = 0;
  const char* const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || rest != end || number < 1 || number > most) return std::nullopt;
  return number;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  constexpr int kClientsMax = 1024, kSecondsMax = 600, kAccountsMax = 100'000;
  using postern::bench::number_in;
  const auto clients = argc == 6 ? number_in(argv[3], kClientsMax) : std::nullopt;
  const auto seconds = argc == 6 ? number_in(argv[4], kSecondsMax) : std::nullopt;
  const auto accounts = argc == 6 ? number_in(argv[5], kAccountsMax) : std::nullopt;
  if (!clients || !seconds || !accounts) {
    std::fprintf(stderr,
                 "usage: postern-bench-socket SOCKET SERVICE CLIENTS SECONDS ACCOUNTS, with the password on standard input\n");
    return 2;
  }
  return postern::bench::run({argv[1], argv[2], *clients, static_cast<double>(*seconds), *accounts});
}
