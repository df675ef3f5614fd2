#include "detection_state.hpp"

#include <spdlog/spdlog.h>
#include <utility>

#include "account/private_file.hpp"

namespace postern::posternd {

DetectionState::DetectionState(std::string path, authority::detection::Detector& detector)
    : path_{std::move(path)}, detector_{detector} {
  read();
  thread_ = std::thread{[this] { run(); }};
}

DetectionState::~DetectionState() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void DetectionState::read() {
  const auto existence = account::existence_of(path_);
  if (!existence) return spdlog::warn("detection begins anew: {}", existence.error().to_line());
  if (*existence == account::Existence::missing) return;
  const auto content = account::read_private_file(path_, authority::detection::kMaxStateBytes);
  if (!content) return spdlog::warn("detection begins anew: {}", content.error().to_line());
  if (const auto loaded = detector_.load(content->reveal()); !loaded) {
    spdlog::warn("detection begins anew: {}: {}", path_, loaded.error().to_line());
  }
}

void DetectionState::write() {
  const Bytes state = detector_.save();
  if (const auto written = account::write_private_file(path_, state); !written) {
    spdlog::warn("what detection learned is not saved: {}", written.error().to_line());
  }
}

void DetectionState::run() {
  std::unique_lock lock{mutex_};
  while (!ended_.wait_for(lock, kPause, [this] { return ending_; })) write();
  write();
}

}  // namespace postern::posternd
