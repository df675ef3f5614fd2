// Facts: everything that the policy evaluator reads. Live and from a stored event they are the same, so what-if says what the
// authority would do.
#pragma once

#include <optional>
#include <vector>

#include "event/logon_event.hpp"

namespace postern::event {

struct Facts {
  std::optional<Timestamp> time{};  ///< when the logon was judged: "now" for the evaluator
  std::optional<SourceKind> source_kind{};
  std::optional<Package> package{};
  Ntlm ntlm{};
  Account account{};
  Client client{};
  Server server{};
  Transport transport{};
  Authority authority{};
  std::vector<Finding> findings{};  ///< what detection saw before the policy was asked
  bool operator==(const Facts&) const = default;
};

/// An event that carries these facts and nothing else; the caller adds id, outcome, status, decisions and the rest.
[[nodiscard]] LogonEvent event_of(const Facts& facts);
/// The facts that an event carries: facts_of(event_of(f)) == f.
[[nodiscard]] Facts facts_of(const LogonEvent& event);

}  // namespace postern::event
