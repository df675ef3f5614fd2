// `.reg`: what regedit and `reg export` write. "Windows Registry Editor Version 5.00" is UTF-16LE (or bytes) and holds the data of
// hex(2) and hex(7) in UTF-16LE; "REGEDIT4" is bytes throughout.
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "policy/windows_import/registry_file.hpp"
#include "policy/windows_import/text_file.hpp"

namespace postern::policy::windows_import {
namespace {

constexpr std::string_view kVersion5 = "Windows Registry Editor Version 5.00";
constexpr std::string_view kVersion4 = "REGEDIT4";

enum class TextInHex : std::uint8_t { wide, bytes };

std::optional<std::uint8_t> hex_digit(char16_t unit) {
  if (unit >= u'0' && unit <= u'9') return static_cast<std::uint8_t>(unit - u'0');
  if (unit >= u'a' && unit <= u'f') return static_cast<std::uint8_t>(unit - u'a' + 10);
  if (unit >= u'A' && unit <= u'F') return static_cast<std::uint8_t>(unit - u'A' + 10);
  return std::nullopt;
}

bool take_word(Cursor& cursor, std::string_view word) {
  Cursor ahead = cursor;
  for (const char letter : word) {
    if (ahead.at_end()) return false;
    const char16_t unit = ahead.peek();
    const char16_t lower = unit >= u'A' && unit <= u'Z' ? static_cast<char16_t>(unit + 32) : unit;
    if (lower != static_cast<char16_t>(letter)) return false;
    ahead.step();
  }
  cursor = ahead;
  return true;
}

/// What stands between quotes, `\\` and `\"` undone. May go over line ends, as regedit writes them.
Result<std::string> take_quoted(Cursor& cursor, std::string_view field, std::size_t bytes_max) {
  const std::size_t start = cursor.offset();
  cursor.step();
  const std::size_t begin = cursor.position();
  for (; cursor.peek() != u'"'; cursor.step()) {
    if (cursor.peek() == u'\\') cursor.step();
    if (cursor.at_end()) return fail(ErrorCode::truncated, field, start, "no closing quote");
  }
  POSTERN_TRY(escaped, cursor.file().text(begin, cursor.position(), field, bytes_max));
  cursor.step();
  std::string text;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] == '\\') ++i;  // the loop above saw what follows
    text += escaped[i];
  }
  return text;
}

/// `0a,1b,…`; a backslash at a line's end goes on in the next.
Result<Bytes> take_hex_bytes(Cursor& cursor) {
  Bytes bytes;
  for (;;) {
    cursor.skip_blanks();
    if (cursor.take(u'\\')) {
      cursor.skip_white();
      continue;
    }
    if (cursor.at_line_end() || cursor.peek() == u';') return bytes;
    const auto high = hex_digit(cursor.peek());
    if (!high) return fail(ErrorCode::malformed, "data", cursor.offset(), "no hexadecimal digit");
    cursor.step();
    std::uint8_t byte = *high;
    if (const auto low = hex_digit(cursor.peek())) {
      byte = static_cast<std::uint8_t>((byte << 4) | *low);
      cursor.step();
    }
    if (bytes.size() == kMaxDataBytes)
      return fail(ErrorCode::too_large, "data", cursor.offset(), "more data than a value may have");
    bytes.push_back(byte);
    cursor.skip_blanks();
    if (!cursor.take(u',') && !cursor.at_line_end() && cursor.peek() != u';' && cursor.peek() != u'\\') {
      return fail(ErrorCode::malformed, "data", cursor.offset(), "no comma between two bytes");
    }
  }
}

/// A number in hexadecimal, at most eight digits.
Result<std::uint32_t> take_hex_number(Cursor& cursor, std::string_view field) {
  constexpr int kMaxDigits = 8;
  const std::size_t start = cursor.offset();
  std::uint32_t number = 0;
  int digits = 0;
  while (const auto digit = hex_digit(cursor.peek())) {
    if (++digits > kMaxDigits) return fail(ErrorCode::malformed, field, start, "more than eight hexadecimal digits");
    number = (number << 4) | *digit;
    cursor.step();
  }
  if (digits == 0) return fail(ErrorCode::malformed, field, start, "no hexadecimal number");
  return number;
}

