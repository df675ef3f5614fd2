// What an edge and the authority say to each other, and its bytes. Sans-IO: sockets are in edge/ipc.
//
// An edge sends `begin` with the first token of a handshake and `finish` with each following one; the authority answers
// `Continue` (a token for the client, and the handshake's name) or `Verdict`. docs/authority-protocol.md is this file in prose.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/nt_status.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::ntlm {

/// What both ends speak today. An edge of an older release asks in version 1 and is answered in version 1, without explanations.
inline constexpr std::uint8_t kProtocolVersion = 2;
inline constexpr std::uint8_t kOldestProtocolVersion = 1;
inline constexpr std::size_t kMaxFrameBytes = 256 * 1024;  ///< one message on the socket, length field aside
inline constexpr std::size_t kMaxTokenBytes = 64 * 1024;   ///< one token of a client; R26
inline constexpr std::size_t kMaxNameBytes = 1024;         ///< one text (UTF-8)
inline constexpr std::size_t kMaxBindings = 16;            ///< channel bindings that one connection may accept
inline constexpr std::size_t kMaxTargetNames = 256;
inline constexpr std::size_t kMaxGroups = 4096;
inline constexpr std::size_t kMaxExplanationBytes = 512;  ///< each text of an explanation (UTF-8)

using ExportedSessionKey = Secret<struct ExportedSessionKeyTag, 16>;
/// Names one half-open handshake; random, good on the socket connection that began it only (R40).
using HandshakeId = Public<struct HandshakeIdTag, 16>;
/// Random, chosen by the edge for each request; the answer carries it back (R31).
using RequestNonce = Public<struct RequestNonceTag, 16>;
/// MD5 of the gss_channel_bindings_struct: what MsvAvChannelBindings carries (MS-NLMP 2.2.2.1).
using ChannelBindingHash = Public<struct ChannelBindingHashTag, 16>;

/// How the token travels: HTTP's `NTLM` (raw NTLMSSP) or `Negotiate` (SPNEGO, or NTLMSSP raw inside it).
enum class Carrier : std::uint8_t { ntlm = 0, negotiate = 1 };

