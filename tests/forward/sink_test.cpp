// Sinks of files and datagrams: nothing lost, nothing twice, nobody held up.
#include <sys/stat.h>

#include "edge/forward/forwarder.hpp"
#include "forward_support.hpp"

namespace postern::forward {
namespace {

using namespace test;

class SinkTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_ / "state"); }
  SinkConfig file_sink(const std::string& name) {
    SinkConfig sink;
    sink.name = name;
    sink.path = folder_ / (name + ".log");
    sink.max_pause = 50ms;
    return sink;
  }
  SinkConfig journal_sink() {
    SinkConfig sink;
    sink.name = "journal";
    sink.kind = SinkKind::journald;
    sink.path = folder_ / "journal";
    sink.max_pause = 50ms;
    return sink;
  }
  ForwardConfig config(std::vector<SinkConfig> sinks) {
    ForwardConfig config;
    config.socket = folder_ / "admin";
    config.state_directory = folder_ / "state";
    config.poll = 5ms;
    config.batch = 20;
    config.sinks = std::move(sinks);
    return config;
  }
  std::vector<std::uint64_t> in_file(const std::string& name) { return numbers_in(content_of(folder_ / (name + ".log"))); }
  /// A datagram socket as journald's, with a queue of `datagrams` unread ones at most (the kernel's limit, 10 by default).
  int receiver(const std::string& path) {
    ::unlink(path.c_str());
    const int receiving = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    EXPECT_EQ(::bind(receiving, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return receiving;
  }
  static std::string receive(int receiving, std::chrono::milliseconds patience = 5s) {
    pollfd ready{receiving, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) != 1) return {};
    std::string datagram(512 * 1024, '\0');
    const ssize_t size = ::recv(receiving, datagram.data(), datagram.size(), 0);
    datagram.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return datagram;
  }

  Folder folder_{};
  FakeAuthority authority_{folder_ / "admin"};
};

TEST_F(SinkTest, AFileGetsEachEventOnceAndInOrderOverRestartsOfBothSides) {
  authority_.add(50);
  for (int round = 0; round < 3; ++round) {
    auto forwarder = Forwarder::start(config({file_sink("a")}));
    ASSERT_TRUE(forwarder);
    const std::uint64_t before = 50U + 20U * static_cast<unsigned>(round);
    EXPECT_TRUE(soon([&] { return in_file("a").size() >= before; }));
    authority_.stop();
    authority_.add(20);
    authority_.start();
    EXPECT_TRUE(soon([&] { return in_file("a").size() >= before + 20; }));
  }
  EXPECT_EQ(in_file("a"), all_up_to(110));
  EXPECT_LE(authority_.largest_limit, 20U) << "one batch in memory, and no more";
}

TEST_F(SinkTest, ASecondForwarderOfTheSameStateIsAConflict) {
  auto first = Forwarder::start(config({file_sink("a")}));
  ASSERT_TRUE(first);
  const auto second = Forwarder::start(config({file_sink("a")}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
}

TEST_F(SinkTest, AStalledSinkHoldsUpNoOther) {
  const int nobody_reads = receiver(folder_ / "journal");
  authority_.add(300);
  auto forwarder = Forwarder::start(config({journal_sink(), file_sink("a")}));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 300; }));
  authority_.add(10);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 310; }));
  // The other one goes on where it stood, once it is read.
  std::string all;
  for (int i = 0; i < 310; ++i) all += receive(nobody_reads);
  EXPECT_EQ(numbers_in(all), all_up_to(310));
  ::close(nobody_reads);
}

TEST_F(SinkTest, AStalledSinkDoesNotHoldUpTheStop) {
  const int nobody_reads = receiver(folder_ / "journal");
  authority_.add(300);
  auto forwarder = Forwarder::start(config({journal_sink()}));
  ASSERT_TRUE(forwarder);
  std::this_thread::sleep_for(100ms);
  const auto from = std::chrono::steady_clock::now();
  forwarder->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - from, 5s);
  ::close(nobody_reads);
}

TEST_F(SinkTest, AReceiverThatIsGoneAndComesBackMissesNothing) {
  authority_.add(30);
  auto forwarder = Forwarder::start(config({journal_sink()}));
  ASSERT_TRUE(forwarder);
  std::this_thread::sleep_for(50ms);
  const int receiving = receiver(folder_ / "journal");
  std::string all;
  for (int i = 0; i < 30; ++i) all += receive(receiving);
  EXPECT_EQ(numbers_in(all), all_up_to(30));
  ::close(receiving);
}

TEST_F(SinkTest, JournaldGetsFieldsAndNoNameMakesOne) {
  const int receiving = receiver(folder_ / "journal");
  authority_.add(1);
  auto forwarder = Forwarder::start(config({journal_sink()}));
  ASSERT_TRUE(forwarder);
  const std::string entry = receive(receiving);
  for (const std::string line : {"MESSAGE=NTLM logon success of DEMO\\alice: STATUS_SUCCESS\n", "PRIORITY=6\n",
                                 "SYSLOG_IDENTIFIER=postern\n", "POSTERN_OUTCOME=success\n", "POSTERN_ACCOUNT=DEMO\\alice\n"}) {
    EXPECT_TRUE(entry.contains(line)) << line << " in\n" << entry;
  }
  EXPECT_TRUE(entry.contains("POSTERN_EVENT={\"schema\":1,"));
  ::close(receiving);
}

