// What the tests of the inventory share: a folder that goes, and events out of a seed.
#pragma once

#include <filesystem>
#include <random>
#include <stdlib.h>
#include <string>
#include <vector>

#include "event/logon_event.hpp"
#include "inventory/store.hpp"

namespace postern::inventory {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "postern-inventory-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline constexpr std::uint64_t kFirstDayTicks = 133'800'768'000'000'000;  // 2024-12-31T00:00:00Z

inline event::Timestamp at_second(std::uint64_t seconds) {
  return event::Timestamp{FileTime{kFirstDayTicks + seconds * FileTime::kTicksPerSecond}};
}

inline event::LogonEvent alice_at(std::uint64_t seconds = 0) {
  event::LogonEvent event;
  event.time = at_second(seconds);
  event.outcome = event::Outcome::success;
  event.package = event::Package::ntlm;
  event.ntlm.version = event::NtlmVersion::ntlm_v2;
  event.ntlm.mic = event::Mic::verified;
  event.account.name = "alice";
  event.account.domain = "DEMO";
  event.account.kind = event::AccountKind::domain;
  event.client.address = "192.0.2.10";
  event.server.name = "files.demo.example.org";
  event.server.service = event::Service::smb;
  return event;
}

/// An event of a small world, so that many fall together, with spellings, reasons and findings that vary.
inline event::LogonEvent random_event(std::mt19937& random) {
  const auto pick = [&random](unsigned count) { return static_cast<unsigned>(random() % count); };
  event::LogonEvent event = alice_at(std::uint64_t{pick(500)} * 8'640);
  event.outcome = static_cast<event::Outcome>(pick(4));
  event.account.name = std::vector<std::string>{"alice", "Alice", "ALICE", "bob", "b\xc3\xbchler", "B\xc3\x9cHLER"}[pick(6)];
  event.server.name = std::vector<std::string>{"files", "FILES", "web"}[pick(3)];
  event.client.address = "192.0.2." + std::to_string(pick(3));
  event.ntlm.version = static_cast<event::NtlmVersion>(pick(6));
  if (pick(3) == 0) event.ntlm.mic = static_cast<event::Mic>(pick(7));
  if (pick(3) == 0) {
    event.reason.id = pick(12);
    event.reason.confidence = static_cast<event::Confidence>(pick(3));
    event.reason.evidence = "frame " + std::to_string(pick(100));
  }
  if (pick(4) == 0) {
    const auto severity = static_cast<event::Severity>(pick(3));
    event.findings.push_back({"finding-" + std::to_string(pick(3)), severity, "a text", {}});
  }
  if (pick(20) == 0) event.time.reset();
  return event;
}

}  // namespace postern::inventory
