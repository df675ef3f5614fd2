// Where a capture's bytes come from: a file, standard input, or what gzip or zstd packed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern::observe::capture {

class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  virtual ~Input() = default;
  /// Puts the next bytes into `room` (never empty) and returns how many; 0 at the end. An error is final.
  virtual Result<std::size_t> read(MutableByteView room) = 0;
  /// Bytes taken from the file so far (packed ones, if it is packed), for a progress bar.
  [[nodiscard]] virtual std::uint64_t taken() const = 0;
};

/// Window that zstd may ask for (2^25 bytes): `zstd --ultra` and `--long` write more, and are refused by name rather than let past
/// the memory limit.
inline constexpr int kMaxZstdWindowLog = 25;

/// Opens a file; "-" is standard input.
[[nodiscard]] Result<std::unique_ptr<Input>> open_input(const std::string& path);
/// Takes over `descriptor`.
[[nodiscard]] std::unique_ptr<Input> input_of_descriptor(int descriptor);
/// Bytes in memory, which must outlive the input.
[[nodiscard]] std::unique_ptr<Input> input_of_bytes(ByteView bytes);
/// The same bytes unpacked, if they begin as gzip or zstd do; unchanged otherwise. Several packed members one after the other are
/// one. What is packed twice is unpacked once.
[[nodiscard]] Result<std::unique_ptr<Input>> unpacked(std::unique_ptr<Input> input);

/// The bytes of an Input that lie in memory now. Refilling moves them: a view is good until then.
class Window {
 public:
  explicit Window(std::unique_ptr<Input> input, std::size_t capacity = kDefaultBytes);

  /// Holds the longest record there is; more would push itself out of the processor's second cache before it is looked at.
  static constexpr std::size_t kDefaultBytes = std::size_t{1} << 19;

  [[nodiscard]] ByteView view() const { return ByteView{buffer_}.subspan(begin_, end_ - begin_); }
  void consume(std::size_t count) { begin_ += count; }
  /// Makes the view at least `count` bytes long (at most the capacity) by reading; less only at the end of the input or after an
  /// error, which `error()` keeps.
  void want(std::size_t count);
  /// Offset of view()'s first byte in the unpacked input.
  [[nodiscard]] std::uint64_t offset() const { return offset_of_buffer_ + begin_; }
  [[nodiscard]] const Error* error() const { return failed_ ? &error_ : nullptr; }
  [[nodiscard]] std::uint64_t taken() const { return input_->taken(); }

 private:
  std::unique_ptr<Input> input_;
  Bytes buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_of_buffer_ = 0;
  bool ended_ = false;
  bool failed_ = false;
  Error error_{};
};

}  // namespace postern::observe::capture
