#include "base/result.hpp"

namespace postern {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::truncated: return "truncated";
    case ErrorCode::out_of_bounds: return "out_of_bounds";
    case ErrorCode::too_large: return "too_large";
    case ErrorCode::duplicate: return "duplicate";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::unexpected_message: return "unexpected_message";
    case ErrorCode::wrong_password: return "wrong_password";
    case ErrorCode::account_state: return "account_state";
    case ErrorCode::mic_wrong: return "mic_wrong";
    case ErrorCode::bindings_wrong: return "bindings_wrong";
    case ErrorCode::target_name_wrong: return "target_name_wrong";
    case ErrorCode::policy: return "policy";
    case ErrorCode::signature_wrong: return "signature_wrong";
    case ErrorCode::replayed: return "replayed";
    case ErrorCode::out_of_order: return "out_of_order";
    case ErrorCode::no_authority: return "no_authority";
    case ErrorCode::invalid_input: return "invalid_input";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::denied: return "denied";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::io: return "io";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

std::string Error::to_line() const {
  std::string line{name_of(code)};
  if (!field.empty()) line.append(": ").append(field);
  if (offset != kNoOffset) line.append(" at offset ").append(std::to_string(offset));
  if (!message.empty()) line.append(": ").append(message);
  if (!hint.empty()) line.append(" (").append(hint).append(")");
  return line;
}

}  // namespace postern
