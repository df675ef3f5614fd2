#include "event/json_lines_sink.hpp"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "event/json.hpp"
#include "event/reader/parse_event.hpp"

namespace postern::event {
namespace {

namespace fs = std::filesystem;

class JsonLinesSinkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "postern-sink-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ / "events.jsonl"; }
  [[nodiscard]] static std::string content(const std::string& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  static LogonEvent named(const std::string& name) {
    LogonEvent event;
    event.account.name = name;
    return event;
  }

  fs::path folder_{};
};

TEST_F(JsonLinesSinkTest, AppendsOneLineAnEventAlsoAfterARestart) {
  for (const char* name : {"alice", "line\nbreak"}) {
    auto sink = JsonLinesSink::open(path());
    ASSERT_TRUE(sink) << sink.error().to_line();
    ASSERT_TRUE((*sink)->write(named(name)));
  }
  EXPECT_EQ(content(path()), to_json(named("alice")) + '\n' + to_json(named("line\nbreak")) + '\n');
}

TEST_F(JsonLinesSinkTest, MakesAFileThatOthersCannotReadAndChildrenDoNotInherit) {
  const ::mode_t before = ::umask(0);
  auto sink = JsonLinesSink::open(path());
  ::umask(before);
  ASSERT_TRUE(sink);
  struct ::stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  int found = 0;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    if (fs::read_symlink(entry.path(), gone) != path()) continue;
    ++found;
    const int descriptor = std::stoi(entry.path().filename());
    EXPECT_NE(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(descriptor, F_GETFL) & O_APPEND, 0);
  }
  EXPECT_EQ(found, 1);
}

TEST_F(JsonLinesSinkTest, WritesToTheNewFileAfterARotation) {
  auto sink = JsonLinesSink::open(path());
  ASSERT_TRUE(sink);
  ASSERT_TRUE((*sink)->write(named("one")));
  fs::rename(path(), path() + ".1");
  ASSERT_TRUE((*sink)->write(named("two")));  // still the old file
  ASSERT_TRUE((*sink)->reopen());
  ASSERT_TRUE((*sink)->write(named("three")));
  EXPECT_EQ(content(path() + ".1"), to_json(named("one")) + '\n' + to_json(named("two")) + '\n');
  EXPECT_EQ(content(path()), to_json(named("three")) + '\n');
}

TEST_F(JsonLinesSinkTest, KeepsTheOldFileIfItCannotBeReopened) {
  auto sink = JsonLinesSink::open(path());
  ASSERT_TRUE(sink);
  fs::rename(path(), path() + ".1");
  fs::create_directory(path());
  const auto reopened = (*sink)->reopen();
  ASSERT_FALSE(reopened);
  EXPECT_EQ(reopened.error().code, ErrorCode::io);
  ASSERT_TRUE((*sink)->write(named("kept")));
  EXPECT_EQ(content(path() + ".1"), to_json(named("kept")) + '\n');
}

TEST_F(JsonLinesSinkTest, RefusesAPathThatCannotBeOpened) {
  const auto sink = JsonLinesSink::open(folder_ / "missing" / "events.jsonl");
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, ErrorCode::io);
}

TEST_F(JsonLinesSinkTest, TakesBackALineThatDoesNotFit) {
  auto sink = JsonLinesSink::open(path());
  ASSERT_TRUE(sink);
  ASSERT_TRUE((*sink)->write(named("fits")));
  const std::string whole = content(path());

  // A limit on the file's size gives the short write of a full disk.
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  struct ::rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  struct ::rlimit tight = old;
  tight.rlim_cur = whole.size() + 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto refused = (*sink)->write(named("does not fit"));
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, previous);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_EQ(content(path()), whole);
  ASSERT_TRUE((*sink)->write(named("fits again")));
  EXPECT_EQ(content(path()), whole + to_json(named("fits again")) + '\n');
}

TEST_F(JsonLinesSinkTest, KeepsLinesWholeUnderManyWriters) {
  auto sink = JsonLinesSink::open(path());
  ASSERT_TRUE(sink);
  constexpr int kThreads = 4;
  constexpr int kEvents = 200;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&sink, thread] {
      for (int i = 0; i < kEvents; ++i) {
        const auto written = (*sink)->write(named(std::string(static_cast<std::size_t>(500 * thread + i), 'x')));
        EXPECT_TRUE(written);
      }
    });
  }
  threads.clear();
  std::ifstream in{path()};
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) ASSERT_TRUE(parse_event(line)) << line;
  EXPECT_EQ(lines, kThreads * kEvents);
}

}  // namespace
}  // namespace postern::event
