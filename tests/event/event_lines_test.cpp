// JSON lines in any chunks.
#include "event/reader/event_lines.hpp"

#include <gtest/gtest.h>
#include <vector>

#include "event/reader/parse_event.hpp"

namespace postern::event {
namespace {

constexpr std::string_view kAlice = R"({"schema":1,"outcome":"success","account":{"name":"alice","kind":"domain"}})";
constexpr std::string_view kBob = R"({"schema":1,"outcome":"failure","account":{"name":"bob","kind":"domain"}})";

struct Read {
  std::vector<std::string> names{};
  std::vector<std::string> lines{};
  std::uint64_t bad = 0;
  std::string error{};
};

Read read(std::string_view text, std::size_t step) {
  Read result;
  EventLines lines{[&](const LogonEvent& event, std::string_view line) {
    result.names.push_back(event.account.name.value_or("?"));
    result.lines.emplace_back(line);
  }};
  for (std::size_t at = 0; at < text.size(); at += step) lines.feed(text.substr(at, step));
  lines.finish();
  result.bad = lines.bad_lines();
  if (lines.first_error()) result.error = lines.first_error()->to_line();
  return result;
}

TEST(EventLines, GivesEachEventWithItsLineWhateverTheChunks) {
  const std::string text = std::string{kAlice} + "\n\n" + std::string{kBob} + "\r\n" + std::string{kAlice};
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, text.size()}) {
    const Read result = read(text, step);
    EXPECT_EQ(result.names, (std::vector<std::string>{"alice", "bob", "alice"})) << step;
    EXPECT_EQ(result.lines[1], kBob);
    EXPECT_EQ(result.bad, 0U);
  }
}

TEST(EventLines, ABadLineIsCountedAndNamedAndTakesNoOtherWithIt) {
  const std::string text = std::string{kAlice} + "\n{\"schema\":2}\nnonsense\n" + std::string{kBob} + "\n";
  const Read result = read(text, 5);
  EXPECT_EQ(result.names, (std::vector<std::string>{"alice", "bob"}));
  EXPECT_EQ(result.bad, 2U);
  EXPECT_NE(result.error.find("line 2: schema"), std::string::npos) << result.error;
}

TEST(EventLines, ALineOverTheLimitIsOneBadLineHoweverItComes) {
  const std::string text = std::string(kMaxEventJsonBytes + 1, 'x') + "\n" + std::string{kBob} + "\n";
  for (const std::size_t step : {std::size_t{4096}, text.size()}) {
    const Read result = read(text, step);
    EXPECT_EQ(result.names, std::vector<std::string>{"bob"});
    EXPECT_EQ(result.bad, 1U);
  }
}

}  // namespace
}  // namespace postern::event
