#include "event/facts.hpp"

namespace postern::event {

LogonEvent event_of(const Facts& facts) {
  // One name for each member: a fact that is added and not carried over does not compile.
  const auto& [time, source_kind, package, ntlm, account, client, server, transport, authority, findings] = facts;
  LogonEvent event;
  event.time = time;
  event.source.kind = source_kind;
  event.package = package;
  event.ntlm = ntlm;
  event.account = account;
  event.client = client;
  event.server = server;
  event.transport = transport;
  event.authority = authority;
  event.findings = findings;
  return event;
}

Facts facts_of(const LogonEvent& event) {
  return Facts{event.time,   event.source.kind, event.package,   event.ntlm,      event.account,
               event.client, event.server,      event.transport, event.authority, event.findings};
}

}  // namespace postern::event
