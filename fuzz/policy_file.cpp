// Any text as a policy file: no fault; what is read can be edited, and the edited text says what was meant or is refused.
#include "edge/policy_file/policy_file.hpp"

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string text{as_text({data, size})};
  const auto file = policy_file::PolicyFile::parse(text, "p.toml", {});
  if (!file) {
    POSTERN_INVARIANT(file.error().message.starts_with("p.toml:"));  // R38
    return 0;
  }
  policy::Policy policy;
  file->apply("web", policy);
  for (const policy::Setting& setting : policy::settings_of(policy)) {
    policy::Policy again;
    POSTERN_INVARIANT(policy::set(again, setting.name, setting.value).has_value());
  }
  for (const char* service : {"", "web"}) {
    const auto edited = policy_file::edit(text, "p.toml", service, {{"RequireMic", "always"}, {"DenyServices", "smb, ldap"}});
    if (!edited) continue;
    const auto read = policy_file::PolicyFile::parse(*edited, "p.toml", {});
    POSTERN_INVARIANT(read.has_value());
    policy::Policy changed;
    read->apply(service, changed);
    POSTERN_INVARIANT(changed.require_mic == policy::Level::always);
    POSTERN_INVARIANT(policy::value_of(changed, policy::kDenyServices) == "smb, ldap");
  }
  return 0;
}
