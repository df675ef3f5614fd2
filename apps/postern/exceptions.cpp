#include "postern/exceptions.hpp"

#include <fmt/format.h>

namespace postern::cli {
namespace {

using event::name_of;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

}  // namespace

Json exceptions_json(const advise::Exceptions& exceptions) {
  Json json;
  json["kept"] = exceptions.kept;
  json["uncertain"] = exceptions.uncertain;
  json["lost"] = exceptions.lost;
  json["lists"] = Json::array();
  for (const advise::ExceptionList& list : exceptions.lists) {
    Json entries = Json::array();
    for (const advise::ListEntry& entry : list.entries) {
      entries.push_back(Json{{"entry", entry.entry},
                             {"wildcard", entry.wildcard},
                             {"keeps", entry.keeps},
                             {"besides", entry.besides},
                             {"besides_names", entry.besides_names}});
    }
    json["lists"].push_back(Json{{"setting", list.setting},
                                 {"entries", std::move(entries)},
                                 {"smallest", list.smallest},
                                 {"at_least", list.at_least},
                                 {"not_kept", list.not_kept}});
  }
  json["lost_to"] = Json::array();
  for (const advise::Cause& cause : exceptions.lost_to) {
    json["lost_to"].push_back(Json{{"effect", name_of(cause.effect)},
                                   {"setting", cause.decision.setting},
                                   {"value", cause.decision.value},
                                   {"point", name_of(cause.decision.point)},
                                   {"stage", name_of(cause.decision.stage)},
                                   {"why", cause.decision.why},
                                   {"events", cause.events},
                                   {"examples", cause.examples}});
  }
  json["left_out"] = exceptions.left_out;
  return json;
}

std::string exceptions_text(const advise::Exceptions& exceptions) {
  std::string text;
  if (exceptions.lists.empty()) text += "No list of exceptions has anything to except.\n";
  for (const advise::ExceptionList& list : exceptions.lists) {
    text += fmt::format("{}: {} entries, ", list.setting, list.entries.size());
    text += list.smallest ? "and fewer do not do\n" : fmt::format("at least {} are needed in any case\n", list.at_least);
    for (const advise::ListEntry& entry : list.entries) {
      text += fmt::format("  {:<40} keeps {} logons", printable(entry.entry), entry.keeps);
      if (entry.besides > 0) {
        text += fmt::format(", and lets through {} others: {}", entry.besides, joined(entry.besides_names));
      } else if (entry.wildcard) {
        text += ", and of what is on record nothing else";
      }
      text += "\n";
    }
    if (list.not_kept > 0) text += fmt::format("  {} logons have no name that an entry could match\n", list.not_kept);
  }
  text += fmt::format("{} logons would be kept, {} stay blocked", exceptions.kept, exceptions.lost);
  if (exceptions.uncertain > 0) text += fmt::format(", of {} it cannot be said", exceptions.uncertain);
  text += "\n";
  for (const advise::Cause& cause : exceptions.lost_to) {
    text += fmt::format("  {:>9}  {} = {}, {}: {}\n", cause.events, cause.decision.setting, printable(cause.decision.value),
                        name_of(cause.status), printable(cause.decision.why));
  }
  if (exceptions.left_out > 0) text += fmt::format("{} logons were left out: too many kinds\n", exceptions.left_out);
  text.pop_back();
  return text;
}

}  // namespace postern::cli
