#include "observe/stream.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace postern::observe {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t kGroups = 8;

/// Start and length of the longest run of at least two zero groups, the first of equals (RFC 5952, 4.2).
std::pair<std::size_t, std::size_t> longest_zero_run(const std::array<unsigned, kGroups>& groups) {
  std::size_t best = 0;
  std::size_t best_length = 0;
  for (std::size_t i = 0; i < kGroups;) {
    std::size_t end = i;
    while (end < kGroups && groups[end] == 0) ++end;
    if (end - i >= 2 && end - i > best_length) {
      best = i;
      best_length = end - i;
    }
    i = std::max(end, i + 1);
  }
  return {best, best_length};
}

std::string group_text(unsigned group) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%x", group);
  return text.data();
}

std::string v6_text(const std::array<std::uint8_t, 16>& bytes) {
  std::array<unsigned, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) groups[i] = static_cast<unsigned>(bytes[2 * i]) << 8 | bytes[2 * i + 1];
  const auto [run, run_length] = longest_zero_run(groups);
  std::string out;
  for (std::size_t i = 0; i < kGroups;) {
    if (run_length != 0 && i == run) {
      out += "::";
      i += run_length;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += group_text(groups[i]);
    ++i;
  }
  return out;
}

}  // namespace

bool Address::is_v4() const { return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin()); }

std::string Address::text() const {
  if (!is_v4()) return v6_text(bytes);
  std::string out;
  for (std::size_t i = kMappedPrefix.size(); i < bytes.size(); ++i) {
    if (!out.empty()) out += '.';
    out += std::to_string(bytes[i]);
  }
  return out;
}

std::string Endpoint::text() const {
  const std::string host = address.text();
  return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

std::string_view name_of(Carrier carrier) {
  switch (carrier) {
    case Carrier::http: return "http";
    case Carrier::http_proxy: return "http-proxy";
    case Carrier::smb1: return "smb1";
    case Carrier::smb2: return "smb2";
    case Carrier::dcerpc: return "dcerpc";
    case Carrier::ldap: return "ldap";
    case Carrier::mssql: return "mssql";
    case Carrier::smtp: return "smtp";
    case Carrier::imap: return "imap";
    case Carrier::pop3: return "pop3";
    case Carrier::nntp: return "nntp";
    case Carrier::telnet: return "telnet";
    case Carrier::rdp: return "rdp";
  }
  return {};
}

}  // namespace postern::observe
