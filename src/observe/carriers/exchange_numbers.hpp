// Which exchange a message belongs to, where a channel has one at a time.
#pragma once

#include <optional>

#include "observe/stream.hpp"
#include "wire/messages.hpp"

namespace postern::observe {

/// Gives out the numbers of a connection's exchanges, from 1.
class ExchangeNumbers {
 public:
  [[nodiscard]] ExchangeKey next() { return ++last_; }

 private:
  ExchangeKey last_ = 0;
};

/// The exchange of one channel: a NEGOTIATE starts one, and so does a message that cannot follow the one before it, because what
/// was between them was not seen.
class ExchangeSlot {
 public:
  [[nodiscard]] ExchangeKey key_for(std::optional<wire::MessageType> type, ExchangeNumbers& numbers) {
    const unsigned order = type ? static_cast<unsigned>(*type) : 0;
    if (key_ == 0 || order == 1 || (order != 0 && order <= last_)) {
      key_ = numbers.next();
      last_ = 0;
    }
    if (order != 0) last_ = order;
    return key_;
  }
  [[nodiscard]] ExchangeKey current() const { return key_; }
  [[nodiscard]] bool authenticated() const { return last_ == static_cast<unsigned>(wire::MessageType::authenticate); }
  void clear() { *this = {}; }

 private:
  ExchangeKey key_ = 0;
  unsigned last_ = 0;
};

}  // namespace postern::observe
