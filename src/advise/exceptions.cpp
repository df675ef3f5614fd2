#include "advise/exceptions.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "advise/addresses.hpp"
#include "advise/cover.hpp"
#include "base/spn.hpp"
#include "event/facts.hpp"
#include "inventory/dependency.hpp"
#include "policy/evaluate.hpp"

namespace postern::advise {
namespace {

using event::Decision;
using event::LogonEvent;

enum class Reads : std::uint8_t { server_names, client_networks };

/// A list of exceptions, and the setting whose denials it lifts. The evaluator says what an entry matches; here is only which
/// entries are worth asking it about.
struct ListKind {
  std::string_view list;
  std::string_view lifts;
  Reads reads;
  bool wildcards;  ///< whether `*` is documented for it
};
constexpr ListKind kLists[] = {
    {"ClientAllowedNTLMServers", "RestrictSendingNTLMTraffic", Reads::server_names, true},
    {"DCAllowedNTLMServers", "RestrictNTLMInDomain", Reads::server_names, true},
    {"BlockNTLMServerExceptionList", "BlockNTLM", Reads::server_names, false},
    {"OutgoingHosts", "OutgoingHosts", Reads::server_names, true},
    {"AllowClientNetworks", "AllowClientNetworks", Reads::client_networks, true},
};

/// What the setting that the list lifts says about a logon: its worst decision. `why` is that decision's, if it is open.
struct Saying {
  Decision decision = Decision::allow;
  std::string why{};
};
Saying said_by(const policy::Policy& policy, const LogonEvent& event, const ListKind& kind) {
  Saying saying;
  const policy::Decisions decisions =
      policy::evaluate(policy, event::facts_of(event), event::Stage::verified, policy::Points::all());
  for (const event::PolicyDecision& entry : decisions.entries()) {  // denials come before what is open
    if (entry.setting != kind.lifts && entry.setting != kind.list) continue;
    if (entry.decision == Decision::deny) return {Decision::deny, {}};
    if (entry.decision == Decision::depends && saying.decision != Decision::depends) saying = {Decision::depends, entry.why};
  }
  return saying;
}

void add_name(std::set<std::string>& names, const event::Text& name) {
  if (name && !name->empty()) names.insert(*name);
}

/// Every form in which the server of a logon is known.
std::set<std::string> server_names(const LogonEvent& event) {
  std::set<std::string> names;
  add_name(names, event.server.name);
  add_name(names, event.server.address);
  add_name(names, event.ntlm.server_names.nb_computer);
  add_name(names, event.ntlm.server_names.dns_computer);
  if (event.ntlm.spn) add_name(names, std::string{host_of_spn(*event.ntlm.spn)});
  return names;
}

std::size_t letters(std::string_view pattern) { return pattern.size() - (pattern.find('*') != std::string_view::npos ? 1 : 0); }

/// `*.example.org` for each dot, and `files*` for a first label that ends in digits.
void add_wildcards(std::set<std::string>& patterns, const std::string& name) {
  if (is_ip_literal(name)) return;
  const auto add = [&patterns](std::string pattern) {
    if (letters(pattern) >= kMinLettersBesideWildcard) patterns.insert(std::move(pattern));
  };
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (name.find('.', dot + 1) != std::string::npos) add("*" + name.substr(dot));  // not a whole top-level domain
  }
  const std::size_t label = std::min(name.find('.'), name.size());
  std::size_t stem = label;
  while (stem > 0 && name[stem - 1] >= '0' && name[stem - 1] <= '9') --stem;
  if (stem != label && stem >= kMinLettersBesideWildcard) {
    add(name.substr(0, stem) + "*" + name.substr(label));
  }
}

bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  return name.size() >= before.size() + after.size() && name.starts_with(before) && name.ends_with(after);
}

struct Candidate {
  std::string entry{};
  bool wildcard = false;
};

