// Runs captures through the sensor's rooms and keeps what comes out.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "event/json.hpp"
#include "observe/capture/input.hpp"
#include "observe/capture/observer.hpp"
#include "observe/capture/reader.hpp"
#include "observe/logons/tracker.hpp"

namespace postern::observe {

class Collector final : public LogonOutput {
 public:
  void on_message_object(const MessageObject& object) override { objects.push_back(object); }
  void on_event(const event::LogonEvent& event) override { events.push_back(event); }

  std::vector<MessageObject> objects;
  std::vector<event::LogonEvent> events;
};

inline DigestKey test_key() {
  std::array<std::uint8_t, DigestKey::kSize> key{};
  key.fill(7);
  return DigestKey{key};
}
inline LogonTrackerConfig test_config() {
  LogonTrackerConfig config;
  config.digest_key = test_key();
  return config;
}

inline Result<void> run_capture(std::unique_ptr<capture::Input> input, Witness& witness) {
  POSTERN_TRY(plain, capture::unpacked(std::move(input)));
  POSTERN_TRY(reader, capture::CaptureReader::open(std::move(plain)));
  capture::Observer::Options options;
  options.recogniser = recognise;
  options.datagram_reader = observe_kerberos_datagram;
  capture::Observer observer{options, witness};
  for (auto packets = reader->next(); !packets.empty(); packets = reader->next()) observer.on_packets(packets);
  observer.finish();
  return {};
}

/// What one capture gives: messages and events.
inline Result<void> collect(const std::string& path, Collector& collector) {
  LogonTracker tracker{test_config(), collector};
  POSTERN_TRY(input, capture::open_input(path));
  POSTERN_CHECK(run_capture(std::move(input), tracker));
  tracker.finish();
  return {};
}

}  // namespace postern::observe
