// What becomes of a denial: what to change about it, and how much of it the client may be told.
#pragma once

#include <optional>
#include <string_view>

#include "event/facts.hpp"
#include "policy/evaluate.hpp"

namespace postern::policy {

/// What somebody changes so that such a logon is let in, or whom to ask: one or two sentences. Empty for a setting that denies
/// nobody. `facts` are those that were judged: what helps against missing channel bindings does not help against wrong ones.
[[nodiscard]] std::string_view cure_for(const event::PolicyDecision& decision, const event::Facts& facts);

/// What the client may be told of a denial (R37): the first entry that denies by what the client itself sent or by where it came
/// from, and never by its account. `judged` is the stage that `decisions` were made at: at Stage::verified nothing is told, because
/// any word would say that the password was right. Denials that hang on the account are passed over, also where they are the
/// decisive ones: what is told is then the same for every account name and every password. Value and reason hold no network and
/// no list of exceptions.
[[nodiscard]] std::optional<event::PolicyDecision> told_of(const Decisions& decisions, Stage judged);

}  // namespace postern::policy