/// What an exception list can read of a logon; two logons with equal texts are one.
std::string class_key(const LogonEvent& event, Keep keep) {
  std::string key = keep == Keep::yes ? "+" : "-";
  const auto add = [&key](std::string_view text) { key.append(text).append(1, '\n'); };
  for (const std::string& name : server_names(event)) add(inventory::folded_name(name));
  add(event.client.address.value_or(""));
  add(event.server.service ? event::name_of(*event.server.service) : std::string_view{});
  add(event::name_of(event.account.kind));
  add(inventory::folded_name(event.account.domain.value_or("")));
  add(event.ntlm.server_names.nb_domain.value_or(""));
  add(event.server.domain_member ? (*event.server.domain_member ? "member" : "alone") : "");
  add(event.package ? event::name_of(*event.package) : std::string_view{});
  return key;
}

/// The list as it is and more entries, as policy::set reads it; an empty list is written "none".
std::string with_entries(const policy::Policy& policy, std::string_view list, const std::string& more) {
  const std::string now = policy::value_of(policy, list);
  return now.empty() || now == "none" ? more : now + ", " + more;
}

std::string name_for_a_person(const LogonEvent& event, Reads reads) {
  const inventory::Names names = inventory::names_of(event);
  return reads == Reads::server_names ? names.server : names.client;
}

}  // namespace

void ExceptionFinder::add(const LogonEvent& event, Keep keep) {
  if (event.outcome != event::Outcome::success && event.outcome != event::Outcome::unknown) return;
  if (event.package == event::Package::kerberos) return;
  const std::string key = class_key(event, keep);
  auto found = classes_.find(key);
  if (found == classes_.end()) {
    if (classes_.size() >= kMaxClasses) {
      ++left_out_;
      return;
    }
    found = classes_.emplace(key, Class{event, keep, 0}).first;
  }
  ++found->second.events;
}

