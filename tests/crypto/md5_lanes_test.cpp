#include "crypto/md5_lanes.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "crypto/md5_lanes_run.hpp"
#include "crypto/md5_lanes_vector.hpp"
#include "crypto/reference.hpp"

namespace postern::crypto {
namespace {

using detail::Md5Lanes;
using detail::Md5LanesFunction;
using detail::Md5LaneStates;

struct Named {
  std::string name;
  Md5LanesFunction mix;
};

/// The lanes as AVX-512 has them, put together from what this processor has: the same code, so that its logic is tested everywhere.
void sixteen_wide(Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t, std::size_t count) noexcept {
  detail::mix_lanes<16, 1>(states, blocks, 0, count);
}

/// Every kernel that this machine can run.
std::vector<Named> kernels() {
  std::vector<Named> found{{"sixteen wide", &sixteen_wide}};
  for (const auto kernel : {Md5LanesKernel::plain, Md5LanesKernel::vector128, Md5LanesKernel::avx2, Md5LanesKernel::avx512}) {
    if (const auto mix = detail::md5_lanes_function(kernel)) found.push_back({std::string{to_string(kernel)}, mix});
  }
  return found;
}

/// A message cut into parts, each at an address of its own.
struct Message {
  explicit Message(Bytes whole_message, std::vector<std::size_t> cuts = {}) : whole{std::move(whole_message)} {
    std::size_t from = 0;
    cuts.push_back(whole.size());
    for (const std::size_t to : cuts) {
      parts.push_back(ByteView{whole}.subspan(from, to - from));
      from = to;
    }
  }
  Bytes whole;
  std::vector<ByteView> parts;
};

void expect_macs(const Named& kernel, const HmacMd5Key& key, const std::vector<Message>& messages) {
  std::vector<HmacMd5Job> jobs;
  std::vector<Md5Job> hashes;
  for (const Message& message : messages) {
    jobs.push_back({&key, message.parts, {}});
    hashes.push_back({message.parts, {}});
  }
  Md5Lanes{kernel.mix}.run(std::span{jobs});
  Md5Lanes{kernel.mix}.run(std::span{hashes});
  for (std::size_t k = 0; k < messages.size(); ++k) {
    ASSERT_EQ(jobs[k].mac, hmac_md5(key, {messages[k].whole})) << kernel.name << ", job " << k << " of " << jobs.size();
    ASSERT_EQ(hashes[k].digest, Md5::digest(messages[k].whole)) << kernel.name << ", job " << k << " of " << jobs.size();
  }
}

TEST(Md5Lanes, KernelInUseIsTheWidestThatTheProcessorHas) {
  EXPECT_NE(detail::md5_lanes_function(md5_lanes_kernel()), nullptr);
  for (const auto kernel : {Md5LanesKernel::vector128, Md5LanesKernel::avx2, Md5LanesKernel::avx512}) {
    EXPECT_TRUE(detail::md5_lanes_function(kernel) == nullptr || md5_lanes_kernel() >= kernel) << to_string(kernel);
  }
#if defined(__x86_64__)
  EXPECT_GE(md5_lanes_kernel(), Md5LanesKernel::vector128);
  EXPECT_EQ(detail::md5_lanes_function(Md5LanesKernel::avx2) != nullptr, __builtin_cpu_supports("avx2") != 0);
#endif
}

TEST(Md5Lanes, EachKernelAgreesWithMd5CompressInEveryLaneForEachNumberOfLanes) {
  reference::RandomBytes random{30};
  for (const Named& kernel : kernels()) {
    for (std::size_t lanes = 1; lanes <= detail::kMd5Lanes; ++lanes) {
      constexpr std::size_t kBlocks = 3;
      const Bytes memory = random(detail::kMd5Lanes * (kBlocks * kHashBlockBytes + 1));
      std::array<const std::uint8_t*, detail::kMd5Lanes> blocks;
      Md5LaneStates states;
      for (std::size_t n = 0; n < blocks.size(); ++n) {
        blocks[n] = memory.data() + n * (kBlocks * kHashBlockBytes + 1);  // at every address modulo sixteen
        for (std::size_t k = 0; k < 4; ++k) states[k][n] = static_cast<std::uint32_t>(n * 0x01020304U + k * 0x10203U);
      }
      std::vector<HashState> expected;
      for (std::size_t n = 0; n < lanes; ++n) {
        HashState state{states[0][n], states[1][n], states[2][n], states[3][n]};
        md5_compress(state, {blocks[n], kBlocks * kHashBlockBytes});
        expected.push_back(state);
      }
      kernel.mix(states, blocks.data(), lanes, kBlocks);
      for (std::size_t n = 0; n < lanes; ++n) {
        ASSERT_EQ((HashState{states[0][n], states[1][n], states[2][n], states[3][n]}), expected[n])
            << kernel.name << ", lane " << n << " of " << lanes;
      }
    }
  }
}

TEST(Md5Lanes, AgreesWithThePlainHashAtEveryLengthTo300) {
  reference::RandomBytes random{31};
  const HmacMd5Key key{random(16)};
  std::vector<Message> messages;
  for (std::size_t size = 0; size <= 300; ++size) messages.emplace_back(random(size));
  for (const Named& kernel : kernels()) {
    expect_macs(kernel, key, messages);
    std::ranges::reverse(messages);
  }
}

TEST(Md5Lanes, AgreesWithThePlainHashForEachNumberOfJobs) {
  reference::RandomBytes random{32};
  std::mt19937 sizes{32};
  const HmacMd5Key key{random(16)};
  for (const Named& kernel : kernels()) {
    for (std::size_t jobs = 0; jobs <= 40; ++jobs) {
      std::vector<Message> messages;
      for (std::size_t k = 0; k < jobs; ++k) messages.emplace_back(random(sizes() % 1500));
      expect_macs(kernel, key, messages);
    }
  }
}

TEST(Md5Lanes, PartsAreTheMessageWhereverTheyAreCut) {
  reference::RandomBytes random{33};
  const HmacMd5Key key{random(16)};
  for (const Named& kernel : kernels()) {
    for (const std::size_t size : {8U, 63U, 64U, 65U, 130U, 200U}) {
      std::vector<Message> messages;
      for (std::size_t cut = 0; cut <= size; ++cut) {
        messages.emplace_back(random(size), std::vector{cut});
        messages.emplace_back(random(size), std::vector{cut / 2, cut / 2, cut});
      }
      expect_macs(kernel, key, messages);
    }
  }
  std::vector<HmacMd5Job> no_parts{{&key, {}, {}}};
  hmac_md5_many(no_parts);
  EXPECT_EQ(no_parts[0].mac, hmac_md5(key, {}));
}

TEST(Md5Lanes, EachJobHasItsOwnKeyAndAgreesWithOpensslAndNettle) {
  reference::RandomBytes random{34};
  for (const Named& kernel : kernels()) {
    std::vector<Bytes> secrets;
    std::vector<HmacMd5Key> keys;
    std::vector<Message> messages;
    for (std::size_t k = 0; k < 50; ++k) {
      secrets.push_back(random(k * 2));
      keys.emplace_back(secrets.back());
      messages.emplace_back(random(k * 37 % 800));
    }
    std::vector<HmacMd5Job> jobs;
    for (std::size_t k = 0; k < keys.size(); ++k) jobs.push_back({&keys[k], messages[k].parts, {}});
    Md5Lanes{kernel.mix}.run(std::span{jobs});
    for (std::size_t k = 0; k < keys.size(); ++k) {
      ASSERT_EQ(jobs[k].mac, reference::openssl_hmac_md5(secrets[k], messages[k].whole)) << kernel.name;
      ASSERT_EQ(jobs[k].mac, reference::nettle_hmac_md5(secrets[k], messages[k].whole)) << kernel.name;
    }
  }
}

// RFC 2202, section 2; RFC 1321, A.5.
TEST(Md5Lanes, GiveTheMacsOfRfc2202AndTheDigestsOfRfc1321) {
  const HmacMd5Key jefe{as_bytes("Jefe")};
  const HmacMd5Key long_key{Bytes(80, 0xaa)};
  const std::array question{as_bytes("what do ya "), as_bytes("want for nothing?")};
  const std::array larger{as_bytes("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data")};
  const std::array alphabet{as_bytes("abcdefghijklmnopqrstuvwxyz")};
  const std::array digits{as_bytes("12345678901234567890123456789012345678901234567890123456789012345678901234567890")};
  for (const Named& kernel : kernels()) {
    std::vector<HmacMd5Job> jobs{{&jefe, question, {}}, {&long_key, larger, {}}};
    std::vector<Md5Job> hashes{{alphabet, {}}, {digits, {}}, {{}, {}}};
    Md5Lanes{kernel.mix}.run(std::span{jobs});
    Md5Lanes{kernel.mix}.run(std::span{hashes});
    EXPECT_EQ(to_hex(jobs[0].mac), "750c783e6ab0b503eaa86e310a5db738") << kernel.name;
    EXPECT_EQ(to_hex(jobs[1].mac), "6f630fad67cda0ee1fb1f562db3aa53e") << kernel.name;
    EXPECT_EQ(to_hex(hashes[0].digest), "c3fcd3d76192e4007dfb496cca67e13b") << kernel.name;
    EXPECT_EQ(to_hex(hashes[1].digest), "57edf4a22be3c955ac49da2e2107b67a") << kernel.name;
    EXPECT_EQ(to_hex(hashes[2].digest), "d41d8cd98f00b204e9800998ecf8427e") << kernel.name;
  }
}

TEST(Md5Lanes, TheFunctionsWithoutAKernelDoAsThoseWithOne) {
  reference::RandomBytes random{35};
  const HmacMd5Key key{random(16)};
  const Message message{random(280), {8}};
  std::vector<HmacMd5Job> jobs(20, HmacMd5Job{&key, message.parts, {}});
  std::vector<Md5Job> hashes(20, Md5Job{message.parts, {}});
  hmac_md5_many(jobs);
  md5_many(hashes);
  for (const auto& job : jobs) EXPECT_EQ(job.mac, hmac_md5(key, {message.whole}));
  for (const auto& job : hashes) EXPECT_EQ(job.digest, Md5::digest(message.whole));
}

TEST(Md5Lanes, KeysOfAnyLengthArePreparedAsOneByOne) {
  reference::RandomBytes random{36};
  std::vector<Bytes> keys;
  for (std::size_t size = 0; size <= 130; ++size) keys.push_back(random(size));
  const std::vector<ByteView> views(keys.begin(), keys.end());
  for (const Named& kernel : kernels()) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9}, views.size()}) {
      std::vector<std::optional<HmacMd5Key>> prepared(count);
      detail::hmac_md5_keys_many(kernel.mix, std::span{views}.last(count), prepared);
      for (std::size_t k = 0; k < count; ++k) {
        const HmacMd5Key alone{views[views.size() - count + k]};
        ASSERT_TRUE(prepared[k]) << kernel.name;
        ASSERT_EQ(prepared[k]->inner(), alone.inner()) << kernel.name << ", key " << k << " of " << count;
        ASSERT_EQ(prepared[k]->outer(), alone.outer()) << kernel.name << ", key " << k << " of " << count;
      }
    }
  }
  std::vector<std::optional<HmacMd5Key>> prepared(views.size());
  hmac_md5_keys_many(views, prepared);
  const HmacMd5Key alone{keys.back()};
  EXPECT_EQ(prepared.back()->outer(), alone.outer());
}

