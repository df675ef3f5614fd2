#include <gtest/gtest.h>
#include <random>

#include "observe/capture/packets.hpp"

namespace postern::observe::capture {
namespace {

using namespace test;
constexpr std::uint8_t kFinAck = tcp_flag::kFin | tcp_flag::kAck;

TEST(Observer, GivesBothSidesInOrder) {
  Stage stage;
  stage.open();
  stage.client(101, "hello ");
  stage.server(501, "welcome");
  stage.client(107, "world");
  EXPECT_EQ(Stage::said(), "hello world");
  EXPECT_EQ(Stage::said(Side::server), "welcome");
  const Connection& connection = heard().streams[0].connection;
  EXPECT_TRUE(connection.start_seen);
  EXPECT_EQ(connection.client.text(), "10.0.0.1:40000");
  EXPECT_EQ(connection.server.text(), "10.0.0.2:9999");
  EXPECT_EQ(heard().streams[0].frames, (std::vector<std::uint64_t>{4, 5, 6}));
}

TEST(Observer, PutsReorderedSegmentsInOrderWithTheirOwnFrames) {
  Stage stage;
  stage.open();
  stage.client(107, "world");
  stage.client(112, "!");
  EXPECT_EQ(Stage::said(), "(no analyzer)");
  stage.client(101, "hello ");
  EXPECT_EQ(Stage::said(), "hello world!");
  EXPECT_EQ(heard().streams[0].frames, (std::vector<std::uint64_t>{6, 4, 5}));
  EXPECT_EQ(stage.statistics().reordered, 2U);
  EXPECT_EQ(stage.statistics().gaps, 0U);
}

TEST(Observer, RetransmissionsAndKeepAlivesBringNothing) {
  Stage stage;
  stage.open();
  stage.client(101, "hello ");
  stage.client(101, "hello ");
  stage.client(106, " ");  // a keep-alive: one byte before the next
  stage.client(101, "hello world");
  EXPECT_EQ(Stage::said(), "hello world");
  EXPECT_EQ(stage.statistics().retransmitted, 2U);
  EXPECT_EQ(stage.statistics().overlaps, 1U);
}

TEST(Observer, WhereSegmentsOverlapTheFirstBytesSeenWin) {
  Stage stage;
  stage.open();
  stage.client(104, "DEF");       // waits
  stage.client(106, "xGHI");      // its first byte has been seen
  stage.client(101, "abcdefgh");  // fills the hole, and repeats what waits
  EXPECT_EQ(Stage::said(), "abcDEFGHI");
  stage.client(108, "??J");
  EXPECT_EQ(Stage::said(), "abcDEFGHIJ");
}

TEST(Observer, SequenceNumbersWrap) {
  Stage stage;
  stage.segment(Side::client, 0xfffffffd, 0, tcp_flag::kSyn);
  stage.segment(Side::server, 500, 0xfffffffe, tcp_flag::kSyn | tcp_flag::kAck);
  stage.client(1, "de");
  stage.client(0xfffffffe, "abc");
  stage.client(3, "f");
  EXPECT_EQ(Stage::said(), "abcdef");
  EXPECT_EQ(stage.statistics().gaps, 0U);
}

TEST(Observer, AHoleThatTheOtherEndAcknowledgedIsPassedOver) {
  Stage stage;
  stage.open();
  stage.client(101, "first ");
  stage.client(117, "third");  // 107 to 117 is missing
  for (int i = 0; i < 3; ++i) stage.server(501 + static_cast<std::uint32_t>(i), "k", 122);
  EXPECT_EQ(Stage::said(), "first ") << "directions may be mixed a little";
  stage.server(504, "k", 122);
  EXPECT_EQ(Stage::said(), "first <10>third");
  EXPECT_EQ(stage.statistics().gaps, 1U);
  EXPECT_EQ(stage.statistics().gap_bytes, 10U);
}

TEST(Observer, AHoleThatIsNotAcknowledgedWaits) {
  Stage stage;
  stage.open();
  stage.client(101, "first ");
  stage.client(117, "third");
  for (std::uint32_t i = 0; i < 20; ++i) stage.server(501 + i, "k", 107);
  EXPECT_EQ(Stage::said(), "first ");
  stage.client(107, "0123456789");
  EXPECT_EQ(Stage::said(), "first 0123456789third");
}

TEST(Observer, OneSideAloneIsReadAndItsHolesArePassedOverWhenMuchWaits) {
  Stage stage;
  stage.segment(Side::client, 100, 0, tcp_flag::kSyn);
  stage.client(101, "start");
  const std::string block(1'000, 'x');
  for (std::uint32_t i = 0; i < 300; ++i) stage.client(200 + i * 1'000, block);
  EXPECT_EQ(Stage::said().substr(0, 11), "start<94>xx");
  EXPECT_EQ(Stage::said().size(), 9 + 300'000U);
}

TEST(Observer, AConnectionSeenMidstreamIsReadFromThere) {
  Stage stage;
  stage.client(5'000, "GET / HTTP/1.1");
  stage.server(9'000, "HTTP/1.1 200 OK");
  stage.client(5'014, " more");
  EXPECT_EQ(Stage::said(), "GET / HTTP/1.1 more");
  EXPECT_EQ(Stage::said(Side::server), "HTTP/1.1 200 OK");
  EXPECT_FALSE(heard().streams[0].connection.start_seen);
}

TEST(Observer, MidstreamTheClientIsFoundByFirstBytesThenByPorts) {
  const Ends ends{.client_port = 445, .server_port = 50'000};  // the ports say the opposite of the bytes
  Stage stage;
  stage.client(1, "GET / HTTP/1.1", 1, ends);
  EXPECT_EQ(heard().streams[0].connection.server.port, 50'000);
  Stage other;
  other.client(1, "something else", 1, ends);
  EXPECT_EQ(heard().streams[0].connection.server.port, 445);
}

TEST(Observer, ASynAckAloneTellsBothStarts) {
  Stage stage;
  stage.segment(Side::server, 500, 101, tcp_flag::kSyn | tcp_flag::kAck);
  stage.client(105, "later");
  stage.client(101, "four");
  EXPECT_EQ(Stage::said(), "fourlater");
  EXPECT_TRUE(heard().streams[0].connection.start_seen);
  EXPECT_EQ(heard().streams[0].connection.client.port, 40'000);
}

TEST(Observer, WhatTheCaptureCutIsAGap) {
  Stage stage;
  stage.open();
  Bytes cut = ethernet(0x0800, ip4(kClientIp, kServerIp, 6, tcp(40'000, 9'999, 101, 501, tcp_flag::kAck, text("hello world"))));
  cut.resize(cut.size() - 6);
  stage.give(cut, link_type::kEthernet, 6);
  stage.client(112, "next");
  EXPECT_EQ(Stage::said(), "hello<6>next");
  EXPECT_EQ(stage.statistics().cut_packets, 1U);
}

TEST(Observer, AConnectionEndsWithBothFinsOrAReset) {
  for (const bool reset : {false, true}) {
    Stage stage;
    stage.open();
    stage.client(101, "hello");
    EXPECT_FALSE(heard().streams[0].ended);
    if (reset) {
      stage.segment(Side::server, 501, 106, tcp_flag::kRst | tcp_flag::kAck);
    } else {
      stage.segment(Side::client, 106, 501, kFinAck, "!");
      EXPECT_FALSE(heard().streams[0].ended);
      stage.segment(Side::server, 501, 108, kFinAck);
    }
    EXPECT_TRUE(heard().streams[0].ended);
    EXPECT_LT(stage.observer().memory_used(), Observer::kMinMemoryLimit);
  }
}

TEST(Observer, AResetFarFromItsStreamEndsNothing) {
  Stage stage;
  stage.open();
  stage.client(101, "hello");
  stage.server(501, "x");
  stage.segment(Side::server, 500'000'000, 106, tcp_flag::kRst);
  EXPECT_FALSE(heard().streams[0].ended);
}

TEST(Observer, PortsThatAreUsedAgainAreAnotherConnection) {
  Stage stage;
  stage.open();
  stage.client(101, "first");
  stage.segment(Side::client, 70'000'000, 0, tcp_flag::kSyn);
  stage.segment(Side::server, 90'000'000, 70'000'001, tcp_flag::kSyn | tcp_flag::kAck);
  stage.client(70'000'001, "second", 90'000'001);
  EXPECT_TRUE(heard().streams[0].ended);
  EXPECT_EQ(Stage::said(Side::client, 0), "first");
  EXPECT_EQ(Stage::said(Side::client, 1), "second");
  // The same SYN again is not.
  stage.segment(Side::client, 70'000'000, 0, tcp_flag::kSyn);
  stage.client(70'000'007, "!", 90'000'001);
  EXPECT_EQ(Stage::said(Side::client, 1), "second!");
}

TEST(Observer, ConnectionsThatCarryNoNtlmAreDroppedAtOnceAndCountedByClass) {
  Stage stage;
  const std::size_t before = stage.observer().memory_used();
  std::uint16_t port = 1;
  for (const std::string_view first : {"junk", "\x16\x03\x01", "\x05\x01"}) {
    const Ends ends{.client_port = ++port};
    stage.open(ends);
    stage.client(101, first, 501, ends);
    stage.client(101 + static_cast<std::uint32_t>(first.size()), "NTLMSSP", 501, ends);
  }
  EXPECT_TRUE(heard().streams.empty());
  EXPECT_EQ(stage.statistics().nothing, 1U);
  EXPECT_EQ(stage.statistics().tls, 1U);
  EXPECT_EQ(stage.statistics().socks, 1U);
  EXPECT_EQ(stage.statistics().connections, 3U);
  EXPECT_EQ(stage.observer().memory_used(), before) << "no memory beside the table";
  // The same ports again may carry something.
  const Ends ends{.client_port = port};
  stage.segment(Side::client, 8'000, 0, tcp_flag::kSyn, {}, ends);
  stage.client(8'001, "hello", 0, ends);
  EXPECT_EQ(Stage::said(), "hello");
}

TEST(Observer, UndecidedBytesAreGivenToTheAnalyzerOnceThereIsOne) {
  Stage stage;
  stage.open();
  stage.client(101, "wait");
  EXPECT_TRUE(heard().streams.empty());
  stage.client(105, "wait and more");
  EXPECT_EQ(Stage::said(), "waitwait and more");
  EXPECT_EQ(heard().streams[0].frames, (std::vector<std::uint64_t>{4, 5}));
  EXPECT_EQ(stage.statistics().analysed, 1U);
}

TEST(Observer, AnAnalyzerThatIsDoneHearsNoMore) {
  Stage stage;
  heard().done_after = 5;
  stage.open();
  stage.client(101, "hello");
  stage.client(106, "world");
  EXPECT_EQ(Stage::said(), "hello");
  EXPECT_TRUE(heard().streams[0].ended);
  EXPECT_EQ(heard().streams.size(), 1U);
}

TEST(Observer, WhatWaitsAtTheEndOfTheCaptureIsGiven) {
  Stage stage;
  stage.open();
  stage.client(101, "hello");
  stage.client(116, "world");
  stage.observer().finish();
  EXPECT_EQ(Stage::said(), "hello<10>world");
  EXPECT_TRUE(heard().streams[0].ended);
}

TEST(Observer, DatagramsOfPort88AreGivenWithTheirSide) {
  Stage stage;
  stage.give(ethernet(0x0800, ip4(kClientIp, kServerIp, 17, udp(50'000, 88, text("ask")))));
  stage.give(ethernet(0x0800, ip4(kServerIp, kClientIp, 17, udp(88, 50'000, text("answer")))));
  stage.give(ethernet(0x0800, ip4(kServerIp, kClientIp, 17, udp(53, 50'000, text("other")))));
  EXPECT_EQ(heard().datagrams, (std::vector<std::string>{"10.0.0.1:50000 ask", "10.0.0.2:88 answer"}));
}

TEST(Observer, AKdcThatRefusesOrDoesNotAnswerIsNoted) {
  Stage stage;
  const Ends ends{.server_port = 88};
  stage.segment(Side::client, 100, 0, tcp_flag::kSyn, {}, ends);
  EXPECT_TRUE(heard().notes.empty());
  stage.segment(Side::client, 100, 0, tcp_flag::kSyn, {}, ends);
  stage.segment(Side::server, 0, 101, tcp_flag::kRst | tcp_flag::kAck, {}, ends);
  EXPECT_EQ(heard().notes, (std::vector<std::string>{"10.0.0.2:88 no answer", "10.0.0.2:88 refused"}));
}

TEST(Observer, TheSameCaptureInAnyOrderOfNearSegmentsSaysTheSame) {
  std::string message;
  for (int i = 0; i < 400; ++i) message += "line " + std::to_string(i) + "\n";
  std::mt19937 random{5};
  const auto pick = [&random](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  for (int round = 0; round < 50; ++round) {
    struct Part {
      std::uint32_t at;
      std::uint32_t size;
    };
    std::vector<Part> parts;
    for (std::uint32_t at = 0; at < message.size();) {
      const std::uint32_t size = std::min<std::uint32_t>(1 + pick(60), static_cast<std::uint32_t>(message.size()) - at);
      parts.push_back({at, size});
      if (pick(5) == 0 && at > 10)
        parts.push_back({at - 10, std::min<std::uint32_t>(size + 5, static_cast<std::uint32_t>(message.size()) - at + 10)});
      at += size;
    }
    for (std::size_t i = 0; i + 4 < parts.size(); ++i) std::swap(parts[i], parts[i + pick(4)]);
    Stage stage;
    stage.open();
    for (const Part& part : parts) stage.client(101 + part.at, std::string_view{message}.substr(part.at, part.size));
    ASSERT_EQ(Stage::said(), message) << round;
  }
}

}  // namespace
}  // namespace postern::observe::capture
