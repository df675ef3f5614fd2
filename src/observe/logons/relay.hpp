// Relay, seen exactly: the same server challenge, or the same proof, on two flows (windows.md 4.3, signals 1 and 2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/keyed_digest.hpp"
#include "event/logon_event.hpp"
#include "observe/logons/bounded_table.hpp"
#include "observe/logons/exchange.hpp"
#include "observe/logons/tracker.hpp"

namespace postern::observe {

/// One flow of a challenge or a proof.
struct Leg {
  std::uint64_t connection = 0;
  ExchangeKey exchange = 0;
  Endpoint client{};
  Endpoint server{};
  std::optional<std::uint64_t> first_sequences{};
  Carrier carrier = Carrier::http;
  std::uint64_t frame = 0;
  FileTime time{};
  std::string target{};  ///< what the client called the server
  bool asks_proxy = false;
  std::optional<KeyedDigest> proof{};  ///< of a challenge's leg, once its AUTHENTICATE came
  std::string names{};                 ///< the server's, as the challenge gave them
  std::string who{};                   ///< `DOMAIN\user`, once known
};

class RelayDetector {
 public:
  static constexpr std::size_t kMaxDigests = 16'384;
  static constexpr std::size_t kMaxDigestBytes = std::size_t{4} << 20;  ///< of challenges, and of proofs
  static constexpr std::size_t kMaxLegs = 4;                            ///< kept of one value
  static constexpr std::size_t kMaxForwarders = 1'024;
  static constexpr std::size_t kMaxForwarderBytes = std::size_t{1} << 20;
  static constexpr std::size_t kLearnClients = 5;       ///< different clients whose logons a proxy has forwarded
  static constexpr std::uint64_t kLearnSeconds = 600;   ///< and over how long
  static constexpr std::uint64_t kSameSeconds = 3'600;  ///< a challenge that comes back later is a repetition

  RelayDetector(std::vector<Address> proxies, LogonTrackerConfig::LearnProxies learn);

  void on_challenge(const Exchange& exchange);
  void on_authenticate(const Exchange& exchange);
  /// Findings of an exchange that has ended.
  void judge(const Exchange& exchange, std::vector<event::Finding>& findings);

  [[nodiscard]] std::size_t held_bytes() const;

 private:
  /// A host that brings logons of others to a server.
  struct Forwarder {
    std::vector<Address> clients{};
    std::optional<Endpoint> target{};
    bool one_target = true;
    bool http_only = true;
    FileTime first{};
    FileTime last{};
  };
  using Legs = std::vector<Leg>;

  using Digests = BoundedTable<KeyedDigest, Legs>;

  static void add(Digests& digests, const KeyedDigest& digest, Leg leg);
  static void weigh(Digests& digests, const KeyedDigest& digest, const Legs& legs);
  /// True if the pair is one conversation that was seen twice: a second tap, or the two sides of an address translation.
  [[nodiscard]] static bool is_same_conversation(const Leg& a, const Leg& b);
  /// True if the host between is known to forward for a living; learns from the pair.
  [[nodiscard]] bool is_proxy(const Leg& victim, const Leg& target);
  void judge_pair(const Leg& victim, const Leg& target, bool by_proof, std::vector<event::Finding>& findings);

  std::vector<Address> proxies_;
  LogonTrackerConfig::LearnProxies learn_;
  Digests challenges_{kMaxDigests, kMaxDigestBytes};
  Digests proofs_{kMaxDigests, kMaxDigestBytes};
  BoundedTable<Address, Forwarder> forwarders_{kMaxForwarders, kMaxForwarderBytes};
};

}  // namespace postern::observe
