// Vector files: `[Section]` headers with `Name = value` lines below, `#` comments that name the source. A test takes each
// attribute; one that no test took is a failure, so that no published fact stays unread.
#pragma once

#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "support/paths.hpp"

namespace postern::test {

class VectorCase {
 public:
  VectorCase(std::string section, std::string place) : section_{std::move(section)}, place_{std::move(place)} {}

  [[nodiscard]] const std::string& section() const { return section_; }
  [[nodiscard]] const std::string& place() const { return place_; }
  void add(std::string name, std::string value) { attributes_.emplace(std::move(name), std::move(value)); }

  /// The attribute, or nothing; it counts as read.
  [[nodiscard]] std::optional<std::string> take(const std::string& name) {
    taken_.insert(name);
    const auto found = attributes_.find(name);
    if (found == attributes_.end()) return std::nullopt;
    return found->second;
  }
  /// The attribute's text; a failure of the test if it is missing.
  [[nodiscard]] std::string text(const std::string& name) {
    const auto value = take(name);
    EXPECT_TRUE(value.has_value()) << place_ << ": no " << name;
    return value.value_or("");
  }
  [[nodiscard]] Bytes hex(const std::string& name) {
    const auto bytes = from_hex(text(name));
    EXPECT_TRUE(bytes.has_value()) << place_ << ": " << name << " is no hex";
    return bytes.value_or(Bytes{});
  }
  void expect_all_taken() const {
    for (const auto& [name, value] : attributes_) EXPECT_TRUE(taken_.contains(name)) << place_ << ": nobody read " << name;
  }

 private:
  std::string section_;
  std::string place_;
  std::map<std::string, std::string> attributes_;
  std::set<std::string> taken_;
};

/// Reads tests/vectors/`name`; a failure of the test if the file is missing or holds no case.
inline std::vector<VectorCase> read_vectors(const std::string& name) {
  const std::string path = std::string{POSTERN_SOURCE_DIR} + "/tests/vectors/" + name;
  std::ifstream file{path};
  EXPECT_TRUE(file.is_open()) << path;
  std::vector<VectorCase> cases;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[') {
      cases.emplace_back(line.substr(1, line.find(']') - 1), name + ":" + std::to_string(number));
      continue;
    }
    const auto equals = line.find(" =");
    if (equals == std::string::npos || cases.empty()) {
      ADD_FAILURE() << name << ":" << number << ": neither a section nor an attribute";
      continue;
    }
    const auto value = line.find_first_not_of(' ', equals + 2);
    cases.back().add(line.substr(0, equals), value == std::string::npos ? "" : line.substr(value));
  }
  EXPECT_FALSE(cases.empty()) << path;
  return cases;
}

}  // namespace postern::test
