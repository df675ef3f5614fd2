#include "observe/capture/input.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

namespace postern::observe::capture {
namespace {

constexpr std::size_t kPackedBytes = std::size_t{256} * 1024;
constexpr std::array<std::uint8_t, 2> kGzipMagic{0x1f, 0x8b};
constexpr std::array<std::uint8_t, 4> kZstdMagic{0x28, 0xb5, 0x2f, 0xfd};

class DescriptorInput final : public Input {
 public:
  explicit DescriptorInput(int descriptor) : descriptor_{descriptor} { ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL); }
  ~DescriptorInput() override {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  Result<std::size_t> read(MutableByteView room) override {
    while (true) {
      const ssize_t count = ::read(descriptor_, room.data(), room.size());
      if (count >= 0) {
        taken_ += static_cast<std::uint64_t>(count);
        return static_cast<std::size_t>(count);
      }
      // A signal that ends a live read must be seen by the caller: with SA_RESTART unset it shows as the end.
      if (errno == EINTR) return std::size_t{0};
      return fail(ErrorCode::io, std::string{"cannot read the capture: "} + std::strerror(errno));
    }
  }
  [[nodiscard]] std::uint64_t taken() const override { return taken_; }

 private:
  int descriptor_;
  std::uint64_t taken_ = 0;
};

class MemoryInput final : public Input {
 public:
  explicit MemoryInput(ByteView bytes) : bytes_{bytes} {}
  Result<std::size_t> read(MutableByteView room) override {
    const std::size_t count = std::min(room.size(), bytes_.size() - taken_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(taken_), count, room.begin());
    taken_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t taken() const override { return taken_; }

 private:
  ByteView bytes_;
  std::size_t taken_ = 0;
};

/// The packed bytes of `inner`, with those first that were looked at to know the format.
class Packed {
 public:
  Packed(std::unique_ptr<Input> inner, Bytes first) : inner_{std::move(inner)}, bytes_{std::move(first)}, end_{bytes_.size()} {}
  /// What is not yet used; empty at the end.
  Result<ByteView> some() {
    if (begin_ == end_) {
      bytes_.resize(kPackedBytes);
      POSTERN_TRY(count, inner_->read(bytes_));
      begin_ = 0;
      end_ = count;
    }
    return ByteView{bytes_}.subspan(begin_, end_ - begin_);
  }
  void use(std::size_t count) { begin_ += count; }
  [[nodiscard]] std::uint64_t taken() const { return inner_->taken(); }

 private:
  std::unique_ptr<Input> inner_;
  Bytes bytes_;
  std::size_t begin_ = 0;
  std::size_t end_;
};

class PrefixedInput final : public Input {
 public:
  PrefixedInput(std::unique_ptr<Input> inner, Bytes first) : inner_{std::move(inner)}, first_{std::move(first)} {}
  Result<std::size_t> read(MutableByteView room) override {
    if (used_ == first_.size()) return inner_->read(room);
    const std::size_t count = std::min(room.size(), first_.size() - used_);
    std::copy_n(first_.begin() + static_cast<std::ptrdiff_t>(used_), count, room.begin());
    used_ += count;
    return count;
  }
  [[nodiscard]] std::uint64_t taken() const override { return inner_->taken(); }

 private:
  std::unique_ptr<Input> inner_;
  Bytes first_;
  std::size_t used_ = 0;
};

class GzipInput final : public Input {
 public:
  GzipInput(std::unique_ptr<Input> inner, Bytes first) : packed_{std::move(inner), std::move(first)} {
    constexpr int kGzipOnly = 16;  // zlib.h, inflateInit2: added to windowBits for gzip framing
    ready_ = ::inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK;
  }
  ~GzipInput() override {
    if (ready_) ::inflateEnd(&stream_);
  }
  Result<std::size_t> read(MutableByteView room) override {
    if (!ready_) return fail(ErrorCode::internal, "zlib cannot be set up");
    if (ended_) return std::size_t{0};
    stream_.next_out = room.data();
    stream_.avail_out = static_cast<uInt>(room.size());
    while (stream_.avail_out == room.size()) {
      POSTERN_TRY(some, packed_.some());
      if (some.empty()) {
        ended_ = true;
        if (between_members_) return std::size_t{0};
        return fail(ErrorCode::truncated, "the gzip data end inside a member");
      }
      between_members_ = false;
      stream_.next_in = const_cast<Bytef*>(some.data());  // zlib takes no pointer to const without ZLIB_CONST, and only reads
      stream_.avail_in = static_cast<uInt>(some.size());
      const int state = ::inflate(&stream_, Z_NO_FLUSH);
      packed_.use(some.size() - stream_.avail_in);
      if (state == Z_STREAM_END) {
        between_members_ = true;
        ::inflateReset(&stream_);
      } else if (state != Z_OK) {
        ended_ = true;
        return fail(ErrorCode::malformed,
                    std::string{"the gzip data are damaged: "} + (stream_.msg != nullptr ? stream_.msg : "?"));
      }
    }
    return room.size() - stream_.avail_out;
  }
  [[nodiscard]] std::uint64_t taken() const override { return packed_.taken(); }

