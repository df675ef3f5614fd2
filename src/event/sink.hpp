// Where events go.
#pragma once

#include "base/result.hpp"
#include "event/logon_event.hpp"

namespace postern::event {

class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;

  /// Takes the event, whole or not at all; an error says that it was not taken.
  [[nodiscard]] virtual Result<void> write(const LogonEvent& event) = 0;
};

}  // namespace postern::event
