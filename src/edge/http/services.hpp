// What the connections of one thread share: the settings of the moment, that thread's link to the authority, and the parts that the
// gateway has one of.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "edge/http/config.hpp"
#include "edge/http/metrics.hpp"
#include "edge/http/tls.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::http {

class AuthorityLink;
class Registry;

/// One configuration with everything loaded that it names. Immutable; a reload makes a new one.
struct Settings {
  Config config{};
  std::shared_ptr<const ServerTls> tls{};                  ///< null without certificates
  SslContextPtr upstream_tls{};                            ///< null unless the upstream is https
  std::vector<ntlm::ChannelBindingHash> extra_bindings{};  ///< of TLS terminators in front

  /// Loads certificates. Errors: `invalid_input`, one line that names file and key.
  [[nodiscard]] static Result<std::shared_ptr<const Settings>> load(Config config);
};

struct Services {
  std::function<std::shared_ptr<const Settings>()> settings{};
  AuthorityLink& authority;
  Registry& registry;
  Metrics& metrics;
  const std::atomic<bool>& stopping;
  std::atomic<std::size_t> connections{0};  ///< served with these right now
};

}  // namespace postern::http
