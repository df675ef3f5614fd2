#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <toml++/toml.h>

#include "edge/policy_file/policy_file.hpp"

namespace postern::policy_file {
namespace {

/// Where a line and column (both from 1, columns in code points) are in a text.
std::optional<std::size_t> offset_of(std::string_view text, toml::source_position position) {
  std::size_t at = 0;
  for (toml::source_index line = 1; line < position.line; ++line) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return std::nullopt;
    at = end + 1;
  }
  for (toml::source_index column = 1; column < position.column; ++column) {
    if (at >= text.size()) return std::nullopt;
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  }
  return at;
}

/// A value as TOML writes it: numbers as Windows has them, lists as arrays, the rest in quotes. Nothing in a value needs escaping
/// but what is escaped here: names of servers may hold a backslash.
std::string toml_value(const Change& change) {
  const auto quoted = [](std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
    return out + "\"";
  };
  if (policy::is_list(change.name)) {
    std::string list;
    for (const std::string& entry : policy::split_list(change.value)) list += (list.empty() ? "" : ", ") + quoted(entry);
    return "[" + list + "]";
  }
  const bool is_number = !change.value.empty() && change.value.find_first_not_of("0123456789") == std::string::npos;
  return is_number || change.value.starts_with("0x") ? change.value : quoted(change.value);
}

/// Whether a name can stand in a table's header without quotes.
bool is_bare(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

std::unexpected<Error> not_understood(const std::string& path, std::string_view what) {
  return std::unexpected{Error{ErrorCode::unsupported, "policy", Error::kNoOffset, fmt::format("{}: {}", path, what),
                               "change it in an editor, then: postern policy show --file FILE"}};
}

/// The start of the line after the one that holds `at`; the text's end if it is the last.
std::size_t next_line(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

/// Where the first table's header stands; the text's end if there is none.
Result<std::size_t> first_table(const toml::table& root, std::string_view text, const std::string& path) {
  const toml::node* service = root.get("service");
  if (service == nullptr || !service->is_table()) return text.size();
  std::size_t first = text.size();
  for (const auto& [name, node] : *service->as_table()) {
    const auto at = offset_of(text, node.source().begin);
    if (!at || *at >= text.size() || text[*at] != '[')
      return not_understood(path, "a service's settings do not stand under [service.NAME]");
    first = std::min(first, *at);
  }
  const auto own = offset_of(text, service->source().begin);  // a [service] of its own
  if (own && *own < text.size() && text[*own] == '[') first = std::min(first, *own);
  return first;
}

Result<std::string> change_one(std::string text, const std::string& path, std::string_view service, const Change& change) {
  const toml::table root = toml::parse(text, path);  // it was parsed before: no error
  const toml::table* table = &root;
  if (!service.empty()) {
    const toml::node* services = root.get("service");
    const toml::node* own = services != nullptr && services->is_table() ? services->as_table()->get(service) : nullptr;
    table = own == nullptr ? nullptr : own->as_table();
  }
  const std::string value = toml_value(change);
  if (const toml::node* old = table == nullptr ? nullptr : table->get(change.name)) {
    const auto begin = offset_of(text, old->source().begin), end = offset_of(text, old->source().end);
    if (!begin || !end || *begin >= *end) return not_understood(path, "where a value stands is unclear");
    return text.replace(*begin, *end - *begin, value);
  }
  const std::string line = fmt::format("{} = {}\n", change.name, value);
  if (table == nullptr) {
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    const std::string name = is_bare(service) ? std::string{service} : "'" + std::string{service} + "'";
    return text + fmt::format("{}[service.{}]\n{}", text.empty() ? "" : "\n", name, line);
  }
  std::size_t at = 0;
  std::string blank;
  if (service.empty()) {
    // Behind the last setting of the top, else above the first table.
    for (const auto& [name, node] : root) {
      if (node.is_table()) continue;
      const auto end = offset_of(text, node.source().end);
      if (!end) return not_understood(path, "where a value stands is unclear");
      at = std::max(at, next_line(text, *end));
    }
    if (at == 0) {
      POSTERN_TRY(first, first_table(root, text, path));
      at = first;
      if (at < text.size()) blank = "\n";
    }
  } else {
    const auto header = offset_of(text, table->source().begin);
    if (!header || *header >= text.size() || text[*header] != '[') {
      return not_understood(path, "the service's settings do not stand under [service.NAME]");
    }
    at = next_line(text, *header);
  }
  if (at > 0 && text[at - 1] != '\n') text.insert(at++, "\n");
  return text.insert(at, line + blank);
}

}  // namespace

Result<std::string> edit(std::string_view text, const std::string& path, std::string_view service,
                         const std::vector<Change>& changes) {
  POSTERN_CHECK(PolicyFile::parse(text, path, {}));
  policy::Policy wanted;
  std::string edited{text};
  for (const Change& change : changes) {
    POSTERN_CHECK(policy::set(wanted, change.name, change.value));
    POSTERN_TRY(next, change_one(std::move(edited), path, service, change));
    edited = std::move(next);
    const auto read = PolicyFile::parse(edited, path, {});
    if (!read) return not_understood(path, "the change would leave " + read.error().message);
    policy::Policy has;
    read->apply(service, has);
    if (policy::value_of(has, change.name) != policy::value_of(wanted, change.name)) {
      return not_understood(path, "the change would not be read as it was meant");
    }
  }
  return edited;
}

}  // namespace postern::policy_file
