// The authority: mints challenges, verifies, judges, commits, and only then answers (DESIGN "Who decides").
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "account/store.hpp"
#include "authority/account_cache.hpp"
#include "authority/backoff.hpp"
#include "authority/committer.hpp"
#include "authority/config.hpp"
#include "authority/detection/detector.hpp"
#include "authority/environment.hpp"
#include "authority/handshake_table.hpp"
#include "authority/name_resolution.hpp"
#include "authority/statistics.hpp"
#include "base/keyed_digest.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::authority {

class Authority {
 public:
  /// `store`, `environment` and `sink` (which may be null) outlive the authority.
  Authority(Config config, account::Store& store, Environment& environment, event::Sink* sink);
  ~Authority();

  using Answer = std::function<void(ntlm::Reply)>;

  /// Judges one request of `peer`. `answer` is called exactly once, on this thread or on the writer's; a verdict that grants access
  /// only after its event and counters are durable. Thread-safe.
  void begin(const Peer& peer, PeerConnection connection, ntlm::BeginRequest request, const Answer& answer);
  void finish(const Peer& peer, PeerConnection connection, ntlm::FinishRequest request, const Answer& answer);
  void cancel(PeerConnection connection, const ntlm::CancelRequest& request);
  /// The peer has gone: its half-open handshakes go with it.
  void connection_closed(PeerConnection connection);

  /// Takes a new configuration; running handshakes end under the names they began with. Thread-safe.
  void reconfigure(Config config);
  /// Takes the policies of the services that are there already by those names, and nothing else. Thread-safe.
  void set_policies(const std::vector<Service>& services);
  [[nodiscard]] std::vector<Service> services() const { return snapshot()->config.services; }
  /// Reads the domains anew: after a domain was added. Errors: the store's.
  [[nodiscard]] Result<void> refresh_domains();
  /// What locks an account, as configured now.
  [[nodiscard]] account::LockoutPolicy lockout() const { return snapshot()->config.lockout; }

  /// As configured now; null without one.
  [[nodiscard]] std::shared_ptr<const account::BreachedHashes> breached_hashes() const {
    return snapshot()->config.breached_hashes;
  }
  /// What passwords must be, as configured now.
  [[nodiscard]] account::PasswordRules password_rules() const { return snapshot()->config.password_rules; }

  struct Counters {
    std::uint64_t begun = 0;
    std::uint64_t allowed = 0;
    std::uint64_t denied = 0;
    std::uint64_t comparisons = 0;      ///< responses judged by their proof; R37 is tested with it
    std::uint64_t hashes_compared = 0;  ///< AccountSlot::kCandidates for each
    std::uint64_t backed_off = 0;
  };
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] std::size_t half_open() const { return handshakes_.size(); }
  [[nodiscard]] Committer::Counters committed() const { return committer_.counters(); }
  /// What it has learned is saved and loaded by the program; logons by other packages are told to it.
  [[nodiscard]] detection::Detector& detector() { return detector_; }
  [[nodiscard]] std::size_t queued_commits() const { return committer_.queued(); }
  [[nodiscard]] Statistics& statistics() { return statistics_; }

 private:
  /// What all requests share and a reload swaps as a whole.
  struct Snapshot {
    Config config{};
    Domains domains{};
    bool domains_known = false;  ///< the store gave them: without them nobody is "unknown" (R28)
    ntlm::AcceptorConfig acceptor{};
    [[nodiscard]] const Service* service(std::string_view name) const;
  };
  struct Judgement;

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  /// Under publish_mutex_. Nothing for `domains`: they could not be read.
  void publish(Config config, std::optional<std::vector<account::Domain>> domains);
  [[nodiscard]] const Service* allowed_service(const Snapshot& snapshot, const Peer& peer, std::string_view name) const;

  /// Adds what detection finds to the facts, before the policy is asked at stage verified.
  void detect(Judgement& judgement, const ntlm::PendingVerification& pending, detection::Proof proof, const AccountSlot* slot);
  void compare(Judgement& judgement, ntlm::NegotiatedLogon::Answered answered, const ntlm::FinishRequest& request,
               AccountSlot& slot);
  /// Records the judgement, then answers. What could not be recorded is denied (R33).
  void conclude(std::shared_ptr<Judgement> judgement, const Answer& answer);
  void answer_recorded(const std::shared_ptr<Judgement>& judgement, const Committer::Outcome& outcome, const Answer& answer);
  std::shared_ptr<Judgement> new_judgement(const Service& service, const ntlm::ConnectionFacts& connection,
                                           std::shared_ptr<const Snapshot> snapshot);

  account::Store& store_;
  Environment& environment_;
  const DigestKey digest_key_;
  HandshakeTable handshakes_;
  AccountCache accounts_;
  Backoff backoff_{BackoffLimits{}};
  detection::Detector detector_;
  std::mutex publish_mutex_{};  ///< held from reading a snapshot to publishing the next, so that none undoes another
  mutable std::mutex snapshot_mutex_{};
  std::shared_ptr<const Snapshot> snapshot_{};
  std::atomic<std::uint64_t> begun_{0}, allowed_{0}, denied_{0}, comparisons_{0}, hashes_compared_{0}, backed_off_{0};
  Statistics statistics_{};
  Committer committer_;  // last: its thread uses the rest until it ends
};

}  // namespace postern::authority
