// A denial that says why: as a page, as JSON and in the log.
#pragma once

#include <string>

#include "edge/http/page.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::http {

/// What the client may know of a denial.
struct Denial {
  ntlm::Explanation explanation{};
  std::string event_id{};  ///< for whoever runs the service to find the record by; may be empty
};

/// One page is at most this long: six texts of at most ntlm::kMaxExplanationBytes, each byte up to six as HTML or JSON, and the
/// rest.
inline constexpr std::size_t kMaxDenialPageBytes = 32 * 1024;

/// The page of a 401 or 403 that the policy decided. As JSON: status, message, setting, value (absent if it is not the client's
/// business), point, stage, reason, cure, event_id (absent without a record).
[[nodiscard]] Page denial_page(unsigned status, const Denial& denial, bool as_json);

/// ` setting=NAME value="…" point=… stage=… reason="…" cure="…"`: the end of a log line. Quotes and backslashes within are escaped,
/// so that no text can make up a field.
[[nodiscard]] std::string log_text(const ntlm::Explanation& explanation);

}  // namespace postern::http
