// What detection has learned, in a file over restarts: read at start, written now and then and at the end.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "authority/detection/detector.hpp"

namespace postern::posternd {

/// Losing it costs a few minutes of learning, so nothing of it stops the daemon: what fails is a line in the log. A damaged file is
/// left out, and written anew.
class DetectionState {
 public:
  static constexpr std::chrono::minutes kPause{5};

  /// `path` is in a private directory; `detector` outlives the object.
  DetectionState(std::string path, authority::detection::Detector& detector);
  DetectionState(const DetectionState&) = delete;
  DetectionState& operator=(const DetectionState&) = delete;
  /// Writes a last time.
  ~DetectionState();

 private:
  void read();
  void write();
  void run();

  const std::string path_;
  authority::detection::Detector& detector_;
  std::mutex mutex_{};
  std::condition_variable ended_{};
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace postern::posternd
