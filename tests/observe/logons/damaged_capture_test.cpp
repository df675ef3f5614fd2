// Captures as real taps give them: packets missing, twice, out of order. `postern bench watch` does the same at full size.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>

#include "capture_maker.hpp"
#include "event/names.hpp"
#include "observe/logons/collector.hpp"

namespace postern::observe {
namespace {

using Counts = std::map<std::string, int>;

std::string end_of(const event::Text& address, std::optional<std::uint16_t> port) {
  return address.value_or("?") + ":" + std::to_string(port.value_or(0));
}

/// Keys of `wanted` that `seen` has not, repeats counted.
int missing_in(const Counts& wanted, const Counts& seen) {
  int missing = 0;
  for (const auto& [key, count] : wanted) {
    const auto at = seen.find(key);
    missing += std::max(0, count - (at == seen.end() ? 0 : at->second));
  }
  return missing;
}

struct Outcome {
  int logons = 0;
  int whole = 0;
  int missed = 0;        ///< of all
  int missed_whole = 0;  ///< of those whose messages' packets are all there
  int invented = 0;
  capture::Statistics statistics{};
};

/// Makes a capture after the plan, a third of whose connections log on, and compares what is found with what was made.
Outcome outcome_of(bench::CapturePlan plan) {
  plan.connections = 900;
  plan.ntlm_per_mille = 333;
  std::string pattern = testing::TempDir() + "damaged-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const std::string capture_path = folder / "made.pcap";
  const std::string truth_path = folder / "truth.jsonl";
  EXPECT_TRUE(bench::make_capture(plan, capture_path, truth_path).has_value());
  Counts all, whole, found;
  std::ifstream lines{truth_path};
  for (std::string line; std::getline(lines, line);) {
    const auto truth = nlohmann::json::parse(line);
    std::string key;
    for (const char* field : {"client", "server", "version", "user", "domain", "workstation"})
      key += truth[field].get<std::string>() + " ";
    ++all[key];
    if (truth["whole"]) ++whole[key];
  }
  Collector collector;
  LogonTracker tracker{test_config(), collector};
  capture::Observer observer{{.seed = 1, .recogniser = recognise, .datagram_reader = observe_kerberos_datagram}, tracker};
  auto reader = capture::CaptureReader::open(capture::open_input(capture_path).value()).value();
  for (auto packets = reader->next(); !packets.empty(); packets = reader->next()) observer.on_packets(packets);
  observer.finish();
  tracker.finish();
  std::filesystem::remove_all(folder);
  for (const event::LogonEvent& event : collector.events) {
    ++found[end_of(event.client.address, event.client.port) + " " + end_of(event.server.address, event.server.port) + " " +
            std::string{event::name_of(event.ntlm.version.value())} + " " + event.account.name.value_or("") + " " +
            event.account.domain.value_or("") + " " + event.client.workstation.value_or("") + " "];
  }
  const auto total = [](const Counts& counts) {
    int sum = 0;
    for (const auto& [key, count] : counts) sum += count;
    return sum;
  };
  return {total(all),           total(whole), missing_in(all, found), missing_in(whole, found), missing_in(found, all),
          observer.statistics()};
}

TEST(DamagedCapture, FindsEveryLogonWhereNothingIsMissing) {
  const Outcome whole = outcome_of({.seed = 11});
  EXPECT_GT(whole.logons, 200);
  EXPECT_EQ(whole.whole, whole.logons);
  EXPECT_EQ(whole.missed, 0);
  EXPECT_EQ(whole.invented, 0);
  EXPECT_EQ(whole.statistics.gaps, 0U);
}

TEST(DamagedCapture, R36_FindsEachLogonWhosePacketsAreThereAlthoughOthersAreMissingAndCountsTheHoles) {
  for (const std::uint32_t per_mille : {10U, 50U}) {
    const Outcome damaged = outcome_of({.seed = 12, .lost_per_mille = per_mille});
    EXPECT_LT(damaged.whole, damaged.logons) << "a loss that hits no logon proves little";
    EXPECT_EQ(damaged.missed_whole, 0) << per_mille;
    EXPECT_LE(damaged.missed, damaged.logons - damaged.whole) << per_mille;
    EXPECT_EQ(damaged.invented, 0) << per_mille;
    EXPECT_GT(damaged.statistics.gaps, 0U);
    EXPECT_GT(damaged.statistics.gap_bytes, damaged.statistics.gaps);
  }
}

TEST(DamagedCapture, FindsEachLogonOnceWherePacketsComeTwiceAndOutOfOrder) {
  const Outcome mixed = outcome_of({.seed = 13, .swapped_per_mille = 100, .doubled_per_mille = 200});
  EXPECT_EQ(mixed.missed, 0);
  EXPECT_EQ(mixed.invented, 0) << "a packet that comes twice is no second logon";
  EXPECT_GT(mixed.statistics.reordered, 100U);
  EXPECT_GT(mixed.statistics.retransmitted, 500U);
  EXPECT_EQ(mixed.statistics.gaps, 0U);
}

TEST(DamagedCapture, FindsEachWholeLogonUnderLossDisorderAndCopiesTogether) {
  const Outcome damaged = outcome_of({.seed = 14, .lost_per_mille = 10, .swapped_per_mille = 50, .doubled_per_mille = 50});
  EXPECT_EQ(damaged.missed_whole, 0);
  EXPECT_EQ(damaged.invented, 0);
}

}  // namespace
}  // namespace postern::observe
