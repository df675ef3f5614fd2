// Facts of one logon from words such as "version=NTLMv1, kind=domain, tls=?".
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "policy/evaluate.hpp"

namespace postern::policy::test {

inline event::Timestamp at_second(std::int64_t seconds) {
  constexpr std::int64_t kNow = 1'795'000'000;
  return event::Timestamp{FileTime::from_unix_microseconds((kNow + seconds) * 1'000'000)};
}

/// NTLMv2 over TLS from 192.0.2.17 to WEB1, a member of the domain CORP; nothing optional was sent, everything else is known.
inline event::Facts usual_facts() {
  event::Facts facts;
  facts.time = at_second(0);
  facts.package = event::Package::ntlm;
  facts.ntlm.version = event::NtlmVersion::ntlm_v2;
  facts.ntlm.negotiate_flags = 0xe2888215;
  facts.ntlm.mic = event::Mic::absent;
  facts.ntlm.channel_binding = event::ChannelBinding::absent;
  facts.ntlm.spn_check = event::SpnCheck::absent;
  facts.ntlm.client_time = at_second(-3);
  facts.ntlm.server_time = at_second(0);
  facts.ntlm.timestamp_offered = true;
  facts.ntlm.server_names.nb_computer = "WEB1";
  facts.ntlm.server_names.dns_computer = "web1.corp.example";
  facts.account.name = "alice";
  facts.account.domain = "CORP";
  facts.client.address = "192.0.2.17";
  facts.server.address = "192.0.2.80";
  facts.server.name = "web1.corp.example";
  facts.server.service = event::Service::http;
  facts.server.domain_member = true;
  facts.transport.tls = true;
  return facts;
}

/// Sets one member from `name=value`; throws for a word that is none of those here.
inline void set_fact(event::Facts& facts, std::string_view word) {
  const std::size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const std::string value{equals == std::string_view::npos ? "" : word.substr(equals + 1)};
  const auto wrong = [&] { return std::invalid_argument{"no fact: " + std::string{word}}; };
  const auto text = [&](event::Text& out) { out = value == "?" ? std::nullopt : std::optional{value}; };
  const auto flag = [&](std::optional<bool>& out) {
    if (value != "yes" && value != "no" && value != "?") throw wrong();
    out = value == "?" ? std::nullopt : std::optional{value == "yes"};
  };
  const auto enumerator = [&]<typename E>(std::optional<E>& out) {
    out = event::from_name<E>(value);
    if (!out && value != "?") throw wrong();
  };
  const auto number = [&](auto digits, int base) {
    const std::string_view written = std::string_view{value}.substr(base == 16 ? 2 : 0);
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), digits, base);
    if (error != std::errc{} || end != written.data() + written.size()) throw wrong();
    return digits;
  };
  auto& [time, source_kind, package, ntlm, account, client, server, transport, authority, findings] = facts;
  if (name == "version") {
    enumerator(ntlm.version);
  } else if (name == "mic") {
    enumerator(ntlm.mic);
  } else if (name == "binding") {
    enumerator(ntlm.channel_binding);
  } else if (name == "check") {
    enumerator(ntlm.spn_check);
  } else if (name == "spn") {
    text(ntlm.spn);
  } else if (name == "nb") {
    text(ntlm.server_names.nb_computer);
  } else if (name == "flags") {
    ntlm.negotiate_flags = value == "?" ? std::nullopt : std::optional{number(std::uint32_t{0}, 16)};
  } else if (name == "copied") {
    ntlm.client_time = ntlm.server_time;
  } else if (name == "skew") {
    ntlm.client_time = at_second(number(std::int64_t{0}, 10));
  } else if (name == "time") {
    ntlm.client_time = event::Timestamp{FileTime{number(std::uint64_t{0}, 10)}};
  } else if (name == "kind") {
    std::optional<event::AccountKind> kind;
    enumerator(kind);
    account.kind = kind.value_or(event::AccountKind::unknown);
  } else if (name == "domain") {
    text(account.domain);
  } else if (name == "protected") {
    flag(account.protected_user);
  } else if (name == "ntlm") {
    flag(account.ntlm_allowed);
  } else if (name == "network") {
    flag(account.network_allowed);
  } else if (name == "state") {
    text(account.state);
  } else if (name == "client") {
    text(client.address);
  } else if (name == "address") {
    text(server.address);
  } else if (name == "name") {
    text(server.name);
  } else if (name == "service") {
    enumerator(server.service);
  } else if (name == "member") {
    flag(server.domain_member);
  } else if (name == "tls") {
    flag(transport.tls);
  } else if (name == "source") {
    enumerator(source_kind);
  } else if (name == "finding") {
    findings.push_back({value, event::Severity::alarm, "found by a test", {}});
  } else {
    throw wrong();
  }
}

/// Everything off that can be: what is left is the settings that a test turns on.
inline Policy nothing_asked() {
  Policy policy;
  policy.lm_compatibility_level = *LmCompatibilityLevel::of(0);
  policy.allow_anonymous = AllowAnonymous::always;
  policy.extended_protection = Level::never;
  policy.target_name_check = Level::never;
  policy.plain_http = PlainHttp::always;
  policy.clock_skew = ClockSkew::off();
  return policy;
}

}  // namespace postern::policy::test
