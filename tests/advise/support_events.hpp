// Recorded logons, for tests of the advisor and of the commands over it.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "event/json.hpp"
#include "event/logon_event.hpp"

namespace postern::advise {

/// A logon over TLS that the default policy allows; `number` tells its id apart.
inline event::LogonEvent recorded_logon(std::uint8_t number, std::string user = "alice", std::string server = "web") {
  event::LogonEvent event;
  const FileTime now{133'800'768'000'000'000};
  std::array<std::uint8_t, event::EventId::kRandomBytes> random{};
  random[8] = number;
  event.id = event::EventId::make(now, random);
  event.time.emplace(now);
  event.source.kind = event::SourceKind::authority;
  event.outcome = event::Outcome::success;
  event.package = event::Package::ntlm;
  event.ntlm.version = event::NtlmVersion::ntlm_v2;
  event.ntlm.negotiate_flags = 0xe2898215;
  event.ntlm.mic = event::Mic::verified;
  event.ntlm.channel_binding = event::ChannelBinding::matched;
  event.ntlm.client_time = event.ntlm.server_time = event.time;
  event.ntlm.timestamp_offered = true;
  event.account.name = std::move(user);
  event.account.domain = "DEMO";
  event.account.kind = event::AccountKind::domain;
  event.client.address = "192.0.2.10";
  event.server.name = std::move(server);
  event.server.service = event::Service::http;
  event.server.domain_member = true;
  event.transport.tls = true;
  return event;
}

}  // namespace postern::advise
