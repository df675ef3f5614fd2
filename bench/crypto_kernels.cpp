// The kernels of the crypto room against their plain twins. One run says little on a shared machine; alternate and take medians:
//   crypto_kernels --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
#include <array>
#include <benchmark/benchmark.h>
#include <vector>

#include "crypto/md5_lanes_run.hpp"
#include "crypto/rc4_many.hpp"
#include "crypto/seal_kernel.hpp"

namespace {

using namespace postern;
using namespace postern::crypto;

constexpr std::array<std::uint8_t, 4> kSequenceNumber{};
constexpr std::array<std::uint8_t, 16> kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

enum class Way { serial, seal, unseal };

/// HMAC-MD5 and RC4 over one text: one pass after the other, and in one.
template <Way way>
void seal(benchmark::State& state) {
  const HmacMd5Key key{kKey};
  Rc4 cipher{kKey};
  Bytes text(static_cast<std::size_t>(state.range(0)), 7);
  for (auto step : state) {
    (void)step;
    HmacMd5 mac{key};
    mac.update(kSequenceNumber);
    if constexpr (way == Way::serial) {
      mac.update(text);
      cipher.apply(text);
    } else if constexpr (way == Way::seal) {
      mac_and_encrypt(mac, cipher, text, text);
    } else {
      decrypt_and_mac(mac, cipher, text, text);
    }
    benchmark::DoNotOptimize(mac.finish());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(seal<Way::serial>)->Name("seal/serial")->Arg(64)->Arg(256)->Arg(1024)->Arg(16384)->Arg(4 << 20);
BENCHMARK(seal<Way::seal>)->Name("seal/kernel")->Arg(64)->Arg(256)->Arg(1024)->Arg(16384)->Arg(4 << 20);
BENCHMARK(seal<Way::unseal>)->Name("unseal/kernel")->Arg(64)->Arg(256)->Arg(1024)->Arg(16384)->Arg(4 << 20);

/// Signing alone.
void sign(benchmark::State& state) {
  const HmacMd5Key key{kKey};
  const Bytes text(static_cast<std::size_t>(state.range(0)), 7);
  for (auto step : state) {
    (void)step;
    benchmark::DoNotOptimize(hmac_md5(key, {kSequenceNumber, text}));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sign)->Arg(64)->Arg(1024)->Arg(1 << 20);

void rc4(benchmark::State& state) {
  Rc4 cipher{kKey};
  Bytes text(static_cast<std::size_t>(state.range(0)), 7);
  for (auto step : state) {
    (void)step;
    cipher.apply(text);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(rc4)->Arg(64)->Arg(1024)->Arg(16384)->Arg(4 << 20);

/// `range(0)` jobs of `range(1)` bytes on the kernel `range(2)`.
void lanes(benchmark::State& state) {
  const auto kernel = static_cast<Md5LanesKernel>(state.range(2));
  const auto mix = detail::md5_lanes_function(kernel);
  if (mix == nullptr) {
    state.SkipWithError("this processor or this build lacks the kernel");
    return;
  }
  const HmacMd5Key key{kKey};
  const Bytes text(static_cast<std::size_t>(state.range(1)), 7);
  const std::array parts{ByteView{text}};
  std::vector<HmacMd5Job> jobs(static_cast<std::size_t>(state.range(0)), HmacMd5Job{&key, parts, {}});
  for (auto step : state) {
    (void)step;
    detail::Md5Lanes{mix}.run(std::span{jobs});
    benchmark::DoNotOptimize(jobs.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetLabel(std::string{to_string(kernel)});
}
BENCHMARK(lanes)->ArgsProduct({{4, 16, 64}, {16, 280, 736}, {0, 1, 2, 3}});

/// A key exchange each: sixteen bytes under a key of their own.
template <bool together>
void key_exchanges(benchmark::State& state) {
  std::array<std::array<std::uint8_t, 16>, 16> keys{};
  for (std::size_t n = 0; n < keys.size(); ++n) keys[n][0] = static_cast<std::uint8_t>(n);
  std::vector<Rc4Job> jobs;
  for (auto& key : keys) jobs.push_back({kKey, key, key});
  for (auto step : state) {
    (void)step;
    if constexpr (together) {
      rc4_many(jobs);
    } else {
      for (const Rc4Job& job : jobs) Rc4{job.key}.apply(job.in, job.out);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(jobs.size()));
}
BENCHMARK(key_exchanges<false>)->Name("key_exchanges/one_by_one");
BENCHMARK(key_exchanges<true>)->Name("key_exchanges/many");

}  // namespace

BENCHMARK_MAIN();
