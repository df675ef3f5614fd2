// Runs one fuzz target over the files of a folder: each file whole, cut in half and without its last byte. Every input lies alone
// in its own memory, so that a byte read behind it shows.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{argv[1]}) {
    std::ifstream file{entry.path(), std::ios::binary};
    const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
    for (const std::size_t size : {bytes.size(), bytes.size() / 2, bytes.size() - std::min<std::size_t>(bytes.size(), 1)}) {
      const auto alone = std::make_unique<std::uint8_t[]>(std::max<std::size_t>(size, 1));
      std::copy_n(bytes.begin(), size, alone.get());
      LLVMFuzzerTestOneInput(alone.get(), size);
      ++count;
    }
  }
  std::printf("%zu inputs\n", count);
  return count > 0 ? 0 : 1;
}
