#include "edge/binding/binding.hpp"

#include <memory>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string_view>

#include "ntlm/channel_bindings.hpp"

namespace postern::binding {
namespace {

constexpr std::string_view kEndPointPrefix = "tls-server-end-point:";

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

}  // namespace

Result<ntlm::ChannelBindingHash> channel_binding_hash(ByteView application_data) {
  return ntlm::channel_binding_hash(application_data);
}

Result<Bytes> end_point_hash(const X509* certificate) {
  int digest_nid = NID_undef;
  int key_nid = NID_undef;
  // RSASSA-PSS keeps its hash in the parameters; OpenSSL reads them here.
  if (X509_get_signature_info(const_cast<X509*>(certificate), &digest_nid, &key_nid, nullptr, nullptr) != 1 ||
      digest_nid == NID_undef) {
    return fail(ErrorCode::unsupported, "certificate", Error::kNoOffset,
                "its signature uses no hash that RFC 5929 section 4.1 could take, so connections cannot be bound to it");
  }
  if (digest_nid == NID_md5 || digest_nid == NID_sha1 || digest_nid == NID_md5_sha1) digest_nid = NID_sha256;
  const EVP_MD* digest = EVP_get_digestbynid(digest_nid);
  Bytes hash(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (digest == nullptr || X509_digest(certificate, digest, hash.data(), &size) != 1) {
    return fail(ErrorCode::unsupported, "certificate", Error::kNoOffset, "OpenSSL cannot compute its signature's hash");
  }
  hash.resize(size);
  return hash;
}

Result<ntlm::ChannelBindingHash> bindings_of(const X509* certificate) {
  POSTERN_TRY(hash, end_point_hash(certificate));
  Bytes application_data = to_bytes(as_bytes(kEndPointPrefix));
  application_data.insert(application_data.end(), hash.begin(), hash.end());
  return channel_binding_hash(application_data);
}

Result<std::vector<ntlm::ChannelBindingHash>> bindings_of_files(const std::vector<std::string>& files) {
  std::vector<ntlm::ChannelBindingHash> bindings;
  for (const std::string& file : files) {
    const std::unique_ptr<BIO, FreeBio> bio{BIO_new_file(file.c_str(), "r")};
    const std::unique_ptr<X509, FreeX509> certificate{bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr};
    if (!certificate) return fail(ErrorCode::invalid_input, "certificate", Error::kNoOffset, file + ": holds no PEM certificate");
    auto binding = bindings_of(certificate.get());
    if (!binding) return fail(binding.error().code, "certificate", Error::kNoOffset, file + ": " + binding.error().message);
    bindings.push_back(*binding);
  }
  return bindings;
}

}  // namespace postern::binding