TEST_F(SinkTest, R33_WhatRetentionRemovedFirstIsCountedAndTheCountIsKept) {
  authority_.add(100);
  authority_.remove_through(60);
  {
    auto forwarder = Forwarder::start(config({file_sink("a")}));
    ASSERT_TRUE(forwarder);
    EXPECT_TRUE(soon([&] { return in_file("a").size() == 40; }));
    EXPECT_EQ(in_file("a").front(), 61U);
    EXPECT_TRUE((*forwarder)->metrics_text().contains("postern_forward_events_lost_total{sink=\"a\"} 60\n"));
  }
  authority_.add(10);
  authority_.remove_through(105);
  auto forwarder = Forwarder::start(config({file_sink("a")}));
  EXPECT_TRUE(soon([&] { return (*forwarder)->metrics_text().contains("postern_forward_events_lost_total{sink=\"a\"} 65\n"); }));
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 45; }));
}

TEST_F(SinkTest, AStoreThatWasReplacedIsForwardedFromItsBeginning) {
  authority_.add(50);
  auto forwarder = Forwarder::start(config({file_sink("a")}));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 50; }));
  authority_.replace_store(5);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 55; }));
}

TEST_F(SinkTest, ASinkThatBeginsNowGetsWhatComes) {
  authority_.add(50);
  SinkConfig sink = file_sink("a");
  sink.begin = Begin::now;
  auto forwarder = Forwarder::start(config({sink}));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return (*forwarder)->metrics_text().contains("postern_forward_cursor{sink=\"a\"} 50\n"); }));
  authority_.add(2);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 2; }));
  EXPECT_EQ(in_file("a").front(), 51U);
}

TEST_F(SinkTest, AFileThatWasMovedAwayIsOpenedAnewAndATornLineIsCutOff) {
  {
    std::ofstream torn{folder_ / "a.log"};
    torn << "{\"whole\":1}\n{\"torn\":";
  }
  authority_.add(10);
  auto forwarder = Forwarder::start(config({file_sink("a")}));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 10; }));
  EXPECT_TRUE(content_of(folder_ / "a.log").starts_with("{\"whole\":1}\n{\"schema\":1"));
  std::filesystem::rename(folder_ / "a.log", folder_ / "a.log.1");
  authority_.add(10);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 10; }));
  EXPECT_EQ(in_file("a").front(), 11U);
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "a.log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07, 0U) << "not for everybody";
}

TEST_F(SinkTest, R38_AReloadKeepsSinksThatAreAsTheyWereAndTheirPlace) {
  authority_.add(20);
  auto forwarder = Forwarder::start(config({file_sink("a"), file_sink("b")}));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 20 && in_file("b").size() == 20; }));
  SinkConfig changed = file_sink("b");
  changed.form = event::Form::ecs;
  auto next = config({file_sink("a"), changed, file_sink("c")});
  next.socket = "/elsewhere";
  EXPECT_EQ((*forwarder)->reload(next), (std::vector<std::string>{"admin_socket"}));
  authority_.add(5);
  EXPECT_TRUE(soon([&] { return in_file("a").size() == 25 && in_file("b").size() == 25 && in_file("c").size() == 25; }));
  EXPECT_EQ(in_file("a"), all_up_to(25));
  EXPECT_EQ(in_file("b"), all_up_to(25)) << "it went on where the old one stood";
  EXPECT_TRUE(content_of(folder_ / "b.log").contains("\"ecs\":"));
}

TEST_F(SinkTest, APseudonymousSinkWithoutItsKeySendsNothingAndWithItNoName) {
  authority_.add(5);
  SinkConfig sink = file_sink("a");
  sink.pseudonymise = true;
  sink.pseudonym_key_file = folder_ / "key";
  auto forwarder = Forwarder::start(config({sink}));
  ASSERT_TRUE(forwarder);
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(content_of(folder_ / "a.log"), "");
  {
    std::ofstream key{folder_ / "key.new"};
    key << "000102030405060708090a0b0c0d0e0f\n";
  }
  ::chmod((folder_ / "key.new").c_str(), 0600);
  std::filesystem::rename(folder_ / "key.new", folder_ / "key");
  EXPECT_TRUE(soon([&] { return content_of(folder_ / "a.log").size() > 500; }));
  EXPECT_FALSE(content_of(folder_ / "a.log").contains("alice"));
  EXPECT_FALSE(content_of(folder_ / "a.log").contains("ws<"));
}

TEST_F(SinkTest, ACursorThatIsNoneOfOursStopsItsSinkAndNoOther) {
  {
    std::ofstream cursor{folder_ / "state/a.cursor"};
    cursor << "sequence 12\n";
  }
  authority_.add(5);
  auto forwarder = Forwarder::start(config({file_sink("a"), file_sink("b")}));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return in_file("b").size() == 5; }));
  EXPECT_EQ(content_of(folder_ / "a.log"), "");
}

TEST(CursorFile, IsWrittenWholeAndReadStrictly) {
  const Folder folder;
  EXPECT_EQ(read_cursor(folder / "c").value(), std::nullopt);
  ASSERT_TRUE(write_cursor(folder / "c", {42, 7}));
  EXPECT_EQ(read_cursor(folder / "c").value(), (Cursor{42, 7}));
  for (const std::string wrong :
       {"", "postern-cursor 1\n", "postern-cursor 1\nsequence 1\ndropped 2", "postern-cursor 1\nsequence -1\ndropped 2\n",
        "postern-cursor 1\nsequence 99999999999999999999\ndropped 2\n", "postern-cursor 1\nsequence 1\ndropped 2\nmore\n"}) {
    {
      std::ofstream file{folder / "c"};
      file << wrong;
    }
    EXPECT_FALSE(read_cursor(folder / "c")) << wrong;
  }
}

}  // namespace
}  // namespace postern::forward
