#include "crypto/md5.hpp"

#include <utility>

#include "crypto/md5_steps.hpp"

namespace postern::crypto {

void md5_compress(HashState& state, ByteView blocks) noexcept {
  HashState sum = state;
  for (; blocks.size() >= kHashBlockBytes; blocks = blocks.subspan(kHashBlockBytes)) {
    std::uint32_t words[16];
    for (std::size_t i = 0; i < 16; ++i) words[i] = load_word(blocks.data() + 4 * i);
    std::uint32_t v[4] = {sum[0], sum[1], sum[2], sum[3]};
    detail::md5_steps(v, words, std::make_index_sequence<64>{});
    for (std::size_t i = 0; i < 4; ++i) sum[i] += v[i];
  }
  state = sum;
}

}  // namespace postern::crypto
