// Random numbers of the system, asked for in blocks: a system call for eight bytes of a challenge costs as much as reading a
// message.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace postern::entropy {

/// Fills `out` whole from getrandom(2); false if the system gives nothing.
[[nodiscard]] bool from_system(MutableByteView out) noexcept;

/// Random bytes of which some are kept for the next who asks. For one thread, and not for signal handlers. Each byte is handed out
/// once: it is wiped as it goes, and what is kept lies in a page of its own that a child of fork() finds empty (MADV_WIPEONFORK)
/// and that no core dump holds. Where the system has no such pages nothing is kept, and every call is a system call.
///
/// What is kept is known to who reads this process's memory before it is used, as the keys made of it are afterwards; and a machine
/// that is copied while it runs would have it twice. So what was asked for a second ago is thrown away rather than handed out.
class Reserve {
 public:
  static constexpr std::size_t kBlockBytes = 512;  ///< asked for at a time
  static constexpr std::size_t kMostBytes = 64;    ///< more than this at once is not taken from what is kept
  static constexpr std::int64_t kKeptSecondsMax = 1;

  using Source = bool (*)(MutableByteView out) noexcept;
  explicit Reserve(Source source = &from_system) noexcept;
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;
  ~Reserve();

  /// Fills `out` whole, or wipes it and returns false.
  [[nodiscard]] bool fill(MutableByteView out) noexcept;

  /// What is kept, for tests: the bytes that were handed out are zero.
  [[nodiscard]] ByteView kept() const noexcept;

 private:
  struct Page;
  Source source_;
  Page* page_;  // null: nothing can be kept
};

/// From this thread's own Reserve.
[[nodiscard]] bool fill(MutableByteView out) noexcept;

}  // namespace postern::entropy
