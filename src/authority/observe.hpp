// From an AUTHENTICATE and its surroundings to what detection is told of it.
#pragma once

#include <memory>

#include "account/model.hpp"
#include "authority/detection/detector.hpp"
#include "event/facts.hpp"
#include "ntlm/acceptor.hpp"
#include "ntlm/spnego_acceptor.hpp"

namespace postern::authority {

/// What our CHALLENGE said, until its answer is judged.
struct Challenged {
  std::shared_ptr<const ntlm::ServerNames> names{};
  FileTime server_time{};
  bool spnego = false;
};

/// Views into all four, which outlive it. `account`: null if there is none or it was not looked for.
[[nodiscard]] detection::Observation observation_of(const event::Facts& facts, const ntlm::PendingVerification& pending,
                                                    const Challenged& challenged, const account::Account* account,
                                                    const detection::Detector& detector);

}  // namespace postern::authority
