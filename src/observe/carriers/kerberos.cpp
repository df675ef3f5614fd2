// Kerberos on port 88 (RFC 4120, 5.4 and 5.9): what was asked for and what the KDC said, for the reason why NTLM followed.
#include <algorithm>
#include <optional>
#include <string>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"
#include "spnego/der.hpp"

namespace postern::observe {
namespace {

using spnego::der::context;
using spnego::der::Element;
using Der = spnego::der::Reader;

// [APPLICATION n] of the messages.
constexpr std::uint8_t kAsReq = 0x6a;
constexpr std::uint8_t kAsRep = 0x6b;
constexpr std::uint8_t kTgsReq = 0x6c;
constexpr std::uint8_t kTgsRep = 0x6d;
constexpr std::uint8_t kError = 0x7e;
constexpr std::uint8_t kTicket = 0x61;
constexpr std::size_t kMaxNameBytes = 512;
constexpr std::size_t kLengthBytes = 4;

/// The fields of a SEQUENCE of explicitly tagged fields.
std::optional<Element> field_of(const Element& sequence, unsigned number) {
  Der in{sequence};
  while (!in.at_end()) {
    const auto field = in.next("field");
    if (!field) return std::nullopt;
    if (field->tag != context(number)) continue;
    Der inner{*field};
    const auto value = inner.next("value");
    if (!value) return std::nullopt;
    return *value;
  }
  return std::nullopt;
}

/// The SEQUENCE in an [APPLICATION n].
std::optional<Element> body_of(const Element& message) {
  const auto body = spnego::der::only_child(message, spnego::der::kSequence, "message");
  if (!body) return std::nullopt;
  return *body;
}

/// PrincipalName's components joined: `cifs/fs1.lab.test`.
std::string principal(const std::optional<Element>& name) {
  if (!name) return {};
  const auto components = field_of(*name, 1);
  if (!components) return {};
  std::string out;
  Der in{*components};
  while (!in.at_end()) {
    const auto part = in.next("name-string");
    if (!part || out.size() + part->content.size() > kMaxNameBytes) return {};
    if (!out.empty()) out += '/';
    out += as_text(part->content);
  }
  return out;
}

std::uint32_t number_of(const std::optional<Element>& value) {
  std::uint32_t number = 0;
  if (!value) return number;
  for (const std::uint8_t octet : value->content) number = number << 8 | octet;
  return number;
}

/// False if this is no message of Kerberos.
bool read_kerberos(const Connection& connection, Side from, ByteView message, const Moment& moment, Witness& witness) {
  Der outer{message};
  const auto whole = outer.next("KRB message");
  if (!whole) return false;
  NoteSeen seen;
  seen.moment = moment;
  seen.from = from;
  const auto body = body_of(*whole);
  if (!body) return false;
  switch (whole->tag) {
    case kAsReq:
    case kTgsReq: {
      const auto request = field_of(*body, 4);
      if (!request) return false;
      const bool as = whole->tag == kAsReq;
      seen.kind = as ? NoteSeen::Kind::as_request : NoteSeen::Kind::tgs_request;
      seen.detail = principal(field_of(*request, as ? 1 : 3));
      break;
    }
    case kAsRep:
    case kTgsRep: {
      const auto ticket = field_of(*body, 5);
      if (!ticket || ticket->tag != kTicket) return false;
      const auto inside = body_of(*ticket);
      if (!inside) return false;
      seen.kind = NoteSeen::Kind::kdc_reply;
      seen.detail = principal(field_of(*inside, 2));
      break;
    }
    case kError:
      seen.kind = NoteSeen::Kind::kdc_error;
      seen.number = number_of(field_of(*body, 6));
      seen.detail = principal(field_of(*body, 10));
      break;
    default: return false;
  }
  witness.on_note(connection, seen);
  return true;
}

/// TCP: four bytes of length, then the message (RFC 4120, 7.2.2).
class KerberosAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    if (front.bytes.size() < kLengthBytes) return 0;
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | front.bytes[i];
    const std::uint64_t record = kLengthBytes + length;
    if (length == 0 || record > Inlet::kMaxBytes) {
      finish();
      return 0;
    }
    if (front.bytes.size() < record) return 0;
    const auto end = static_cast<std::size_t>(record);
    if (!read_kerberos(connection_, front.from, front.bytes.first(end).subspan(kLengthBytes), front.moment_of(end - 1),
                       front.witness)) {
      finish();
    }
    return record;
  }

  std::uint64_t search(const Front& front) override {
    // A KDC's connection has one request and one answer. Kerberos has no carrier of its own; HTTP's is what a note has by default.
    give_up(front, NoteSeen{}.carrier);
    return front.bytes.size();
  }
};

}  // namespace

std::unique_ptr<Analyzer> make_kerberos_analyzer(const Connection& connection) {
  return std::make_unique<KerberosAnalyzer>(connection);
}

std::optional<std::uint32_t> kerberos_error_in(ByteView token) {
  Der outer{token};
  const auto frame = outer.next("token");
  if (!frame || frame->tag != spnego::der::kApplication0) return std::nullopt;
  const ByteView content = frame->content;
  if (content.size() < 2 || content[0] != spnego::der::kOid || content[1] >= 0x80) return std::nullopt;
  const std::size_t at = 2U + content[1];
  if (content.size() < at + 2 || content[at] != 0x03 || content[at + 1] != 0x00) return std::nullopt;
  Der inner{content.subspan(at + 2)};
  const auto error = inner.next("KRB-ERROR");
  if (!error || error->tag != kError) return std::nullopt;
  const auto body = body_of(*error);
  if (!body) return std::nullopt;
  const auto code = field_of(*body, 6);
  if (!code) return std::nullopt;
  return number_of(code);
}

void observe_kerberos_datagram(const Connection& conversation, Side from, ByteView datagram, const Moment& moment,
                               Witness& witness) {
  static_cast<void>(read_kerberos(conversation, from, datagram, moment, witness));
}

}  // namespace postern::observe
