// postern-watch as its users run it.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.hpp"
#include "observe/capture/packets.hpp"
#include "observe/carriers/frames.hpp"
#include "observe/carriers/talks.hpp"
#include "observe/logons/wire.hpp"
#include "postern-watch/printer.hpp"
#include "postern-watch/rotating_file.hpp"
#include "support/paths.hpp"

namespace postern::watch {
namespace {

using namespace observe::capture::test;
namespace tcp_flag = observe::capture::tcp_flag;

class WatchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "watch-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string write(const std::string& name, ByteView bytes) const {
    std::ofstream{path(name), std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                                      static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }
  struct Run {
    int code = -1;
    std::string out{};
    std::string err{};
  };
  Run run(const std::string& program, const std::string& arguments, const std::string& input = "/dev/null") const {
    const std::string command =
        std::string{POSTERN_BINARY_DIR} + "/bin/" + program + " " + arguments + " <" + input + " 2>" + path("err");
    std::FILE* pipe = ::popen(command.c_str(), "r");
    Run run;
    std::array<char, 4096> buffer{};
    for (std::size_t count = 0; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      run.out.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    std::ifstream err{path("err")};
    run.err.assign(std::istreambuf_iterator<char>{err}, {});
    return run;
  }
  /// An HTTP request with a NEGOTIATE, in a connection of its own.
  static Bytes capture() {
    const std::string request =
        "GET / HTTP/1.1\r\nHost: portal\r\nAuthorization: NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    PcapFile file;
    const auto add = [&file](std::uint32_t from, std::uint32_t to, Bytes segment) {
      file.add(ethernet(0x0800, ip4(from, to, 6, segment)), 1'700'000'000);
    };
    add(kClientIp, kServerIp, tcp(40'000, 80, 100, 0, tcp_flag::kSyn, {}));
    add(kServerIp, kClientIp, tcp(80, 40'000, 500, 101, tcp_flag::kSyn | tcp_flag::kAck, {}));
    add(kClientIp, kServerIp, tcp(40'000, 80, 101, 501, tcp_flag::kAck, as_bytes(request)));
    return file.bytes();
  }
  std::string folder_;
};

TEST_F(WatchTest, PrintsOneObjectPerMessageWithItsFrameAndEnds) {
  const Run seen = run("postern-watch", "--messages --read " + write("a.pcap", capture()));
  EXPECT_EQ(seen.code, 0) << seen.err;
  const auto object = nlohmann::json::parse(seen.out);
  EXPECT_EQ(object["frame"], 3);
  EXPECT_EQ(object["src"], "10.0.0.1:40000");
  EXPECT_EQ(object["dst"], "10.0.0.2:80");
  EXPECT_EQ(object["type"], "NEGOTIATE");
  EXPECT_EQ(object["transport"], "http");
  EXPECT_EQ(object["time"], "2023-11-14T22:13:20.000000Z");
}

TEST_F(WatchTest, TheCommandLineRunsItWithTheSameArguments) {
  const std::string file = write("a.pcap", capture());
  const Run direct = run("postern-watch", "--messages --read " + file);
  for (const std::string arguments : {"watch --messages --read ", "watch --read "}) {
    const Run seen = run("postern", arguments + file + (arguments == "watch --read " ? " --messages" : ""));
    EXPECT_EQ(seen.code, 0) << seen.err;
    EXPECT_EQ(seen.out, direct.out);
  }
  EXPECT_EQ(run("postern", "watch").code, 2);
}

TEST_F(WatchTest, ReadsStandardInputAndFolders) {
  const std::string file = write("a.pcap", capture());
  const std::string expected = run("postern-watch", "--messages --read " + file).out;
  EXPECT_EQ(run("postern-watch", "--messages --read -", file).out, expected);
  write("notes.txt", text("no capture"));
  const Run folder = run("postern-watch", "--messages --read " + folder_);
  EXPECT_EQ(folder.code, 0);
  EXPECT_EQ(folder.out, expected);
  EXPECT_NE(folder.err.find("are no captures"), std::string::npos);
}

TEST_F(WatchTest, R36_ATruncatedFileSaysWhatWasReadAndEndsWell) {
  Bytes cut = capture();
  cut.resize(cut.size() - 10);
  const Run seen = run("postern-watch", "--messages --read " + write("cut.pcap", cut));
  EXPECT_EQ(seen.code, 0);
  EXPECT_NE(seen.err.find("truncated after 2 packets"), std::string::npos) << seen.err;
}

TEST_F(WatchTest, NoCaptureAtAllIsAFaultAndAWrongArgumentIsWrongUsage) {
  const Run none = run("postern-watch", "--messages --read " + write("x", text("no capture, but long enough to be looked at")));
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(nlohmann::json::parse(none.out)["error"]["code"], "unsupported");
  EXPECT_EQ(run("postern-watch", "--read " + path("nowhere")).code, 3);
  EXPECT_EQ(run("postern-watch", "--read " + write("empty", {})).code, 3);
  EXPECT_EQ(run("postern-watch", "").code, 2);
  EXPECT_EQ(run("postern-watch", "--read x --interface lo").code, 2);
  EXPECT_EQ(run("postern-watch", "--read x --memory-limit lots").code, 2);
}

TEST_F(WatchTest, StatisticsAreOneObjectOnStandardError) {
  const Run seen = run("postern-watch", "--json --statistics --read " + write("a.pcap", capture()));
  const auto statistics = nlohmann::json::parse(seen.err)["statistics"];
  EXPECT_EQ(statistics["packets"], 3);
  EXPECT_EQ(statistics["connections"], 1);
  EXPECT_EQ(statistics["analysed"], 1);
  EXPECT_EQ(statistics["messages"], 1);
}

/// Logons of `clients` clients to 10.0.0.66, each brought on to 10.0.0.1 within the same second, three minutes from one to the
/// next.
Bytes forwarded(unsigned clients) {
  observe::Wire wire;
  const auto request = [](const Bytes& token) {
    return "GET / HTTP/1.1\r\nHost: web1\r\nAuthorization: NTLM " + to_base64(token) + "\r\n\r\n";
  };
  for (unsigned i = 0; i < clients; ++i) {
    const auto port = static_cast<std::uint16_t>(50'000 + i);
    observe::Conversation victim{wire, {{0x0a000011 + i, 0x0a000042, port, 80}}};
    observe::Conversation target{wire, {{0x0a000042, 0x0a000001, port, 80}}};
    const Bytes challenge = observe::challenge_message(0x7111'2233'4455'6600 + i);
    for (auto* c : {&victim, &target}) c->client(request(observe::negotiate_message()));
    for (auto* c : {&target, &victim}) {
      c->server("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM " + to_base64(challenge) + "\r\nContent-Length: 0\r\n\r\n");
    }
    for (auto* c : {&victim, &target}) c->client(request(observe::authenticate_message()));
    for (auto* c : {&target, &victim}) c->server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    target.close();
    victim.close();
    wire.seconds += 180;
  }
  return wire.bytes();
}

TEST_F(WatchTest, CountsAConnectionThatWasGivenUpBehindAGap) {
  const auto given_up = [this](std::uint32_t lost) {
    observe::Wire wire;
    observe::Conversation c{wire, {{0x0a000011, 0x0a000001, 50'000, 3389}}};
    c.client(observe::ts_request(observe::spnego_init(observe::negotiate_message())));
    c.lose_of_server(lost);
    c.server(observe::ts_request(observe::spnego_resp(observe::challenge_message())));
    c.client(observe::ts_request(observe::spnego_resp(observe::authenticate_message())));
    const Run seen = run("postern-watch", "--json --statistics --read " + write("rdp.pcap", wire.bytes()));
    return nlohmann::json::parse(seen.err)["statistics"]["connections_given_up"].get<int>();
  };
  EXPECT_EQ(given_up(20), 1);
  EXPECT_EQ(given_up(0), 0);
}

TEST_F(WatchTest, TakesAProxyThatIsNamedForNoRelayAndLearnsOthersOnlyWhereItMay) {
  const std::string file = write("forwarded.pcap", forwarded(7));
  const auto relays = [&](const std::string& options) {
    const std::string out = run("postern-watch", "--json --read " + file + options).out;
    std::size_t count = 0;
    for (std::size_t at = out.find("\"id\":\"relay\""); at != std::string::npos; at = out.find("\"id\":\"relay\"", at + 1)) ++count;
    return count;
  };
  const std::size_t unlearned = relays(" --no-learn-proxies");
  EXPECT_EQ(unlearned, 14U) << "each of the seven, on both of its ways";
  const std::size_t learned = relays("");
  EXPECT_GT(learned, 0U) << "the first ones, while nothing was known";
  EXPECT_LT(learned, unlearned);
  EXPECT_EQ(relays(" --no-learn-proxies --proxy 10.0.0.66"), 0U);
  EXPECT_EQ(relays(" --no-learn-proxies --proxy 10.0.0.67"), 14U) << "another host";
  EXPECT_EQ(run("postern-watch", "--json --proxy nowhere --read " + file).code, 2);
}

/// What postern-watch writes to a terminal of 100 columns.
std::string on_terminal(const char* term, std::vector<std::string> arguments) {
  std::string program = std::string{POSTERN_BINARY_DIR} + "/bin/postern-watch";
  std::vector<char*> argv{program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    ::setenv("TERM", term, 1);
    ::setenv("NO_COLOR", "1", 1);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  std::string out;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(terminal, buffer.data(), buffer.size())) > 0;)
    out.append(buffer.data(), static_cast<std::size_t>(count));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return out;
}

TEST_F(WatchTest, PrintsATableOnATerminalUnlessLinesAreWanted) {
  const std::string file = write("forwarded.pcap", forwarded(2));
  const std::string table = on_terminal("xterm", {"--no-progress", "--read", file});
  EXPECT_NE(table.find("4 logons  3 dependencies"), std::string::npos) << table;
  EXPECT_NE(table.find("LAST"), std::string::npos);
  EXPECT_NE(table.find("warning: a logon was relayed"), std::string::npos);
  EXPECT_EQ(table.find('\x1b'), std::string::npos) << "no colours, and no second page for what is not live";
  for (const std::string& lines : {on_terminal("xterm", {"--no-progress", "--lines", "--read", file}),
                                   on_terminal("dumb", {"--no-progress", "--read", file})}) {
    EXPECT_TRUE(lines.starts_with("TIME (UTC)")) << lines;
  }
}

TEST_F(WatchTest, FillsAnInventoryOfWhichEachDependencyTellsItsStoryAndCure) {
  const std::string store = " --store " + path("s.db");
  ASSERT_EQ(run("postern-watch", "--json --read " + write("forwarded.pcap", forwarded(1)) + store).code, 0);
  const auto inventory = nlohmann::json::parse(run("postern", "inventory --json" + store).out);
  ASSERT_EQ(inventory["dependencies"].size(), 2U);
  for (const auto& dependency : inventory["dependencies"]) {
    const auto id = dependency["id"].get<std::string>();
    const auto story = nlohmann::json::parse(run("postern", "explain --json " + id + store).out);
    EXPECT_EQ(story["reasons"][0]["name"], "application-chose-ntlm") << "raw NTLM";
    EXPECT_EQ(story["reasons"][0]["confidence"], "likely");
    EXPECT_FALSE(story["cure"].empty());
    EXPECT_NE(run("postern", "explain " + id + store).out.find("the cure:"), std::string::npos);
  }
  EXPECT_EQ(run("postern", "explain 0000000000000000" + store).code, 1);
}

TEST_F(WatchTest, PrintsALinePerLogonWhereStandardOutputIsNoTerminal) {
  const Run seen = run("postern-watch", "--read " + write("forwarded.pcap", forwarded(2)));
  EXPECT_TRUE(seen.out.starts_with("TIME (UTC)")) << seen.out;
  EXPECT_EQ(std::ranges::count(seen.out, '\n'), 5);
  EXPECT_EQ(seen.out.find('\x1b'), std::string::npos);
}

TEST_F(WatchTest, RotatesItsOutputBySizeAndKeepsSoMany) {
  auto file = LineFile::open(path("log"), 30, 2);
  ASSERT_TRUE(file.has_value());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(file->line("ten bytes" + std::to_string(i)).has_value());
  ASSERT_TRUE(file->flush().has_value());
  const auto content = [this](const std::string& name) {
    std::ifstream in{path(name)};
    return std::string{std::istreambuf_iterator<char>{in}, {}};
  };
  EXPECT_EQ(content("log"), "ten bytes8\nten bytes9\n");
  EXPECT_EQ(content("log.1"), "ten bytes6\nten bytes7\n");
  EXPECT_EQ(content("log.2"), "ten bytes4\nten bytes5\n");
  EXPECT_FALSE(std::filesystem::exists(path("log.3")));
}

TEST_F(WatchTest, WhatAPeerCalledItselfCannotSpeakToTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2J\x7f"), "a\\u{1b}[2J\\u{7f}");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x\xc2\x9b"),
            "\\u{202e}x\\u{9b}");
  EXPECT_EQ(printable("Zoë 王"), "Zoë 王");
}

}  // namespace
}  // namespace postern::watch
