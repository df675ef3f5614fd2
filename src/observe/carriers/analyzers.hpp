// The analyzers of the carriers: each reads one connection. docs/observe.md says what each one sees.
#pragma once

#include <memory>

#include "observe/stream.hpp"

namespace postern::observe {

[[nodiscard]] std::unique_ptr<Analyzer> make_http_analyzer(const Connection& connection);
/// SMB1 and SMB2/3, over TCP directly or in NetBIOS sessions, with the DCE/RPC in their pipes.
[[nodiscard]] std::unique_ptr<Analyzer> make_smb_analyzer(const Connection& connection);
[[nodiscard]] std::unique_ptr<Analyzer> make_rpc_analyzer(const Connection& connection);
[[nodiscard]] std::unique_ptr<Analyzer> make_ldap_analyzer(const Connection& connection);
[[nodiscard]] std::unique_ptr<Analyzer> make_tds_analyzer(const Connection& connection);
/// SMTP, IMAP, POP3, NNTP.
[[nodiscard]] std::unique_ptr<Analyzer> make_text_analyzer(const Connection& connection, Carrier carrier);
[[nodiscard]] std::unique_ptr<Analyzer> make_telnet_analyzer(const Connection& connection);
/// RDP's connection request, and CredSSP (TSRequest) where it is not inside TLS.
[[nodiscard]] std::unique_ptr<Analyzer> make_rdp_analyzer(const Connection& connection);
[[nodiscard]] std::unique_ptr<Analyzer> make_kerberos_analyzer(const Connection& connection);

}  // namespace postern::observe