Result<void> take_data(Cursor& cursor, TextInHex text_in_hex, RegistryValue& value) {
  const std::size_t start = cursor.offset();
  if (cursor.peek() == u'"') {
    POSTERN_TRY(text, take_quoted(cursor, "data", kMaxDataBytes / 2));
    POSTERN_TRY(wide, utf8_to_utf16le(text, "data"));
    value.type = ValueType::text;
    value.data = std::move(wide);
    value.data.resize(value.data.size() + 2);
    return {};
  }
  if (cursor.take(u'-')) {
    value.change = Change::removed;
    return {};
  }
  if (take_word(cursor, "dword:")) {
    POSTERN_TRY(number, take_hex_number(cursor, "dword"));
    value.type = ValueType::dword;
    value.data.resize(sizeof number);
    store_le(value.data.data(), number);
    return {};
  }
  if (!take_word(cursor, "hex")) return fail(ErrorCode::malformed, "data", start, "neither a text nor dword, hex or -");
  value.type = ValueType::binary;
  if (cursor.take(u'(')) {
    POSTERN_TRY(type, take_hex_number(cursor, "hex(type)"));
    value.type = static_cast<ValueType>(type);
    if (!cursor.take(u')')) return fail(ErrorCode::malformed, "hex(type)", cursor.offset(), "no closing parenthesis");
  }
  if (!cursor.take(u':')) return fail(ErrorCode::malformed, "data", cursor.offset(), "no colon after hex");
  POSTERN_TRY(bytes, take_hex_bytes(cursor));
  value.data = std::move(bytes);
  const bool is_text = value.type == ValueType::text || value.type == ValueType::expand_text || value.type == ValueType::multi_text;
  if (is_text && text_in_hex == TextInHex::bytes) {
    POSTERN_TRY(text, oem_to_utf8(value.data, CodePage::latin1, "data", start));
    POSTERN_TRY(wide, utf8_to_utf16le(text, "data"));
    value.data = std::move(wide);
  }
  return {};
}

Result<TextInHex> take_version(Cursor& cursor) {
  cursor.skip_white();
  POSTERN_TRY(version, cursor.file().text(cursor.position(), cursor.trimmed_line_end(), "version", kMaxKeyBytes));
  const std::size_t offset = cursor.offset();
  cursor.skip_line();
  if (version == kVersion5) return TextInHex::wide;
  if (version == kVersion4) return TextInHex::bytes;
  return fail(ErrorCode::unsupported, "version", offset, "no version of regedit's that is known");
}

/// Blanks and a comment; then the line must end.
Result<void> expect_line_end(Cursor& cursor) {
  cursor.skip_blanks();
  if (cursor.peek() == u';') cursor.skip_line();
  if (!cursor.at_line_end()) return fail(ErrorCode::malformed, "value", cursor.offset(), "more on the line than a value");
  return {};
}

}  // namespace

Result<std::vector<RegistryValue>> read_registry_export(ByteView bytes) {
  POSTERN_TRY(file, TextFile::of(bytes));
  Cursor cursor{file};
  POSTERN_TRY(text_in_hex, take_version(cursor));
  std::vector<RegistryValue> values;
  std::string key;
  bool removed_key = false;
  for (cursor.skip_white(); !cursor.at_end(); cursor.skip_white()) {
    if (cursor.peek() == u';') {
      cursor.skip_line();
      continue;
    }
    if (values.size() == kMaxValues)
      return fail(ErrorCode::too_large, "values", cursor.offset(), "more values than a file may have");
    RegistryValue value;
    value.offset = cursor.offset();
    if (cursor.peek() == u'[') {
      POSTERN_TRY(name, take_section(cursor, "key"));
      removed_key = name.starts_with('-');
      key = removed_key ? name.substr(1) : name;
      if (removed_key) {
        value.key = key;
        value.change = Change::removed_key;
        values.push_back(std::move(value));
      }
      continue;
    }
    if (cursor.peek() == u'"') {
      POSTERN_TRY(name, take_quoted(cursor, "name", kMaxKeyBytes));
      value.name = std::move(name);
    } else if (!cursor.take(u'@')) {
      return fail(ErrorCode::malformed, "name", cursor.offset(), "neither a key, a quoted name, @ nor a comment");
    }
    if (key.empty() || removed_key) return fail(ErrorCode::malformed, "name", value.offset, "a value without a key above it");
    value.key = key;
    cursor.skip_blanks();
    if (!cursor.take(u'=')) return fail(ErrorCode::malformed, "value", cursor.offset(), "no = after the name");
    cursor.skip_blanks();
    POSTERN_CHECK(take_data(cursor, text_in_hex, value));
    POSTERN_CHECK(expect_line_end(cursor));
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace postern::policy::windows_import
