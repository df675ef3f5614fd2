// Random events and facts: every member of every struct takes part, or this does not compile.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "event/facts.hpp"

namespace postern::event::test {

// One name for each member: adding a member to a struct breaks its line here until it is named.
// clang-format off
inline auto members(Source& s) { auto& [a, b, c] = s; return std::tie(a, b, c); }
inline auto members(Status& s) { auto& [a, b] = s; return std::tie(a, b); }
inline auto members(ServerNames& s) { auto& [a, b, c, d, e] = s; return std::tie(a, b, c, d, e); }
inline auto members(Ntlm& s) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = s;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
}
inline auto members(Account& s) { auto& [a, b, c, d, e, f, g, h] = s; return std::tie(a, b, c, d, e, f, g, h); }
inline auto members(Client& s) { auto& [a, b, c, d, e] = s; return std::tie(a, b, c, d, e); }
inline auto members(Server& s) { auto& [a, b, c, d, e] = s; return std::tie(a, b, c, d, e); }
inline auto members(Transport& s) { auto& [a, b, c] = s; return std::tie(a, b, c); }
inline auto members(Authority& s) { auto& [a, b] = s; return std::tie(a, b); }
inline auto members(Reason& s) { auto& [a, b, c, d] = s; return std::tie(a, b, c, d); }
inline auto members(PolicyDecision& s) { auto& [a, b, c, d, e, f] = s; return std::tie(a, b, c, d, e, f); }
inline auto members(Correlation& s) { auto& [a, b] = s; return std::tie(a, b); }
inline auto members(Finding& s) { auto& [a, b, c, d] = s; return std::tie(a, b, c, d); }
inline auto members(Facts& s) { auto& [a, b, c, d, e, f, g, h, i, j] = s; return std::tie(a, b, c, d, e, f, g, h, i, j); }
inline auto members(LogonEvent& s) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = s;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
}
// clang-format on

template <typename T>
concept Struct = requires(T& value) { members(value); };

/// Fills values; `Known::all` sets every optional and gives every list an entry.
enum class Known { all, some };

class Generator {
 public:
  explicit Generator(std::uint64_t seed, Known known = Known::some) : engine_{seed}, known_{known} {}

  template <typename T>
  T make() {
    T value{};
    fill(value);
    return value;
  }

  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  void fill(bool& value) { value = below(2) == 1; }
  void fill(std::uint16_t& value) { value = static_cast<std::uint16_t>(edge(below(0x10000), 0xffff)); }
  void fill(std::uint32_t& value) { value = static_cast<std::uint32_t>(edge(engine_() & 0xffffffff, 0xffffffff)); }
  void fill(std::string& value) {
    // Empty, non-ASCII, controls, what JSON escapes, what readers of lines split at, and long.
    static const std::vector<std::string> kPieces{"",
                                                  "alice",
                                                  "LAB",
                                                  "\xC3\xA5\xC3\xB1\xC3\xBC",
                                                  "\xE5\xB1\xB1\xE7\x94\xB0",
                                                  "\xF0\x9F\x9A\xAA",
                                                  "\"",
                                                  "\\",
                                                  "\n",
                                                  "\r\t\b\f",
                                                  std::string(1, '\0'),
                                                  "\x1b[31m",
                                                  "\x7f",
                                                  "\xC2\x9B",
                                                  "\xE2\x80\xA8",
                                                  "</script>",
                                                  "null",
                                                  std::string(300, 'x'),
                                                  "HTTP/www.example.org:8443"};
    const std::uint64_t pieces = below(4);
    value.clear();
    for (std::uint64_t i = 0; i < pieces; ++i) value += kPieces[below(kPieces.size())];
  }
  template <NamedEnum E>
  void fill(E& value) {
    value = static_cast<E>(below(kNames<E>.size()));
    if constexpr (std::is_same_v<E, AccountKind> || std::is_same_v<E, Outcome>) {
      if (known_ == Known::all) value = static_cast<E>(0);
    }
  }
  void fill(Timestamp& time) {
    constexpr std::uint64_t kTicksOf2026 = 134'000'000'000'000'000;
    const std::uint64_t choices[] = {0, 9, 10, engine_(), ~std::uint64_t{0}, kTicksOf2026 + below(1'000'000'000)};
    time = Timestamp{FileTime{choices[below(std::size(choices))]}};
  }
  void fill(EventId& id) {
    std::array<std::uint8_t, EventId::kRandomBytes> random{};
    for (auto& byte : random) byte = static_cast<std::uint8_t>(engine_());
    id = EventId::make(FileTime{engine_() % 2'500'000'000'000'000'000}, random);
  }
  void fill(KeyedDigest& digest) {
    for (auto& byte : digest) byte = static_cast<std::uint8_t>(engine_());
  }
  template <typename T>
  void fill(std::optional<T>& value) {
    value.reset();
    if (known_ == Known::all || below(4) != 0) fill(value.emplace());
  }
  template <typename T>
  void fill(std::vector<T>& list) {
    list.resize(known_ == Known::all ? 1 + below(2) : below(4));
    for (T& entry : list) fill(entry);
  }
  template <Struct T>
  void fill(T& object) {
    std::apply([this](auto&... member) { (fill(member), ...); }, members(object));
  }

 private:
  std::uint64_t edge(std::uint64_t usual, std::uint64_t last) {
    const std::uint64_t choice = below(8);
    return choice == 0 ? 0 : choice == 1 ? last : usual;
  }

  std::mt19937_64 engine_;
  Known known_;
};

/// Calls `visit(leaf)` for each member that is no struct itself, in order.
template <Struct T>
void for_each_leaf(T& object, auto&& visit) {
  const auto one = [&](auto& member) {
    if constexpr (Struct<std::remove_reference_t<decltype(member)>>) {
      for_each_leaf(member, visit);
    } else {
      visit(member);
    }
  };
  std::apply([&](auto&... member) { (one(member), ...); }, members(object));
}

}  // namespace postern::event::test
