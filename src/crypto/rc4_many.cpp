#include "crypto/rc4_many.hpp"

#include <array>

namespace postern::crypto {
namespace detail {

/// Four ciphers whose keys are scheduled side by side: each schedule waits for the cell it has just swapped, and the others fill
/// that.
class Rc4Four {
 public:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kKeyBytes = 16;

  explicit Rc4Four(const std::array<const std::uint8_t*, kWays>& keys) noexcept
      : ciphers_{Rc4{Rc4::Unscheduled{}}, Rc4{Rc4::Unscheduled{}}, Rc4{Rc4::Unscheduled{}}, Rc4{Rc4::Unscheduled{}}} {
    std::array<std::uint8_t*, kWays> cells;
    std::array<std::size_t, kWays> j{};
    for (std::size_t n = 0; n < kWays; ++n) {
      cells[n] = ciphers_[n].cells_.data();
      Rc4::fill_in_order(ciphers_[n].cells_);
    }
    for (std::size_t i = 0; i < 256; ++i) {
#pragma GCC unroll 4
      for (std::size_t n = 0; n < kWays; ++n) {
        const std::uint8_t a = cells[n][i];
        j[n] = (j[n] + a + keys[n][i % kKeyBytes]) & 0xff;
        cells[n][i] = cells[n][j[n]];
        cells[n][j[n]] = a;
      }
    }
  }

  Rc4& operator[](std::size_t n) noexcept { return ciphers_[n]; }

 private:
  std::array<Rc4, kWays> ciphers_;
};

}  // namespace detail

namespace {

using detail::Rc4Four;

/// Fewer than this many are as fast one by one.
constexpr std::size_t kWorthFour = 3;

void run(std::span<const Rc4Job* const> jobs) noexcept {
  if (jobs.size() < kWorthFour) {
    for (const Rc4Job* job : jobs) Rc4{job->key}.apply(job->in, job->out);
    return;
  }
  std::array<const std::uint8_t*, Rc4Four::kWays> keys;
  keys.fill(jobs[0]->key.data());
  for (std::size_t n = 0; n < jobs.size(); ++n) keys[n] = jobs[n]->key.data();
  Rc4Four ciphers{keys};
  for (std::size_t n = 0; n < jobs.size(); ++n) ciphers[n].apply(jobs[n]->in, jobs[n]->out);
}

}  // namespace

void rc4_many(std::span<const Rc4Job> jobs) noexcept {
  std::array<const Rc4Job*, Rc4Four::kWays> waiting{};
  std::size_t count = 0;
  for (const Rc4Job& job : jobs) {
    if (job.key.size() != Rc4Four::kKeyBytes) {
      Rc4{job.key}.apply(job.in, job.out);
      continue;
    }
    waiting[count++] = &job;
    if (count == waiting.size()) {
      run(waiting);
      count = 0;
    }
  }
  run(std::span{waiting}.first(count));
}

}  // namespace postern::crypto
