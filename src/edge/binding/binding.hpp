// Channel bindings of a TLS connection: `tls-server-end-point` (RFC 5929 4.1) of the certificate that was served on it (R43).
#pragma once

#include <openssl/types.h>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::binding {

/// The MD5 of gss_channel_bindings_struct with the given application data and empty addresses (MS-NLMP 2.2.2.1, RFC 4121 4.1.1.2).
[[nodiscard]] Result<ntlm::ChannelBindingHash> channel_binding_hash(ByteView application_data);

/// The certificate's hash as RFC 5929 4.1 wants it: SHA-256 where the signature uses MD5 or SHA-1, else the signature's own hash.
/// `unsupported` if the signature names no hash (Ed25519, Ed448): such a certificate cannot be bound.
[[nodiscard]] Result<Bytes> end_point_hash(const X509* certificate);

/// What MsvAvChannelBindings must be on a connection that serves this certificate.
[[nodiscard]] Result<ntlm::ChannelBindingHash> bindings_of(const X509* certificate);

/// The bindings of the first certificate in each PEM file, for TLS terminators in front. `invalid_input` names the file.
[[nodiscard]] Result<std::vector<ntlm::ChannelBindingHash>> bindings_of_files(const std::vector<std::string>& files);

}  // namespace postern::binding
