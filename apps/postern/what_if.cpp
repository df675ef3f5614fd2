#include "postern/what_if.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace postern::cli {
namespace {

using advise::Cause;
using advise::Effect;
using advise::Group;
using event::name_of;

constexpr Effect kEffectsInOrder[] = {Effect::newly_blocked, Effect::undecided, Effect::audited,       Effect::allowed,
                                      Effect::still_blocked, Effect::released,  Effect::failed_anyway, Effect::not_ntlm};

/// What each effect says, after a number of logons.
std::string_view sentence(Effect effect) {
  switch (effect) {
    case Effect::allowed: return "succeeded and would again";
    case Effect::audited: return "succeeded and would again, with a remark";
    case Effect::newly_blocked: return "succeeded and WOULD BE BLOCKED";
    case Effect::undecided: return "cannot be decided from the record";
    case Effect::still_blocked: return "were blocked and would be again";
    case Effect::released: return "were blocked and would be let through by policy";
    case Effect::failed_anyway: return "failed for another reason than policy";
    case Effect::not_ntlm: return "were Kerberos";
  }
  return {};
}

std::string name_of_group(const Group& group) {
  if (group.other) return "(others)";
  return group.name.empty() ? "(unknown)" : printable(group.name);
}

Json cause_json(const Cause& cause) {
  Json json{{"effect", name_of(cause.effect)},
            {"point", name_of(cause.decision.point)},
            {"stage", name_of(cause.decision.stage)},
            {"setting", cause.decision.setting},
            {"value", cause.decision.value}};
  if (cause.decision.decision == event::Decision::deny) json["status"] = status_json(cause.status);
  json["why"] = cause.decision.why;
  json["events"] = cause.events;
  json["examples"] = cause.examples;
  return json;
}

Json effects_json(const Group& group) {
  Json json = Json::object();
  for (const Effect effect : kEffectsInOrder) {
    std::string name{name_of(effect)};
    std::ranges::replace(name, '-', '_');
    json[name] = group.count(effect);
  }
  return json;
}

Json group_json(const Group& group) {
  Json json;
  if (group.other) {
    json["other"] = true;
  } else {
    json["name"] = group.name;
  }
  json["events"] = group.events();
  json["effects"] = effects_json(group);
  json["causes"] = Json::array();
  for (const Cause& cause : group.causes) json["causes"].push_back(cause_json(cause));
  return json;
}

std::string cause_line(const Cause& cause) {
  const event::PolicyDecision& decision = cause.decision;
  std::string line = fmt::format("    {:>9}  {} = {} at {}/{}", cause.events, decision.setting, printable(decision.value),
                                 name_of(decision.point), name_of(decision.stage));
  if (decision.decision == event::Decision::deny) line += fmt::format(", {}", name_of(cause.status));
  line += ": " + printable(decision.why);
  if (!cause.examples.empty()) line += " (" + cause.examples.front() + ")";
  return line + "\n";
}

struct Kind {
  GroupBy by;
  const char* plural;
  const std::vector<Group>* groups;
};

std::vector<Kind> kinds(const advise::Report& report, GroupBy by) {
  std::vector<Kind> all{{GroupBy::client, "clients", &report.clients},
                        {GroupBy::account, "accounts", &report.accounts},
                        {GroupBy::server, "servers", &report.servers}};
  if (by != GroupBy::all) std::erase_if(all, [by](const Kind& kind) { return kind.by != by; });
  return all;
}

}  // namespace

Result<std::vector<SetArgument>> parse_sets(const std::vector<std::string>& texts) {
  std::vector<SetArgument> sets;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::invalid_input, "--set", Error::kNoOffset, "NAME=VALUE is expected, not " + text);
    }
    sets.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return sets;
}

Result<void> apply_sets(advise::Policies& policies, const std::vector<SetArgument>& sets) {
  std::vector<policy::Policy*> all{&policies.others};
  for (auto& [service, policy] : policies.by_service) all.push_back(&policy);
  for (const auto& [name, value] : sets) {
    for (policy::Policy* policy : all) {
      if (auto set = policy::set(*policy, name, value); !set) {
        Error error = std::move(set).error();
        error.code = ErrorCode::invalid_input;  // what was typed is wrong, whatever is wrong with it
        error.field = "--set";
        return std::unexpected{std::move(error)};
      }
    }
  }
  return {};
}

Json what_if_json(const advise::Report& report, const std::vector<SetArgument>& sets, GroupBy by, std::size_t limit) {
  Json json;
  json["set"] = Json::array();
  for (const auto& [name, value] : sets) json["set"].push_back(Json{{"setting", name}, {"value", value}});
  json["events"] = report.all.events();
  json["effects"] = effects_json(report.all);
  json["causes"] = Json::array();
  for (const Cause& cause : report.all.causes) json["causes"].push_back(cause_json(cause));
  for (const Kind& kind : kinds(report, by)) {
    Json list = Json::array();
    for (std::size_t i = 0; i < std::min(limit, kind.groups->size()); ++i) list.push_back(group_json((*kind.groups)[i]));
    json[kind.plural] = std::move(list);
    json[std::string{kind.plural} + "_in_all"] = kind.groups->size();
  }
  return json;
}

std::string what_if_text(const advise::Report& report, const std::vector<SetArgument>& sets, GroupBy by, std::size_t limit) {
  std::string text = fmt::format("{} logons on record, asked with", report.all.events());
  if (sets.empty()) text += " the policy as it is";
  for (const auto& [name, value] : sets) text += " " + printable(name) + "=" + printable(value);
  text += "\n";
  for (const Effect effect : kEffectsInOrder) {
    if (report.all.count(effect) == 0) continue;
    text += fmt::format("  {:>9}  {}\n", report.all.count(effect), sentence(effect));
    for (const Cause& cause : report.all.causes) {
      if (cause.effect == effect) text += "  " + cause_line(cause);
    }
  }
  for (const Kind& kind : kinds(report, by)) {
    const auto hurt = [](const Group& group) { return group.count(Effect::newly_blocked) + group.count(Effect::undecided) > 0; };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(*kind.groups, hurt));
    if (count == 0) continue;
    text += fmt::format("\n{} that would be blocked, or may be: {} of {}\n", kind.plural, count, kind.groups->size());
    std::size_t shown = 0;
    for (const Group& group : *kind.groups) {
      if (!hurt(group)) continue;
      if (shown++ == limit) {
        text += fmt::format("  and {} more (--limit)\n", count - limit);
        break;
      }
      text += fmt::format("  {}  {} of {} blocked", name_of_group(group), group.count(Effect::newly_blocked), group.events());
      if (group.count(Effect::undecided) > 0) text += fmt::format(", {} undecided", group.count(Effect::undecided));
      text += "\n";
      for (const Cause& cause : group.causes) {
        if (cause.effect == Effect::newly_blocked || cause.effect == Effect::undecided) text += cause_line(cause);
      }
    }
  }
  text.pop_back();
  return text;
}

}  // namespace postern::cli
