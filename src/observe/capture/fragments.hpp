// IP datagrams put together from fragments, within bounds.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "observe/capture/packet.hpp"
#include "observe/capture/statistics.hpp"
#include "observe/stream.hpp"

namespace postern::observe::capture {

/// What fragments of one datagram share (RFC 791 3.2, RFC 8200 4.5).
struct FragmentKey {
  Address source{};
  Address destination{};
  std::uint32_t id = 0;
  std::uint8_t protocol = 0;
  std::uint8_t version = 4;
  auto operator<=>(const FragmentKey&) const = default;
};

/// Holds the fragments of datagrams that are not complete. Where fragments overlap, the bytes that came first stay. What is oldest
/// is given up first when a bound is reached, and counted.
class Fragments {
 public:
  static constexpr std::size_t kMaxDatagramBytes = 65'535;
  static constexpr std::size_t kMaxDatagrams = 1'024;
  static constexpr std::size_t kMaxPieces = 256;                                 ///< of one datagram
  static constexpr std::size_t kMaxBytes = std::size_t{2} * 1024 * 1024;         ///< of all datagrams together
  static constexpr std::uint64_t kMaxAgeTicks = 60 * FileTime::kTicksPerSecond;  ///< RFC 8200 4.5: 60 seconds

  explicit Fragments(Statistics& statistics) : statistics_{statistics} {}

  /// Takes a fragment: `more` if others follow it. Returns the whole datagram's payload with its last missing piece; it is good
  /// until the next call.
  [[nodiscard]] std::optional<ByteView> add(const FragmentKey& key, std::uint32_t offset, bool more, ByteView bytes, FileTime time);
  /// Gives up what waits for more; for the end of a capture.
  void clear();
  [[nodiscard]] std::size_t held_bytes() const { return held_; }

 private:
  struct Piece {
    std::uint32_t offset = 0;
    Bytes bytes{};
  };
  struct Datagram {
    std::vector<Piece> pieces{};  ///< by offset, without overlap
    std::optional<std::uint32_t> length{};
    std::size_t held = 0;
    FileTime first{};
    std::list<FragmentKey>::iterator age{};
  };
  using Table = std::map<FragmentKey, Datagram>;

  void give_up(Table::iterator datagram);
  void remove(Table::iterator datagram);
  /// Adds what `bytes` bring that is new.
  std::size_t insert(Datagram& datagram, std::uint32_t offset, ByteView bytes) const;
  [[nodiscard]] static bool complete(const Datagram& datagram);

  Statistics& statistics_;
  Table table_{};
  std::list<FragmentKey> ages_{};  ///< oldest first
  std::size_t held_ = 0;
  Bytes whole_{};
};

}  // namespace postern::observe::capture
