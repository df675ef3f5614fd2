#include "spnego/der.hpp"

namespace postern::spnego::der {
namespace {

constexpr std::uint8_t kLongForm = 0x80;
constexpr std::uint8_t kTagNumberFollows = 0x1f;
constexpr std::size_t kMaxLengthOctets = 4;

/// Octets after the first one of a length.
std::size_t further_length_octets(std::size_t length) {
  std::size_t count = 0;
  if (length >= kLongForm) {
    for (; length != 0; length >>= 8) ++count;
  }
  return count;
}

}  // namespace

Result<Element> Reader::next(std::string_view field) {
  const ByteView rest = input_.subspan(position_);
  if (rest.size() < 2) return fail(ErrorCode::truncated, field, offset(), "no room for a tag and a length");
  if ((rest[0] & kTagNumberFollows) == kTagNumberFollows)
    return fail(ErrorCode::malformed, field, offset(), "tag of several octets");
  std::size_t header = 2;
  std::size_t length = rest[1];
  if (length >= kLongForm) {
    const std::size_t octets = length - kLongForm;
    if (octets == 0) return fail(ErrorCode::malformed, field, offset() + 1, "indefinite length");
    if (octets > kMaxLengthOctets) return fail(ErrorCode::malformed, field, offset() + 1, "length of more than four octets");
    if (octets > rest.size() - header) return fail(ErrorCode::truncated, field, offset() + 1, "the input ends inside the length");
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = (length << 8) | rest[header + i];
    header += octets;
  }
  if (length > rest.size() - header) return fail(ErrorCode::truncated, field, offset(), "the length goes past the end");
  const Element element{rest[0], rest.subspan(header, length), rest.first(header + length), offset() + header};
  position_ += header + length;
  return element;
}

Result<Element> Reader::expect(std::uint8_t tag, std::string_view field) {
  const std::size_t start = offset();
  POSTERN_TRY(element, next(field));
  if (element.tag != tag) return fail(ErrorCode::malformed, field, start, "another tag than the one that belongs here");
  return element;
}

Result<void> Reader::expect_end(std::string_view field) const {
  if (!at_end()) return fail(ErrorCode::malformed, field, offset(), "bytes after the end");
  return {};
}

Result<Element> only_child(const Element& outer, std::uint8_t tag, std::string_view field) {
  Reader in{outer};
  POSTERN_TRY(child, in.expect(tag, field));
  POSTERN_CHECK(in.expect_end(field));
  return child;
}

std::size_t element_bytes(std::size_t content_bytes) { return 2 + further_length_octets(content_bytes) + content_bytes; }

void write_header(postern::Writer& out, std::uint8_t tag, std::size_t content_bytes) {
  out.u8(tag);
  std::size_t octets = further_length_octets(content_bytes);
  if (octets == 0) {
    out.u8(static_cast<std::uint8_t>(content_bytes));
    return;
  }
  out.u8(static_cast<std::uint8_t>(kLongForm | octets));
  for (; octets > 0; --octets) out.u8(static_cast<std::uint8_t>(content_bytes >> (8 * (octets - 1))));
}

void write_element(postern::Writer& out, std::uint8_t tag, ByteView content) {
  write_header(out, tag, content.size());
  out.bytes(content);
}

}  // namespace postern::spnego::der
