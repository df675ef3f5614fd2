// Lines in a file. Whole lines only: what a full disk or a kill left of one is cut off before the next is written.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "edge/forward/outlet.hpp"

namespace postern::forward {
namespace {

constexpr mode_t kFileMode = 0640;

class FileOutlet final : public Outlet {
 public:
  explicit FileOutlet(std::string path) : path_{std::move(path)} {}
  ~FileOutlet() override { close(); }

  Parcel pack(const event::LogonEvent&, std::string line) const override {
    line += '\n';
    return {.bytes = std::move(line)};
  }

  Delivery deliver(std::span<const Parcel> parcels) override {
    Delivery delivery;
    if (auto opened = open(); !opened) {
      delivery.error = opened.error();
      return delivery;
    }
    std::string bytes;
    for (const Parcel& parcel : parcels) bytes += parcel.bytes;
    const ::off_t before = ::lseek(file_, 0, SEEK_END);
    std::size_t written = 0;
    while (written < bytes.size()) {
      const ssize_t count = ::write(file_, bytes.data() + written, bytes.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      written += static_cast<std::size_t>(count);
    }
    // Durable before the cursor says so: a crash of the machine loses nothing that is not sent again.
    if (written == bytes.size() && (::fdatasync(file_) == 0 || errno == EINVAL || errno == EROFS)) {
      delivery.taken = parcels.size();
      return delivery;
    }
    delivery.error = io_error("cannot write to").error();
    if (before >= 0) static_cast<void>(::ftruncate(file_, before) == 0);
    close();
    return delivery;
  }

  void reopen() override { close(); }

 private:
  [[nodiscard]] std::unexpected<Error> io_error(std::string_view action) const {
    return fail(ErrorCode::io, "path", Error::kNoOffset, std::string{action} + " " + path_ + ": " + std::strerror(errno));
  }
  void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }
  /// True if the path still leads to the file that is open: a rotation without a signal is seen as well.
  [[nodiscard]] bool is_current() const {
    struct stat open{}, named{};
    return file_ >= 0 && ::fstat(file_, &open) == 0 && ::stat(path_.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
           open.st_dev == named.st_dev;
  }
  Result<void> open() {
    if (is_current()) return {};
    close();
    file_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, kFileMode);
    if (file_ < 0) return io_error("cannot open");
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      auto error = errno == EWOULDBLOCK
                       ? fail(ErrorCode::conflict, "path", Error::kNoOffset, path_ + " is written by another program")
                       : io_error("cannot lock");
      close();
      return error;
    }
    cut_torn_line();
    return {};
  }
  /// A line without its end was never taken: it is sent again, whole.
  void cut_torn_line() const {
    std::array<char, 4096> piece{};
    ::off_t end = ::lseek(file_, 0, SEEK_END);
    bool torn = false;
    while (end > 0) {
      const auto size = static_cast<std::size_t>(std::min<::off_t>(end, piece.size()));
      if (::pread(file_, piece.data(), size, end - static_cast<::off_t>(size)) != static_cast<ssize_t>(size)) return;
      std::size_t kept = size;
      while (kept > 0 && piece[kept - 1] != '\n') --kept;
      torn = torn || kept != size;
      end -= static_cast<::off_t>(size - kept);
      if (kept > 0) break;
    }
    if (torn) static_cast<void>(::ftruncate(file_, end) == 0);
  }

  std::string path_;
  int file_ = -1;
};

}  // namespace

std::unique_ptr<Outlet> make_file_outlet(const SinkConfig& config) { return std::make_unique<FileOutlet>(config.path); }

}  // namespace postern::forward
