// The findings that somebody should see, as lines of the daemon's log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "event/sink.hpp"

namespace postern::posternd {

/// Writes a line for each warning and alarm of an event, then hands the event on. At most kLinesPerPeriod lines a period, so that
/// nobody fills the disk by sending oddities; what was left out is said by number. Not thread-safe, as no sink is.
class FindingLog final : public event::Sink {
 public:
  static constexpr std::uint32_t kLinesPerPeriod = 60;
  static constexpr std::chrono::seconds kPeriod{60};

  enum class Level : std::uint8_t { warning, error };
  using Write = std::function<void(Level, const std::string& line)>;
  /// `next` gets every event and may be null; it outlives the object.
  FindingLog(event::Sink* next, Write write) : next_{next}, write_{std::move(write)} {}

  /// The error is that of `next`.
  Result<void> write(const event::LogonEvent& event) override;

 private:
  void log(const event::LogonEvent& event, const event::Finding& finding);

  event::Sink* next_;
  Write write_;
  FileTime period_start_{};
  std::uint32_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

/// `text` with everything that is no printable ASCII as `\xNN`, so that a client's name cannot forge a line or drive a terminal.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace postern::posternd
