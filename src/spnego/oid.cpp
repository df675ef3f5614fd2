#include "spnego/oid.hpp"

namespace postern::spnego {
namespace {

/// A natural number in decimal, lowest digit first: arcs may be larger than any machine word (2.25 and a UUID, for one).
class Decimal {
 public:
  void times_128_plus(unsigned value) {
    for (char& digit : digits_) {
      value += static_cast<unsigned>(digit) * 128;
      digit = static_cast<char>(value % 10);
      value /= 10;
    }
    for (; value != 0; value /= 10) digits_.push_back(static_cast<char>(value % 10));
  }
  /// The number is at least 80.
  void minus_80() {
    int borrow = 80;
    for (std::size_t i = 0; borrow != 0; ++i) {
      int digit = digits_[i] - borrow % 10;
      borrow /= 10;
      if (digit < 0) {
        digit += 10;
        ++borrow;
      }
      digits_[i] = static_cast<char>(digit);
    }
    while (!digits_.empty() && digits_.back() == 0) digits_.pop_back();
  }
  /// The value if it is below 1000; more than any caller compares with otherwise.
  [[nodiscard]] int small() const {
    if (digits_.size() > 3) return 1000;
    int value = 0;
    for (std::size_t i = digits_.size(); i > 0; --i) value = value * 10 + digits_[i - 1];
    return value;
  }
  [[nodiscard]] std::string text() const {
    if (digits_.empty()) return "0";
    std::string text{digits_.rbegin(), digits_.rend()};
    for (char& digit : text) digit = static_cast<char>(digit + '0');
    return text;
  }

 private:
  std::string digits_;
};

}  // namespace

Result<Oid> Oid::parse(ByteView der_content, std::size_t offset) {
  if (der_content.size() > kMaxBytes) return fail(ErrorCode::too_large, "SPNEGO.OID", offset, "longer than any mechanism's");
  if (!is_valid(der_content)) return fail(ErrorCode::malformed, "SPNEGO.OID", offset, "empty, unfinished or padded arc");
  Oid oid;
  std::copy(der_content.begin(), der_content.end(), oid.content_.begin());
  oid.size_ = static_cast<std::uint8_t>(der_content.size());
  return oid;
}

std::string Oid::to_dotted() const {
  std::string text;
  Decimal arc;
  for (const std::uint8_t octet : der_content()) {
    arc.times_128_plus(octet & 0x7fU);
    if ((octet & 0x80) != 0) continue;
    if (!text.empty()) {
      text.append(1, '.').append(arc.text());
    } else if (const int both = arc.small(); both < 80) {  // the first octets hold 40 times the first arc, and the second
      text = std::to_string(both / 40) + '.' + std::to_string(both % 40);
    } else {
      arc.minus_80();
      text = "2." + arc.text();
    }
    arc = Decimal{};
  }
  return text;
}

}  // namespace postern::spnego
