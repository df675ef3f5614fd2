#include "authority/explanation.hpp"

#include "authority/name_resolution.hpp"
#include "policy/explain.hpp"

namespace postern::authority {
namespace {

using event::Point;
using event::Stage;
using ntlm::DenialPoint;
using ntlm::DenialStage;

constexpr DenialPoint denial_point(Point point) {
  switch (point) {
    case Point::client: return DenialPoint::client;
    case Point::server: return DenialPoint::server;
    case Point::server_dc: return DenialPoint::server_dc;
    case Point::account_dc: break;
  }
  return DenialPoint::account_dc;
}

constexpr DenialStage denial_stage(Stage stage) {
  switch (stage) {
    case Stage::negotiate: return DenialStage::negotiate;
    case Stage::response: return DenialStage::response;
    case Stage::verified: break;
  }
  return DenialStage::verified;
}

}  // namespace

ntlm::Explanation explanation_of(const event::PolicyDecision& decision, const event::Facts& facts) {
  const auto clipped = [](std::string_view text) { return clip_utf8(text, ntlm::kMaxExplanationBytes); };
  return {denial_point(decision.point), denial_stage(decision.stage), clipped(decision.setting),
          clipped(decision.value),      clipped(decision.why),        clipped(policy::cure_for(decision, facts))};
}

void explain(ntlm::Verdict& verdict, const policy::Decisions& decisions, Stage judged, const event::Facts& facts) {
  if (decisions.allowed() || decisions.entries().empty()) return;
  verdict.decided = explanation_of(decisions.entries().front(), facts);
  if (const auto told = policy::told_of(decisions, judged)) verdict.told = explanation_of(*told, facts);
}

}  // namespace postern::authority
