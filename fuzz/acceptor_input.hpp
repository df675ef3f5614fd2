// What both acceptor targets read from their input: two bytes of length, a NEGOTIATE of that length, and an AUTHENTICATE.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>

#include "base/reader.hpp"
#include "ntlm/acceptor.hpp"

namespace postern::fuzz {

/// Says that an invariant is broken; the fuzzer keeps the input.
inline void require(bool holds) {
  if (!holds) std::abort();
}

struct Exchange {
  ByteView negotiate{};
  ByteView authenticate{};
};
inline Exchange split(ByteView input) {
  Reader in{input};
  const auto length = in.u16("length");
  if (!length || *length > in.remaining()) return {};
  const auto negotiate = in.take(*length, "NEGOTIATE");
  return {*negotiate, in.rest()};
}

inline ntlm::AcceptorConfig server() {
  ntlm::AcceptorConfig config;
  config.names = {"SRV", "EXAMPLE", "srv.example.org", "example.org", "example.org"};
  return config;
}
inline constexpr FileTime kNow{133'000'000'000'000'000};

inline const NtHash& account_hash() {
  static constexpr std::array<std::uint8_t, 16> kHash{7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  static const NtHash hash{kHash};
  return hash;
}
inline wire::ServerChallenge challenge_of(std::uint8_t first) {
  return wire::ServerChallenge{std::array<std::uint8_t, 8>{first, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}};
}

inline constexpr ntlm::VersionSet kEveryVersion{wire::ResponseVersion::anonymous, wire::ResponseVersion::lm,
                                                wire::ResponseVersion::ntlm_v1,   wire::ResponseVersion::ntlm_v1_ess,
                                                wire::ResponseVersion::lm_v2,     wire::ResponseVersion::ntlm_v2};

}  // namespace postern::fuzz
