// What passed lately, in memory only: challenges that we gave out, responses, clients' challenges. Nobody's secret is in it: times
// and keyed digests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "authority/detection/findings.hpp"
#include "authority/detection/lru_table.hpp"
#include "authority/detection/marks.hpp"

namespace postern::authority::detection {

struct RecentLimits {
  std::size_t handshakes = 65'536;
  std::size_t responses = 65'536;
  std::size_t clients = 16'384;  ///< with odd challenges
};

class Recent {
 public:
  explicit Recent(const RecentLimits& limits);

  /// A CHALLENGE with this MsvAvTimestamp was given out for the service.
  void minted(FileTime server_time, std::string_view service);
  /// What does not fit, and remembers the response.
  void check(const Observation& observation, const Lesson& lesson, Found& found);

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t max_bytes() const;

 private:
  static constexpr std::size_t kMaxServiceBytes = 31;
  struct Minted {
    std::array<char, kMaxServiceBytes> service{};
    std::uint8_t size = 0;
  };
  struct Response {
    bool verified = false;
  };
  struct ClientChallenge {
    std::uint64_t account = 0;
  };
  struct OddClient {
    std::uint8_t times = 0;
  };

  void check_response(const Observation& observation, Found& found);
  void check_client_challenge(const Observation& observation, const Lesson& lesson, Found& found);

  LruTable<Minted> minted_;
  LruTable<Response> responses_;
  LruTable<ClientChallenge> client_challenges_;
  LruTable<OddClient> odd_clients_;
};

}  // namespace postern::authority::detection
