// The list of breached hashes: what is on it is found, what is not is not, and a file that is no such list is said to be none.
#include "account/breached.hpp"

#include <algorithm>
#include <chrono>
#include <random>

#include "account/password.hpp"
#include "store_fixture.hpp"

namespace postern::account {
namespace {

using Key = std::array<std::uint8_t, NtHash::kSize>;

std::string line_of_hash(const Key& key, std::uint64_t count, std::string_view ending = "\n") {
  std::string digits = to_hex(key);
  std::ranges::transform(digits, digits.begin(), [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  return digits + ":" + std::to_string(count) + std::string{ending};
}

class BreachedTest : public testing::Test {
 protected:
  std::string write(std::string_view text) {
    const std::string path = directory_.path() / ("list" + std::to_string(++files_));
    std::ofstream{path, std::ios::binary} << text;
    return path;
  }
  Result<BreachedHashes> open_text(std::string_view text) { return BreachedHashes::open(write(text)); }
  std::vector<Key> random_keys(std::size_t count) {
    std::vector<Key> keys(count);
    for (Key& key : keys) std::ranges::generate(key, [this] { return static_cast<std::uint8_t>(random_()); });
    std::ranges::sort(keys);
    return keys;
  }

  TemporaryDirectory directory_{};
  std::mt19937 random_{7};
  int files_ = 0;
};

TEST_F(BreachedTest, FindsEachLineAndNothingElseInListsOfManySizes) {
  for (const std::size_t count : {1U, 2U, 3U, 20U, 74U, 75U, 76U, 500U, 3'000U, 40'000U}) {
    for (const char* ending : {"\n", "\r\n"}) {
      const std::vector<Key> keys = random_keys(count);
      std::string text;
      for (std::size_t i = 0; i < count; ++i) text += line_of_hash(keys[i], i + 1, ending);
      if (count % 2 == 0) text.resize(text.size() - std::string_view{ending}.size());  // the last line need not end
      const auto list = open_text(text);
      ASSERT_TRUE(list) << count << ": " << line_of(list);
      for (std::size_t i = 0; i < count; i += count > 5'000 ? 37 : 1) {
        const auto seen = list->find(NtHash{keys[i]});
        ASSERT_TRUE(seen) << line_of(seen);
        ASSERT_EQ(*seen, i + 1) << "line " << i << " of " << count;
        Key other = keys[i];
        other[15] ^= 1;
        if (!std::ranges::binary_search(keys, other)) {
          ASSERT_EQ(list->find(NtHash{other}).value(), std::nullopt) << "line " << i << " of " << count;
        }
      }
      for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{0xFF}}) {
        Key edge{};
        edge.fill(fill);
        EXPECT_EQ(list->find(NtHash{edge}).value(), std::nullopt) << "before the first and behind the last";
      }
    }
  }
}

TEST_F(BreachedTest, FindsLinesThatAreSpreadUnevenly) {
  std::vector<Key> keys = random_keys(20'000);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i % 10 != 0) std::fill_n(keys[i].begin(), 8, std::uint8_t{0x77});  // nine of ten share the first half
  }
  std::ranges::sort(keys);
  std::string text;
  for (const Key& key : keys) text += line_of_hash(key, 5);
  const auto list = open_text(text);
  ASSERT_TRUE(list) << line_of(list);
  for (std::size_t i = 0; i < keys.size(); i += 13) ASSERT_EQ(list->find(NtHash{keys[i]}).value(), 5U) << i;
}

TEST_F(BreachedTest, SaysThatAFileIsNoListOrIsUnsorted) {
  const std::vector<Key> keys = random_keys(2'000);
  std::string sorted;
  for (const Key& key : keys) sorted += line_of_hash(key, 9);
  ASSERT_TRUE(open_text(sorted));
  const auto code = [&](std::string_view text) {
    const auto list = open_text(text);
    return list ? std::string{"taken"} : std::string{name_of(list.error().code)} + " " + list.error().message;
  };
  EXPECT_NE(code("").find("empty"), std::string::npos);
  EXPECT_NE(code("password:1\n").find("HASH:COUNT"), std::string::npos);
  EXPECT_NE(code(std::string(5'000, 'A')).find("longer"), std::string::npos);
  EXPECT_NE(code(line_of_hash(keys[0], 1).substr(0, 32) + ",1\n").find("HASH:COUNT"), std::string::npos);
  EXPECT_NE(code(line_of_hash(keys[0], 1).substr(0, 33) + "many\n").find("number"), std::string::npos);
  std::string lower = line_of_hash(keys[0], 1);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; });
  EXPECT_NE(code(lower).find("upper case"), std::string::npos);
  EXPECT_NE(code(line_of_hash(keys[1], 1) + line_of_hash(keys[0], 1)).find("not sorted"), std::string::npos);
  std::vector<Key> by_count = keys;  // the list that is ordered by prevalence
  std::ranges::shuffle(by_count, random_);
  std::string shuffled;
  for (const Key& key : by_count) shuffled += line_of_hash(key, 9);
  EXPECT_NE(code(shuffled).find("not sorted"), std::string::npos);
  EXPECT_EQ(BreachedHashes::open(directory_.path() / "none").error().code, ErrorCode::not_found);
  EXPECT_EQ(BreachedHashes::open(directory_.path()).error().code, ErrorCode::denied);
}

TEST_F(BreachedTest, R33_AListThatIsCutShortLaterIsAnErrorAndNoAnswer) {
  const std::vector<Key> keys = random_keys(5'000);
  std::string text;
  for (const Key& key : keys) text += line_of_hash(key, 9);
  const std::string path = write(text);
  const auto list = BreachedHashes::open(path);
  ASSERT_TRUE(list);
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(list->find(NtHash{keys[4'000]}).error().code, ErrorCode::io);
}

TEST_F(BreachedTest, EachHashOfALargeListIsFoundAndNoOther) {
  constexpr std::size_t kLines = 2'600'000;  // 100 MB, where POSTERN_BREACHED_BENCH asks how long a lookup takes
  const char* wanted = std::getenv("POSTERN_BREACHED_BENCH");
  const std::size_t lines = wanted != nullptr ? kLines : kLines / 100;
  const std::string path = directory_.path() / "large";
  const std::vector<Key> keys = random_keys(lines);
  {
    std::ofstream file{path, std::ios::binary};
    for (const Key& key : keys) file << line_of_hash(key, 12'345);
  }
  const auto list = BreachedHashes::open(path);
  ASSERT_TRUE(list) << line_of(list);
  constexpr std::size_t kLookups = 20'000;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < kLookups; ++i) ASSERT_TRUE(list->find(NtHash{keys[random_() % keys.size()]}).value());
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  const double each = took.count() / kLookups;
  std::printf("%zu bytes: %.2f microseconds a lookup, %.0f a second\n", static_cast<std::size_t>(list->bytes()), each, 1e6 / each);
  for (std::size_t i = 0; i < kLookups; ++i) {
    Key other = keys[random_() % keys.size()];
    other.back() ^= 1;
    ASSERT_EQ(list->find(NtHash{other}).value().has_value(), std::ranges::binary_search(keys, other));
  }
}

}  // namespace
}  // namespace postern::account
