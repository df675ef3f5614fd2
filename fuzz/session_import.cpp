// An exported session, as if its AEAD let everything through: what is accepted is written back as it came, and can be used.
#include "invariant.hpp"
#include "ntlm/session_codec.hpp"

namespace {

using namespace postern;

class IdentityAead : public ntlm::SessionAead {
 public:
  Result<Bytes> seal(ByteView, ByteView plain) override { return to_bytes(plain); }
  Result<SecretBytes> open(ByteView, ByteView sealed) override { return SecretBytes{sealed}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input{data, size};
  IdentityAead aead;
  auto session = ntlm::SessionCodec::import_session(input, aead);
  if (!session) return 0;
  const auto exported = ntlm::SessionCodec::export_session(*session, aead);
  POSTERN_INVARIANT(exported && fuzz::same(*exported, input));
  Bytes text(40, 1);
  Bytes signature(ntlm::kSignatureBytes, 1);
  const auto sealed = session->seal(text, text);
  POSTERN_INVARIANT(sealed || !session->can_seal() || sealed.error().code == ErrorCode::too_large);
  POSTERN_INVARIANT(!session->unseal(text, signature, text));  // Version is not 1
  signature[1] = signature[2] = signature[3] = 0;
  static_cast<void>(session->unseal(text, signature, text));
  return 0;
}
