#include "policy/windows_import/registry_file.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "policy/windows_import/text_file.hpp"

namespace postern::policy::windows_import {
namespace {

constexpr std::string_view kPolicySignature = "PReg";

Result<FileFormat> format_of(ByteView file) {
  if (as_text(file).starts_with(kPolicySignature)) return FileFormat::registry_policy;
  POSTERN_TRY(text, TextFile::of(file));
  Cursor cursor{text};
  for (cursor.skip_white(); cursor.peek() == u';'; cursor.skip_white()) cursor.skip_line();
  if (cursor.peek() == u'[') return FileFormat::security_template;
  if (cursor.peek() == u'W' || cursor.peek() == u'R') return FileFormat::registry_export;  // its first line says the rest
  return fail(ErrorCode::unsupported, "file", cursor.offset(),
              "neither a .reg export, a security template (GptTmpl.inf) nor a registry policy file (registry.pol)");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<RegistryFile> read_registry_file(ByteView file) {
  if (file.size() > kMaxFileBytes) return fail(ErrorCode::too_large, "file", 0, "longer than a file of policies may be");
  POSTERN_TRY(format, format_of(file));
  RegistryFile read{format, {}};
  const auto values = [&]() -> Result<std::vector<RegistryValue>> {
    switch (format) {
      case FileFormat::registry_policy: return read_registry_policy(file);
      case FileFormat::security_template: return read_security_template(file);
      case FileFormat::registry_export: break;
    }
    return read_registry_export(file);
  };
  POSTERN_TRY(found, values());
  read.values = std::move(found);
  return read;
}

Result<std::uint32_t> number_of(const RegistryValue& value) {
  if (value.type == ValueType::dword) {
    if (value.data.size() != sizeof(std::uint32_t)) {
      return fail(ErrorCode::invalid_input, "data", value.offset, "a REG_DWORD that has not four bytes");
    }
    return load_le<std::uint32_t>(value.data.data());
  }
  if (value.type == ValueType::text) {
    POSTERN_TRY(texts, texts_of(value));
    if (texts.size() == 1) {
      std::uint32_t number = 0;
      const char* const end = texts.front().data() + texts.front().size();
      const auto [stop, error] = std::from_chars(texts.front().data(), end, number);
      if (error == std::errc{} && stop == end) return number;
    }
  }
  return fail(ErrorCode::invalid_input, "data", value.offset, "not a number");
}

Result<std::vector<std::string>> texts_of(const RegistryValue& value) {
  if (value.type != ValueType::multi_text && value.type != ValueType::text) {
    return fail(ErrorCode::invalid_input, "data", value.offset, "neither a text nor a list of texts");
  }
  POSTERN_TRY(all, utf16le_to_utf8(value.data, "data", value.offset));
  std::vector<std::string> texts;
  std::string_view rest = all;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\0'), rest.size());
    const std::string_view item = trimmed(rest.substr(0, end));
    if (!item.empty()) texts.emplace_back(item);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return texts;
}

}  // namespace postern::policy::windows_import
