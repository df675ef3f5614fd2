#include "api/outcome.hpp"

#include <cstdlib>
#include <iterator>
#include <utility>

#include "base/secret.hpp"

namespace postern::api {
namespace {

struct Row {
  postern_status status;
  const char* name;
  postern_kind kind;
};
constexpr Row kRows[] = {
    {POSTERN_OK, "ok", POSTERN_KIND_DONE},
    {POSTERN_CONTINUE, "continue", POSTERN_KIND_CONTINUE},
    {POSTERN_MALFORMED, "malformed", POSTERN_KIND_PEER},
    {POSTERN_TRUNCATED, "truncated", POSTERN_KIND_PEER},
    {POSTERN_OUT_OF_BOUNDS, "out_of_bounds", POSTERN_KIND_PEER},
    {POSTERN_TOO_LARGE, "too_large", POSTERN_KIND_PEER},
    {POSTERN_DUPLICATE, "duplicate", POSTERN_KIND_PEER},
    {POSTERN_UNSUPPORTED, "unsupported", POSTERN_KIND_PEER},
    {POSTERN_UNEXPECTED_MESSAGE, "unexpected_message", POSTERN_KIND_PEER},
    {POSTERN_WRONG_PASSWORD, "wrong_password", POSTERN_KIND_DENIED},
    {POSTERN_ACCOUNT_STATE, "account_state", POSTERN_KIND_DENIED},
    {POSTERN_MIC_WRONG, "mic_wrong", POSTERN_KIND_DENIED},
    {POSTERN_BINDINGS_WRONG, "bindings_wrong", POSTERN_KIND_DENIED},
    {POSTERN_TARGET_NAME_WRONG, "target_name_wrong", POSTERN_KIND_DENIED},
    {POSTERN_POLICY, "policy", POSTERN_KIND_DENIED},
    {POSTERN_DENIED, "denied", POSTERN_KIND_DENIED},
    {POSTERN_SIGNATURE_WRONG, "signature_wrong", POSTERN_KIND_MESSAGE},
    {POSTERN_REPLAYED, "replayed", POSTERN_KIND_MESSAGE},
    {POSTERN_OUT_OF_ORDER, "out_of_order", POSTERN_KIND_MESSAGE},
    {POSTERN_NO_AUTHORITY, "no_authority", POSTERN_KIND_FAULT},
    {POSTERN_TIMEOUT, "timeout", POSTERN_KIND_FAULT},
    {POSTERN_INVALID_INPUT, "invalid_input", POSTERN_KIND_FAULT},
    {POSTERN_MISUSE, "misuse", POSTERN_KIND_FAULT},
    {POSTERN_BUFFER_TOO_SMALL, "buffer_too_small", POSTERN_KIND_FAULT},
    {POSTERN_NOT_FOUND, "not_found", POSTERN_KIND_FAULT},
    {POSTERN_CONFLICT, "conflict", POSTERN_KIND_FAULT},
    {POSTERN_IO, "io", POSTERN_KIND_FAULT},
    {POSTERN_NO_MEMORY, "no_memory", POSTERN_KIND_FAULT},
    {POSTERN_INTERNAL, "internal", POSTERN_KIND_FAULT},
};

const Row* row_of(postern_status status) {
  const auto* row = std::ranges::find(kRows, status, &Row::status);
  return row == std::end(kRows) ? nullptr : row;
}

/// As much as there is room for, without half a UTF-8 character at the end.
template <std::size_t Size>
void copy_text(char (&to)[Size], std::string_view text) {
  std::size_t size = std::min(text.size(), Size - 1);
  if (size < text.size()) {
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  }
  std::copy_n(text.begin(), size, to);
  to[size] = 0;
}

}  // namespace

Failure::Failure(Error error)
    : status{status_of(error.code)},
      field{error.field},
      offset{error.offset == Error::kNoOffset ? POSTERN_NO_OFFSET : error.offset},
      message{std::move(error.message)} {}

postern_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed: return POSTERN_MALFORMED;
    case ErrorCode::truncated: return POSTERN_TRUNCATED;
    case ErrorCode::out_of_bounds: return POSTERN_OUT_OF_BOUNDS;
    case ErrorCode::too_large: return POSTERN_TOO_LARGE;
    case ErrorCode::duplicate: return POSTERN_DUPLICATE;
    case ErrorCode::unsupported: return POSTERN_UNSUPPORTED;
    case ErrorCode::unexpected_message: return POSTERN_UNEXPECTED_MESSAGE;
    case ErrorCode::wrong_password: return POSTERN_WRONG_PASSWORD;
    case ErrorCode::account_state: return POSTERN_ACCOUNT_STATE;
    case ErrorCode::mic_wrong: return POSTERN_MIC_WRONG;
    case ErrorCode::bindings_wrong: return POSTERN_BINDINGS_WRONG;
    case ErrorCode::target_name_wrong: return POSTERN_TARGET_NAME_WRONG;
    case ErrorCode::policy: return POSTERN_POLICY;
    case ErrorCode::signature_wrong: return POSTERN_SIGNATURE_WRONG;
    case ErrorCode::replayed: return POSTERN_REPLAYED;
    case ErrorCode::out_of_order: return POSTERN_OUT_OF_ORDER;
    case ErrorCode::no_authority: return POSTERN_NO_AUTHORITY;
    case ErrorCode::invalid_input: return POSTERN_INVALID_INPUT;
    case ErrorCode::not_found: return POSTERN_NOT_FOUND;
    case ErrorCode::conflict: return POSTERN_CONFLICT;
    case ErrorCode::denied: return POSTERN_DENIED;
    case ErrorCode::timeout: return POSTERN_TIMEOUT;
    case ErrorCode::io: return POSTERN_IO;
    case ErrorCode::internal: return POSTERN_INTERNAL;
  }
  return POSTERN_INTERNAL;
}

