// From a judged logon to its LogonEvent and its row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "account/store.hpp"
#include "authority/config.hpp"
#include "base/keyed_digest.hpp"
#include "event/facts.hpp"
#include "event/logon_event.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::authority {

/// What is known of a logon's surroundings before a token is read.
struct LogonSetting {
  const Service* service = nullptr;  ///< not null
  const ntlm::ConnectionFacts* connection = nullptr;
  std::string host{};  ///< this authority's name
  FileTime now{};
};

/// The facts before any message is understood.
[[nodiscard]] event::Facts facts_of(const LogonSetting& setting);

/// Adds what the AUTHENTICATE claims; of a text over ntlm::kMaxNameBytes its beginning, so that no client can make an event that
/// the store refuses. `server_time` and `names` are what the CHALLENGE offered.
void add_claims(event::Facts& facts, const ntlm::PendingVerification& pending, const ntlm::ServerNames& names, FileTime server_time,
                std::span<const ntlm::ChannelBindingHash> accepted_bindings, const std::vector<std::string>& accepted_target_names);

[[nodiscard]] event::NtlmVersion event_version(wire::ResponseVersion version);
[[nodiscard]] event::Mic event_mic(ntlm::MicState state);
[[nodiscard]] event::ChannelBinding event_binding(ntlm::BindingState state);

/// The columns and the JSON line of an event.
[[nodiscard]] account::EventRecord record_of(const event::LogonEvent& event);
/// What the event is found by beside its columns: findings, and settings that did not just allow.
[[nodiscard]] std::vector<std::string> tags_of(const event::LogonEvent& event);

}  // namespace postern::authority
