#include "edge/binding/binding.hpp"
#include "edge/http/services.hpp"

namespace postern::http {
namespace {

std::unexpected<Error> wrong(const Config& config, std::string_view key, const Error& error) {
  return fail(ErrorCode::invalid_input, "configuration", Error::kNoOffset,
              config.path + ": " + std::string{key} + ": " + error.message);
}

}  // namespace

Result<std::shared_ptr<const Settings>> Settings::load(Config config) {
  auto settings = std::make_shared<Settings>();
  if (!config.certificates.empty()) {
    auto tls = ServerTls::load(config);
    if (!tls) return wrong(config, "tls.certificate", tls.error());
    settings->tls = std::move(*tls);
  }
  if (config.upstream.configured && config.upstream.security == Security::tls) {
    auto context = upstream_context(config.upstream);
    if (!context) return wrong(config, "upstream.ca_file", context.error());
    settings->upstream_tls = std::move(*context);
  }
  auto extra = binding::bindings_of_files(config.authentication.extra_binding_certificates);
  if (!extra) return wrong(config, "authentication.extra_binding_certificates", extra.error());
  settings->extra_bindings = std::move(*extra);
  settings->config = std::move(config);
  return std::shared_ptr<const Settings>{std::move(settings)};
}

}  // namespace postern::http
