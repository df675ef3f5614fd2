#include "authority/detection/recent.hpp"

#include <algorithm>
#include <string>

namespace postern::authority::detection {
namespace {

using enum event::Severity;

// Times come one after another; as a key they must be spread like a digest (the finaliser of SplitMix64).
std::uint64_t spread(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

}  // namespace

Recent::Recent(const RecentLimits& limits)
    : minted_{limits.handshakes},
      responses_{limits.responses},
      client_challenges_{limits.responses},
      odd_clients_{limits.clients} {}

void Recent::minted(FileTime server_time, std::string_view service) {
  Minted& entry = minted_.at(spread(server_time.ticks()));
  entry.size = static_cast<std::uint8_t>(service.copy(entry.service.data(), entry.service.size()));
}

void Recent::check(const Observation& seen, const Lesson& lesson, Found& found) {
  if (seen.package != event::Package::ntlm) return;
  // MsvAvTimestamp is only ever copied from a CHALLENGE, and ours differ in their 100 ns.
  if (seen.server_time == Echo::others) {
    if (const Minted* other = minted_.find(spread(seen.echoed_time))) {
      found.add(Id::relay_other_challenge, warning,
                "its time is that of a challenge for the service " + std::string{other->service.data(), other->size});
    }
  }
  check_response(seen, found);
  if (seen.proof == Proof::verified) check_client_challenge(seen, lesson, found);
}

void Recent::check_response(const Observation& seen, Found& found) {
  if (!seen.proof_digest) return;
  if (const Response* before = responses_.find(*seen.proof_digest)) {
    found.add(Id::response_replayed, before->verified ? alarm : warning, before->verified ? "it was right the first time" : "");
    return;
  }
  responses_.at(*seen.proof_digest).verified = seen.proof == Proof::verified;
}

void Recent::check_client_challenge(const Observation& seen, const Lesson& lesson, Found& found) {
  if (!seen.client_challenge_digest) return;
  if (const ClientChallenge* before = client_challenges_.find(*seen.client_challenge_digest)) {
    found.add(Id::client_challenge_repeated, warning, before->account == lesson.account ? "by this account" : "by another account");
  }
  client_challenges_.at(*seen.client_challenge_digest).account = lesson.account;
  if (seen.challenge_shape == ChallengeShape::all_equal) {
    found.add(Id::client_challenge_odd, warning, "eight equal bytes");
  } else if (seen.challenge_shape == ChallengeShape::letters_and_digits) {
    // Of random challenges (62 / 256)^8 = 1.2e-5 look so: once in 84 000 logons. Twice from one client is no accident.
    OddClient& client = odd_clients_.at(lesson.account ^ lesson.address);
    if (client.times < 2) ++client.times;
    found.add(Id::client_challenge_odd, client.times > 1 ? warning : info,
              client.times > 1 ? "letters and digits only, more than once" : "letters and digits only");
  }
}

std::size_t Recent::bytes() const {
  return minted_.bytes() + responses_.bytes() + client_challenges_.bytes() + odd_clients_.bytes();
}
std::size_t Recent::max_bytes() const {
  return minted_.max_bytes() + responses_.max_bytes() + client_challenges_.max_bytes() + odd_clients_.max_bytes();
}

}  // namespace postern::authority::detection
