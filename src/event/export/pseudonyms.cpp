#include "event/export/pseudonyms.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/text.hpp"

namespace postern::event {
namespace {

constexpr std::size_t kLabelLetters = 12;  // 60 bits: no two names of a million meet
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kSeparators = ".@\\/:, \t";
constexpr std::string_view kClasses[] = {
    "http", "host",  "cifs", "ldap", "ldaps", "termsrv", "mssqlsvc",          "smtp", "imap",
    "pop",  "imap4", "pop3", "dns",  "rpcss", "wsman",   "restrictedkrbhost", "gc",   "e3514235-4b06-11d1-ab04-00c04fc2dcd2"};
/// What a setting's value may be without being a name.
constexpr std::string_view kWords[] = {"never", "when-supported", "always", "loopback", "off",
                                       "on",    "allow",          "refuse", "none",     "*"};

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_port(std::string_view text) { return is_digits(text) && text.size() <= 5; }

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool looks_like_address(std::string_view text) {
  const bool v6 = std::ranges::count(text, ':') >= 2;
  const bool v4 = std::ranges::count(text, '.') == 3;
  return (v4 || v6) && std::ranges::all_of(text, [&](char c) {
           return (c >= '0' && c <= '9') || c == '.' ||
                  (v6 && (c == ':' || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '[' || c == ']'));
         });
}

std::uint32_t number_at(const KeyedDigest& digest, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | digest[(at + i) % digest.size()];
  return number;
}

/// A value that is a number or a word of the settings' own; anything else may be a name.
bool names_nobody(std::string_view value) {
  if (value.empty() || is_digits(value) || std::ranges::find(kWords, value) != std::end(kWords)) return true;
  if (value.starts_with("0x") && value.size() <= 10) {
    return std::ranges::all_of(value.substr(2), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  }
  return value.starts_with("STATUS_") && std::ranges::all_of(value, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

}  // namespace

KeyedDigest Pseudonymiser::digest(std::string_view kind, std::string_view text) const {
  std::string message{kind};
  message += '\0';
  message += is_utf8(text) ? upper_case_utf8(text) : std::string{text};
  return keyed_digest(key_, as_bytes(message));
}

std::string Pseudonymiser::label(std::string_view text) const {
  if (text.empty()) return {};
  const KeyedDigest bits = digest("name", text);
  std::string out{"n-"};
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | bits[i];
  for (std::size_t i = 0; i < kLabelLetters; ++i, value >>= 5) out += kLetters[value & 31];
  return out;
}

std::string Pseudonymiser::name(std::string_view text) const {
  if (looks_like_address(text)) return address(text);
  std::string out;
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, start), text.size());
    std::string_view part = text.substr(start, end - start);
    const bool machine = part.size() > 1 && part.ends_with('$');
    if (machine) part.remove_suffix(1);
    out += label(part);
    if (machine) out += '$';
    if (end < text.size()) out += text[end];
    start = end + 1;
  }
  return out;
}

std::string Pseudonymiser::address(std::string_view text) const {
  if (text.empty() || text == "127.0.0.1" || text == "::1" || text == "0.0.0.0" || text == "::") return std::string{text};
  const KeyedDigest bits = digest("address", text);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out{"fd"};
  // 120 bits in the form that RFC 5952 leaves alone: a group may not begin with a zero, nor be one.
  for (std::size_t i = 1; i < bits.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(i % 2 == 0 ? bits[i] | 0x10U : bits[i]);
    if (i % 2 == 0) out += ':';
    out += kHex[byte >> 4];
    out += kHex[byte & 0xf];
  }
  return out;
}

std::string Pseudonymiser::sid(std::string_view text) const {
  constexpr std::string_view kDomainPrefix = "S-1-5-21-";
  // Well known: at most two short sub-authorities, as S-1-5-7 and S-1-5-32-544.
  if (text.starts_with("S-1-") && std::ranges::count(text, '-') <= 4 && text.size() <= 16 && !text.starts_with(kDomainPrefix) &&
      std::ranges::all_of(text.substr(2), [](char c) { return c == '-' || (c >= '0' && c <= '9'); })) {
    return std::string{text};
  }
  const std::size_t last = text.rfind('-');
  const std::string_view domain = text.substr(0, last);
  const KeyedDigest bits = digest("sid", domain);
  const KeyedDigest whole = digest("sid", text);
  std::string out{kDomainPrefix};
  for (std::size_t part = 0; part < 3; ++part) out += std::to_string(number_at(bits, 4 * part)) + '-';
  return out + std::to_string(number_at(whole, 0));
}

std::string Pseudonymiser::spn(std::string_view text) const {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return name(text);
  const std::string_view service = text.substr(0, slash);
  const bool known = std::ranges::find(kClasses, lower(service)) != std::end(kClasses);
  std::string out = known ? std::string{service} : name(service);
  std::string_view rest = text.substr(slash + 1);
  const std::size_t realm_at = rest.find('/');
  const std::string_view realm = realm_at == std::string_view::npos ? std::string_view{} : rest.substr(realm_at);
  rest = rest.substr(0, realm_at);
  const std::size_t colon = rest.rfind(':');
  const bool port = colon != std::string_view::npos && is_port(rest.substr(colon + 1)) && !looks_like_address(rest);
  out += '/' + name(port ? rest.substr(0, colon) : rest);
  if (port) out += rest.substr(colon);
  return out + name(realm);
}

LogonEvent Pseudonymiser::apply(LogonEvent event) const {
  const auto replace = [this](Text& text, std::string (Pseudonymiser::*with)(std::string_view) const) {
    if (text) text = (this->*with)(*text);
  };
  for (Text* text :
       {&event.account.name, &event.account.domain, &event.client.workstation, &event.client.process, &event.server.name,
        &event.source.host, &event.authority.name, &event.ntlm.machine_id, &event.ntlm.server_names.nb_computer,
        &event.ntlm.server_names.nb_domain, &event.ntlm.server_names.dns_computer, &event.ntlm.server_names.dns_domain,
        &event.ntlm.server_names.dns_tree}) {
    replace(*text, &Pseudonymiser::name);
  }
  for (Text* text : {&event.client.address, &event.server.address, &event.authority.address}) {
    replace(*text, &Pseudonymiser::address);
  }
  replace(event.account.sid, &Pseudonymiser::sid);
  replace(event.ntlm.spn, &Pseudonymiser::spn);
  event.source.record.reset();
  event.client.os_version.reset();
  event.reason.evidence.reset();
  for (PolicyDecision& decision : event.policy) {
    if (!names_nobody(decision.value)) decision.value.clear();
    decision.why.clear();
  }
  for (Finding& finding : event.findings) {
    finding.text.clear();
    finding.evidence.reset();
  }
  return event;
}

}  // namespace postern::event
