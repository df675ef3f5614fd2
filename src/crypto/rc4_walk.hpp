// Rc4Walk: a key stream while bytes are taken off it, for rc4.cpp and the kernels. Everything here is inlined into its caller
// without exception, and no library header stands between: see md5_steps.hpp for why.
#pragma once

#include <cstddef>
#include <cstdint>

namespace postern::crypto::detail {

/// `moved` if the low bytes of `j` and `place` are equal, else `kept`. No branch: j is secret.
[[nodiscard, gnu::always_inline]] inline std::uint32_t if_same_cell(std::uint32_t j, std::size_t place, std::uint32_t moved,
                                                                    std::uint32_t kept) noexcept {
#if defined(__x86_64__)
  asm("cmpb %b2, %b1\n\tcmovel %3, %0" : "+r"(kept) : "q"(j), "q"(place), "r"(moved) : "cc");
  return kept;
#else
  const std::uint32_t difference = (j ^ static_cast<std::uint32_t>(place)) & 0xff;
  std::uint32_t same = (difference - 1) >> 31;  // 1 if there is none
  asm("" : "+r"(same));                         // hides that it is 0 or 1: the optimiser would be free to branch on it
  return kept ^ ((kept ^ moved) & (0 - same));
#endif
}

/// Where a stream stands, in variables that the compiler keeps in registers, with the next two cells read ahead. A processor has a
/// load wait for the stores before it while it does not know where those go, and the next cell is what the next j waits for; read
/// two steps early and set right by comparing the places that were written since, it waits for nothing. A byte takes half as long.
struct Rc4Walk {
  std::uint8_t* cells;
  std::size_t next;     // i + 1
  std::uint32_t j;      // in its low byte; what lies above means nothing
  std::uint32_t a;      // cells[next]
  std::uint32_t ahead;  // the cell after that

  [[nodiscard, gnu::always_inline]] static inline Rc4Walk at(std::uint8_t* cells, std::uint8_t i, std::uint8_t j) noexcept {
    const std::size_t next = (i + std::size_t{1}) & 0xff;
    return {cells, next, j, cells[next], cells[(next + 1) & 0xff]};
  }

  /// Exchanges cells[next] and cells[j], j being what `to_add` makes of it, and goes on. Returns the index of the byte that the
  /// stream gives.
  [[gnu::always_inline]] inline std::size_t step(std::uint32_t to_add = 0) noexcept {
    j += to_add;
    asm("" : "+r"(j));  // added before a is here
    const std::uint32_t first = a;
    j += first;
    const std::size_t place = j & 0xff;
    const std::uint32_t fresh = cells[(next + 2) & 0xff];
    const std::uint32_t second = cells[place];
    cells[next] = static_cast<std::uint8_t>(second);
    cells[place] = static_cast<std::uint8_t>(first);
    a = if_same_cell(j, next + 1, first, ahead);
    ahead = if_same_cell(j, next + 2, first, fresh);
    next = (next + 1) & 0xff;
    return (first + second) & 0xff;
  }

  /// The next byte of the stream.
  [[nodiscard, gnu::always_inline]] inline std::uint32_t byte() noexcept {
    const std::size_t index = step();
    return cells[index];
  }

  /// Exclusive-or of eight bytes of the stream and `in`, to `out`: apart or the same place.
  [[gnu::always_inline]] inline void group(const std::uint8_t* in, std::uint8_t* out) noexcept {
    std::uint64_t stream = 0;
#pragma GCC unroll 8
    for (unsigned k = 0; k < 8; ++k) stream |= std::uint64_t{byte()} << (8 * k);
    exclusive_or(stream, in, out);
  }

  /// The same of `size` bytes.
  [[gnu::always_inline]] inline void apply(const std::uint8_t* in, std::uint8_t* out, std::size_t size) noexcept {
    for (; size >= kGroupBytes; size -= kGroupBytes, in += kGroupBytes, out += kGroupBytes) group(in, out);
    for (; size != 0; --size) *out++ = static_cast<std::uint8_t>(*in++ ^ byte());
  }

  static constexpr std::size_t kGroupBytes = 8;

  /// `stream`: eight bytes, the first of them lowest.
  [[gnu::always_inline]] static inline void exclusive_or(std::uint64_t stream, const std::uint8_t* in, std::uint8_t* out) noexcept {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    stream = __builtin_bswap64(stream);
#endif
    std::uint64_t text;
    __builtin_memcpy(&text, in, sizeof text);
    text ^= stream;
    __builtin_memcpy(out, &text, sizeof text);
  }
};

}  // namespace postern::crypto::detail
