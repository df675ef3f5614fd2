// Channel bindings as NTLM carries them (MS-NLMP 2.2.2.1, MsvAvChannelBindings).
#pragma once

#include "base/bytes.hpp"
#include "ntlm/authority_protocol.hpp"

namespace postern::ntlm {

/// MD5 of gss_channel_bindings_struct with this application data and no addresses (RFC 4121, 4.1.1.2). For TLS the data is
/// `tls-server-end-point:` and the certificate's hash (RFC 5929, 4.1).
[[nodiscard]] ChannelBindingHash channel_binding_hash(ByteView application_data);

}  // namespace postern::ntlm
