#include "crypto/rc4.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/secret.hpp"
#include "crypto/rc4_wide.hpp"

namespace postern::crypto {
namespace {

/// From this size on the cells are widened to words for the time of the call (WideRc4); widening and narrowing costs as much as
/// some hundred bytes of stream.
constexpr std::size_t kWideCellsFromBytes = 256;

/// All keys of NTLM but those of 40 and 56 bits.
constexpr std::size_t kUsualKeyBytes = 16;

/// The key schedule of 16 bytes, over cells in order: the next cell is read before this one is written, which spares a wait.
void schedule_usual(std::uint8_t* cells, const std::uint8_t* key) noexcept {
  std::size_t j = 0;
  std::uint8_t a = cells[0];
  for (std::size_t i = 0; i < 256; i += kUsualKeyBytes) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kUsualKeyBytes; ++k) {
      j = (j + a + key[k]) & 0xff;
      const std::uint8_t b = cells[j];
      cells[j] = a;
      a = cells[(i + k + 1) & 0xff];  // never cells[i + k], and cells[j] holds its new value already
      cells[i + k] = b;
    }
  }
}

/// The cipher over the cells as they are kept. `i` and `j` are read and left where the stream goes on.
void mix(std::uint8_t* cells, std::uint8_t& i_kept, std::uint8_t& j_kept, ByteView in, MutableByteView out) noexcept {
  std::size_t i = i_kept;
  std::size_t j = j_kept;
  const auto next = [&]() __attribute__((always_inline)) {
    i = (i + 1) & 0xff;
    const std::size_t a = cells[i];
    j = (j + a) & 0xff;
    const std::size_t b = cells[j];
    cells[i] = static_cast<std::uint8_t>(b);
    cells[j] = static_cast<std::uint8_t>(a);
    return static_cast<std::uint64_t>(cells[(a + b) & 0xff]);
  };
  std::size_t at = 0;
  for (; in.size() - at >= 8; at += 8) {  // eight bytes of stream meet the text in one word
    std::uint64_t stream = next();
    stream |= next() << 8;
    stream |= next() << 16;
    stream |= next() << 24;
    stream |= next() << 32;
    stream |= next() << 40;
    stream |= next() << 48;
    stream |= next() << 56;
    if constexpr (std::endian::native == std::endian::big) stream = __builtin_bswap64(stream);
    std::uint64_t text;
    std::memcpy(&text, in.data() + at, sizeof text);
    text ^= stream;
    std::memcpy(out.data() + at, &text, sizeof text);
  }
  for (; at < in.size(); ++at) out[at] = static_cast<std::uint8_t>(in[at] ^ next());
  i_kept = static_cast<std::uint8_t>(i);
  j_kept = static_cast<std::uint8_t>(j);
}

}  // namespace

Rc4::Rc4(ByteView key) noexcept {
  if (key.empty() || key.size() > kMaxKeyBytes) std::abort();
  fill_in_order(cells_);
  if (key.size() == kUsualKeyBytes) {
    schedule_usual(cells_.data(), key.data());
    return;
  }
  std::uint8_t j = 0;
  std::size_t k = 0;
  for (auto& cell : cells_) {
    const std::uint8_t value = cell;
    j = static_cast<std::uint8_t>(j + value + key[k]);
    if (++k == key.size()) k = 0;
    cell = cells_[j];
    cells_[j] = value;
  }
}

void Rc4::fill_in_order(Cells& cells) noexcept {
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<std::uint8_t>(i);
}

Rc4::Rc4(Rc4&& other) noexcept : Rc4{static_cast<const Rc4&>(other)} { other.erase(); }

Rc4& Rc4::operator=(Rc4&& other) noexcept {
  if (this != &other) {
    cells_ = other.cells_;
    i_ = other.i_;
    j_ = other.j_;
    other.erase();
  }
  return *this;
}

Rc4::~Rc4() { erase(); }

void Rc4::erase() noexcept {
  wipe(cells_);
  wipe(&i_, sizeof i_);
  wipe(&j_, sizeof j_);
}

void Rc4::apply(ByteView in, MutableByteView out) noexcept {
  if (!may_apply(in, out)) std::abort();
  if (in.size() < kWideCellsFromBytes) {
    mix(cells_.data(), i_, j_, in, out);
  } else {
    detail::WideRc4{*this}.apply(in.data(), out.data(), in.size());
  }
}

void Rc4::rewind(std::size_t bytes) noexcept {
  for (; bytes > 0; --bytes) {
    std::swap(cells_[i_], cells_[j_]);
    j_ = static_cast<std::uint8_t>(j_ - cells_[i_]);
    --i_;
  }
}

}  // namespace postern::crypto
