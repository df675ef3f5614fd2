// DCE/RPC's PDUs, wherever they travel: over TCP or in an SMB pipe (C706 chapter 12, MS-RPCE 2.2.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"

namespace postern::observe {

inline constexpr std::size_t kRpcHeaderBytes = 16;
/// What of a request or response must be seen: the header, context and operation, a fault's status.
inline constexpr std::size_t kRpcCallBytes = 28;
/// What all channels of a connection keep of tokens in several fragments and PDUs in several writes.
inline constexpr std::size_t kMaxRpcPartBytes = std::size_t{64} * 1024;

/// True if a connection-oriented PDU starts here: version 5, minor 0 or 1, a type that exists, little- or big-endian ASCII, a
/// fragment at least as long as its header. Needs kRpcHeaderBytes.
[[nodiscard]] bool is_rpc_header(ByteView bytes);
/// Length of the fragment whose header stands here.
[[nodiscard]] std::size_t rpc_fragment_bytes(ByteView bytes);
/// True if the whole PDU must be seen, because it can carry a token.
[[nodiscard]] bool rpc_wants_whole(ByteView bytes);

/// A PDU, whole if rpc_wants_whole, else at least kRpcCallBytes of it or all.
struct RpcPdu {
  ByteView bytes;
  Side from = Side::client;
  Moment begin{};  ///< of its first byte
  Moment end{};    ///< of its last, where it is whole
};

/// Where a channel is: what those of one connection share.
struct RpcScene {
  const Connection& connection;
  Witness& witness;
  ExchangeNumbers& numbers;
  std::string_view target{};  ///< what the client calls the server, where that is known
  std::size_t room = 0;       ///< bytes that may be kept beside what is kept
};

/// One association: a TCP connection or an open pipe.
class RpcChannel {
 public:
  void on_pdu(const RpcScene& scene, const RpcPdu& pdu);
  /// Bytes of `from` were lost: what was put together of them is dropped, and no exchange is gone on with.
  void on_lost(Side from);
  [[nodiscard]] std::size_t held_bytes() const { return tokens_[0].bytes.capacity() + tokens_[1].bytes.capacity(); }

 private:
  /// A token that comes in several fragments (C706 12.6.3.1: PFC_FIRST_FRAG to PFC_LAST_FRAG), with its trailer's head on the last
  /// one, or a part of it on each.
  struct Parts {
    bool open = false;
    std::uint8_t type = 0;
    std::uint32_t call = 0;
    Bytes bytes{};
  };
  /// The trailer of a PDU that carries a token, and the token as far as it is in this PDU.
  struct Token {
    std::uint8_t type = 0;
    std::uint8_t level = 0;
    std::uint32_t context = 0;
    ByteView bytes{};
  };
  static constexpr std::size_t kMaxAuthContexts = 16;
  static constexpr std::size_t kMaxInterfaces = 32;
  static constexpr std::size_t kMaxCalls = 16;

  struct AuthContext {
    std::uint32_t id = 0;
    ExchangeSlot slot{};
    bool unproved = false;  ///< AUTHENTICATE was seen, its outcome was not
  };
  struct Interface {
    std::uint16_t context = 0;
    std::size_t index = 0;  ///< in the table of interfaces known for coercion
  };
  struct Call {
    std::uint32_t id = 0;
    ExchangeKey exchange = 0;
  };

  AuthContext& auth_context(std::uint32_t id);
  [[nodiscard]] static std::optional<Token> token_of(ByteView pdu);
  /// A PDU that can carry a token; calls on_token when all fragments are here.
  void on_fragment(const RpcScene& scene, const RpcPdu& pdu);
  void on_token(const RpcScene& scene, const RpcPdu& pdu, const Token& token);
  void on_bind_nak(const RpcScene& scene, const RpcPdu& pdu);
  void on_request(const RpcScene& scene, const RpcPdu& pdu);
  void on_answer(const RpcScene& scene, const RpcPdu& pdu);
  void learn_interfaces(ByteView pdu);
  static void report(const RpcScene& scene, const RpcPdu& pdu, ExchangeKey exchange, bool success, std::string text);

  std::array<Parts, 2> tokens_{};  ///< by side
  std::vector<AuthContext> auth_contexts_;
  std::vector<Interface> interfaces_;
  std::vector<Call> calls_;
};

}  // namespace postern::observe
