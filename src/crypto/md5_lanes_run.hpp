// The engine of md5_lanes.hpp on a kernel of the caller's choice: for md5_lanes.cpp, for the tests, which try each, and for
// benchmarks.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "base/secret.hpp"
#include "crypto/md5_lanes.hpp"
#include "crypto/md5_lanes_kernels.hpp"

namespace postern::crypto::detail {

/// The kernel's function; null if this build or this processor lacks it.
[[nodiscard]] Md5LanesFunction md5_lanes_function(Md5LanesKernel kernel) noexcept;

void hmac_md5_keys_many(Md5LanesFunction mix, std::span<const ByteView> keys,
                        std::span<std::optional<HmacMd5Key>> prepared) noexcept;

/// What a lane computes: a hash that goes on from `start`, and for HMAC the hash around it.
struct Md5LaneTask {
  const HashState* start = nullptr;
  std::uint64_t absorbed_bytes = 0;
  const HashState* outer = nullptr;  // null for a plain hash
  std::span<const ByteView> parts;
  Digest* result = nullptr;
};

inline Md5LaneTask task_of(HmacMd5Job& job) noexcept {
  return {&job.key->inner(), kHashBlockBytes, &job.key->outer(), job.parts, &job.mac};
}
inline Md5LaneTask task_of(Md5Job& job) noexcept { return {&kInitialHashState, 0, nullptr, job.parts, &job.digest}; }

/// One lane's message on its way into blocks. Whole blocks are read where the caller has them; what lies across parts, and the end
/// with its padding, is put together in `buffer`.
struct Md5Lane {
  Md5LaneTask task;
  ByteView text;            // what is left of the part under way
  std::uint64_t bytes = 0;  // of the whole message, as far as it has been seen
  const std::uint8_t* blocks = nullptr;
  std::size_t ready = 0;  // so many blocks lie at `blocks`
  enum class Stage { message, padded, outer } stage = Stage::message;
  std::uint8_t* buffer = nullptr;  // two blocks

  void begin(const Md5LaneTask& next) noexcept {
    task = next;
    text = {};
    bytes = task.absorbed_bytes;
    stage = Stage::message;
    fill();
  }

  /// The next blocks of a message whose end has not been seen.
  void fill() noexcept {
    skip_empty_parts();
    if (text.size() >= kHashBlockBytes) {
      blocks = text.data();
      ready = text.size() / kHashBlockBytes;
      bytes += ready * kHashBlockBytes;
      text = text.subspan(ready * kHashBlockBytes);
      return;
    }
    zero_block(buffer);
    std::size_t used = 0;
    while (used < kHashBlockBytes && !text.empty()) {
      const std::size_t taken = std::min(text.size(), kHashBlockBytes - used);
      copy_short(buffer + used, text.data(), taken);
      used += taken;
      text = text.subspan(taken);
      skip_empty_parts();
    }
    bytes += used;
    blocks = buffer;
    ready = 1;
    if (used < kHashBlockBytes) pad(used);
  }

  /// The hash around the inner one: its digest and padding, one block.
  void begin_outer(const HashState& inner) noexcept {
    zero_block(buffer);
    for (std::size_t k = 0; k < inner.size(); ++k) store_word(buffer + 4 * k, inner[k]);
    bytes = kHashBlockBytes + kHashBytes;
    blocks = buffer;
    pad(kHashBytes);
    stage = Stage::outer;
  }

