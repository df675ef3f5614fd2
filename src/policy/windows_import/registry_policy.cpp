// `registry.pol` (MS-GPREG 2.2): a header, then `[key;value;type;size;data]` with delimiters and texts in UTF-16LE.
#include <utility>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "policy/windows_import/registry_file.hpp"

namespace postern::policy::windows_import {
namespace {

// The two numbers of the header (MS-GPREG 2.2).
constexpr std::uint32_t kSignature = 0x6765'5250;
constexpr std::uint32_t kVersion = 1;

Result<void> expect(Reader& reader, char16_t delimiter, std::string_view field) {
  const std::size_t offset = reader.position();
  POSTERN_TRY(unit, reader.u16(field));
  if (unit != delimiter) {
    return fail(ErrorCode::malformed, field, offset, std::string{"no '"} + static_cast<char>(delimiter) + "' where one belongs");
  }
  return {};
}

/// UTF-16LE up to its NUL.
Result<std::string> take_text(Reader& reader, std::string_view field) {
  const std::size_t offset = reader.position();
  const ByteView rest = reader.rest();
  std::size_t bytes = 0;
  while (bytes + 2 <= rest.size() && (rest[bytes] != 0 || rest[bytes + 1] != 0)) {
    bytes += 2;
    if (bytes > kMaxKeyBytes) return fail(ErrorCode::too_large, field, offset, "longer than it may be");
  }
  if (bytes + 2 > rest.size()) return fail(ErrorCode::truncated, field, offset, "no NUL at the end of the text");
  POSTERN_TRY(text, reader.take(bytes, field));
  POSTERN_CHECK(reader.take(2, field));
  return utf16le_to_utf8(text, field, offset);
}

// A name that begins with two asterisks is an order, not a value (MS-GPREG 2.2): two of them are understood here, the others
// (**DeleteValues, **DeleteKeys, **SecureKey, **soft.) keep their name, and no setting is called that.
void read_order(RegistryValue& value) {
  constexpr std::string_view kDelete = "**del.";
  if (value.name.size() > kDelete.size() && upper_case_utf8(value.name.substr(0, kDelete.size())) == upper_case_utf8(kDelete)) {
    value.name.erase(0, kDelete.size());
    value.change = Change::removed;
  } else if (upper_case_utf8(value.name) == upper_case_utf8("**delvals.")) {
    value.name.clear();
    value.change = Change::removed_key;
  }
}

}  // namespace

Result<std::vector<RegistryValue>> read_registry_policy(ByteView file) {
  Reader reader{file};
  POSTERN_TRY(signature, reader.u32("signature"));
  if (signature != kSignature) return fail(ErrorCode::unsupported, "signature", 0, "not a registry policy file");
  POSTERN_TRY(version, reader.u32("version"));
  if (version != kVersion) return fail(ErrorCode::unsupported, "version", sizeof signature, "a version that is not known");
  std::vector<RegistryValue> values;
  while (!reader.at_end()) {
    if (values.size() == kMaxValues)
      return fail(ErrorCode::too_large, "values", reader.position(), "more values than a file may have");
    RegistryValue value;
    value.offset = reader.position();
    POSTERN_CHECK(expect(reader, u'[', "entry"));
    POSTERN_TRY(key, take_text(reader, "key"));
    POSTERN_CHECK(expect(reader, u';', "key"));
    POSTERN_TRY(name, take_text(reader, "value"));
    POSTERN_CHECK(expect(reader, u';', "value"));
    POSTERN_TRY(type, reader.u32("type"));
    POSTERN_CHECK(expect(reader, u';', "type"));
    const std::size_t size_offset = reader.position();
    POSTERN_TRY(size, reader.u32("size"));
    POSTERN_CHECK(expect(reader, u';', "size"));
    if (size > kMaxDataBytes) return fail(ErrorCode::too_large, "size", size_offset, "more data than a value may have");
    POSTERN_TRY(data, reader.take(size, "data"));
    POSTERN_CHECK(expect(reader, u']', "data"));
    value.key = std::move(key);
    value.name = std::move(name);
    value.type = static_cast<ValueType>(type);
    value.data = to_bytes(data);
    read_order(value);
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace postern::policy::windows_import
