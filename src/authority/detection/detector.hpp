// Detector: from what is known of one logon, and of those before it, to findings. Sans-IO: time and keys are arguments, what it
// learned is bytes. Its memory is bounded by named limits; what was not seen for longest is forgotten first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "authority/detection/findings.hpp"
#include "authority/detection/guessing.hpp"
#include "authority/detection/learned.hpp"
#include "authority/detection/marks.hpp"
#include "authority/detection/observation.hpp"
#include "authority/detection/recent.hpp"
#include "base/bytes.hpp"
#include "base/keyed_digest.hpp"
#include "base/result.hpp"

namespace postern::authority::detection {

struct Limits {
  LearnedLimits learned{};
  RecentLimits recent{};
  GuessingLimits guessing{};
};

/// Longer than any state that is saved under the default limits; a file over it is none of ours.
inline constexpr std::size_t kMaxStateBytes = 64 * 1024 * 1024;

/// Thread-safe; no call waits for anything but another call's few hundred nanoseconds.
class Detector {
 public:
  /// `key`: random; what load() brings replaces it.
  explicit Detector(DigestKey key, const Limits& limits = {});

  struct Judged {
    std::vector<event::Finding> findings{};
    Lesson lesson{};
  };
  /// Once for each AUTHENTICATE, when all is known of it that will be: counts a wrong password, remembers the response, and learns
  /// nothing.
  [[nodiscard]] Judged judge(const Observation& observation, const Settings& settings);
  /// The logon was proved and allowed. What an alarm was raised about teaches nothing, `pass-the-hash` excepted: it is made of
  /// signs that become usual each by itself.
  void learn(const Lesson& lesson);
  /// judge(), then learn() if the proof is right: for logons that others decided, such as Kerberos ones.
  std::vector<event::Finding> observe(const Observation& observation, const Settings& settings);

  /// A CHALLENGE was given out, with this MsvAvTimestamp.
  void minted(FileTime server_time, std::string_view service);
  /// For client challenges and proofs, which an Observation has as digests only (R29).
  [[nodiscard]] std::uint64_t digest(ByteView bytes) const;

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t max_bytes() const;

  /// What was learned, for the next start: digests and counters. Holds the key of the digests, so it is as private as the accounts.
  [[nodiscard]] Bytes save() const;
  /// Takes what save() gave. Errors (malformed, truncated, unsupported) leave an empty memory.
  [[nodiscard]] Result<void> load(ByteView state);

 private:
  mutable std::mutex mutex_{};
  Marker marker_;  ///< changes in load() only, which comes before the first logon
  Learned learned_;
  Recent recent_;
  Guessing guessing_;
};

}  // namespace postern::authority::detection
