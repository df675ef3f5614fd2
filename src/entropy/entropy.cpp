#include "entropy/entropy.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <new>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/secret.hpp"

namespace postern::entropy {

/// Zero is the state of a fresh page, and of a page that fork() has wiped: nothing is kept.
struct Reserve::Page {
  std::size_t left;        // the last so many bytes are still to be handed out
  std::int64_t filled_at;  // seconds of a clock that never goes back
  std::array<std::uint8_t, kBlockBytes> bytes;
};

namespace {

/// Coarse: it is asked for with each call, and a tick more or less does not matter.
std::int64_t seconds_now() noexcept {
  timespec now{};
  return clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0 ? std::int64_t{now.tv_sec} : 0;
}

void* own_page(std::size_t size) noexcept {
  void* const page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (madvise(page, size, MADV_WIPEONFORK) == 0 && madvise(page, size, MADV_DONTDUMP) == 0) return page;
  munmap(page, size);
  return nullptr;
}

}  // namespace

bool from_system(MutableByteView out) noexcept {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

Reserve::Reserve(Source source) noexcept : source_{source}, page_{nullptr} {
  if (void* const memory = own_page(sizeof(Page)); memory != nullptr) page_ = new (memory) Page{};
}

Reserve::~Reserve() {
  if (page_ == nullptr) return;
  wipe(page_, sizeof *page_);
  munmap(page_, sizeof *page_);
}

ByteView Reserve::kept() const noexcept { return page_ == nullptr ? ByteView{} : ByteView{page_->bytes}; }

bool Reserve::fill(MutableByteView out) noexcept {
  if (out.empty()) return true;
  bool filled = false;
  if (page_ == nullptr || out.size() > kMostBytes) {
    filled = source_(out);
  } else {
    const std::int64_t now = seconds_now();
    if (page_->left < out.size() || now - page_->filled_at >= kKeptSecondsMax) {
      page_->left = 0;
      if (source_(page_->bytes)) {
        page_->left = kBlockBytes;
        page_->filled_at = now;
      }
    }
    filled = page_->left >= out.size();
    if (filled) {
      const MutableByteView next = MutableByteView{page_->bytes}.last(page_->left).first(out.size());
      page_->left -= out.size();  // before the copy: whatever comes in between, these are handed out once
      std::ranges::copy(next, out.begin());
      wipe(next);
    }
  }
  if (!filled) wipe(out);
  return filled;
}

bool fill(MutableByteView out) noexcept {
  thread_local Reserve reserve;
  return reserve.fill(out);
}

}  // namespace postern::entropy