Exceptions ExceptionFinder::find(Wildcards wildcards) const {
  Exceptions result;
  result.policies = policies_;
  result.left_out = left_out_;

  for (const ListKind& kind : kLists) {
    if (policy::value_of(policies_.others, kind.list).empty()) continue;  // a list that this build does not know
    std::vector<const Class*> kept, others;
    for (const auto& [key, one] : classes_) {
      if (said_by(policies_.of(one.example), one.example, kind).decision != Decision::deny) continue;
      (one.keep == Keep::yes ? kept : others).push_back(&one);
    }
    if (kept.empty()) continue;

    // Which entries are worth a question: the names as they are, then what they have in common.
    std::vector<std::set<std::string>> names(kept.size()), other_names(others.size());
    std::set<std::string> exact, patterns;
    const auto forms_of = [&](const Class& one) {
      std::set<std::string> folded;
      if (kind.reads == Reads::client_networks) {
        for (const std::string& network : networks_of(one.example.client.address.value_or(""))) folded.insert(network);
      } else {
        for (const std::string& name : server_names(one.example)) folded.insert(inventory::folded_name(name));
      }
      return folded;
    };
    for (std::size_t i = 0; i < kept.size(); ++i) {
      names[i] = forms_of(*kept[i]);
      if (kind.reads == Reads::client_networks) {
        const std::vector<std::string> networks = networks_of(kept[i]->example.client.address.value_or(""));
        if (!networks.empty()) exact.insert(networks.front());
        for (std::size_t n = 1; n < networks.size(); ++n) patterns.insert(networks[n]);
      } else {
        for (const std::string& name : server_names(kept[i]->example)) {
          exact.insert(name);
          if (kind.wildcards) add_wildcards(patterns, name);
        }
      }
    }
    for (std::size_t i = 0; i < others.size(); ++i) other_names[i] = forms_of(*others[i]);
    std::vector<Candidate> candidates;
    for (const std::string& entry : exact) candidates.push_back({entry, false});
    for (const std::string& entry : patterns) candidates.push_back({entry, true});

    // What each lets through, by the evaluator itself. Windows leaves some exceptions open (`depends`).
    struct Through {
      std::vector<std::size_t> surely{}, perhaps{};
    };
    const auto lets_through = [&](const Candidate& candidate, const std::vector<const Class*>& classes,
                                  const std::vector<std::set<std::string>>& forms) {
      Through through;
      const std::string folded = kind.reads == Reads::client_networks ? candidate.entry : inventory::folded_name(candidate.entry);
      for (std::size_t i = 0; i < classes.size(); ++i) {
        if (std::ranges::none_of(forms[i], [&](const std::string& form) { return matches(folded, form); })) continue;
        policy::Policy with = policies_.of(classes[i]->example);
        if (!policy::set(with, kind.list, with_entries(with, kind.list, candidate.entry))) continue;
        const Decision decision = said_by(with, classes[i]->example, kind).decision;
        if (decision == Decision::depends) through.perhaps.push_back(i);
        if (decision != Decision::depends && decision != Decision::deny) through.surely.push_back(i);
      }
      return through;
    };
    std::vector<Through> kept_by, others_by;
    std::vector<bool> sure(kept.size(), false);
    for (const Candidate& candidate : candidates) {
      kept_by.push_back(lets_through(candidate, kept, names));
      others_by.push_back(lets_through(candidate, others, other_names));
      for (const std::size_t i : kept_by.back().surely) sure[i] = true;
    }
    std::vector<Candidate> offered;
    std::vector<std::vector<std::size_t>> sets, besides;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      std::vector<std::size_t> through = kept_by[c].surely;
      // What no entry surely lets through is kept by one that may.
      for (const std::size_t i : kept_by[c].perhaps) {
        if (!sure[i]) through.push_back(i);
      }
      if (through.empty()) continue;
      std::ranges::sort(through);
      std::vector<std::size_t> more = others_by[c].surely;
      more.insert(more.end(), others_by[c].perhaps.begin(), others_by[c].perhaps.end());
      std::ranges::sort(more);
      if (candidates[c].wildcard && !more.empty() && wildcards == Wildcards::harmless) continue;
      // Of two entries that let through the same the earlier stays: the exact one, the first by name.
      const auto twin = std::ranges::find(sets, through);
      const bool is_twin = twin != sets.end() && besides[static_cast<std::size_t>(twin - sets.begin())].size() <= more.size();
      if (is_twin) continue;
      offered.push_back(candidates[c]);
      sets.push_back(std::move(through));
      besides.push_back(std::move(more));
    }

    const Cover cover = smallest_cover(kept.size(), sets);
    ExceptionList list;
    list.setting = kind.list;
    list.smallest = cover.smallest;
    list.at_least = cover.at_least;
    for (const std::size_t i : cover.uncovered) list.not_kept += kept[i]->events;
    std::string value;
    for (const std::size_t chosen : cover.chosen) {
      ListEntry entry{offered[chosen].entry, offered[chosen].wildcard, 0, 0, {}};
      for (const std::size_t i : sets[chosen]) entry.keeps += kept[i]->events;
      for (const std::size_t i : besides[chosen]) {
        entry.besides += others[i]->events;
        const std::string name = name_for_a_person(others[i]->example, kind.reads);
        if (entry.besides_names.size() < kMaxNamesShown &&
            std::ranges::find(entry.besides_names, name) == entry.besides_names.end()) {
          entry.besides_names.push_back(name);
        }
      }
      value += (value.empty() ? "" : ", ") + entry.entry;
      list.entries.push_back(std::move(entry));
    }
    if (!value.empty()) {
      const auto extend = [&](policy::Policy& policy) {
        static_cast<void>(policy::set(policy, kind.list, with_entries(policy, kind.list, value)));
      };
      extend(result.policies.others);
      for (auto& [service, policy] : result.policies.by_service) extend(policy);
    }
    result.lists.push_back(std::move(list));
  }

  // What the lists do, asked of the evaluator as what-if asks it.
  for (const auto& [key, one] : classes_) {
    if (one.keep == Keep::no) continue;
    const Prediction before = predict(policies_.of(one.example), one.example);
    if (before.effect != Effect::newly_blocked) continue;
    const Prediction after = predict(result.policies.of(one.example), one.example);
    if (after.effect == Effect::allowed || after.effect == Effect::audited) {
      result.kept += one.events;
      continue;
    }
    (after.effect == Effect::undecided ? result.uncertain : result.lost) += one.events;
    const auto known =
        std::ranges::find_if(result.lost_to, [&](const Cause& cause) { return cause.decision.setting == after.decisive->setting; });
    Cause& cause = known != result.lost_to.end()
                       ? *known
                       : result.lost_to.emplace_back(Cause{after.effect, *after.decisive, after.status, 0, {}});
    cause.events += one.events;
    if (one.example.id && cause.examples.size() < kMaxExamples) cause.examples.push_back(one.example.id->text());
  }
  return result;
}

}  // namespace postern::advise
