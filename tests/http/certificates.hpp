// Certificates made for one test with OpenSSL's API.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string>

namespace postern::test {

enum class KeyKind { rsa, ec_p256, ec_p384, ed25519 };

struct CertificateSpec {
  std::string name = "localhost";  ///< DNS name in subjectAltName
  KeyKind key = KeyKind::rsa;
  std::string digest = "SHA256";  ///< of the signature; ignored for Ed25519
  bool pss = false;               ///< RSASSA-PSS signature with an ordinary RSA key
};

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using CertificatePtr = std::unique_ptr<X509, FreeCertificate>;

/// Writes FILE.pem and FILE.key; the certificate for comparison.
inline CertificatePtr make_certificate(const std::string& file, const CertificateSpec& spec) {
  EVP_PKEY* key = nullptr;
  switch (spec.key) {
    case KeyKind::rsa: key = EVP_RSA_gen(2048); break;
    case KeyKind::ec_p256: key = EVP_EC_gen("P-256"); break;
    case KeyKind::ec_p384: key = EVP_EC_gen("P-384"); break;
    case KeyKind::ed25519: key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"); break;
  }
  if (key == nullptr) std::abort();
  CertificatePtr certificate{X509_new()};
  X509* x = certificate.get();
  X509_set_version(x, 2);
  static long serial = 1000;
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 86400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(spec.name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  X509_set_pubkey(x, key);
  const std::string names = "DNS:" + spec.name + ",IP:127.0.0.1";
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);

  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* parameters = nullptr;
  const EVP_MD* digest = spec.key == KeyKind::ed25519 ? nullptr : EVP_get_digestbyname(spec.digest.c_str());
  if (EVP_DigestSignInit(context, &parameters, digest, nullptr, key) != 1) std::abort();
  if (spec.pss) {
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST);
  }
  if (X509_sign_ctx(x, context) <= 0) std::abort();
  EVP_MD_CTX_free(context);

  FILE* out = std::fopen((file + ".pem").c_str(), "w");
  PEM_write_X509(out, x);
  std::fclose(out);
  out = std::fopen((file + ".key").c_str(), "w");
  PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  EVP_PKEY_free(key);
  return certificate;
}

}  // namespace postern::test
