// The challenges that this process's servers have out, so that its clients know one of them again: a program that is client and
// server at once must not answer itself because somebody in between carries its own CHALLENGE back to it (R24). The one state that
// contexts share; it is guarded, and holds an entry only as long as the server's context awaits the answer.
#pragma once

#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "wire/messages.hpp"

namespace postern::api {

/// One challenge that is out, until this is destroyed.
class MintedChallenge {
 public:
  MintedChallenge() = default;
  explicit MintedChallenge(const wire::ServerChallenge& challenge);
  MintedChallenge(MintedChallenge&& other) noexcept : challenge_{std::exchange(other.challenge_, std::nullopt)} {}
  MintedChallenge& operator=(MintedChallenge&& other) noexcept {
    if (this != &other) {
      withdraw();
      challenge_ = std::exchange(other.challenge_, std::nullopt);
    }
    return *this;
  }
  ~MintedChallenge() { withdraw(); }

 private:
  void withdraw() noexcept;

  std::optional<wire::ServerChallenge> challenge_{};
};

/// Whether a server of this process awaits the answer to this challenge.
[[nodiscard]] bool is_minted_here(const wire::ServerChallenge& challenge);

/// The challenge in a server's token, raw or in SPNEGO; nothing if there is none.
[[nodiscard]] std::optional<wire::ServerChallenge> challenge_in(ByteView token);

}  // namespace postern::api
