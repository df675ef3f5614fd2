// JsonLinesSink: appends events to a file, one JSON object a line.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "event/sink.hpp"

namespace postern::event {

/// The file is made with mode 0640 if it is not there. One sink a file: a line that does not fit (disk full) is taken back, which
/// another writer would not survive. Thread-safe. Lines are not flushed to the disk: the durable store is the database.
class JsonLinesSink final : public Sink {
 public:
  [[nodiscard]] static Result<std::unique_ptr<JsonLinesSink>> open(std::string path);
  ~JsonLinesSink() override;

  [[nodiscard]] Result<void> write(const LogonEvent& event) override;
  /// Opens the path anew, after a log rotation moved the file away. On an error the old file stays in use.
  [[nodiscard]] Result<void> reopen();

 private:
  JsonLinesSink(std::string path, int descriptor) : path_{std::move(path)}, descriptor_{descriptor} {}

  std::string path_;
  std::mutex mutex_{};
  int descriptor_;
};

}  // namespace postern::event
