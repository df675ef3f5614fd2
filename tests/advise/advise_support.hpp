// Recorded logons for the tests of the advisor.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "advise/support_events.hpp"
#include "advise/what_if.hpp"

namespace postern::advise {

inline event::LogonEvent logon(std::string user = "alice", std::string server = "web") {
  static std::uint8_t count = 0;
  return recorded_logon(++count, std::move(user), std::move(server));
}

inline policy::Policy policy_with(std::initializer_list<std::pair<std::string_view, std::string_view>> settings) {
  policy::Policy policy;
  for (const auto& [name, value] : settings) {
    const auto set = policy::set(policy, name, value);
    EXPECT_TRUE(set) << name << ": " << (set ? "" : set.error().to_line());
  }
  return policy;
}

}  // namespace postern::advise
