// What two hosts of the made network say to each other, as bytes of TCP; from a seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace postern::bench {

/// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(next() % limit); }
  Bytes bytes(std::size_t count) {
    Bytes out(count);
    for (std::size_t i = 0; i < count; i += 8) {
      const std::uint64_t value = next();
      for (std::size_t k = 0; k < 8 && i + k < count; ++k) out[i + k] = static_cast<std::uint8_t>(value >> (8 * k));
    }
    return out;
  }

 private:
  std::uint64_t state_;
};

inline void put(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }
inline void put(Bytes& out, std::string_view more) { put(out, as_bytes(more)); }
inline void put_le(Bytes& out, std::uint64_t value, unsigned count) {
  for (unsigned i = 0; i < count; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
inline void put_zero(Bytes& out, std::size_t count) { out.resize(out.size() + count); }
inline void put_be(Bytes& out, std::uint64_t value, unsigned count) {
  for (unsigned i = count; i > 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
}

/// The head of a pcap file (draft-ietf-opsawg-pcap) of Ethernet packets of at most `snap_bytes`.
inline Bytes pcap_head(std::uint32_t snap_bytes) {
  Bytes head;
  put_le(head, 0xa1b2c3d4, 4);
  put_le(head, 0x0004'0002, 4);
  put_le(head, 0, 8);
  put_le(head, snap_bytes, 4);
  put_le(head, 1, 4);
  return head;
}

/// One NTLM logon. No response is computed from a password: they are random.
struct Logon {
  std::string version{}, user{}, domain{}, workstation{}, server{};
  Bytes negotiate{}, challenge{}, authenticate{};
};

enum class From : std::uint8_t { client, server };
struct Turn {
  From from = From::client;
  Bytes bytes{};
  bool split = false;  ///< in many small segments
  bool logon = false;  ///< holds one of the three messages
};
using Conversation = std::vector<Turn>;

/// `longer_by`: letters at random behind the names of user, workstation and server.
[[nodiscard]] Logon make_logon(Random& random, std::size_t longer_by = 0);
[[nodiscard]] std::string letters(Random& random, std::size_t count);
[[nodiscard]] std::size_t body_size(Random& random);
[[nodiscard]] Bytes record_text(Random& random, std::size_t size);
[[nodiscard]] Bytes request(Random& random, const std::string& more);
[[nodiscard]] Bytes response(std::string_view status, const std::string& more, const Bytes& body);

void http_logon(Random& random, const Logon& logon, bool split, Conversation& talk);
void smb_logon(Random& random, const Logon& logon, bool split, Conversation& talk);
void rpc_logon(Random& random, const Logon& logon, Conversation& talk);
void smb_reads(Random& random, std::uint64_t message, std::uint64_t session, Conversation& talk);
void tls(Random& random, Conversation& talk);

}  // namespace postern::bench
