#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/reader.hpp"

namespace postern {
namespace {

constexpr char32_t kReplacement = 0xfffd;
constexpr char32_t kMaxCodePoint = 0x10ffff;
constexpr char32_t kInvalid = 0xffffffff;

constexpr bool is_high_surrogate(char32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
constexpr bool is_low_surrogate(char32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }
constexpr bool is_surrogate(char32_t unit) { return unit >= 0xd800 && unit <= 0xdfff; }

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3f));
    put(0x80 | ((point >> 6) & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

/// Takes one code point off the front; kInvalid if there is none in shortest form.
char32_t take_utf8(std::string_view& text) {
  const auto byte_at = [&text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte_at(0);
  std::size_t length = 1;
  char32_t point = lead;
  char32_t smallest = 0;
  if (lead >= 0x80) {
    if ((lead & 0xe0) == 0xc0) {
      length = 2, point = lead & 0x1f, smallest = 0x80;
    } else if ((lead & 0xf0) == 0xe0) {
      length = 3, point = lead & 0x0f, smallest = 0x800;
    } else if ((lead & 0xf8) == 0xf0) {
      length = 4, point = lead & 0x07, smallest = 0x10000;
    } else {
      return kInvalid;
    }
  }
  if (text.size() < length) return kInvalid;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(i) & 0xc0) != 0x80) return kInvalid;
    point = (point << 6) | (byte_at(i) & 0x3f);
  }
  if (point < smallest || point > kMaxCodePoint || is_surrogate(point)) return kInvalid;
  text.remove_prefix(length);
  return point;
}

void append_point(Bytes& out, char32_t point) {
  const auto put = [&out](char32_t unit) {
    out.push_back(static_cast<std::uint8_t>(unit));
    out.push_back(static_cast<std::uint8_t>(unit >> 8));
  };
  if (point < 0x10000) {
    put(point);
  } else {
    put(0xd800 + ((point - 0x10000) >> 10));
    put(0xdc00 + ((point - 0x10000) & 0x3ff));
  }
}

/// The code point at `i` (a whole code unit is there) and how many bytes it has; kInvalid for a lone surrogate.
struct Decoded {
  char32_t point;
  std::size_t bytes;
};
Decoded decode_utf16le(ByteView text, std::size_t i) {
  const char32_t unit = load_le<std::uint16_t>(&text[i]);
  if (!is_surrogate(unit)) return {unit, 2};
  if (is_high_surrogate(unit) && text.size() - i >= 4) {
    const char32_t low = load_le<std::uint16_t>(&text[i + 2]);
    if (is_low_surrogate(low)) return {0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 4};
  }
  return {kInvalid, 2};
}

/// Four bytes to four code units of 16 bits, and back.
constexpr std::uint64_t widen_four(std::uint64_t bytes) {
  bytes &= 0xffff'ffff;
  bytes = (bytes | bytes << 16) & 0x0000'ffff'0000'ffff;
  return (bytes | bytes << 8) & 0x00ff'00ff'00ff'00ff;
}
constexpr std::uint32_t narrow_four(std::uint64_t units) {
  units = (units | units >> 8) & 0x0000'ffff'0000'ffff;
  return static_cast<std::uint32_t>(units | units >> 16);
}
static_assert(widen_four(0xffff'ffff'4443'4241) == 0x0044'0043'0042'0041);
static_assert(narrow_four(0x0044'0043'0042'0041) == 0x4443'4241);

/// Names are ASCII nearly always, and then there is nothing to decode: eight characters at a time. How many were widened to `out`,
/// which has room for all.
std::size_t widen_ascii(std::string_view text, std::uint8_t* out) {
  const ByteView bytes = as_bytes(text);
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const auto eight = load_le<std::uint64_t>(&bytes[i]);
    if ((eight & 0x8080'8080'8080'8080) != 0) break;
    store_le(out + 2 * i, widen_four(eight));
    store_le(out + 2 * i + 8, widen_four(eight >> 32));
  }
  for (; i < bytes.size() && bytes[i] < 0x80; ++i) store_le(out + 2 * i, std::uint16_t{bytes[i]});
  return i;
}
/// Four characters at a time; how many were narrowed to `out`, which has room for all.
std::size_t narrow_ascii(ByteView text, char* out) {
  std::size_t i = 0;
  for (; 2 * i + 8 <= text.size(); i += 4) {
    const auto four = load_le<std::uint64_t>(&text[2 * i]);
    if ((four & 0xff80'ff80'ff80'ff80) != 0) break;
    store_le(reinterpret_cast<std::uint8_t*>(out + i), narrow_four(four));
  }
  for (; 2 * i + 2 <= text.size() && text[2 * i] < 0x80 && text[2 * i + 1] == 0; ++i) out[i] = static_cast<char>(text[2 * i]);
  return i;
}

constexpr std::array<std::uint16_t, 128> kCodePage850{
#include "base/code_page_850.inc"
};

struct UpperCaseRun {
  std::uint16_t first, last, step, delta;
};
constexpr UpperCaseRun kUpperCaseRuns[] = {
#include "base/upper_case_table.inc"
};
static_assert(std::ranges::is_sorted(kUpperCaseRuns, {}, &UpperCaseRun::first));

}  // namespace

Result<Bytes> utf8_to_utf16le(std::string_view text, std::string_view field) {
  Bytes out;
  POSTERN_CHECK(append_utf16le(out, text, field));
  return out;
}

Result<void> append_utf16le(Bytes& out, std::string_view text, std::string_view field) {
  const std::size_t size = text.size();
  const std::size_t before = out.size();
  out.resize(before + 2 * size);  // worst case: one byte of ASCII becomes one code unit
  const std::size_t plain = widen_ascii(text, out.data() + before);
  if (plain == size) return {};
  out.resize(before + 2 * plain);
  text.remove_prefix(plain);
  while (!text.empty()) {
    const std::size_t offset = size - text.size();
    const char32_t point = take_utf8(text);
    if (point == kInvalid) {
      out.resize(before);
      return fail(ErrorCode::invalid_input, field, offset, "not valid UTF-8");
    }
    append_point(out, point);
  }
  return {};
}

Result<std::string> utf16le_to_utf8(ByteView text, std::string_view field, std::size_t offset) {
  if (text.size() % 2 != 0) return fail(ErrorCode::malformed, field, offset, "UTF-16 text of odd length");
  std::string out(text.size() / 2, '\0');
  const std::size_t plain = narrow_ascii(text, out.data());
  if (plain * 2 == text.size()) return out;
  out.resize(plain);
  out.reserve(plain + (text.size() / 2 - plain) * 3);  // worst case: one code unit becomes three bytes
  for (std::size_t i = plain * 2; i < text.size();) {
    const Decoded decoded = decode_utf16le(text, i);
    if (decoded.point == kInvalid) return fail(ErrorCode::malformed, field, offset + i, "a lone surrogate in UTF-16 text");
    append_utf8(out, decoded.point);
    i += decoded.bytes;
  }
  return out;
}

std::string utf16le_to_utf8_lossy(ByteView text) {
  std::string out;
  std::size_t i = 0;
  while (i + 2 <= text.size()) {
    const Decoded decoded = decode_utf16le(text, i);
    append_utf8(out, decoded.point == kInvalid ? kReplacement : decoded.point);
    i += decoded.bytes;
  }
  if (i < text.size()) append_utf8(out, kReplacement);
  return out;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (take_utf8(text) == kInvalid) return false;
  }
  return true;
}

std::string_view name_of(CodePage page) {
  switch (page) {
    case CodePage::cp850: return "cp850";
    case CodePage::utf8: return "utf-8";
    case CodePage::latin1: return "latin-1";
  }
  return "cp850";
}

std::optional<CodePage> code_page_from_name(std::string_view name) {
  std::string lower{name};
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (lower == "cp850" || lower == "850" || lower == "ibm850") return CodePage::cp850;
  if (lower == "utf-8" || lower == "utf8") return CodePage::utf8;
  if (lower == "latin-1" || lower == "latin1" || lower == "iso-8859-1") return CodePage::latin1;
  return std::nullopt;
}

Result<std::string> oem_to_utf8(ByteView text, CodePage page, std::string_view field, std::size_t offset) {
  if (page == CodePage::utf8) {
    std::string out{as_text(text)};
    if (!is_utf8(out)) return fail(ErrorCode::malformed, field, offset, "OEM text is not UTF-8, the configured code page");
    return out;
  }
  std::string out;
  out.reserve(text.size() * 3);
  for (const std::uint8_t byte : text) {
    append_utf8(out, byte < 0x80 || page == CodePage::latin1 ? byte : kCodePage850[byte - 0x80]);
  }
  return out;
}

Result<Bytes> utf8_to_oem(std::string_view text, CodePage page, std::string_view field) {
  if (page == CodePage::utf8) {
    if (!is_utf8(text)) return fail(ErrorCode::invalid_input, field, Error::kNoOffset, "not valid UTF-8");
    return to_bytes(as_bytes(text));
  }
  Bytes out;
  out.reserve(text.size());
  const std::size_t size = text.size();
  while (!text.empty()) {
    const std::size_t offset = size - text.size();
    const char32_t point = take_utf8(text);
    if (point == kInvalid) return fail(ErrorCode::invalid_input, field, offset, "not valid UTF-8");
    if (point < 0x80 || (page == CodePage::latin1 && point <= 0xff)) {
      out.push_back(static_cast<std::uint8_t>(point));
      continue;
    }
    const auto place = page == CodePage::cp850 ? std::ranges::find(kCodePage850, point) : kCodePage850.end();
    if (place == kCodePage850.end()) {
      return fail(ErrorCode::invalid_input, field, offset, "a character that the OEM code page does not have");
    }
    out.push_back(static_cast<std::uint8_t>(0x80 + (place - kCodePage850.begin())));
  }
  return out;
}

char16_t upper_case(char16_t unit) {
  if (unit < 0x80) return unit >= u'a' && unit <= u'z' ? static_cast<char16_t>(unit - 32) : unit;
  const auto after = std::ranges::upper_bound(kUpperCaseRuns, std::uint16_t{unit}, {}, &UpperCaseRun::first);
  if (after == std::begin(kUpperCaseRuns)) return unit;
  const UpperCaseRun& run = *std::prev(after);
  if (unit > run.last || (unit - run.first) % run.step != 0) return unit;
  return static_cast<char16_t>(unit + run.delta);
}

void upper_case_utf16le(MutableByteView text) {
  for (std::size_t i = 0; i + 2 <= text.size(); i += 2) {
    store_le(&text[i], static_cast<std::uint16_t>(upper_case(load_le<std::uint16_t>(&text[i]))));
  }
}

std::string upper_case_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char32_t point = take_utf8(text);
    if (point == kInvalid) {  // keep what is not UTF-8 byte by byte: this function compares, it does not judge
      out.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    append_utf8(out, point < 0x10000 ? upper_case(static_cast<char16_t>(point)) : point);
  }
  return out;
}

}  // namespace postern
