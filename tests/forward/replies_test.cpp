// What posternd answers an observer: whole answers only, and an odd one ends nobody.
#include "edge/forward/replies.hpp"

#include <gtest/gtest.h>

namespace postern::forward {
namespace {

constexpr std::string_view kTwo = R"({"ok":{"events":["{}","{\"a\":1}"],"sequences":[8,11],"first":3,"end":12}})";

ErrorCode code_of(std::string_view reply, std::uint64_t after = 0) {
  const auto batch = parse_events_reply(reply, after);
  return batch ? ErrorCode::internal : batch.error().code;
}

TEST(EventsReply, GivesTheEventsWithTheirNumbers) {
  const auto batch = parse_events_reply(kTwo, 7);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->events.size(), 2U);
  EXPECT_EQ(batch->events[1].sequence, 11U);
  EXPECT_EQ(batch->events[1].json, R"({"a":1})");
  EXPECT_EQ(batch->first, 3U);
  EXPECT_EQ(batch->end, 12U);
  EXPECT_EQ(code_of(kTwo, 8), ErrorCode::malformed) << "an event that was had before";
}

TEST(EventsReply, IsRefusedWhereAnythingIsMissingOrOfAnotherKind) {
  for (const char* reply :
       {"", "[]", "{}", "{\"ok\":1}", R"({"ok":{"events":[],"sequences":[],"first":1}})",
        R"({"ok":{"events":[],"sequences":[],"first":-1,"end":0}})", R"({"ok":{"events":["{}"],"sequences":[],"first":1,"end":1}})",
        R"({"ok":{"events":[{}],"sequences":[1],"first":1,"end":1}})",
        R"({"ok":{"events":["{}"],"sequences":["1"],"first":1,"end":1}})",
        R"({"ok":{"events":["{}","{}"],"sequences":[2,2],"first":1,"end":2}})",
        R"({"ok":{"events":[],"sequences":[],"first":1,"end":0}}x)"}) {
    EXPECT_EQ(code_of(reply), ErrorCode::malformed) << reply;
  }
}

TEST(EventsReply, ARefusalIsTakenWhateverItsWords) {
  const auto refused = parse_events_reply(R"({"error":{"code":"denied","message":"an observer may not use x"}})", 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "an observer may not use x");
  for (const char* reply : {R"({"error":{"message":5}})", R"({"error":{}})"}) EXPECT_EQ(code_of(reply), ErrorCode::denied) << reply;
}

TEST(StatusReply, IsTheObjectUnderOk) {
  EXPECT_EQ(parse_status_reply(R"({"ok":{"begun":3}})").value(), R"({"begun":3})");
  EXPECT_EQ(parse_status_reply(R"({"ok":[3]})").error().code, ErrorCode::malformed);
  EXPECT_EQ(parse_status_reply(R"({"error":{"message":[]}})").error().code, ErrorCode::denied);
}

}  // namespace
}  // namespace postern::forward
