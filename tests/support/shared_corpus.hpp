// The material beside the tree (../shared/corpus, or $POSTERN_SHARED/corpus): read in place, never copied here. A test that needs
// it and does not find it is skipped, and says so.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/paths.hpp"

namespace postern::test {

inline std::filesystem::path shared_corpus() {
  if (const char* folder = std::getenv("POSTERN_SHARED"); folder != nullptr) return std::filesystem::path{folder} / "corpus";
  return std::filesystem::path{POSTERN_SOURCE_DIR} / ".." / "shared" / "corpus";
}

}  // namespace postern::test

#define POSTERN_REQUIRE_SHARED(path)  \
  if (!std::filesystem::exists(path)) \
  GTEST_SKIP() << "not found: " << (path) << " (set POSTERN_SHARED to the folder of the material)"
