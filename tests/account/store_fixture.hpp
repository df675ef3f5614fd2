// What the tests of the store share: a private directory, an opened store, and SQL beside it.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <sqlite3.h>
#include <stdlib.h>
#include <string>

#include "account/sqlite/open.hpp"

namespace postern::account {

inline constexpr FileTime kNow{133'800'000'000'000'000};

/// A directory of mode 0700 that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "postern-account-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline sqlite::Config config_in(const std::filesystem::path& directory) {
  std::filesystem::create_directory(directory / "keys");
  std::filesystem::permissions(directory / "keys", std::filesystem::perms::owner_all);
  return {.directory = directory / "data", .key_file = directory / "keys" / "storage.keys"};
}

/// Everything that a file holds; empty if it is missing.
inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// The first column of the first row as text, past the store; "" without a row. Fails the test on an SQL error.
inline std::string sql(const std::filesystem::path& database, const std::string& statement) {
  sqlite3* handle = nullptr;
  EXPECT_EQ(sqlite3_open(database.c_str(), &handle), SQLITE_OK);
  sqlite3_busy_timeout(handle, 5000);
  std::string first;
  char* error = nullptr;
  const auto keep_first = [](void* out, int columns, char** values, char**) {
    auto& text = *static_cast<std::string*>(out);
    if (columns > 0 && values[0] != nullptr && text.empty()) text = values[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(handle, statement.c_str(), keep_first, &first, &error), SQLITE_OK) << (error != nullptr ? error : "");
  sqlite3_free(error);
  sqlite3_close(handle);
  return first;
}

template <typename T>
std::string line_of(const Result<T>& result) {
  return result ? std::string{"no error"} : result.error().to_line();
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    reopen();
    ASSERT_NE(store_, nullptr);
    auto domain = store_->add_domain(
        {.netbios_name = "DEMO", .dns_name = "demo.example.org", .sid_random = {1, 0, 0, 0, 2, 0, 0, 0, 3}}, kNow);
    ASSERT_TRUE(domain) << line_of(domain);
    domain_ = *domain;
  }

  void reopen() {
    store_.reset();
    auto opened = sqlite::open(config_);
    ASSERT_TRUE(opened) << line_of(opened);
    store_ = std::move(*opened);
  }

  Account add(std::string name, std::string_view password = "Password", AccountKind kind = AccountKind::domain,
              std::vector<std::string> groups = {}) {
    auto added = store_->add_account({.domain = domain_.id,
                                      .name = std::move(name),
                                      .kind = kind,
                                      .password = SecretBytes{password},
                                      .groups = std::move(groups)},
                                     kNow);
    EXPECT_TRUE(added) << line_of(added);
    return added ? *added : Account{};
  }

  Account show(std::string_view name) {
    auto shown = store_->show_account(domain_.id, name);
    EXPECT_TRUE(shown) << line_of(shown);
    if (!shown || !*shown) {
      ADD_FAILURE() << "no account " << name;
      return {};
    }
    return **shown;
  }

  std::string nt_hash_of(std::string_view name) {
    auto found = store_->find_account(domain_.id, name);
    if (!found) return found.error().to_line();
    return *found ? to_hex((*found)->secrets.nt_hash.reveal()) : "unknown";
  }

  [[nodiscard]] std::filesystem::path database() const { return std::filesystem::path{config_.directory} / "postern.db"; }

  TemporaryDirectory directory_{};
  sqlite::Config config_ = config_in(directory_.path());
  std::unique_ptr<Store> store_{};
  Domain domain_{};
};

inline EventRecord event_of(std::string id, std::string account = "DEMO\\alice", std::string outcome = "failure") {
  return {.id = id,
          .time = kNow,
          .outcome = std::move(outcome),
          .status = "STATUS_LOGON_FAILURE",
          .account = std::move(account),
          .server = "web01",
          .version = "NTLMv2",
          .json = "{\"id\":\"" + id + "\"}"};
}

}  // namespace postern::account
