#include "crypto/rc4.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>

#include "base/secret.hpp"

namespace postern::crypto {

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
  std::uint8_t* const cells = cells_.data();
  std::size_t i = i_;
  std::size_t j = j_;
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
  i_ = static_cast<std::uint8_t>(i);
  j_ = static_cast<std::uint8_t>(j);
}

}  // namespace postern::crypto
