#include "crypto/rc4.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/secret.hpp"

namespace postern::crypto {
namespace {

/// From this size on the cells are widened to words for the time of the call: a third less time for each byte on common processors
/// (a byte written and read again at once is slow), while a cipher that waits keeps its 258 bytes.
constexpr std::size_t kWideCellsFromBytes = 512;

/// The cipher itself, over cells of either width. `i` and `j` are read and left where the stream goes on.
template <typename Cell>
void mix(Cell* cells, std::uint8_t& i_kept, std::uint8_t& j_kept, ByteView in, MutableByteView out) noexcept {
  std::size_t i = i_kept;
  std::size_t j = j_kept;
  const auto next = [&]() __attribute__((always_inline)) {
    i = (i + 1) & 0xff;
    const std::size_t a = cells[i];
    j = (j + a) & 0xff;
    const std::size_t b = cells[j];
    cells[i] = static_cast<Cell>(b);
    cells[j] = static_cast<Cell>(a);
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
  for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i] = static_cast<std::uint8_t>(i);
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
  // Live cells are a permutation, so no two are equal; those of a moved-from cipher are all zero.
  if (in.size() != out.size() || cells_[0] == cells_[1]) std::abort();
  if (in.size() < kWideCellsFromBytes) {
    mix(cells_.data(), i_, j_, in, out);
    return;
  }
  std::array<std::uint32_t, 256> wide;
  std::copy(cells_.begin(), cells_.end(), wide.begin());
  mix(wide.data(), i_, j_, in, out);
  std::transform(wide.begin(), wide.end(), cells_.begin(), [](std::uint32_t cell) { return static_cast<std::uint8_t>(cell); });
  wipe(wide.data(), sizeof wide);
}

void Rc4::rewind(std::size_t bytes) noexcept {
  for (; bytes > 0; --bytes) {
    std::swap(cells_[i_], cells_[j_]);
    j_ = static_cast<std::uint8_t>(j_ - cells_[i_]);
    --i_;
  }
}

}  // namespace postern::crypto
