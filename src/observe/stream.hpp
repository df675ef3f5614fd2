// What lies between packets and protocols: a connection's bytes in order on one side, the NTLM that was seen in them on the other.
//
// observe/capture turns packets into ordered bytes and hands them to an Analyzer of observe/carriers; that calls a Witness for each
// NTLM message and each outcome that it sees; observe/logons puts exchanges together from those. Nothing here copies payload: views
// are good until the call returns.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_time.hpp"

namespace postern::observe {

/// An IP address; IPv4 is kept as ::ffff:a.b.c.d.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] std::string text() const;  ///< "192.0.2.1", "2001:db8::1" (RFC 5952)
  auto operator<=>(const Address&) const = default;
};

struct Endpoint {
  Address address{};
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  ///< "192.0.2.1:445", "[2001:db8::1]:445"
  auto operator<=>(const Endpoint&) const = default;
};

/// A place in the capture.
struct Moment {
  std::uint64_t frame = 0;  ///< number of the packet, from 1
  FileTime time{};
  auto operator<=>(const Moment&) const = default;
};

/// Who speaks. The client opened the connection; where its start was not seen, who is the likelier one by ports and first bytes.
enum class Side : std::uint8_t { client, server };

struct Connection {
  std::uint64_t id = 0;  ///< unique in this capture, from 1
  Endpoint client{};
  Endpoint server{};
  bool start_seen = false;  ///< the first bytes are the connection's first
  /// Sequence numbers of the first byte of either side, the client's in the upper half: hosts choose them at random, and who
  /// forwards packets leaves them as they are. Where the connection's start was seen.
  std::optional<std::uint64_t> first_sequences{};
};

/// Where a message travelled: the `transport` of `watch --messages`.
enum class Carrier : std::uint8_t { http, http_proxy, smb1, smb2, dcerpc, ldap, mssql, smtp, imap, pop3, nntp, telnet, rdp };
[[nodiscard]] std::string_view name_of(Carrier carrier);

/// Numbers an exchange within its connection: SMB has many sessions on one, HTTP one after the other.
using ExchangeKey = std::uint64_t;

/// One NTLM message, raw or out of SPNEGO.
struct MessageSeen {
  ExchangeKey exchange = 0;
  Moment moment{};  ///< of the packet that holds the message's last byte
  Side from = Side::client;
  Carrier carrier = Carrier::http;
  ByteView message{};  ///< starts with the NTLMSSP signature
  bool in_spnego = false;
  std::vector<std::string> offered_mechs{};  ///< dotted OIDs of a NegTokenInit that carried it, in order
  std::string target{};     ///< what the client called the server: HTTP's Host or proxy target, SMB's tree; may be empty
  bool winrm = false;       ///< HTTP that carries WS-Management: path /wsman, or port 5985
  bool asks_proxy = false;  ///< HTTP whose request line has a whole URI: the client itself asks this host to forward to `target`
  bool ended_tls = false;   ///< the client came by TLS, which ended before here: CredSSP, a request that a TLS proxy forwards
};

/// A logon without NTLMSSP messages: the LM and NT responses of SMB1's SESSION_SETUP_ANDX without extended security (MS-CIFS
/// 2.2.4.53), whose challenge came in the server's NEGOTIATE. No message of `watch --messages`, but a logon.
struct ClassicLogonSeen {
  ExchangeKey exchange = 0;
  Moment moment{};
  Side from = Side::client;
  Carrier carrier = Carrier::smb1;
  std::string user{};
  std::string domain{};
  ByteView challenge{};  ///< 8 bytes, or empty where the server's NEGOTIATE was not seen
  ByteView lm_response{};
  ByteView nt_response{};
};

/// What became of an exchange, as its carrier says it.
struct OutcomeSeen {
  enum class Result : std::uint8_t { success, failure, unknown };
  /// As whom the server let the client in, where the carrier says so.
  enum class Standing : std::uint8_t { as_named, guest, anonymous };
  ExchangeKey exchange = 0;
  Moment moment{};
  Carrier carrier = Carrier::http;
  Result result = Result::unknown;
  Standing standing = Standing::as_named;
  std::optional<std::uint32_t> nt_status{};  ///< where the carrier has one
  std::string text{};                        ///< as the carrier says it: "401", "STATUS_LOGON_FAILURE", "invalidCredentials (49)"
};