 private:
  void skip_empty_parts() noexcept {
    while (text.empty() && !task.parts.empty()) {
      text = task.parts.front();
      task.parts = task.parts.subspan(1);
    }
  }
  /// The end of the message behind `used` bytes of a block that is zero from there on.
  void pad(std::size_t used) noexcept {
    constexpr std::size_t kLengthBytes = 8;
    buffer[used] = 0x80;
    ready = 1;
    if (used >= kHashBlockBytes - kLengthBytes) {
      zero_block(buffer + kHashBlockBytes);
      ready = 2;
    }
    const std::size_t length_at = ready * kHashBlockBytes - kLengthBytes;
    store_word(buffer + length_at, static_cast<std::uint32_t>(bytes * 8));
    store_word(buffer + length_at + 4, static_cast<std::uint32_t>(bytes * 8 >> 32));
    stage = Stage::padded;
  }
};

/// The lanes at work. The first `active_` have a message; a lane that finds no next job gives its place to the last one.
class Md5Lanes {
 public:
  explicit Md5Lanes(Md5LanesFunction mix) noexcept : mix_{mix} {}
  Md5Lanes(const Md5Lanes&) = delete;
  Md5Lanes& operator=(const Md5Lanes&) = delete;
  ~Md5Lanes() {
    wipe(states_, sizeof states_);
    wipe(buffers_, sizeof buffers_);
  }

  template <typename Job>
  void run(std::span<Job> jobs) noexcept {
    for (std::size_t n = 0; n < kMd5Lanes; ++n) lanes_[n].buffer = buffers_[n];
    std::size_t next = 0;
    for (; active_ < kMd5Lanes && next < jobs.size(); ++active_, ++next) begin(active_, task_of(jobs[next]));
    while (active_ != 0) {
      mix_ready_blocks();
      for (std::size_t n = 0; n < active_;) {
        if (lanes_[n].ready != 0 || go_on(n)) {
          ++n;
        } else if (next < jobs.size()) {
          begin(n++, task_of(jobs[next++]));
        } else {
          close(n);  // the last lane is in its place now, and is looked at next
        }
      }
    }
  }

 private:
  void begin(std::size_t n, const Md5LaneTask& task) noexcept {
    set_state(n, *task.start);
    lanes_[n].begin(task);
  }

  /// As many blocks as every lane has ready.
  void mix_ready_blocks() noexcept {
    std::array<const std::uint8_t*, kMd5Lanes> blocks;
    std::size_t count = lanes_[0].ready;
    for (std::size_t n = 0; n < active_; ++n) {
      blocks[n] = lanes_[n].blocks;
      count = std::min(count, lanes_[n].ready);
    }
    std::fill(blocks.begin() + static_cast<std::ptrdiff_t>(active_), blocks.end(), blocks[0]);
    // Alone, a message is as fast without the vectors.
    (active_ == 1 ? &md5_lanes_plain : mix_)(states_, blocks.data(), active_, count);
    for (std::size_t n = 0; n < active_; ++n) {
      lanes_[n].blocks += count * kHashBlockBytes;
      lanes_[n].ready -= count;
    }
  }

  /// Whether lane `n`, whose blocks are used up, has more of its message; if not, the result is out.
  bool go_on(std::size_t n) noexcept {
    Md5Lane& lane = lanes_[n];
    if (lane.stage == Md5Lane::Stage::message) {
      lane.fill();
      return true;
    }
    HashState state;
    for (std::size_t k = 0; k < state.size(); ++k) state[k] = states_[k][n];
    if (lane.stage == Md5Lane::Stage::padded && lane.task.outer != nullptr) {
      lane.begin_outer(state);
      set_state(n, *lane.task.outer);
      return true;
    }
    *lane.task.result = to_digest(state);
    return false;
  }

  void close(std::size_t n) noexcept {
    const std::size_t last = --active_;
    if (n == last) return;
    lanes_[n] = lanes_[last];  // and its buffer with it
    for (auto& word : states_) word[n] = word[last];
  }

  void set_state(std::size_t n, const HashState& state) noexcept {
    for (std::size_t k = 0; k < state.size(); ++k) states_[k][n] = state[k];
  }

  Md5LanesFunction mix_;
  std::size_t active_ = 0;
  alignas(64) Md5LaneStates states_{};
  std::array<Md5Lane, kMd5Lanes> lanes_;
  std::uint8_t buffers_[kMd5Lanes][2 * kHashBlockBytes];  // only what was written is read
};

}  // namespace postern::crypto::detail
