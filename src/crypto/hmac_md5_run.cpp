#include "crypto/hmac_md5_run.hpp"

#include <algorithm>

#include "crypto/md5_kernels.hpp"

namespace postern::crypto {

std::span<const ByteView> HmacMd5Run::if_it_fits(std::span<const ByteView> parts) noexcept {
  return PaddedMessage::fits(parts) ? parts : std::span<const ByteView>{};
}

HmacMd5Run::HmacMd5Run(const HmacMd5Key& key, std::span<const ByteView> parts) noexcept
    : message_{if_it_fits(parts)}, state_{key.inner()}, outer_{key.outer()}, at_{message_.blocks()}, left_{message_.count()} {
  if (PaddedMessage::fits(parts)) return;
  const Digest mac = hmac_md5(key, parts);
  for (std::size_t k = 0; k < state_.size(); ++k) state_[k] = load_word(mac.data() + 4 * k);
  left_ = 0;
  stage_ = Stage::done;
}

HmacMd5Run::~HmacMd5Run() {
  wipe(state_.data(), sizeof state_);
  wipe(outer_.data(), sizeof outer_);
  if (stage_ != Stage::inner) wipe(outer_block_);
}

void HmacMd5Run::next_stage() noexcept {
  if (stage_ != Stage::inner) {
    stage_ = Stage::done;
    return;
  }
  // The outer message is one key block and the inner digest: padding and length are known, and one block is left to compress.
  constexpr std::size_t kOuterBits = (kHashBlockBytes + kHashBytes) * 8;
  zero_block(outer_block_.data());
  for (std::size_t k = 0; k < state_.size(); ++k) store_word(outer_block_.data() + 4 * k, state_[k]);
  outer_block_[kHashBytes] = 0x80;
  store_word(outer_block_.data() + 56, kOuterBits);
  state_ = outer_;
  at_ = outer_block_.data();
  left_ = 1;
  stage_ = Stage::outer;
}

void HmacMd5Run::take(std::size_t blocks) noexcept {
  at_ += blocks * kHashBlockBytes;
  left_ -= blocks;
  if (left_ == 0) next_stage();
}

Digest HmacMd5Run::finish() noexcept {
  while (left_ != 0) {
    detail::md5_kernels().one(state_.data(), at_, left_);
    take(left_);
  }
  return to_digest(state_);
}

Digest HmacMd5Run::finish_beside(HmacMd5Run& other) noexcept {
  while (left_ != 0 && other.left_ != 0) {
    const std::size_t both = std::min(left_, other.left_);
    detail::md5_kernels().two(state_.data(), at_, other.state_.data(), other.at_, both);
    take(both);
    other.take(both);
  }
  return finish();
}

}  // namespace postern::crypto