/// What is worth knowing beside the messages themselves.
struct NoteSeen {
  enum class Kind : std::uint8_t {
    kerberos_token,    ///< an AP-REQ or raw Kerberos token offered on this connection; `detail` the mechanism
    mechs_offered,     ///< the mechanisms that `from` offers in SPNEGO: `detail` dotted OIDs, separated by commas
    target_named,      ///< what the client called the server after its logon (SMB tree): `detail` the name
    signing_required,  ///< the server's NEGOTIATE requires signing (SMB, LDAP: per carrier)
    signing_not_required,
    rpc_level,            ///< authentication level of a DCE/RPC bind; `number`
    rpc_call,             ///< a call of an interface known for coercion; `detail` interface name, `number` opnum
    encrypted_from_here,  ///< what follows is sealed or TLS, and not observable
    as_request,           ///< Kerberos on port 88: `detail` client principal
    tgs_request,          ///< `detail` the service name asked for, as class/host
    kdc_error,            ///< `number` the KRB error code, `detail` the service name if the error carries one
    kdc_reply,            ///< a ticket was given; `detail` the service name
    kerberos_error,       ///< a service answers a Kerberos token with a KRB-ERROR: `number` its code
    kdc_unreachable,      ///< capture: a SYN to port 88 got no answer, or a refusal
    given_up,             ///< bytes were lost, and records cannot be found again: the rest of the connection is not read
  };
  Kind kind = Kind::kerberos_token;
  ExchangeKey exchange = 0;
  Moment moment{};
  Carrier carrier = Carrier::http;
  Side from = Side::client;
  std::uint32_t number = 0;
  std::string detail{};
};

/// Takes what analyzers see.
class Witness {
 public:
  Witness() = default;
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  virtual ~Witness() = default;
  virtual void on_message(const Connection& connection, const MessageSeen& seen) = 0;
  virtual void on_outcome(const Connection& connection, const OutcomeSeen& seen) = 0;
  virtual void on_note(const Connection& connection, const NoteSeen& seen) = 0;
  virtual void on_classic_logon(const Connection& connection, const ClassicLogonSeen& seen) {
    static_cast<void>(connection);
    static_cast<void>(seen);
  }
  /// The connection ended or was given up: exchanges on it get no further outcome.
  virtual void on_connection_end(const Connection& connection) = 0;
};

/// Whether the analyzer wants more of the connection. After `done` nothing of it is kept or reassembled.
enum class Interest : std::uint8_t { more, done };

/// Reads one connection's two byte streams. Made by `recognise`; lives as long as the connection. Keeps at most kMaxHeldBytes of
/// its own, whatever the peer sends.
class Analyzer {
 public:
  /// Both directions together: a record of each (a token has 64 KiB at most), and what is put together from several.
  static constexpr std::size_t kMaxHeldBytes = std::size_t{320} * 1024;

  Analyzer() = default;
  Analyzer(const Analyzer&) = delete;
  Analyzer& operator=(const Analyzer&) = delete;
  virtual ~Analyzer() = default;

  /// The next bytes of `from`, in order, without gap since the last call (on_gap tells of gaps). `moment` is that of the packet
  /// that brought the last of them.
  [[nodiscard]] virtual Interest on_bytes(Side from, ByteView bytes, const Moment& moment, Witness& witness) = 0;
  /// `bytes` of `from` were lost: resynchronise at the next record, or say `done`.
  [[nodiscard]] virtual Interest on_gap(Side from, std::uint64_t bytes, Witness& witness) = 0;
  /// Bytes that this analyzer holds now, for the memory limit.
  [[nodiscard]] virtual std::size_t held_bytes() const = 0;
};

/// What the first bytes of a connection say. `undecided` asks for more of them (never more than kMaxFirstBytes); `nothing`: no
/// carrier of NTLM, drop the flow at once; `tls`, `socks`: not observable, counted.
struct Recognition {
  enum class Kind : std::uint8_t { undecided, nothing, tls, socks, carrier };
  Kind kind = Kind::undecided;
  std::unique_ptr<Analyzer> analyzer{};
};
inline constexpr std::size_t kMaxFirstBytes = 64;

/// Decides by the bytes themselves, ports only break ties. `first_client` and `first_server` are what each side sent so far, from
/// where the capture begins; either may be empty. A fast answer for the many flows that are nothing: no allocation unless
/// `carrier`.
[[nodiscard]] Recognition recognise(const Connection& connection, ByteView first_client, ByteView first_server);

/// A UDP datagram to or from port 88: Kerberos for the reason (KRB-ERROR, TGS-REQ). Stateless. Kerberos over TCP is a carrier of
/// its own, that `recognise` gives on port 88.
void observe_kerberos_datagram(const Connection& conversation, Side from, ByteView datagram, const Moment& moment,
                               Witness& witness);

}  // namespace postern::observe
