#include "edge/ipc/server/admin_policy.hpp"

#include <spdlog/spdlog.h>
#include <utility>

namespace postern::ipc {
namespace {

using Json = nlohmann::ordered_json;

Result<Json> show(const Json& request, const authority::Authority& authority, const PolicySource& source) {
  std::string wanted;
  if (const auto service = request.find("service"); service != request.end()) {
    if (!service->is_string()) return fail(ErrorCode::invalid_input, "service", Error::kNoOffset, "is no text");
    wanted = service->get<std::string>();
  }
  Json services = Json::array();
  for (const authority::Service& service : authority.services()) {
    if (!wanted.empty() && service.name != wanted) continue;
    Json settings = Json::object();
    for (const policy::Setting& setting : policy::settings_of(service.policy)) settings[std::string{setting.name}] = setting.value;
    services.push_back({{"name", service.name}, {"kind", event::name_of(service.kind)}, {"settings", std::move(settings)}});
  }
  if (services.empty() && !wanted.empty()) {
    return fail(ErrorCode::not_found, "service", Error::kNoOffset, "no service named " + wanted);
  }
  return Json{{"policy_file", source.file}, {"services", std::move(services)}};
}

Result<Json> reload(const PolicySource& source) {
  if (!source.reload) return fail(ErrorCode::unsupported, "op", Error::kNoOffset, "this authority has no files to read");
  if (auto done = source.reload(); !done) {
    spdlog::error("the policy stays as it was: {}", done.error().message);
    return std::unexpected{std::move(done).error()};
  }
  spdlog::info("policy read anew");
  return Json{{"reloaded", true}, {"policy_file", source.file}};
}

}  // namespace

std::optional<Result<Json>> policy_operation(std::string_view operation, const Json& request, const authority::Authority& authority,
                                             const PolicySource& source) {
  if (operation == "policy.show") return show(request, authority, source);
  if (operation == "policy.reload") return reload(source);
  return std::nullopt;
}

}  // namespace postern::ipc
