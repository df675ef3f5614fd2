// Many logons: honest ones raise nothing that would wake somebody, and a million clients fit into the memory that is said.
#include <gtest/gtest.h>
#include <map>
#include <thread>

#include "authority/detection/detector.hpp"
#include "clients.hpp"

namespace postern::authority::detection {
namespace {

DigestKey key() { return DigestKey{std::array<std::uint8_t, DigestKey::kSize>{1, 2, 3}}; }

TEST(Soak, AHundredThousandHonestLogonsRaiseNoWarningAndNoAlarm) {
  Detector detector{key()};
  Company company{1};
  std::map<std::string, int> seen;
  for (int i = 0; i < 100'000; ++i) {
    for (const event::Finding& finding : detector.observe(company.next(10), {})) {
      ++seen[finding.id];
      ASSERT_EQ(finding.severity, event::Severity::info)
          << finding.id << ": " << finding.evidence.value_or("") << " at logon " << i;
    }
  }
  EXPECT_GT(seen["new-network"], 0) << "people travel";
  EXPECT_LT(seen["new-network"], 2'000);
}

TEST(Soak, AmongHonestLogonsAThiefIsSeen) {
  Detector detector{key()};
  Company company{5};
  for (int i = 0; i < 30'000; ++i) detector.observe(company.next(10), {});
  Observation theft = company.next(10);
  while (theft.version != event::NtlmVersion::ntlm_v2) theft = company.next(10);
  theft.proof = Proof::verified;
  theft.address = "203.0.113.9";
  theft.workstation = {};
  theft.challenge_shape = ChallengeShape::letters_and_digits;
  bool alarm = false;
  for (const event::Finding& finding : detector.observe(theft, {})) alarm = alarm || finding.severity == event::Severity::alarm;
  EXPECT_TRUE(alarm);
}

TEST(Soak, AMillionClientsAndAccountsFitIntoTheMemoryThatIsSaid) {
  Limits limits;
  limits.learned = {.accounts = 2'000, .habits = 4'000, .workstations = 2'000, .machine_ids = 2'000};
  limits.recent = {.handshakes = 2'000, .responses = 2'000, .clients = 500};
  limits.guessing = {.addresses = 1'000, .accounts = 1'000};
  Detector detector{key(), limits};
  std::array<std::uint8_t, 32> machine_id{};
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    Observation seen;
    seen.now = FileTime{134'000'000'000'000'000ULL + i};
    seen.proof = i % 4 == 0 ? Proof::wrong : Proof::verified;
    const std::string account = "user" + std::to_string(i);
    const std::string address =
        "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 0xFF) + "." + std::to_string(i & 0xFF);
    seen.account = account;
    seen.workstation = account;
    seen.address = address;
    seen.service = "web";
    store_le(machine_id.data(), i);
    seen.machine_id = machine_id;
    seen.client_challenge_digest = std::uint64_t{i} * 0x9E3779B97F4A7C15ULL;
    seen.proof_digest = std::uint64_t{i} * 0xBF58476D1CE4E5B9ULL;
    seen.challenge_shape = i % 8 == 0 ? ChallengeShape::letters_and_digits : ChallengeShape::ordinary;
    detector.minted(seen.now, "web");
    detector.observe(seen, {});
    if (i % 4'096 == 0) {
      ASSERT_LE(detector.bytes(), detector.max_bytes());
    }
  }
  EXPECT_LE(detector.bytes(), detector.max_bytes());
  EXPECT_GT(detector.bytes(), detector.max_bytes() * 9 / 10) << "the tables were not filled: the test proves nothing";
  EXPECT_LE(detector.max_bytes(), 2U * 1024 * 1024);
}

TEST(Soak, AtTheDefaultLimitsAllTablesTogetherTakeLessThanIsDocumented) {
  EXPECT_LE(Detector{key()}.max_bytes(), 64U * 1024 * 1024);
  EXPECT_GE(Detector{key()}.max_bytes(), 16U * 1024 * 1024);
}

TEST(Soak, ManyThreadsAtOnceLoseNothing) {
  Detector detector{key()};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&detector, i] {
      Company company{i, 20};
      for (int k = 0; k < 5'000; ++k) {
        detector.observe(company.next(10), {});
        if (k % 1'000 == 0) {
          EXPECT_GT(detector.save().size(), 0U);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(detector.bytes(), detector.max_bytes());
}

}  // namespace
}  // namespace postern::authority::detection
