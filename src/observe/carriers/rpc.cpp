// DCE/RPC over TCP.
#include "observe/carriers/analyzers.hpp"
#include "observe/carriers/inlet.hpp"
#include "observe/carriers/rpc_channel.hpp"

namespace postern::observe {
namespace {

class RpcAnalyzer final : public RecordAnalyzer {
 public:
  using RecordAnalyzer::RecordAnalyzer;

 protected:
  std::uint64_t on_front(const Front& front) override {
    if (front.bytes.size() < kRpcHeaderBytes) return 0;
    if (!is_rpc_header(front.bytes)) return no_record(front);
    const std::size_t length = rpc_fragment_bytes(front.bytes);
    const std::size_t wanted = rpc_wants_whole(front.bytes) ? length : std::min(length, kRpcCallBytes);
    if (front.bytes.size() < wanted) return 0;
    const ByteView pdu = front.bytes.first(std::min(length, front.bytes.size()));
    const std::size_t held = channel_.held_bytes();
    channel_.on_pdu({connection_, front.witness, numbers_, {}, kMaxRpcPartBytes - std::min(held, kMaxRpcPartBytes)},
                    {pdu, front.from, front.moment_of(0), front.moment_of(pdu.size() - 1)});
    return length;
  }

  std::uint64_t search(const Front& front) override {
    for (std::size_t i = 0; i + kRpcHeaderBytes <= front.bytes.size(); ++i) {
      // A fragment of a version 5 with both first and last set, or a middle one: flags are checked where there is no frame to lean
      // on.
      if (!is_rpc_header(front.bytes.subspan(i)) || (front.bytes[i + 3] & 0x03) == 0) continue;
      found(front.from);
      return i;
    }
    return front.bytes.size() < kRpcHeaderBytes ? 0 : front.bytes.size() - kRpcHeaderBytes + 1;
  }

  void on_lost(Side from, Witness&) override { channel_.on_lost(from); }
  [[nodiscard]] std::size_t held_beside() const override { return channel_.held_bytes(); }

 private:
  static_assert(2 * kMaxRpcPartBytes <= kMaxBesideBytes, "vectors grow by doubling");
  ExchangeNumbers numbers_;
  RpcChannel channel_;
};

}  // namespace

std::unique_ptr<Analyzer> make_rpc_analyzer(const Connection& connection) { return std::make_unique<RpcAnalyzer>(connection); }

}  // namespace postern::observe
