// Section: one table of a TOML configuration file, read key by key with errors by file, line and key (R38).
#pragma once

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace postern::config {

/// One table of the file: hands out values by key, remembers the first thing that is wrong, and knows which keys nobody asked for.
class Section {
 public:
  Section(const toml::table* table, std::string prefix, const std::string& path, std::string& error)
      : table_{table}, prefix_{std::move(prefix)}, path_{path}, error_{error} {}

  void text(std::string_view key, std::string& out) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (const auto* value = node->as_string()) {
      out = value->get();
    } else {
      wrong(*node, key, "must be a text in quotes");
    }
  }
  void boolean(std::string_view key, bool& out) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (const auto* value = node->as_boolean()) {
      out = value->get();
    } else {
      wrong(*node, key, "must be true or false");
    }
  }
  template <typename Integer>
  void number(std::string_view key, Integer& out, std::int64_t low, std::int64_t high) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < low || value->get() > high) {
      wrong(*node, key, fmt::format("must be a whole number from {} to {}", low, high));
    } else {
      out = static_cast<Integer>(value->get());
    }
  }
  template <typename Duration>
  void duration(std::string_view key, Duration& out, std::int64_t high) {
    std::int64_t count = out.count();
    number(key, count, 1, high);
    out = Duration{count};
  }
  void texts(std::string_view key, std::vector<std::string>& out) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr) return wrong(*node, key, "must be a list of texts");
    for (const toml::node& item : *list) {
      const auto* value = item.as_string();
      if (value == nullptr) return wrong(item, key, "must be a list of texts");
      if (value->get().empty()) return wrong(item, key, "holds an empty text");
      out.push_back(value->get());
    }
  }
  template <typename Enum>
  void choice(std::string_view key, Enum& out, std::initializer_list<std::pair<std::string_view, Enum>> choices) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    std::string names;
    for (const auto& [name, value] : choices) {
      if (const auto* given = node->as_string(); given != nullptr && given->get() == name) {
        out = value;
        return;
      }
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", name);
    }
    wrong(*node, key, "must be one of " + names);
  }
  /// The value's node, marked as known; null if it is not there.
  const toml::node* find(std::string_view key) {
    known_.insert(std::string{key});
    return table_ == nullptr ? nullptr : table_->get(key);
  }
  Section table(std::string_view key) {
    const toml::node* node = find(key);
    if (node != nullptr && !node->is_table()) wrong(*node, key, "must be a table");
    return {node == nullptr ? nullptr : node->as_table(), name(key), path_, error_};
  }
  /// The keys of the table under `key`, sorted; none if it is not there or no table.
  std::vector<std::string> keys_of(std::string_view key) const {
    std::vector<std::string> keys;
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    const toml::table* table = node == nullptr ? nullptr : node->as_table();
    if (table == nullptr) return keys;
    for (const auto& [name, value] : *table) keys.emplace_back(name.str());
    return keys;
  }
  std::vector<Section> tables(std::string_view key) {
    std::vector<Section> sections;
    const toml::node* node = find(key);
    if (node == nullptr) return sections;
    const auto* list = node->as_array();
    if (list == nullptr) {
      wrong(*node, key, fmt::format("must be written as [[{}]]", name(key)));
      return sections;
    }
    for (const toml::node& item : *list) {
      if (item.is_table()) {
        sections.emplace_back(item.as_table(), name(key), path_, error_);
      } else {
        wrong(item, key, fmt::format("must be written as [[{}]]", name(key)));
      }
    }
    return sections;
  }
  void wrong(const toml::node& node, std::string_view key, std::string_view what) { wrong_at(node.source().begin.line, key, what); }
  /// Something wrong with a key that may be missing: the table's own line then.
  void wrong(std::string_view key, std::string_view what) {
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    const auto line = node != nullptr ? node->source().begin.line : table_ != nullptr ? table_->source().begin.line : 1;
    wrong_at(line, key, what);
  }
  void refuse_unknown_keys() {
    if (table_ == nullptr) return;
    for (const auto& [key, value] : *table_) {
      if (!known_.contains(std::string{key.str()})) wrong_at(key.source().begin.line, key.str(), "is no key of this program");
    }
  }

 private:
  std::string name(std::string_view key) const { return prefix_.empty() ? std::string{key} : prefix_ + "." + std::string{key}; }
  void wrong_at(std::uint32_t line, std::string_view key, std::string_view what) {
    if (error_.empty()) error_ = fmt::format("{}:{}: {}: {}", path_, std::max<std::uint32_t>(line, 1), name(key), what);
  }

  const toml::table* table_;
  std::string prefix_;
  const std::string& path_;
  std::string& error_;
  std::set<std::string> known_{};
};

/// Parses `text`, which came from `path`, and lets `read` take the root table apart. Errors: `invalid_input` with file, line and
/// key for what is no TOML and for the first thing that `read` found wrong.
[[nodiscard]] Result<void> read_toml(std::string_view text, const std::string& path, const std::function<void(Section&)>& read);
/// A file's text as it is. Errors: `io`.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path);
/// read_toml with the text of a file. Errors also: `io`.
[[nodiscard]] Result<void> read_toml_file(const std::string& path, const std::function<void(Section&)>& read);

}  // namespace postern::config
