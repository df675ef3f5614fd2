#include "crypto/md5.hpp"

#include <utility>

#include "crypto/md5_kernels_run.hpp"
#include "crypto/md5_steps.hpp"

namespace postern::crypto {
namespace detail {
namespace {

/// Words in ordinary registers.
struct Plain {
  using Word = std::uint32_t;
  [[gnu::always_inline]] static inline Word from(std::uint32_t word) noexcept { return word; }
  [[gnu::always_inline]] static inline std::uint32_t to(Word word) noexcept { return word; }
  [[gnu::always_inline]] static inline Word add(Word a, Word b) noexcept { return a + b; }
  template <std::size_t Step>
  [[gnu::always_inline]] static inline void step(Word (&v)[4], const Word (&words)[16]) noexcept {
    md5_step<Step>(v, words);
  }
};

void one(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count) noexcept { run_one<Plain>(state, blocks, count); }

void two(std::uint32_t* first, const std::uint8_t* first_blocks, std::uint32_t* second, const std::uint8_t* second_blocks,
         std::size_t count) noexcept {
  std::uint32_t sum[2][4];
  load_state<Plain>(sum[0], first);
  load_state<Plain>(sum[1], second);
  for (; count != 0; --count, first_blocks += kMd5BlockBytes, second_blocks += kMd5BlockBytes) {
    std::uint32_t words[2][16];
    load_words<Plain>(words[0], first_blocks);
    load_words<Plain>(words[1], second_blocks);
    std::uint32_t v[4] = {sum[1][0], sum[1][1], sum[1][2], sum[1][3]};
    mix_block<Plain>(sum[0], words[0],
                     [&]<std::size_t Step>(std::integral_constant<std::size_t, Step>)
                         __attribute__((always_inline)) { md5_step<Step>(v, words[1]); });
    for (std::size_t k = 0; k < 4; ++k) sum[1][k] += v[k];
  }
  store_state<Plain>(first, sum[0]);
  store_state<Plain>(second, sum[1]);
}

void seal(std::uint32_t* state, const std::uint8_t* hashed, Rc4Walk& walk, const std::uint8_t* in, std::uint8_t* out,
          std::size_t count) noexcept {
  run_seal<Plain>(state, hashed, walk, in, out, count);
}

void message(const Md5Message& what, Rc4Walk& walk, std::uint32_t* mac) noexcept { run_message<Plain>(what, walk, mac); }

}  // namespace

const Md5Kernels kMd5Plain{"plain", &one, &two, &seal, &message};

bool runs_here(const Md5Kernels* kernels) noexcept {
#if defined(__x86_64__)
  if (kernels == kMd5Avx512) {
    return kernels != nullptr && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return kernels == &kMd5Plain;
}

const Md5Kernels& md5_kernels() noexcept {
  static const Md5Kernels* const chosen = runs_here(kMd5Avx512) ? kMd5Avx512 : &kMd5Plain;
  return *chosen;
}

}  // namespace detail

void md5_compress(HashState& state, ByteView blocks) noexcept {
  detail::md5_kernels().one(state.data(), blocks.data(), blocks.size() / kHashBlockBytes);
}

}  // namespace postern::crypto
