#include "edge/forward/replies.hpp"

#include <nlohmann/json.hpp>
#include <optional>

namespace postern::forward {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kField = "admin_socket";

std::unexpected<Error> wrong(const char* what) { return fail(ErrorCode::malformed, kField, Error::kNoOffset, what); }

/// The object under `ok`.
Result<Json> answer_in(std::string_view reply) {
  Json json = Json::parse(reply, nullptr, false);
  if (!json.is_object()) return wrong("posternd's answer is no JSON object");
  if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
    const auto message = error->find("message");
    const bool said = message != error->end() && message->is_string();
    return fail(ErrorCode::denied, kField, Error::kNoOffset, said ? message->get<std::string>() : "posternd says no");
  }
  const auto ok = json.find("ok");
  if (ok == json.end() || !ok->is_object()) return wrong("posternd's answer says nothing");
  return std::move(*ok);
}

std::optional<std::uint64_t> number_in(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_number_unsigned()) return std::nullopt;
  return member->get<std::uint64_t>();
}

}  // namespace

Result<ReadBatch> parse_events_reply(std::string_view reply, std::uint64_t after) {
  POSTERN_TRY(ok, answer_in(reply));
  const auto events = ok.find("events");
  const auto sequences = ok.find("sequences");
  const auto first = number_in(ok, "first");
  const auto end = number_in(ok, "end");
  if (events == ok.end() || sequences == ok.end() || !events->is_array() || !sequences->is_array() ||
      events->size() != sequences->size() || !first || !end) {
    return wrong("posternd's answer lacks events, sequences, first or end");
  }
  ReadBatch batch{.events = {}, .first = *first, .end = *end};
  std::uint64_t last = after;
  for (std::size_t i = 0; i < events->size(); ++i) {
    const Json& text = (*events)[i];
    const Json& sequence = (*sequences)[i];
    if (!text.is_string() || !sequence.is_number_unsigned() || sequence.get<std::uint64_t>() <= last) {
      return wrong("posternd's events are not in order");
    }
    last = sequence.get<std::uint64_t>();
    batch.events.push_back({last, text.get<std::string>()});
  }
  return batch;
}

Result<std::string> parse_status_reply(std::string_view reply) {
  POSTERN_TRY(ok, answer_in(reply));
  return ok.dump();
}

}  // namespace postern::forward
