#include "postern/inventory_view.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <tuple>

namespace postern::cli {
namespace {

using event::name_of;
using inventory::Dependency;

constexpr std::size_t kHistoryShown = 14;  ///< days, to a person

std::string time_text(const std::optional<event::Timestamp>& time) { return time ? time->file_time().to_rfc3339() : std::string{}; }

template <typename E>
std::string word(const std::optional<E>& value) {
  return value ? std::string{name_of(*value)} : std::string{};
}

/// The reason's name as the rules know it; empty if there is none.
std::string reason_name(const Dependency& dependency) {
  if (!dependency.reason) return {};
  return std::string{advise::rule_of(dependency.reason->reason).name};
}

std::string severity_of(const Dependency& dependency) {
  return dependency.finding ? std::string{name_of(dependency.finding->severity)} : std::string{};
}
int severity_rank(const Dependency& dependency) {
  return dependency.finding ? static_cast<int>(dependency.finding->severity) + 1 : 0;
}

std::string shown_or(const std::string& name, std::string_view instead) {
  return name.empty() ? std::string{instead} : printable(name);
}

std::string group_name(const Dependency& d, GroupDependenciesBy by) {
  switch (by) {
    case GroupDependenciesBy::server: return d.key.server;
    case GroupDependenciesBy::client: return d.key.client;
    case GroupDependenciesBy::account: return d.key.account;
    case GroupDependenciesBy::version: return word(d.key.version);
    case GroupDependenciesBy::reason: return reason_name(d);
    case GroupDependenciesBy::none: break;
  }
  return {};
}

struct Sum {
  std::string name{};
  std::size_t dependencies = 0;
  Dependency whole{};
};

std::vector<Sum> sums_of(const std::vector<Dependency>& all, GroupDependenciesBy by) {
  std::map<std::string, Sum> sums;
  for (const Dependency& d : all) {
    const std::string name = d.key.other ? "(other)" : group_name(d, by);
    Sum& sum = sums[inventory::folded_name(name)];
    sum.name = std::max(sum.name, name);
    ++sum.dependencies;
    sum.whole.key.other = true;  // a sum has no names of its own
    inventory::combine(sum.whole, d);
  }
  std::vector<Sum> sorted;
  for (auto& [key, sum] : sums) sorted.push_back(std::move(sum));
  std::ranges::stable_sort(sorted, [](const Sum& a, const Sum& b) { return a.whole.events > b.whole.events; });
  return sorted;
}

std::string csv_field(std::string field) {
  if (!field.empty() && std::string_view{"=+-@\t\r"}.find(field.front()) != std::string_view::npos) field.insert(0, "'");
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string quoted{"\""};
  for (const char c : field) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

Json reason_json(const event::Reason& reason) {
  Json json = Json::object();
  if (reason.id) json["id"] = *reason.id;
  json["name"] = advise::rule_of(reason).name;
  if (reason.confidence) json["confidence"] = name_of(*reason.confidence);
  if (reason.evidence) json["evidence"] = *reason.evidence;
  return json;
}

std::string effect_words(const advise::Prediction& prediction) {
  const std::string status = std::string{name_of(prediction.status)};
  switch (prediction.effect) {
    case advise::Effect::newly_blocked: return "BLOCKED with " + status + ": " + printable(prediction.decisive->why);
    case advise::Effect::audited: return "audited: " + printable(prediction.decisive->why);
    case advise::Effect::undecided: return "depends: " + printable(prediction.decisive->why);
    default: break;
  }
  return "not touched";
}

}  // namespace

std::vector<Dependency> filtered(std::vector<Dependency> all, const DependencyFilter& filter) {
  const auto matches = [](const std::string& wanted, const std::string& found) {
    return wanted.empty() || inventory::folded_name(wanted) == inventory::folded_name(found);
  };
  std::erase_if(all, [&](const Dependency& d) {
    return !matches(filter.client, d.key.client) || !matches(filter.account, d.key.account) ||
           !matches(filter.server, d.key.server) || !matches(filter.service, word(d.key.service)) ||
           !matches(filter.version, word(d.key.version)) || !matches(filter.reason, reason_name(d));
  });
  return all;
}

void sort_by(std::vector<Dependency>& all, SortBy by) {
  const auto less = [by](const Dependency& a, const Dependency& b) {
    switch (by) {
      case SortBy::events: return a.events > b.events;
      case SortBy::last_seen: return a.last_seen > b.last_seen;
      case SortBy::first_seen: return a.first_seen > b.first_seen;
      case SortBy::severity: return severity_rank(a) > severity_rank(b);
      case SortBy::client: return a.key.client < b.key.client;
      case SortBy::account: return a.key.account < b.key.account;
      case SortBy::server: return a.key.server < b.key.server;
    }
    return false;
  };
  std::ranges::stable_sort(all, less);
}

Json dependency_json(const Dependency& d) {
  Json json;
  json["id"] = d.id();
  if (d.key.other) {
    json["other"] = true;
  } else {
    json["client"] = d.key.client;
    json["account"] = Json{{"name", d.key.account}, {"kind", name_of(d.key.account_kind)}};
    json["server"] = d.key.server;
    if (d.key.service) json["service"] = name_of(*d.key.service);
    if (d.key.package) json["package"] = name_of(*d.key.package);
    if (d.key.version) json["version"] = name_of(*d.key.version);
    const inventory::Posture& posture = d.key.posture;
    json["posture"] = Json{{"mic", name_of(posture.mic)},
                           {"bindings", name_of(posture.bindings)},
                           {"spn", name_of(posture.spn)},
                           {"signing", name_of(posture.signing)},
                           {"tls", name_of(posture.tls)}};
  }
  json["events"] = d.events;
  json["outcomes"] = Json{{"success", d.succeeded},
                          {"failure", d.failed},
                          {"blocked", d.blocked},
                          {"unknown", d.events - d.succeeded - d.failed - d.blocked}};
  if (d.first_seen) json["first_seen"] = time_text(d.first_seen);
  if (d.last_seen) json["last_seen"] = time_text(d.last_seen);
  if (d.reason) json["reason"] = reason_json(d.reason->reason);
  if (d.finding) {
    json["finding"] = Json{{"id", d.finding->id}, {"severity", name_of(d.finding->severity)}, {"text", d.finding->text}};
  }
  json["days"] = Json::object();
  for (const auto& [day, events] : d.days) json["days"][inventory::day_text(day)] = events;
  return json;
}

Json groups_json(const std::vector<Dependency>& all, GroupDependenciesBy by) {
  Json groups = Json::array();
  for (const Sum& sum : sums_of(all, by)) {
    Json json{{"name", sum.name}, {"dependencies", sum.dependencies}, {"events", sum.whole.events}};
    if (sum.whole.first_seen) json["first_seen"] = time_text(sum.whole.first_seen);
    if (sum.whole.last_seen) json["last_seen"] = time_text(sum.whole.last_seen);
    if (sum.whole.finding) json["severity"] = name_of(sum.whole.finding->severity);
    groups.push_back(std::move(json));
  }
  return Json{{"groups", std::move(groups)}};
}

Json inventory_json(const std::vector<Dependency>& shown, const inventory::Totals& totals) {
  Json json{{"events", totals.events}, {"dependencies_in_all", totals.dependencies}, {"origins", totals.origins}};
  json["dependencies"] = Json::array();
  for (const Dependency& d : shown) json["dependencies"].push_back(dependency_json(d));
  return json;
}

std::string inventory_csv(const std::vector<Dependency>& shown) {
  std::string text =
      "id,client,account_kind,account,server,service,package,version,mic,bindings,spn,signing,tls,events,success,failure,blocked,"
      "first_seen,last_seen,reason,confidence,severity,finding\r\n";
  for (const Dependency& d : shown) {
    const auto reason = d.reason ? d.reason->reason : event::Reason{};
    const std::string fields[] = {d.id(),
                                  d.key.client,
                                  std::string{name_of(d.key.account_kind)},
                                  d.key.account,
                                  d.key.server,
                                  word(d.key.service),
                                  word(d.key.package),
                                  word(d.key.version),
                                  std::string{name_of(d.key.posture.mic)},
                                  std::string{name_of(d.key.posture.bindings)},
                                  std::string{name_of(d.key.posture.spn)},
                                  std::string{name_of(d.key.posture.signing)},
                                  std::string{name_of(d.key.posture.tls)},
                                  std::to_string(d.events),
                                  std::to_string(d.succeeded),
                                  std::to_string(d.failed),
                                  std::to_string(d.blocked),
                                  time_text(d.first_seen),
                                  time_text(d.last_seen),
                                  reason_name(d),
                                  word(reason.confidence),
                                  severity_of(d),
                                  d.finding ? d.finding->id : std::string{}};
    bool first = true;
    for (const std::string& field : fields) {
      if (!first) text += ',';
      first = false;
      text += csv_field(field);
    }
    text += "\r\n";
  }
  return text;
}

std::string inventory_text(const std::vector<Dependency>& shown, const inventory::Totals& totals) {
  std::string text = fmt::format("{} logons, {} dependencies, {} origins\n", totals.events, totals.dependencies, totals.origins);
  for (const Dependency& d : shown) {
    if (d.key.other) {
      text += fmt::format("other             {:>9}  what came when the inventory was full\n", d.events);
      continue;
    }
    text += fmt::format("{}  {:>9}  {} {} -> {}", d.id(), d.events, shown_or(d.key.client, "(unknown)"),
                        shown_or(d.key.account, "(nobody)"), shown_or(d.key.server, "(unknown)"));
    for (const std::string& part : {word(d.key.service), word(d.key.version), reason_name(d)}) {
      if (!part.empty()) text += "  " + part;
    }
    if (d.finding && d.finding->severity != event::Severity::info) {
      text += fmt::format("  {}: {}", name_of(d.finding->severity), printable(d.finding->id));
    }
    if (d.last_seen) text += "  last " + time_text(d.last_seen).substr(0, 10);
    text += "\n";
  }
  text.pop_back();
  return text;
}

std::string groups_text(const std::vector<Dependency>& all, GroupDependenciesBy by) {
  std::string text = "   logons  dependencies\n";
  for (const Sum& sum : sums_of(all, by)) {
    text += fmt::format("{:>9}  {:>12}  {}", sum.whole.events, sum.dependencies, shown_or(sum.name, "(unknown)"));
    if (sum.whole.finding) text += fmt::format("  {}", name_of(sum.whole.finding->severity));
    if (sum.whole.last_seen) text += "  last " + time_text(sum.whole.last_seen).substr(0, 10);
    text += "\n";
  }
  text.pop_back();
  return text;
}

Json explain_json(const Dependency& d, const advise::Explanation& explanation) {
  Json json = dependency_json(d);
  json["reasons"] = Json::array();
  for (const event::Reason& reason : explanation.reasons) json["reasons"].push_back(reason_json(reason));
  json["cause"] = explanation.rule->cause;
  json["proved_by"] = explanation.rule->evidence;
  json["cure"] = Json::array();
  for (const std::string_view step : explanation.rule->cure) json["cure"].push_back(step);
  json["policy"] = Json::array();
  for (const advise::Step& step : explanation.steps) {
    Json one{{"setting", step.setting}, {"value", step.value}, {"effect", name_of(step.prediction.effect)}};
    if (step.prediction.decisive) {
      const event::PolicyDecision& decision = *step.prediction.decisive;
      one["point"] = name_of(decision.point);
      one["stage"] = name_of(decision.stage);
      if (decision.decision == event::Decision::deny) one["status"] = status_json(step.prediction.status);
      one["why"] = decision.why;
    }
    json["policy"].push_back(std::move(one));
  }
  return json;
}

std::string explain_text(const Dependency& d, const advise::Explanation& explanation) {
  std::string text = "dependency " + d.id() + "\n";
  if (!d.key.other) {
    text += fmt::format("  who      {} ({}) from {}\n", shown_or(d.key.account, "(nobody)"), name_of(d.key.account_kind),
                        shown_or(d.key.client, "an unknown client"));
    text += fmt::format("  to what  {}", shown_or(d.key.server, "an unknown server"));
    if (d.key.service) text += fmt::format(", {}", name_of(*d.key.service));
    text += "\n";
    const inventory::Posture& posture = d.key.posture;
    text += fmt::format("  how      {}, MIC {}, bindings {}, target name {}, signing {}, TLS {}\n",
                        d.key.version ? name_of(*d.key.version) : "unknown version", name_of(posture.mic),
                        name_of(posture.bindings), name_of(posture.spn), name_of(posture.signing), name_of(posture.tls));
  }
  if (d.first_seen) text += fmt::format("  since    {}, last {}\n", time_text(d.first_seen), time_text(d.last_seen));
  text += fmt::format("  how often {} logons: {} succeeded, {} failed, {} blocked\n", d.events, d.succeeded, d.failed, d.blocked);
  if (!d.days.empty()) {
    text += "  days    ";
    const std::size_t skipped = d.days.size() - std::min(d.days.size(), kHistoryShown);
    for (auto day = std::next(d.days.begin(), static_cast<std::ptrdiff_t>(skipped)); day != d.days.end(); ++day) {
      text += fmt::format(" {}: {}", inventory::day_text(day->first).substr(5), day->second);
    }
    text += "\n";
  }
  if (d.finding) text += fmt::format("  worst    {}: {}\n", name_of(d.finding->severity), printable(d.finding->text));
  text += fmt::format("why NTLM: {}\n", explanation.rule->cause);
  for (const event::Reason& reason : explanation.reasons) {
    text += fmt::format("  {} ({}): {}\n", advise::rule_of(reason).name, reason.confidence ? name_of(*reason.confidence) : "guess",
                        printable(reason.evidence.value_or("")));
  }
  text += fmt::format("  what would prove it: {}\n", explanation.rule->evidence);
  if (!explanation.steps.empty()) text += "what each step would do to it:\n";
  for (const advise::Step& step : explanation.steps) {
    text += fmt::format("  {:<34} {}\n", fmt::format("{} = {}", step.setting, step.value), effect_words(step.prediction));
  }
  text += "the cure:\n";
  std::size_t number = 0;
  for (const std::string_view step : explanation.rule->cure) text += fmt::format("  {}. {}\n", ++number, step);
  text.pop_back();
  return text;
}

}  // namespace postern::cli
