#include "edge/policy_file/policy_file.hpp"

#include <algorithm>

namespace postern::policy_file {
namespace {

using config::Section;

void read_setting(Section& section, std::string_view name, policy::Policy& policy) {
  const toml::node* node = section.find(name);
  if (node == nullptr) return;
  Result<void> taken;
  if (node->is_array()) {
    std::vector<std::string> entries;
    section.texts(name, entries);
    taken = policy::set_list(policy, name, entries);
  } else if (const auto* text = node->as_string()) {
    taken = policy::set(policy, name, text->get());
  } else if (const auto* number = node->as_integer()) {
    taken = policy::set(policy, name, std::to_string(number->get()));
  } else {
    return section.wrong(*node, name, "must be a text, a number or a list of texts");
  }
  if (!taken) section.wrong(*node, name, taken.error().message);
}

}  // namespace

void read_settings(Section section, policy::Policy& policy) {
  for (const policy::Setting& setting : policy::settings_of(policy)) read_setting(section, setting.name, policy);
  section.refuse_unknown_keys();
}

PolicyFile::Settings PolicyFile::settings_in(Section& section) {
  Settings settings;
  policy::Policy policy;
  for (const policy::Setting& usual : policy::settings_of(policy)) {
    if (section.find(usual.name) == nullptr) continue;
    read_setting(section, usual.name, policy);
    settings.emplace_back(usual.name, policy::value_of(policy, usual.name));
  }
  return settings;
}

Result<PolicyFile> PolicyFile::parse(std::string_view text, const std::string& path, const std::vector<std::string>& services) {
  PolicyFile file;
  POSTERN_CHECK(config::read_toml(text, path, [&](Section& root) {
    file.all_ = settings_in(root);
    Section table = root.table("service");
    for (const std::string& name : root.keys_of("service")) {
      if (!services.empty() && std::ranges::find(services, name) == services.end()) {
        table.wrong(name, "is no service of posternd.toml");
      }
      Section section = table.table(name);
      file.of_service_.emplace_back(name, settings_in(section));
      section.refuse_unknown_keys();
    }
    root.refuse_unknown_keys();
  }));
  return file;
}

Result<PolicyFile> PolicyFile::load(const std::string& path, const std::vector<std::string>& services) {
  POSTERN_TRY(text, config::read_text_file(path));
  return parse(text, path, services);
}

void PolicyFile::apply(std::string_view service, policy::Policy& policy) const {
  const auto lay = [&](const Settings& settings) {
    for (const auto& [name, value] : settings) static_cast<void>(policy::set(policy, name, value));  // read back what was read
  };
  lay(all_);
  const auto own = std::ranges::find(of_service_, service, &std::pair<std::string, Settings>::first);
  if (own != of_service_.end()) lay(own->second);
}

std::vector<std::string> PolicyFile::services() const {
  std::vector<std::string> names;
  for (const auto& [name, settings] : of_service_) names.push_back(name);
  return names;
}

}  // namespace postern::policy_file
