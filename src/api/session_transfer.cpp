// A session in another process: the SessionCodec of the ntlm room over the caller's AEAD.
#include "api/context.hpp"
#include "ntlm/session_codec.hpp"

namespace postern::api {
namespace {

constexpr std::size_t kMaxOverheadBytes = 1024;

class CallersAead : public ntlm::SessionAead {
 public:
  explicit CallersAead(const postern_aead& functions) : functions_{functions} {}

  Result<Bytes> seal(ByteView associated_data, ByteView plain) override {
    Bytes sealed(plain.size() + functions_.overhead_max);
    std::size_t size = 0;
    if (functions_.seal(functions_.user_data, associated_data.data(), associated_data.size(), plain.data(), plain.size(),
                        sealed.data(), sealed.size(), &size) != 0) {
      return fail(ErrorCode::internal, "aead", Error::kNoOffset, "the caller's AEAD failed to seal");
    }
    if (size > sealed.size())
      return fail(ErrorCode::internal, "aead", Error::kNoOffset, "the caller's AEAD wrote past its capacity");
    sealed.resize(size);
    return sealed;
  }

  Result<SecretBytes> open(ByteView associated_data, ByteView sealed) override {
    Bytes plain(sealed.size());
    std::size_t size = 0;
    const int outcome = functions_.open(functions_.user_data, associated_data.data(), associated_data.size(), sealed.data(),
                                        sealed.size(), plain.data(), plain.size(), &size);
    SecretBytes secret;
    if (outcome == 0 && size <= plain.size()) secret = SecretBytes{ByteView{plain}.first(size)};
    wipe(plain);
    if (outcome != 0) return fail(ErrorCode::denied, "exported session", Error::kNoOffset, "the caller's AEAD does not open it");
    if (size > plain.size())
      return fail(ErrorCode::internal, "aead", Error::kNoOffset, "the caller's AEAD wrote past its capacity");
    return secret;
  }

 private:
  const postern_aead functions_;
};

Outcome<postern_aead> read_aead(const postern_aead* given) {
  POSTERN_TRY(aead, read_struct(given, postern_aead{}, "aead"));
  POSTERN_CHECK(needs(aead.seal != nullptr, "aead.seal"));
  POSTERN_CHECK(needs(aead.open != nullptr, "aead.open"));
  if (aead.overhead_max > kMaxOverheadBytes) return refuse(POSTERN_TOO_LARGE, "aead.overhead_max", "more than 1024");
  return aead;
}

}  // namespace
}  // namespace postern::api

namespace api = postern::api;

extern "C" {

postern_status postern_session_export(postern_session** session, const postern_aead* aead, postern_buffer* exported,
                                      postern_error* error) noexcept {
  if (exported != nullptr) *exported = {nullptr, 0};
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(session != nullptr && *session != nullptr, "session"));
    POSTERN_CHECK(api::needs(exported != nullptr, "exported"));
    POSTERN_TRY(functions, api::read_aead(aead));
    api::CallersAead sealing{functions};
    POSTERN_TRY(bytes, postern::ntlm::SessionCodec::export_session((*session)->security, sealing));
    api::fill(*exported, bytes);
    delete *session;
    *session = nullptr;
    return POSTERN_OK;
  });
}

postern_status postern_session_import(const void* exported, size_t exported_size, const postern_aead* aead,
                                      postern_session** session, postern_error* error) noexcept {
  if (session != nullptr) *session = nullptr;
  return api::guarded(error, [&]() -> api::Outcome<postern_status> {
    POSTERN_CHECK(api::needs(session != nullptr, "session"));
    POSTERN_TRY(bytes, api::bytes_of(exported, exported_size, "exported"));
    POSTERN_TRY(functions, api::read_aead(aead));
    api::CallersAead opening{functions};
    POSTERN_TRY(security, postern::ntlm::SessionCodec::import_session(bytes, opening));
    *session = std::make_unique<postern_session>(std::move(security)).release();
    return POSTERN_OK;
  });
}

}  // extern "C"