struct Endpoint {
  std::string address{};  ///< textual IP address without brackets or port; empty if unknown
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

/// The connection as the edge sees it.
struct ConnectionFacts {
  Endpoint client{};
  Endpoint server{};
  bool tls = false;  ///< the client's bytes came through TLS that ends at the edge
  bool operator==(const ConnectionFacts&) const = default;
};

struct BeginRequest {
  std::string service{};  ///< the configured name of the service, for example "gateway"; the peer must be allowed to use it (R31)
  Carrier carrier = Carrier::ntlm;
  ConnectionFacts connection{};
  Bytes token{};  ///< as received, at most kMaxTokenBytes
  bool operator==(const BeginRequest&) const = default;
};

struct FinishRequest {
  HandshakeId handshake{};
  Bytes token{};
  std::vector<ChannelBindingHash> channel_bindings{};  ///< each that this connection accepts; none on a channel without TLS
  std::vector<std::string>
      target_names{};              ///< accepted MsvAvTargetName values, for example "HTTP/www.example.org"; none: not checked
  bool wants_session_key = false;  ///< answered only if the peer has that right (R31)
  bool operator==(const FinishRequest&) const = default;
};

/// Drops a half-open handshake, so that it costs nothing until it expires. No answer.
struct CancelRequest {
  HandshakeId handshake{};
  bool operator==(const CancelRequest&) const = default;
};

using Request = std::variant<BeginRequest, FinishRequest, CancelRequest>;

/// The handshake goes on: `token` is for the client, the next token comes with `finish`.
struct Continue {
  HandshakeId handshake{};
  Bytes token{};
};

enum class AccountKind : std::uint8_t { unknown = 0, domain = 1, local = 2, machine = 3, anonymous = 4, guest = 5 };

struct Identity {
  std::string domain{};  ///< NetBIOS name
  std::string name{};
  std::string sid{};
  AccountKind kind = AccountKind::unknown;
  bool operator==(const Identity&) const = default;
};

/// How the client proved itself, for the edge's page and log: the names of DESIGN.md's LogonEvent.
struct LogonFacts {
  std::string package{};          ///< "NTLM"
  std::string version{};          ///< "NTLMv2"
  std::string mic{};              ///< "verified"
  std::string channel_binding{};  ///< "matched"
  std::string spn{};
  std::string spn_check{};
  std::string workstation{};
  bool operator==(const LogonFacts&) const = default;
};

/// Where and when a denial was decided, in the order of docs/policy.md.
enum class DenialPoint : std::uint8_t { client = 0, server = 1, server_dc = 2, account_dc = 3 };
enum class DenialStage : std::uint8_t { negotiate = 0, response = 1, verified = 2 };

/// Which setting denied a logon, and what to change. Each text has at most kMaxExplanationBytes.
struct Explanation {
  DenialPoint point = DenialPoint::server;
  DenialStage stage = DenialStage::negotiate;
  std::string setting{};  ///< "ExtendedProtection"
  std::string value{};    ///< "always"; empty where it is nobody else's business
  std::string reason{};   ///< a sentence for a person
  std::string cure{};     ///< what to change
  bool operator==(const Explanation&) const = default;
};

/// The end of a handshake. An edge grants access on `allowed()` and on nothing else.
struct Verdict {
  NtStatus status = NtStatus::logon_failure;  ///< what the log says; the peer learns no more than "denied" (R37)
  Bytes token{};                              ///< a last token for the client (SPNEGO accept-completed or reject); may be empty
  Identity identity{};                        ///< whole if allowed; as claimed if denied
  std::vector<std::string> groups{};          ///< names or SIDs
  LogonFacts facts{};
  std::string event_id{};                ///< the LogonEvent's id; empty if none was recorded
  std::string why{};                     ///< one line for the edge's log; holds no secret
  std::optional<Explanation> decided{};  ///< what the policy decided, for the edge's log alone: it may speak of the account
  std::optional<Explanation> told{};     ///< what the client may read: no account had a part in it, and nothing was compared (R37)
  std::optional<ExportedSessionKey> session_key{};

  [[nodiscard]] bool allowed() const { return status == NtStatus::success; }
};

using Reply = std::variant<Continue, Verdict>;

/// A frame on the socket: u32 length of what follows, u8 version, u8 kind, 16 bytes nonce, body. Little-endian.
struct FramedRequest {
  RequestNonce nonce{};
  Request request{};
  std::uint8_t version = kProtocolVersion;  ///< the one to answer in
};
struct FramedReply {
  RequestNonce nonce{};
  Reply reply{};
  std::uint8_t version = kProtocolVersion;
};

/// A whole frame, length included. Refuses what is over a limit above, and a version that is none of ours. In version 1 a verdict
/// has no explanations.
[[nodiscard]] Result<Bytes> encode(const RequestNonce& nonce, const Request& request, std::uint8_t version = kProtocolVersion);
[[nodiscard]] Result<Bytes> encode(const RequestNonce& nonce, const Reply& reply, std::uint8_t version = kProtocolVersion);

/// Reads one frame without its length field. Refuses other versions, unknown kinds, bytes left over, anything over a limit, and an
/// explanation that goes with no denial or tells the client what was decided after the comparison.
[[nodiscard]] Result<FramedRequest> decode_request(ByteView frame);
[[nodiscard]] Result<FramedReply> decode_reply(ByteView frame);

/// How many bytes the frame at the front of `buffer` has after its 4-byte length; nothing while the length is incomplete.
/// An error if the length is over kMaxFrameBytes.
[[nodiscard]] Result<std::optional<std::size_t>> frame_length(ByteView buffer);

}  // namespace postern::ntlm
