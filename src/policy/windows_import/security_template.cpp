// `GptTmpl.inf` (MS-GPSB 2.2): sections of `name = value` lines. [Registry Values] (2.2.5) has `KEY\NAME=TYPE,DATA`.
#include <charconv>
#include <utility>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "policy/windows_import/registry_file.hpp"
#include "policy/windows_import/text_file.hpp"

namespace postern::policy::windows_import {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) { return upper_case_utf8(a) == upper_case_utf8(b); }

/// `a,"b,c",d` without the quotes. Errors: `malformed` for a quote that is not closed.
Result<std::vector<std::string>> split(std::string_view list, std::size_t offset) {
  std::vector<std::string> items(1);
  bool quoted = false;
  for (const char letter : list) {
    if (letter == '"') {
      quoted = !quoted;
    } else if (letter == ',' && !quoted) {
      items.emplace_back();
    } else {
      items.back() += letter;
    }
  }
  if (quoted) return fail(ErrorCode::malformed, "data", offset, "no closing quote");
  for (std::string& item : items) item = std::string{trimmed(item)};
  return items;
}

template <typename Integer>
Result<Integer> number_from(std::string_view digits, std::string_view field, std::size_t offset) {
  Integer number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || stop != end) return fail(ErrorCode::malformed, field, offset, "no decimal number that fits");
  return number;
}

/// `TYPE,DATA`.
Result<void> read_data(std::string_view text, RegistryValue& value) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return fail(ErrorCode::malformed, "data", value.offset, "no type, comma and data");
  POSTERN_TRY(type, number_from<std::uint32_t>(trimmed(text.substr(0, comma)), "type", value.offset));
  const std::string_view data = trimmed(text.substr(comma + 1));
  value.type = static_cast<ValueType>(type);
  if (value.type == ValueType::dword) {
    POSTERN_TRY(number, number_from<std::uint32_t>(data, "data", value.offset));
    value.data.resize(sizeof number);
    store_le(value.data.data(), number);
    return {};
  }
  if (value.type != ValueType::multi_text && value.type != ValueType::text && value.type != ValueType::expand_text) {
    value.data = to_bytes(as_bytes(data));  // as written: nothing that is read here has such a type
    return {};
  }
  POSTERN_TRY(items, split(data, value.offset));
  if (value.type != ValueType::multi_text && items.size() != 1) {
    return fail(ErrorCode::malformed, "data", value.offset, "several texts where one belongs");
  }
  for (const std::string& item : items) {
    POSTERN_TRY(wide, utf8_to_utf16le(item, "data"));
    value.data.insert(value.data.end(), wide.begin(), wide.end());
    value.data.resize(value.data.size() + 2);
  }
  if (value.type == ValueType::multi_text) value.data.resize(value.data.size() + 2);
  return {};
}

Result<RegistryValue> read_line(std::string_view line, std::string_view section, std::size_t offset) {
  RegistryValue value;
  value.offset = offset;
  const std::size_t equals = line.find('=');
  const std::string_view left = trimmed(line.substr(0, std::min(equals, line.size())));
  const std::string_view right = equals == std::string_view::npos ? std::string_view{} : trimmed(line.substr(equals + 1));
  if (!same_word(section, "Registry Values")) {
    value.key = "[" + std::string{section} + "]";
    value.name = std::string{left};
    value.type = ValueType::text;
    POSTERN_TRY(wide, utf8_to_utf16le(right, "data"));
    value.data = std::move(wide);
    value.data.resize(value.data.size() + 2);
    return value;
  }
  if (equals == std::string_view::npos) return fail(ErrorCode::malformed, "value", offset, "no = on the line");
  const std::size_t last = left.rfind('\\');
  if (last == std::string_view::npos || last == 0)
    return fail(ErrorCode::malformed, "key", offset, "no key before the value's name");
  value.key = std::string{left.substr(0, last)};
  value.name = std::string{left.substr(last + 1)};
  POSTERN_CHECK(read_data(right, value));
  return value;
}

}  // namespace

Result<std::vector<RegistryValue>> read_security_template(ByteView bytes) {
  POSTERN_TRY(file, TextFile::of(bytes));
  Cursor cursor{file};
  std::vector<RegistryValue> values;
  std::string section;
  for (cursor.skip_white(); !cursor.at_end(); cursor.skip_white()) {
    if (cursor.peek() == u';') {
      cursor.skip_line();
      continue;
    }
    if (cursor.peek() == u'[') {
      POSTERN_TRY(name, take_section(cursor, "section"));
      section = std::move(name);
      continue;
    }
    const std::size_t offset = cursor.offset();
    if (section.empty()) return fail(ErrorCode::malformed, "section", offset, "a line before the first section");
    const std::size_t end = cursor.trimmed_line_end();
    POSTERN_TRY(line, file.text(cursor.position(), end, "value", kMaxDataBytes / 2));
    cursor.skip_line();
    // What the file says of itself: its encoding, signature and revision.
    if (same_word(section, "Unicode") || same_word(section, "Version")) continue;
    if (values.size() == kMaxValues) return fail(ErrorCode::too_large, "values", offset, "more values than a file may have");
    POSTERN_TRY(value, read_line(line, section, offset));
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace postern::policy::windows_import
