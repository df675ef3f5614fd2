#include "api/context.hpp"

#include <algorithm>
#include <cstring>

namespace postern::api {

using wire::NegotiateFlag;

Outcome<AcceptedByServer> read_accepted(const std::uint8_t* bindings, std::size_t binding_count, const char* const* target_names,
                                        std::size_t target_name_count) {
  AcceptedByServer accepted;
  if (binding_count > ntlm::kMaxBindings) return refuse(POSTERN_TOO_LARGE, "accepted_binding_count", "more than 16");
  if (target_name_count > ntlm::kMaxTargetNames) return refuse(POSTERN_TOO_LARGE, "accepted_target_name_count", "more than 256");
  if (bindings == nullptr && binding_count != 0)
    return refuse(POSTERN_INVALID_INPUT, "accepted_bindings", "is NULL and has a count");
  if (target_names == nullptr && target_name_count != 0) {
    return refuse(POSTERN_INVALID_INPUT, "accepted_target_names", "is NULL and has a count");
  }
  for (std::size_t i = 0; i < binding_count; ++i) {
    accepted.bindings.emplace_back(
        std::span<const std::uint8_t, POSTERN_KEY_SIZE>{bindings + i * POSTERN_KEY_SIZE, POSTERN_KEY_SIZE});
  }
  for (std::size_t i = 0; i < target_name_count; ++i) {
    const std::string_view name = text_of(target_names[i]);
    if (name.empty()) return refuse(POSTERN_INVALID_INPUT, "accepted_target_names", "one of them is empty");
    if (name.size() > ntlm::kMaxNameBytes) return refuse(POSTERN_TOO_LARGE, "accepted_target_names", "one of them is too long");
    accepted.target_names.emplace_back(name);
  }
  return accepted;
}

wire::NegotiateFlags required_flags(std::uint32_t require) {
  return wire::NegotiateFlags{}
      .with_if((require & POSTERN_REQUIRE_SIGN) != 0, NegotiateFlag::sign)
      .with_if((require & POSTERN_REQUIRE_SEAL) != 0, NegotiateFlag::seal)
      .with_if((require & POSTERN_REQUIRE_128) != 0, NegotiateFlag::key_128)
      .with_if((require & POSTERN_REQUIRE_ESS) != 0, NegotiateFlag::extended_session_security);
}

Outcome<postern_status> check_bits(std::uint32_t bits, std::uint32_t known, std::string_view field) {
  if ((bits & ~known) == 0) return POSTERN_OK;
  return refuse(POSTERN_INVALID_INPUT, field, "has a bit that means nothing here");
}

void hand_over(std::unique_ptr<Handshake> handshake, postern_context** context) {
  auto made = std::make_unique<postern_context>();
  made->handshake = std::move(handshake);
  *context = made.release();
}

namespace {

Outcome<const Completed*> completed_of(const postern_context* context) {
  POSTERN_CHECK(needs(context != nullptr, "context"));
  if (!context->completed) return refuse(POSTERN_MISUSE, "context", "the logon is not complete");
  return &*context->completed;
}

Outcome<const Completed*> completed_with_key(const postern_context* context) {
  POSTERN_TRY(completed, completed_of(context));
  if (completed->standing == POSTERN_STANDING_DANGER_GUEST) return refuse(POSTERN_UNSUPPORTED, "context", "a guest has no key");
  if (!completed->exported_session_key) return refuse(POSTERN_DENIED, "context", "the authority gave no session key");
  return completed;
}

}  // namespace
}  // namespace postern::api

namespace api = postern::api;

extern "C" {

postern_status postern_context_step(postern_context* context, const void* input, size_t input_size, postern_buffer* output,
                                    postern_error* error) noexcept {
  if (output != nullptr) *output = {nullptr, 0};
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(context != nullptr, "context"));
    POSTERN_CHECK(api::needs(output != nullptr, "output"));
    POSTERN_TRY(token, api::bytes_of(input, input_size, "input"));
    if (!context->handshake) return api::refuse(POSTERN_MISUSE, "context", "the logon has ended");
    // Whatever happens below, an exception included, a handshake that does not go on is over, and its keys are wiped.
    auto handshake = std::move(context->handshake);
    if (token.size() > postern::ntlm::kMaxTokenBytes) return api::refuse(POSTERN_TOO_LARGE, "input", "longer than a token may be");
    postern::Bytes answer;
    auto outcome = handshake->step(token, answer);
    api::fill(*output, answer);
    if (!outcome) return std::unexpected{std::move(outcome).error()};
    if (!*outcome) {
      context->handshake = std::move(handshake);
      return POSTERN_CONTINUE;
    }
    context->completed = std::move(*outcome);
    for (const std::string& group : context->completed->groups) context->group_pointers.push_back(group.c_str());
    return POSTERN_OK;
  });
}

void postern_context_destroy(postern_context* context) noexcept { delete context; }

postern_status postern_context_logon(const postern_context* context, postern_logon* logon, postern_error* error) noexcept {
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(logon != nullptr, "logon"));
    const size_t size = logon->size;
    POSTERN_CHECK(api::read_struct(logon, postern_logon{}, "logon"));  // its size
    POSTERN_TRY(completed, api::completed_of(context));
    postern_logon told{};
    told.size = size;
    told.user = completed->user.c_str();
    told.domain = completed->domain.c_str();
    told.workstation = completed->workstation.c_str();
    told.target_name = completed->target_name.c_str();
    told.sid = completed->sid.c_str();
    told.event_id = completed->event_id.c_str();
    told.groups = context->group_pointers.data();
    told.group_count = context->group_pointers.size();
    told.negotiate_flags = completed->negotiated.wire();
    told.version = completed->version;
    told.mic = completed->mic;
    told.channel_binding = completed->channel_binding;
    told.standing = completed->standing;
    std::memcpy(logon, &told, std::min(size, sizeof told));
    return POSTERN_OK;
  });
}

postern_status postern_context_session_key(const postern_context* context, uint8_t key[POSTERN_KEY_SIZE],
                                           postern_error* error) noexcept {
  if (key != nullptr) std::memset(key, 0, POSTERN_KEY_SIZE);
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(key != nullptr, "key"));
    POSTERN_TRY(completed, api::completed_with_key(context));
    std::ranges::copy(completed->exported_session_key->reveal(), key);
    return POSTERN_OK;
  });
}

postern_status postern_session_take(postern_context* context, postern_session** session, postern_error* error) noexcept {
  if (session != nullptr) *session = nullptr;
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_TRY(completed, api::completed_with_key(context));
    if (context->session_is_taken) return api::refuse(POSTERN_MISUSE, "context", "its session was taken before");
    postern::ntlm::SessionSecurity security{completed->negotiated, *completed->exported_session_key, completed->role,
                                            completed->first};
    *session = std::make_unique<postern_session>(std::move(security)).release();
    context->session_is_taken = true;
    return POSTERN_OK;
  });
}

}  // extern "C"
