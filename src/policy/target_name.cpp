#include "policy/target_name.hpp"

namespace postern::policy {

std::optional<event::SpnCheck> check_target_name(const std::vector<std::string>& accepted, const std::optional<std::string>& spn,
                                                 SpnSource source) {
  using event::SpnCheck;
  if (accepted.empty()) return std::nullopt;
  if (!spn || spn->empty()) return SpnCheck::absent;
  if (!spn_matches(accepted, *spn)) return SpnCheck::refused;
  return source == SpnSource::untrusted ? SpnCheck::untrusted : SpnCheck::accepted;
}

}  // namespace postern::policy
