#include "api/minted_challenges.hpp"

#include <cstdint>
#include <mutex>
#include <unordered_set>

#include "base/reader.hpp"
#include "spnego/token.hpp"

namespace postern::api {
namespace {

struct Out {
  std::mutex mutex{};
  std::unordered_multiset<std::uint64_t> challenges{};
};

/// Never destroyed: contexts may be, after the program's own statics.
Out& out() {
  static Out* const shared = new Out;
  return *shared;
}

std::uint64_t number_of(const wire::ServerChallenge& challenge) { return load_le<std::uint64_t>(challenge.bytes().data()); }

}  // namespace

MintedChallenge::MintedChallenge(const wire::ServerChallenge& challenge) {
  Out& shared = out();
  const std::lock_guard lock{shared.mutex};
  shared.challenges.insert(number_of(challenge));
  challenge_ = challenge;
}

void MintedChallenge::withdraw() noexcept {
  if (!challenge_) return;
  Out& shared = out();
  const std::lock_guard lock{shared.mutex};
  const auto found = shared.challenges.find(number_of(*challenge_));
  if (found != shared.challenges.end()) shared.challenges.erase(found);
  challenge_.reset();
}

bool is_minted_here(const wire::ServerChallenge& challenge) {
  Out& shared = out();
  const std::lock_guard lock{shared.mutex};
  return shared.challenges.contains(number_of(challenge));
}

std::optional<wire::ServerChallenge> challenge_in(ByteView token) {
  if (!wire::has_signature(token)) {
    const auto parsed = spnego::parse(token);
    const auto* response = parsed ? std::get_if<spnego::NegTokenResp>(&*parsed) : nullptr;
    if (response == nullptr || !response->response_token) return std::nullopt;
    token = *response->response_token;
  }
  const auto challenge = wire::ChallengeMessage::parse(token);
  return challenge ? std::optional{challenge->server_challenge} : std::nullopt;
}

}  // namespace postern::api
