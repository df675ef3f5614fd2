#include "event/facts.hpp"

#include <gtest/gtest.h>

#include "event/json.hpp"
#include "event/random_event.hpp"
#include "event/reader/parse_event.hpp"

namespace postern::event {
namespace {

using test::for_each_leaf;
using test::Generator;
using test::Known;

constexpr std::uint64_t kSeed = 20261122;
constexpr int kRandomFacts = 5000;

Result<Facts> through_json(const Facts& facts) {
  POSTERN_TRY(event, parse_event(to_json(event_of(facts))));
  return facts_of(event);
}

TEST(Facts, ComeBackUnchangedFromTheEventsJson) {
  Generator random{kSeed};
  for (int i = 0; i < kRandomFacts; ++i) {
    const Facts facts = random.make<Facts>();
    const auto back = through_json(facts);
    ASSERT_TRUE(back) << back.error().to_line() << '\n' << to_json(event_of(facts));
    ASSERT_EQ(*back, facts) << to_json(event_of(facts));
  }
}

// The twin of the test above: each single member, set alone, shows in the JSON and in the comparison. A member that the mapping or
// the list of keys forgot would be equal to nothing at all here.
TEST(Facts, EachMemberAloneChangesTheJson) {
  const std::string nothing = to_json(event_of(Facts{}));
  std::size_t leaves = 0;
  Facts counted;
  for_each_leaf(counted, [&](auto&) { ++leaves; });
  ASSERT_EQ(leaves, 45U);

  for (std::size_t wanted = 0; wanted < leaves; ++wanted) {
    Generator random{kSeed + wanted, Known::all};
    Facts facts;
    std::size_t at = 0;
    for_each_leaf(facts, [&](auto& leaf) {
      if (at++ == wanted) random.fill(leaf);
    });
    EXPECT_NE(facts, Facts{}) << wanted;
    EXPECT_NE(to_json(event_of(facts)), nothing) << wanted;
    const auto back = through_json(facts);
    ASSERT_TRUE(back) << back.error().to_line();
    EXPECT_EQ(*back, facts) << wanted;
  }
}

TEST(Facts, TellAnEmptyTextFromAnUnknownOne) {
  Facts empty;
  empty.account.domain = "";
  const auto back = through_json(empty);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->account.domain, "");
  EXPECT_EQ(through_json(Facts{})->account.domain, std::nullopt);
}

TEST(LogonEvent, ComesBackUnchangedFromItsJson) {
  Generator random{kSeed + 1};
  for (int i = 0; i < kRandomFacts; ++i) {
    const LogonEvent event = random.make<LogonEvent>();
    const auto back = parse_event(to_json(event));
    ASSERT_TRUE(back) << back.error().to_line() << '\n' << to_json(event);
    ASSERT_EQ(*back, event) << to_json(event);
  }
}

TEST(Timestamp, KeepsWholeMicrosecondsAndEndsWithYear9999) {
  EXPECT_EQ(Timestamp{FileTime{19}}, Timestamp{FileTime{10}});
  EXPECT_NE(Timestamp{FileTime{20}}, Timestamp{FileTime{10}});
  EXPECT_EQ(Timestamp{FileTime{~std::uint64_t{0}}}.file_time().to_rfc3339(), "9999-12-31T23:59:59.999999Z");
  const auto last = FileTime::from_rfc3339("9999-12-31T23:59:59.999999Z");
  ASSERT_TRUE(last);
  EXPECT_EQ(Timestamp{*last}, Timestamp{FileTime{~std::uint64_t{0}}});
}

}  // namespace
}  // namespace postern::event
