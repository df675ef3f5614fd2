#include "event/json.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "base/bytes.hpp"
#include "event/fields.hpp"

namespace postern::event {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// The length of the well-formed UTF-8 character at the front of `text` (Unicode table 3-7), 0 if there is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto between = [](unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const bool tail1 = between(byte(1), 0x80, 0xbf);
  const bool tail2 = between(byte(2), 0x80, 0xbf);
  const bool tail3 = between(byte(3), 0x80, 0xbf);
  if (between(first, 0xc2, 0xdf)) return tail1 ? 2 : 0;
  if (between(first, 0xe0, 0xef)) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;   // no over-long forms
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return between(byte(1), low, high) && tail2 ? 3 : 0;
  }
  if (between(first, 0xf0, 0xf4)) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;  // nothing past U+10FFFF
    return between(byte(1), low, high) && tail2 && tail3 ? 4 : 0;
  }
  return 0;
}

/// Walks an event and appends its JSON.
class Writer {
 public:
  explicit Writer(std::string& out) : out_{out} {}

  template <typename T>
  void operator()(std::string_view key, const std::optional<T>& value) {
    if (value) always(key, *value);
  }
  void operator()(std::string_view key, AccountKind kind) {
    if (kind != AccountKind::unknown) always(key, kind);
  }
  template <typename T>
  void operator()(std::string_view key, const std::vector<T>& list) {
    if (list.empty()) return;
    begin(key);
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i != 0) out_ += ',';
      put(list[i]);
    }
    out_ += ']';
  }
  /// An object of which nothing is known is left out.
  template <typename T>
    requires std::is_class_v<T>
  void operator()(std::string_view key, const T& object) {
    const std::size_t start = out_.size();
    const bool was_empty = empty_;
    begin(key);
    if (!put(object)) {
      out_.resize(start);
      empty_ = was_empty;
    }
  }
  void always(std::string_view key, const auto& value) {
    begin(key);
    put(value);
  }
  void required(std::string_view key, const auto& value) { always(key, value); }
  void hex(std::string_view key, const std::optional<std::uint32_t>& value) {
    if (value) put_hex(key, *value, "0123456789abcdef");
  }
  void hex_upper(std::string_view key, std::uint32_t value) { put_hex(key, value, "0123456789ABCDEF"); }

  void put(std::string_view text) {
    out_ += '"';
    while (!text.empty()) {
      const std::size_t length = character_length(text);
      if (length == 0) {
        out_ += kReplacement;
        text.remove_prefix(1);
        continue;
      }
      if (length == 1) {
        put_ascii(text.front());
      } else {
        put_beyond_ascii(text.substr(0, length));
      }
      text.remove_prefix(length);
    }
    out_ += '"';
  }
  void put(std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    out_.append(digits.data(), end);
  }
  void put(bool value) { out_ += value ? "true" : "false"; }

 private:
  void put_ascii(char letter) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      out_ += '\\';
      out_ += letter;
    } else if (code >= 0x20 && code != 0x7f) {
      out_ += letter;
    } else if (letter == '\n') {
      out_ += "\\n";
    } else if (letter == '\t') {
      out_ += "\\t";
    } else {
      out_ += "\\u00";
      out_ += kHex[code >> 4];
      out_ += kHex[code & 0xf];
    }
  }
  /// Control characters beyond ASCII and the two line separators are escaped as well: terminals obey the first, and some readers of
  /// lines split at the second.
  void put_beyond_ascii(std::string_view character) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto last = static_cast<unsigned char>(character.back());
    if (character.front() == '\xc2' && last < 0xa0) {
      out_ += "\\u00";
      out_ += kHex[last >> 4];
      out_ += kHex[last & 0xf];
    } else if (character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9") {
      out_ += last == 0xa8 ? "\\u2028" : "\\u2029";
    } else {
      out_ += character;
    }
  }
  void put(const std::string& text) { put(std::string_view{text}); }
  void put(std::uint16_t number) { put(std::uint64_t{number}); }
  void put(std::uint32_t number) { put(std::uint64_t{number}); }
  template <NamedEnum E>
  void put(E value) {
    out_ += '"';
    out_ += name_of(value);
    out_ += '"';
  }
  void put(const Timestamp& time) { put(std::string_view{time.file_time().to_rfc3339()}); }
  void put(const EventId& id) { put(std::string_view{id.text()}); }
  void put(const KeyedDigest& digest) { put(std::string_view{to_hex(digest)}); }
  /// True if the object has a key.
  template <typename T>
    requires requires(const T& object, Writer& writer) { for_each_field(object, writer); }
  bool put(const T& object) {
    const bool outer = empty_;
    empty_ = true;
    out_ += '{';
    for_each_field(object, *this);
    out_ += '}';
    const bool has_keys = !empty_;
    empty_ = outer;
    return has_keys;
  }
  void put_hex(std::string_view key, std::uint32_t value, std::string_view digits) {
    begin(key);
    out_ += "\"0x";
    for (unsigned shift = 32; shift != 0;) out_ += digits[value >> (shift -= 4) & 0xf];
    out_ += '"';
  }
  void begin(std::string_view key) {
    if (!empty_) out_ += ',';
    empty_ = false;
    out_ += '"';
    out_ += key;
    out_ += "\":";
  }

  std::string& out_;
  bool empty_ = true;  // the object that is being written has no key so far
};

}  // namespace

std::string to_json(const LogonEvent& event) {
  constexpr std::size_t kUsualBytes = 2048;
  std::string out;
  out.reserve(kUsualBytes);
  out += '{';
  Writer writer{out};
  writer.always("schema", LogonEvent::kSchema);
  for_each_field(event, writer);
  out += '}';
  return out;
}

void append_json_text(std::string& out, std::string_view text) { Writer{out}.put(text); }

}  // namespace postern::event
