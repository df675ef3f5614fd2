// Observer: reads posternd's event store over its admin socket, with the rights of an observer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

#include "base/result.hpp"
#include "edge/forward/replies.hpp"
#include "edge/forward/stop.hpp"

namespace postern::forward {

/// One connection; made when it is needed, made anew after an error. For one thread.
class Observer {
 public:
  Observer(std::string path, std::optional<uid_t> authority, const Stop& stop)
      : path_{std::move(path)}, authority_{authority}, stop_{stop} {}
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  ~Observer() { close(); }

  /// The oldest events after `after`, at most `limit`. Errors: `no_authority`, `denied` (the other end is not posternd, or we are
  /// no observer), `timeout`, `malformed`.
  [[nodiscard]] Result<ReadBatch> read(std::uint64_t after, std::size_t limit);
  /// The object under `ok` of `status`, as text.
  [[nodiscard]] Result<std::string> status();

 private:
  [[nodiscard]] Result<std::string> ask(const std::string& request);
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> send(std::string_view bytes);
  [[nodiscard]] Result<void> receive(char* bytes, std::size_t size);
  void close();

  std::string path_;
  std::optional<uid_t> authority_;
  const Stop& stop_;
  int descriptor_ = -1;
};

}  // namespace postern::forward
