// Who guesses: wrong passwords for many accounts from one client, or for one account from many clients. In memory only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "authority/detection/findings.hpp"
#include "authority/detection/lru_table.hpp"
#include "authority/detection/marks.hpp"

namespace postern::authority::detection {

inline constexpr std::size_t kSprayedAccounts = 10;    ///< accounts with wrong passwords from one address: spraying
inline constexpr std::size_t kGuessingClients = 10;    ///< addresses with wrong passwords for one account: guessing
inline constexpr std::uint64_t kGuessSeconds = 1'800;  ///< within so long

struct GuessingLimits {
  std::size_t addresses = 32'768;
  std::size_t accounts = 32'768;
};

class Guessing {
 public:
  explicit Guessing(const GuessingLimits& limits) : by_address_{limits.addresses}, by_account_{limits.accounts} {}

  /// A wrong password, whether the account exists or not. Counts it, and tells if it is one of many.
  void failed(const Lesson& lesson, Found& found);
  /// True if this address has sprayed and has not paused for kGuessSeconds.
  [[nodiscard]] bool is_spraying(const Lesson& lesson);
  /// A logon was allowed: its account's failures from there were a person's slips.
  void succeeded(const Lesson& lesson);

  [[nodiscard]] std::size_t bytes() const { return by_address_.bytes() + by_account_.bytes(); }
  [[nodiscard]] std::size_t max_bytes() const { return by_address_.max_bytes() + by_account_.max_bytes(); }

 private:
  /// The distinct ones since `start`, at most as many as tell.
  struct Window {
    std::uint64_t start = 0;
    std::uint64_t last = 0;
    std::uint8_t count = 0;
    std::array<std::uint32_t, kSprayedAccounts> marks{};
  };
  static_assert(kGuessingClients <= kSprayedAccounts, "one size fits both");
  static void note(Window& window, std::uint64_t mark, FileTime now, std::size_t enough);
  static void forget(Window& window, std::uint64_t mark, std::size_t enough);
  static bool is_over(const Window& window, FileTime now, std::size_t enough);

  LruTable<Window> by_address_;
  LruTable<Window> by_account_;
};

}  // namespace postern::authority::detection
