// The whole acceptor with the input as it comes: whoever does not have the key is never let in (R7). The twin of acceptor.cpp,
// which gets past the proof.
#include "acceptor_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const fuzz::Exchange exchange = fuzz::split({data, size});
  auto awaiting = ntlm::Acceptor::on_negotiate(exchange.negotiate, fuzz::server(), fuzz::challenge_of(0x99), fuzz::kNow);
  if (!awaiting) return 0;
  const auto pending = std::move(*awaiting).on_authenticate(exchange.authenticate);
  if (!pending) return 0;
  fuzz::require(!ntlm::verify_response(pending->request(), fuzz::account_hash(), fuzz::kEveryVersion));
  return 0;
}
