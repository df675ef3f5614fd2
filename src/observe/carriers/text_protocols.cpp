// SMTP, IMAP, POP3 and NNTP: AUTH NTLM (and GSS-SPNEGO, GSSAPI), whose messages are lines of base64 (MS-SMTPNTLM, MS-OXIMAP,
// MS-POP3, MS-NNTP). Over when somebody is logged on, or TLS begins.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/token_finder.hpp"

namespace postern::observe {
namespace {

std::string_view without_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

std::string_view next_word(std::string_view& line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  while (line.starts_with(' ')) line.remove_prefix(1);
  return word;
}

bool is_mechanism(std::string_view word) {
  for (const std::string_view known : {std::string_view{"NTLM"}, std::string_view{"GSS-SPNEGO"}, std::string_view{"GSSAPI"}}) {
    if (equal_ignoring_case(word, known)) return true;
  }
  return false;
}

enum class Answer : std::uint8_t { other, goes_on, success, failure };

class TextAnalyzer final : public RecordAnalyzer {
 public:
  TextAnalyzer(const Connection& connection, Carrier carrier) : RecordAnalyzer{connection}, carrier_{carrier} {}

 protected:
  std::uint64_t on_front(const Front& front) override {
    // A TLS record's head: handshake, version 3.x. No line of text starts so.
    if (front.bytes[0] == 0x16) {
      finish_encrypted(front, carrier_);
      return 0;
    }
    const std::string_view text = as_text(front.bytes);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    const std::string_view line = without_end(text.substr(0, end));
    const Moment& moment = front.moment_of(end);
    if (front.from == Side::client) {
      on_client(front, line, moment);
    } else {
      on_server(front, line, moment);
    }
    return end + 1;
  }

  std::uint64_t search(const Front& front) override {
    const std::string_view text = as_text(front.bytes);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    found(front.from);
    // What stands before the line's end is the rest of one whose beginning was lost, unless it begins a logon itself.
    return front.from == Side::client && begins_logon(without_end(text.substr(0, end))) ? 0 : end + 1;
  }

  void on_lost(Side from, Witness&) override {
    if (from == Side::client) slot_.clear();
  }

 private:
  void on_client(const Front& front, std::string_view line, const Moment& moment) {
    // Base64 has no blanks: a line with one is a command, and the end of the logon before it was not seen.
    if (active_ && line.find(' ') == std::string_view::npos) {
      if (line == "*") return;  // the client gives up; the server says so too
      report(front, line, moment);
      return;
    }
    std::string_view rest = line;
    std::string_view command = next_word(rest);
    if (carrier_ == Carrier::imap) {
      tag_ = std::string{command.substr(0, kMaxTagBytes)};
      command = next_word(rest);
    }
    if (equal_ignoring_case(command, start_word())) {
      std::string_view mechanism = next_word(rest);
      if (carrier_ == Carrier::nntp) mechanism = next_word(rest);  // AUTHINFO SASL NTLM, AUTHINFO GENERIC NTLM
      active_ = is_mechanism(mechanism);
      slot_.clear();
      if (active_ && !rest.empty() && rest != "=") report(front, rest, moment);
      return;
    }
    // Behind these no logon follows: mail is sent, a mailbox or group is read.
    for (const std::string_view word : {"MAIL", "DATA", "SELECT", "STAT", "LIST", "GROUP", "ARTICLE", "LOGIN", "USER", "QUIT"}) {
      if (equal_ignoring_case(command, word)) return finish();
    }
  }

  [[nodiscard]] std::string_view start_word() const {
    return carrier_ == Carrier::imap ? "AUTHENTICATE" : carrier_ == Carrier::nntp ? "AUTHINFO" : "AUTH";
  }
  [[nodiscard]] bool begins_logon(std::string_view line) const {
    if (carrier_ == Carrier::imap) static_cast<void>(next_word(line));
    return equal_ignoring_case(next_word(line), start_word());
  }

  void on_server(const Front& front, std::string_view line, const Moment& moment) {
    if (!active_) return;
    std::string_view rest = line;
    switch (answer_of(rest)) {
      case Answer::other: return;
      case Answer::goes_on:
        if (!rest.empty()) report(front, rest, moment);
        return;
      case Answer::success: outcome(front, line, moment, OutcomeSeen::Result::success); return finish();
      case Answer::failure:
        outcome(front, line, moment, OutcomeSeen::Result::failure);
        active_ = false;
        return;
    }
  }

  /// What a server's line says while a logon is under way; `rest` becomes what follows the code.
  Answer answer_of(std::string_view& rest) const {
    const std::string_view word = next_word(rest);
    switch (carrier_) {
      case Carrier::imap: {
        if (word == "+") return Answer::goes_on;
        if (word != tag_) return Answer::other;
        return equal_ignoring_case(rest.substr(0, 2), "OK") ? Answer::success : Answer::failure;
      }
      case Carrier::pop3:
        if (word == "+") return Answer::goes_on;
        return word == "+OK"    ? (authenticated() ? Answer::success : Answer::other)
               : word == "-ERR" ? Answer::failure
                                : Answer::other;
      default: break;
    }
    if (word.size() != 3) return Answer::other;
    if (word.starts_with('3')) return Answer::goes_on;  // 334 of SMTP; 381 and 383 of NNTP
    if (word.starts_with('2')) return Answer::success;
    return word.starts_with('4') || word.starts_with('5') ? Answer::failure : Answer::other;
  }

  [[nodiscard]] bool authenticated() const { return slot_.authenticated(); }

  void report(const Front& front, std::string_view base64, const Moment& moment) {
    const Bytes token = decode_base64(base64);
    if (token.empty()) return;
    const TokenContent content = peek_token(token);
    if (!content.has_ntlm && !content.kerberos && !content.state) return;
    const Place place{connection_, slot_.key_for(content.ntlm, numbers_), moment, front.from, carrier_};
    report_token(place, token, front.witness);
  }

  void outcome(const Front& front, std::string_view line, const Moment& moment, OutcomeSeen::Result result) const {
    if (slot_.current() == 0) return;
    OutcomeSeen seen;
    seen.exchange = slot_.current();
    seen.moment = moment;
    seen.carrier = carrier_;
    seen.result = result;
    std::string_view rest = line;
    seen.text = std::string{next_word(rest).substr(0, kMaxTagBytes)};
    if (carrier_ == Carrier::imap) seen.text = std::string{next_word(rest).substr(0, kMaxTagBytes)};
    front.witness.on_outcome(connection_, seen);
  }

  static constexpr std::size_t kMaxTagBytes = 32;

  Carrier carrier_;
  ExchangeNumbers numbers_;
  ExchangeSlot slot_;
  std::string tag_;
  bool active_ = false;  ///< between AUTH and its outcome
};

}  // namespace

std::unique_ptr<Analyzer> make_text_analyzer(const Connection& connection, Carrier carrier) {
  return std::make_unique<TextAnalyzer>(connection, carrier);
}

}  // namespace postern::observe