postern_status report(const Failure& failure, postern_error* error) noexcept {
  if (error != nullptr) {
    error->status = failure.status;
    error->offset = failure.offset;
    copy_text(error->field, failure.field);
    copy_text(error->message, failure.message);
  }
  return failure.status;
}

postern_status report_success(postern_status status, postern_error* error) noexcept {
  if (error != nullptr) {
    *error = postern_error{};
    error->offset = POSTERN_NO_OFFSET;
    error->status = status;
  }
  return status;
}

void fill(postern_buffer& buffer, ByteView bytes) {
  buffer = {nullptr, 0};
  if (bytes.empty()) return;
  auto* data = static_cast<std::uint8_t*>(std::malloc(bytes.size()));
  if (data == nullptr) throw std::bad_alloc{};
  std::ranges::copy(bytes, data);
  buffer = {data, bytes.size()};
}

Outcome<ByteView> bytes_of(const void* data, std::size_t size, std::string_view field) {
  if (data == nullptr && size != 0) return refuse(POSTERN_INVALID_INPUT, field, "is NULL and has a size");
  return ByteView{static_cast<const std::uint8_t*>(data), size};
}

Outcome<CodePage> code_page_of(postern_code_page page) {
  switch (page) {
    case POSTERN_CODE_PAGE_850: return CodePage::cp850;
    case POSTERN_CODE_PAGE_UTF8: return CodePage::utf8;
    case POSTERN_CODE_PAGE_LATIN1: return CodePage::latin1;
    case POSTERN_CODE_PAGE_RESERVED: break;
  }
  return refuse(POSTERN_INVALID_INPUT, "oem_code_page", "is no code page that is known here");
}

}  // namespace postern::api

using postern::api::row_of;

extern "C" {

unsigned postern_abi_version(void) noexcept { return POSTERN_ABI_VERSION; }

const char* postern_status_name(postern_status status) noexcept {
  const auto* row = row_of(status);
  return row == nullptr ? "unknown" : row->name;
}

postern_kind postern_status_kind(postern_status status) noexcept {
  const auto* row = row_of(status);
  return row == nullptr ? POSTERN_KIND_FAULT : row->kind;
}

void postern_buffer_free(postern_buffer* buffer) noexcept {
  if (buffer == nullptr) return;
  if (buffer->data != nullptr) postern::wipe(buffer->data, buffer->size);
  std::free(buffer->data);
  *buffer = {nullptr, 0};
}

}  // extern "C"
