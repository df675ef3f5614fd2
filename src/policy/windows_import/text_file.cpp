#include "policy/windows_import/text_file.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "policy/windows_import/registry_file.hpp"

namespace postern::policy::windows_import {
namespace {

constexpr std::array<std::uint8_t, 2> kUtf16Mark{0xff, 0xfe};
constexpr std::array<std::uint8_t, 3> kUtf8Mark{0xef, 0xbb, 0xbf};

bool begins_with(ByteView bytes, ByteView start) {
  return bytes.size() >= start.size() && std::ranges::equal(bytes.first(start.size()), start);
}

}  // namespace

Result<TextFile> TextFile::of(ByteView file) {
  if (begins_with(file, kUtf16Mark)) {
    if (file.size() % 2 != 0) return fail(ErrorCode::malformed, "file", file.size() - 1, "half a UTF-16 unit at the end");
    return TextFile{file.subspan(kUtf16Mark.size()), kUtf16Mark.size(), 2};
  }
  const std::size_t mark = begins_with(file, kUtf8Mark) ? kUtf8Mark.size() : 0;
  return TextFile{file.subspan(mark), mark, 1};
}

Result<std::string> TextFile::text(std::size_t begin, std::size_t end, std::string_view field, std::size_t bytes_max) const {
  const std::size_t offset = offset_of(begin);
  const ByteView bytes = bytes_.subspan(begin * unit_bytes_, (end - begin) * unit_bytes_);
  // UTF-8 needs at least half the bytes of UTF-16.
  if (bytes.size() > 2 * bytes_max) return fail(ErrorCode::too_large, field, offset, "longer than it may be");
  const auto decode = [&]() -> Result<std::string> {
    if (is_wide()) return utf16le_to_utf8(bytes, field, offset);
    if (is_utf8(as_text(bytes))) return std::string{as_text(bytes)};
    return oem_to_utf8(bytes, CodePage::latin1, field, offset);
  };
  POSTERN_TRY(text, decode());
  if (text.size() > bytes_max) return fail(ErrorCode::too_large, field, offset, "longer than it may be");
  return text;
}

Result<std::string> take_section(Cursor& cursor, std::string_view field) {
  const std::size_t begin = cursor.offset();
  const std::size_t end = cursor.trimmed_line_end();
  if (!cursor.take(u'[') || end < cursor.position() + 1 || cursor.file()[end - 1] != u']') {
    return fail(ErrorCode::malformed, field, begin, "no closing bracket at the end of the line");
  }
  POSTERN_TRY(name, cursor.file().text(cursor.position(), end - 1, field, kMaxKeyBytes));
  if (name.empty()) return fail(ErrorCode::malformed, field, begin, "nothing between the brackets");
  cursor.move_to(end);
  cursor.skip_line();
  return name;
}

}  // namespace postern::policy::windows_import