TEST(Md5LanesDeath, KeysAndResultsOfUnequalNumberAbort) {
  const std::array keys{as_bytes("one"), as_bytes("two")};
  std::vector<std::optional<HmacMd5Key>> prepared(1);
  EXPECT_DEATH(hmac_md5_keys_many(keys, prepared), "");
}

TEST(Md5Lanes, R27_LanesLeaveNeitherKeyedStatesNorMessagesBehind) {
  static Md5LaneStates last_states;
  const Md5LanesFunction spy = [](Md5LaneStates& states, const std::uint8_t* const* blocks, std::size_t lanes,
                                  std::size_t count) noexcept {
    detail::md5_lanes_plain(states, blocks, lanes, count);
    std::memcpy(last_states, states, sizeof last_states);
  };
  const HmacMd5Key key{as_bytes("Jefe")};
  const std::array parts{as_bytes("a text that is told from all others")};
  std::vector<HmacMd5Job> jobs(2, HmacMd5Job{&key, parts, {}});
  alignas(Md5Lanes) static std::array<std::uint8_t, sizeof(Md5Lanes)> storage{};
  auto* lanes = new (storage.data()) Md5Lanes{spy};
  lanes->run(std::span{jobs});
  const auto holds = [](ByteView bytes) { return !std::ranges::search(storage, bytes).empty(); };
  const ByteView states{reinterpret_cast<const std::uint8_t*>(last_states), 2 * sizeof(std::uint32_t)};
  EXPECT_TRUE(holds(states));
  std::vector<Md5Job> hashes(2, Md5Job{parts, {}});
  lanes->run(std::span{hashes});
  EXPECT_TRUE(holds(states));
  EXPECT_TRUE(holds(parts[0]));
  lanes->~Md5Lanes();
  EXPECT_FALSE(holds(states));
  EXPECT_FALSE(holds(parts[0]));
}

}  // namespace
}  // namespace postern::crypto
