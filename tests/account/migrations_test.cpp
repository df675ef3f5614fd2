// Migrations run once, whole or not at all, and never touch what is not ours or newer than we know.
#include "account/sqlite/schema.hpp"
#include "store_fixture.hpp"

namespace postern::account::sqlite {
namespace {

using postern::sqlite::Access;
using postern::sqlite::Connection;
using postern::sqlite::migrate;
using postern::sqlite::Migration;
using postern::sqlite::Query;

constexpr Migration kFirst{1, "0001_first.sql", "CREATE TABLE first (x INTEGER) STRICT; INSERT INTO first VALUES (1)"};
constexpr Migration kSecond{2, "0002_second.sql", "CREATE TABLE second (x INTEGER) STRICT; INSERT INTO second SELECT x FROM first"};
constexpr Migration kBroken{2, "0002_broken.sql", "CREATE TABLE second (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)"};

class Migrations : public testing::Test {
 protected:
  Migrations() { std::ofstream{path_}; }

  Result<void> run(std::span<const Migration> migrations) {
    auto connection = Connection::open(path_, {.access = Access::write, .timeout = std::chrono::milliseconds{100}});
    if (!connection) return std::unexpected{connection.error()};
    return migrate(**connection, kOwner, migrations);
  }

  TemporaryDirectory directory_{};
  std::string path_ = directory_.path() / "test.db";
};

TEST_F(Migrations, RunInOrderAndOnce) {
  const Migration one[] = {kFirst};
  const Migration both[] = {kFirst, kSecond};
  ASSERT_TRUE(run(one));
  EXPECT_EQ(sql(path_, "PRAGMA user_version"), "1");
  ASSERT_TRUE(run(both));
  ASSERT_TRUE(run(both));
  EXPECT_EQ(sql(path_, "PRAGMA user_version"), "2");
  EXPECT_EQ(sql(path_, "SELECT count(*) FROM second"), "1") << "a migration ran twice";
}

TEST_F(Migrations, LeaveNothingOfOneThatFails) {
  const Migration broken[] = {kFirst, kBroken};
  const auto failed = run(broken);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("0002_broken.sql"), std::string::npos);
  EXPECT_EQ(sql(path_, "PRAGMA user_version"), "1");
  EXPECT_EQ(sql(path_, "SELECT count(*) FROM sqlite_schema WHERE name = 'second'"), "0");
  const Migration mended[] = {kFirst, kSecond};
  EXPECT_TRUE(run(mended));
}

TEST_F(Migrations, RefuseANewerSchema) {
  const Migration both[] = {kFirst, kSecond};
  const Migration one[] = {kFirst};
  ASSERT_TRUE(run(both));
  EXPECT_EQ(run(one).error().code, ErrorCode::unsupported);
  EXPECT_EQ(sql(path_, "PRAGMA user_version"), "2");
}

TEST_F(Migrations, RefuseAnotherProgramsDatabase) {
  const Migration one[] = {kFirst};
  sql(path_, "CREATE TABLE theirs (x)");
  EXPECT_EQ(run(one).error().code, ErrorCode::denied);
  sql(path_, "DROP TABLE theirs; PRAGMA application_id = 7");
  EXPECT_EQ(run(one).error().code, ErrorCode::denied);
  sql(path_, "PRAGMA application_id = 0");
  EXPECT_TRUE(run(one));
}

TEST_F(Migrations, RefuseAFileThatIsNoDatabase) {
  std::ofstream{path_} << std::string(4096, 'x');
  const Migration one[] = {kFirst};
  EXPECT_EQ(run(one).error().code, ErrorCode::malformed);
}

TEST(BuiltInMigrations, AreNumberedFromOneWithoutGaps) {
  std::int64_t expected = 1;
  for (const Migration& migration : built_in_migrations()) EXPECT_EQ(migration.number, expected++);
  EXPECT_GT(expected, 1);
}

TEST(StoreOpen, RefusesADatabaseOfANewerProgram) {
  TemporaryDirectory directory;
  const Config config = config_in(directory.path());
  ASSERT_TRUE(open(config));
  const std::string database = config.directory + "/postern.db";
  const std::string version = sql(database, "PRAGMA user_version");
  sql(database, "PRAGMA user_version = 999");
  EXPECT_EQ(open(config).error().code, ErrorCode::unsupported);
  sql(database, "PRAGMA user_version = " + version);
  EXPECT_TRUE(open(config));
}

}  // namespace
}  // namespace postern::account::sqlite