 private:
  Packed packed_;
  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
  bool between_members_ = true;
};

class ZstdInput final : public Input {
 public:
  ZstdInput(std::unique_ptr<Input> inner, Bytes first)
      : packed_{std::move(inner), std::move(first)}, context_{::ZSTD_createDCtx()} {
    if (context_ != nullptr) ::ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  ~ZstdInput() override { ::ZSTD_freeDCtx(context_); }
  Result<std::size_t> read(MutableByteView room) override {
    if (context_ == nullptr) return fail(ErrorCode::internal, "zstd cannot be set up");
    if (ended_) return std::size_t{0};
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    while (out.pos == 0) {
      POSTERN_TRY(some, packed_.some());
      if (some.empty()) {
        ended_ = true;
        if (between_frames_) return std::size_t{0};
        return fail(ErrorCode::truncated, "the zstd data end inside a frame");
      }
      ZSTD_inBuffer in{some.data(), some.size(), 0};
      const std::size_t left = ::ZSTD_decompressStream(context_, &out, &in);
      packed_.use(in.pos);
      if (::ZSTD_isError(left) != 0) {
        ended_ = true;
        return fail(ErrorCode::malformed,
                    std::string{"the zstd data are damaged or need too large a window: "} + ::ZSTD_getErrorName(left));
      }
      between_frames_ = left == 0;
    }
    return out.pos;
  }
  [[nodiscard]] std::uint64_t taken() const override { return packed_.taken(); }

 private:
  Packed packed_;
  ZSTD_DCtx* context_;
  bool ended_ = false;
  bool between_frames_ = true;
};

bool begins_with(ByteView bytes, ByteView magic) {
  return bytes.size() >= magic.size() && std::ranges::equal(bytes.first(magic.size()), magic);
}

}  // namespace

Result<std::unique_ptr<Input>> open_input(const std::string& path) {
  if (path == "-") return input_of_descriptor(STDIN_FILENO);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::not_found : errno == EACCES ? ErrorCode::denied : ErrorCode::io;
    return fail(code, "cannot open " + path + ": " + std::strerror(errno));
  }
  return input_of_descriptor(descriptor);
}

std::unique_ptr<Input> input_of_descriptor(int descriptor) { return std::make_unique<DescriptorInput>(descriptor); }
std::unique_ptr<Input> input_of_bytes(ByteView bytes) { return std::make_unique<MemoryInput>(bytes); }

Result<std::unique_ptr<Input>> unpacked(std::unique_ptr<Input> input) {
  Bytes first(kZstdMagic.size());
  std::size_t have = 0;
  while (have < first.size()) {
    POSTERN_TRY(count, input->read(MutableByteView{first}.subspan(have)));
    if (count == 0) break;
    have += count;
  }
  first.resize(have);
  if (begins_with(first, kGzipMagic)) return std::make_unique<GzipInput>(std::move(input), std::move(first));
  if (begins_with(first, kZstdMagic)) return std::make_unique<ZstdInput>(std::move(input), std::move(first));
  return std::make_unique<PrefixedInput>(std::move(input), std::move(first));
}

Window::Window(std::unique_ptr<Input> input, std::size_t capacity) : input_{std::move(input)}, buffer_(capacity) {}

void Window::want(std::size_t count) {
  if (end_ - begin_ >= count || ended_) return;
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  offset_of_buffer_ += begin_;
  end_ -= begin_;
  begin_ = 0;
  while (end_ < std::min(count, buffer_.size())) {
    const auto got = input_->read(MutableByteView{buffer_}.subspan(end_));
    if (!got || *got == 0) {
      ended_ = true;
      if (!got) {
        failed_ = true;
        error_ = got.error();
      }
      return;
    }
    end_ += *got;
  }
}

}  // namespace postern::observe::capture
