// MSSQL's TDS (MS-TDS 2.2): LOGIN7 with its SSPI field, SSPI messages, LOGINACK or ERROR. Where the login is inside TLS, and by
// default it is, nothing can be seen.
#include <algorithm>
#include <string>

#include "base/reader.hpp"
#include "base/text.hpp"
#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint8_t kResponse = 0x04;
constexpr std::uint8_t kLogin7 = 0x10;
constexpr std::uint8_t kSspi = 0x11;
constexpr std::uint8_t kPreLogin = 0x12;
constexpr std::uint8_t kEndOfMessage = 0x01;
/// A login's messages are put together up to this: a token has less than 64 KiB, and little is beside it.
constexpr std::size_t kMaxMessageBytes = std::size_t{64} * 1024;

// Tokens of a response (MS-TDS 2.2.7).
constexpr std::uint8_t kTokenError = 0xaa;
constexpr std::uint8_t kTokenInfo = 0xab;
constexpr std::uint8_t kTokenLoginAck = 0xad;
constexpr std::uint8_t kTokenEnvChange = 0xe3;
constexpr std::uint8_t kTokenSspi = 0xed;

constexpr std::size_t kServerNameField = 52;  ///< of LOGIN7: ibServerName, cchServerName
constexpr std::size_t kSspiField = 78;        ///< ibSSPI, cbSSPI
constexpr std::size_t kLogin7FixedBytes = 94;
constexpr std::size_t kMaxNameLetters = 128;

class TdsAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    if (front.bytes[0] >= 0x14 && front.bytes[0] <= 0x17) {  // TLS without TDS around it
      finish_encrypted(front, Carrier::mssql);
      return 0;
    }
    if (front.bytes.size() < kHeaderBytes) return 0;
    const std::uint8_t type = front.bytes[0];
    const std::size_t length = static_cast<std::size_t>(front.bytes[2]) << 8 | front.bytes[3];
    if (length < kHeaderBytes || type == 0 || type > kPreLogin) return no_record(front);
    const bool wanted = type == kLogin7 || type == kSspi || type == kPreLogin || (type == kResponse && slot_.current() != 0);
    if (!wanted) return length;
    if (front.bytes.size() < length) return 0;
    const ByteView payload = front.bytes.subspan(kHeaderBytes, length - kHeaderBytes);
    if (type == kPreLogin) {
      // The TLS handshake travels in packets of this type.
      if (payload.size() >= 2 && payload[0] == 0x16 && payload[1] == 3) finish_encrypted(front, Carrier::mssql);
      return length;
    }
    add(front, type, payload, (front.bytes[1] & kEndOfMessage) != 0, front.moment_of(length - 1));
    return length;
  }

  std::uint64_t search(const Front& front) override {
    // A packet of a login: end of message, an honest length, window 0. What is lost inside a login is not found again.
    for (std::size_t i = 0; i + kHeaderBytes <= front.bytes.size(); ++i) {
      const ByteView at = front.bytes.subspan(i);
      const std::size_t length = static_cast<std::size_t>(at[2]) << 8 | at[3];
      const bool type = at[0] == kLogin7 || at[0] == kSspi || (at[0] == kResponse && front.from == Side::server);
      if (!type || at[1] != kEndOfMessage || length <= kHeaderBytes || at[7] != 0) continue;
      found(front.from);
      return i;
    }
    return front.bytes.size() < kHeaderBytes ? 0 : front.bytes.size() - kHeaderBytes + 1;
  }

  void on_lost(Side from, Witness&) override {
    message_of(from) = {};
    if (from == Side::client) slot_.clear();
  }
  [[nodiscard]] std::size_t held_beside() const override {
    static_assert(2 * kMaxMessageBytes <= kMaxBesideBytes);
    return client_message_.bytes.capacity() + server_message_.bytes.capacity();
  }

 private:
  /// A message in several packets.
  struct Message {
    Bytes bytes{};
    bool too_long = false;  ///< the rest of it is dropped
  };
  Message& message_of(Side side) { return side == Side::client ? client_message_ : server_message_; }

  void add(const Front& front, std::uint8_t type, ByteView payload, bool ends, const Moment& moment) {
    Message& held = message_of(front.from);
    if (held.bytes.empty() && !held.too_long && ends) return on_message(front, type, payload, moment);
    if (held.too_long || held.bytes.size() + payload.size() > kMaxMessageBytes) {
      held = {{}, !ends};
      return;
    }
    const std::size_t wanted = held.bytes.size() + payload.size();
    if (wanted > held.bytes.capacity()) held.bytes.reserve(std::min(kMaxMessageBytes, std::max(wanted, 2 * held.bytes.capacity())));
    held.bytes.insert(held.bytes.end(), payload.begin(), payload.end());
    if (!ends) return;
    const Bytes whole = std::exchange(held.bytes, {});
    on_message(front, type, whole, moment);
  }

  void on_message(const Front& front, std::uint8_t type, ByteView message, const Moment& moment) {
    switch (type) {
      case kLogin7: return on_login(front, message, moment);
      case kSspi: return report(front, message, moment);
      default: return on_response(front, message, moment);
    }
  }

  void on_login(const Front& front, ByteView login, const Moment& moment) {
    // The length that LOGIN7 says first (MS-TDS 2.2.6.4) tells a whole one from the end of one that began in a gap.
    if (login.size() < kLogin7FixedBytes || load_le<std::uint32_t>(login.data()) != login.size()) return;
    const auto field = [&](std::size_t at, std::size_t unit, std::size_t limit) {
      const std::size_t start = load_le<std::uint16_t>(&login[at]);
      const std::size_t size = std::min<std::size_t>(load_le<std::uint16_t>(&login[at + 2]), limit) * unit;
      return start >= login.size() ? ByteView{} : login.subspan(start, std::min(size, login.size() - start));
    };
    target_ = utf16le_to_utf8_lossy(field(kServerNameField, 2, kMaxNameLetters));
    const ByteView token = field(kSspiField, 1, SIZE_MAX);
    if (token.empty()) return finish();  // a login of SQL Server's own
    report(front, token, moment);
  }

  void report(const Front& front, ByteView token, const Moment& moment) {
    if (token.empty()) return;
    const TokenContent content = peek_token(token);
    Place place{connection_, slot_.key_for(content.ntlm, numbers_), moment, front.from, Carrier::mssql};
    if (front.from == Side::client) place.target = target_;
    report_token(place, token, front.witness);
  }

  void on_response(const Front& front, ByteView message, const Moment& moment) {
    // Tokens with a length; the first one without is of no interest here.
    std::size_t at = 0;
    while (at + 3 <= message.size()) {
      const std::uint8_t token = message[at];
      const std::size_t size = load_le<std::uint16_t>(&message[at + 1]);
      const ByteView content = message.subspan(at + 3, std::min(size, message.size() - at - 3));
      switch (token) {
        case kTokenSspi: report(front, content, moment); break;
        case kTokenLoginAck: outcome(front, moment, OutcomeSeen::Result::success, "LOGINACK"); return finish();
        case kTokenError:
          outcome(front, moment, OutcomeSeen::Result::failure,
                  "ERROR " + std::to_string(content.size() >= 4 ? load_le<std::uint32_t>(content.data()) : 0));
          return finish();
        case kTokenInfo:
        case kTokenEnvChange: break;
        default: return;
      }
      at += 3 + size;
    }
  }

  void outcome(const Front& front, const Moment& moment, OutcomeSeen::Result result, std::string text) const {
    OutcomeSeen seen;
    seen.exchange = slot_.current();
    seen.moment = moment;
    seen.carrier = Carrier::mssql;
    seen.result = result;
    seen.text = std::move(text);
    front.witness.on_outcome(connection_, seen);
  }

  ExchangeNumbers numbers_;
  ExchangeSlot slot_;
  Message client_message_;
  Message server_message_;
  std::string target_;
};

}  // namespace

std::unique_ptr<Analyzer> make_tds_analyzer(const Connection& connection) { return std::make_unique<TdsAnalyzer>(connection); }

}  // namespace postern::observe
