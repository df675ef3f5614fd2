// DCE/RPC's PDUs, wherever they travel: over TCP or in an SMB pipe (C706 chapter 12, MS-RPCE 2.2.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "observe/carriers/exchange_numbers.hpp"
#include "observe/carriers/inlet.hpp"

namespace postern::observe {

inline constexpr std::size_t kRpcHeaderBytes = 16;
/// What of a request or response must be seen: the header, context and operation, a fault's status.
inline constexpr std::size_t kRpcCallBytes = 28;

/// True if a connection-oriented PDU starts here: version 5, minor 0 or 1, a type that exists, little- or big-endian ASCII, a
/// fragment at least as long as its header. Needs kRpcHeaderBytes.
[[nodiscard]] bool is_rpc_header(ByteView bytes);
/// Length of the fragment whose header stands here.
[[nodiscard]] std::size_t rpc_fragment_bytes(ByteView bytes);
/// True if the whole PDU must be seen, because it can carry a token.
[[nodiscard]] bool rpc_wants_whole(ByteView bytes);

/// One association: a TCP connection or an open pipe.
class RpcChannel {
 public:
  /// A PDU, whole if rpc_wants_whole, else at least kRpcCallBytes of it or all. `offset` is its place in front.bytes.
  void on_pdu(const Connection& connection, const Front& front, ByteView pdu, std::size_t offset, std::string_view target,
              ExchangeNumbers& numbers);

 private:
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
  void on_token(const Connection& connection, const Front& front, ByteView pdu, std::size_t offset, std::string_view target,
                ExchangeNumbers& numbers);
  void on_request(const Connection& connection, const Front& front, ByteView pdu, std::size_t offset);
  void on_answer(const Connection& connection, const Front& front, ByteView pdu, std::size_t offset);
  void learn_interfaces(ByteView pdu);
  static void report(const Connection& connection, const Front& front, std::size_t offset, ExchangeKey exchange, bool success,
                     std::string text);

  std::vector<AuthContext> auth_contexts_;
  std::vector<Interface> interfaces_;
  std::vector<Call> calls_;
};

}  // namespace postern::observe
