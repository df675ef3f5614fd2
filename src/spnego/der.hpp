// DER as far as SPNEGO needs it: elements of one-octet tags, one after the other, over a view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/writer.hpp"

namespace postern::spnego::der {

inline constexpr std::uint8_t kBitString = 0x03;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kOid = 0x06;
inline constexpr std::uint8_t kEnumerated = 0x0a;
inline constexpr std::uint8_t kGeneralString = 0x1b;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kApplication0 = 0x60;
/// The constructed context tag [number]; number below 31.
[[nodiscard]] constexpr std::uint8_t context(unsigned number) { return static_cast<std::uint8_t>(0xa0U | number); }

/// One element. Views into the input, nothing is copied.
struct Element {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;                  ///< tag and length included
  std::size_t content_offset = 0;  ///< in the outermost input
};

/// Takes elements off a view. Refuses what is no DER whatever the reader would do with it: tags of several octets, indefinite
/// lengths, lengths of more than four octets, lengths past the end. A definite length in more octets than it needs is BER, not DER,
/// and taken all the same: it has one meaning, MIT krb5 takes it too, and what a MIC covers is the bytes as received, never our
/// encoding of them.
class Reader {
 public:
  explicit Reader(ByteView input, std::size_t base = 0) : input_{input}, base_{base} {}
  explicit Reader(const Element& parent) : Reader{parent.content, parent.content_offset} {}

  [[nodiscard]] bool at_end() const { return position_ == input_.size(); }
  [[nodiscard]] std::size_t offset() const { return base_ + position_; }
  /// The tag of the next element; the caller has seen that there is one.
  [[nodiscard]] std::uint8_t next_tag() const { return input_[position_]; }

  Result<Element> next(std::string_view field);
  /// The next element, which must have this tag.
  Result<Element> expect(std::uint8_t tag, std::string_view field);
  /// Succeeds if nothing is left.
  Result<void> expect_end(std::string_view field) const;

 private:
  ByteView input_;
  std::size_t base_;
  std::size_t position_ = 0;
};

/// The one element that `outer` holds, which must have this tag: what an explicit context tag is.
Result<Element> only_child(const Element& outer, std::uint8_t tag, std::string_view field);

/// Octets of a whole element with that much content. Contents are below 2^32.
[[nodiscard]] std::size_t element_bytes(std::size_t content_bytes);
/// Tag and length in the fewest octets; the content follows from the caller.
void write_header(postern::Writer& out, std::uint8_t tag, std::size_t content_bytes);
void write_element(postern::Writer& out, std::uint8_t tag, ByteView content);

}  // namespace postern::spnego::der
