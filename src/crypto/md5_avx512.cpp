// One message, and two, with the words in vector registers: of no use to a single message but for AVX-512's instructions, which do
// each function of MD5 in one step and each rotation in one, so that the chain of a block is a ninth shorter than in ordinary
// registers. And those are free for RC4 then.
#include "crypto/md5_kernels_run.hpp"
#include "crypto/md5_steps.hpp"

#if defined(__AVX512F__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

namespace postern::crypto::detail {

#if defined(__AVX512F__) && defined(__AVX512VL__)
namespace {

struct Avx512 {
  using Word = __m128i;  // in its lowest element; two messages use two
  [[gnu::always_inline]] static inline Word from(std::uint32_t word) noexcept { return _mm_cvtsi32_si128(static_cast<int>(word)); }
  [[gnu::always_inline]] static inline std::uint32_t to(Word word) noexcept {
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(word));
  }
  [[gnu::always_inline]] static inline Word add(Word a, Word b) noexcept { return _mm_add_epi32(a, b); }

  /// md5_step(), where the truth tables of F, G, H and I (RFC 1321, 3.4) are those of bits b, c, d.
  template <std::size_t Step>
  [[gnu::always_inline]] static inline void step(Word (&v)[4], const Word (&words)[16]) noexcept {
    constexpr std::size_t round = Step / 16;
    constexpr std::size_t a = (64 - Step) % 4;
    constexpr int kTables[4] = {0xca, 0xe4, 0x96, 0x39};
    constexpr int table = kTables[round];
    constexpr int left = kMd5Rotate[round][Step % 4];
    const Word b = v[(a + 1) % 4];
    Word sum = _mm_add_epi32(v[a], words[md5_word_of(Step)]);
    sum = _mm_add_epi32(sum, _mm_set1_epi32(static_cast<int>(kMd5Sine[Step])));
    asm("" : "+v"(sum));  // added before b is here
    sum = _mm_add_epi32(sum, _mm_ternarylogic_epi32(b, v[(a + 2) % 4], v[(a + 3) % 4], table));
    v[a] = _mm_add_epi32(b, _mm_rol_epi32(sum, left));
  }
};

void one(std::uint32_t* state, const std::uint8_t* blocks, std::size_t count) noexcept { run_one<Avx512>(state, blocks, count); }

/// Sixteen bytes of each message side by side, word by word.
[[gnu::always_inline]] inline void load_four(__m128i* words, const std::uint8_t* first, const std::uint8_t* second) noexcept {
  const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
  const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second));
  words[0] = _mm_unpacklo_epi32(a, b);
  words[1] = _mm_unpackhi_epi64(words[0], words[0]);
  words[2] = _mm_unpackhi_epi32(a, b);
  words[3] = _mm_unpackhi_epi64(words[2], words[2]);
}

void two(std::uint32_t* first, const std::uint8_t* first_blocks, std::uint32_t* second, const std::uint8_t* second_blocks,
         std::size_t count) noexcept {
  __m128i sum[4];
  for (std::size_t k = 0; k < 4; ++k) sum[k] = _mm_unpacklo_epi32(Avx512::from(first[k]), Avx512::from(second[k]));
  for (; count != 0; --count, first_blocks += kMd5BlockBytes, second_blocks += kMd5BlockBytes) {
    __m128i words[16];
    for (std::size_t k = 0; k < 16; k += 4) load_four(words + k, first_blocks + 4 * k, second_blocks + 4 * k);
    mix_block<Avx512>(sum, words, [](auto) __attribute__((always_inline)) {});
  }
  for (std::size_t k = 0; k < 4; ++k) {
    first[k] = Avx512::to(sum[k]);
    second[k] = static_cast<std::uint32_t>(_mm_extract_epi32(sum[k], 1));
  }
}

void seal(std::uint32_t* state, const std::uint8_t* hashed, Rc4Walk& walk, const std::uint8_t* in, std::uint8_t* out,
          std::size_t count) noexcept {
  run_seal<Avx512>(state, hashed, walk, in, out, count);
}

void message(const Md5Message& what, Rc4Walk& walk, std::uint32_t* mac) noexcept { run_message<Avx512>(what, walk, mac); }

constexpr Md5Kernels kKernels{"AVX-512", &one, &two, &seal, &message};

}  // namespace

const Md5Kernels* const kMd5Avx512 = &kKernels;
#else
const Md5Kernels* const kMd5Avx512 = nullptr;
#endif

}  // namespace postern::crypto::detail
