#include "crypto/rc4.hpp"

#include <cstdlib>
#include <utility>

#include "base/secret.hpp"
#include "crypto/rc4_walk.hpp"

namespace postern::crypto {
namespace {

/// All keys of NTLM but those of 40 and 56 bits.
constexpr std::size_t kUsualKeyBytes = 16;

/// The key schedule of 16 bytes, over cells in order.
void schedule_usual(std::uint8_t* cells, const std::uint8_t* key) noexcept {
  detail::Rc4Walk walk = detail::Rc4Walk::at(cells, 0xff, 0);
  for (std::size_t i = 0; i < 256; i += kUsualKeyBytes) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kUsualKeyBytes; ++k) walk.step(key[k]);
  }
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
  detail::Rc4Walk walk = begin();
  walk.apply(in.data(), out.data(), in.size());
  end(walk);
}

void Rc4::rewind(std::size_t bytes) noexcept {
  for (; bytes > 0; --bytes) {
    std::swap(cells_[i_], cells_[j_]);
    j_ = static_cast<std::uint8_t>(j_ - cells_[i_]);
    --i_;
  }
}

}  // namespace postern::crypto
