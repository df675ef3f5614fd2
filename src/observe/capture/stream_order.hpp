// One direction of a TCP connection put in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "observe/capture/statistics.hpp"
#include "observe/stream.hpp"

namespace postern::observe::capture {

/// Takes segments as they come and gives bytes as they were sent. Bytes in order are passed on as views into the segment; only
/// those that come before their turn are copied. Where segments overlap, the bytes that came first win. A hole is passed over when
/// the other end acknowledged what it held and still nothing filled it, or when too much waits behind it.
///
/// A Sink has: bool bytes(ByteView, const Moment&) and bool gap(std::uint64_t), which return false to stop.
class StreamOrder {
 public:
  static constexpr std::size_t kMaxWaitingBytes = std::size_t{256} * 1024;
  static constexpr std::size_t kMaxWaitingPieces = 256;
  /// Packets of the connection that may pass between an acknowledgment of a hole's bytes and those bytes: captures that merge two
  /// directions mix them a little.
  static constexpr unsigned kPatiencePackets = 4;
  static constexpr std::size_t kPieceOverhead = 64;

  [[nodiscard]] bool known() const { return known_; }
  [[nodiscard]] std::uint32_t next() const { return next_; }
  void start_at(std::uint32_t sequence) {
    next_ = sequence;
    known_ = true;
  }
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  [[nodiscard]] std::size_t held_bytes() const { return held_; }
  /// All that was sent has been given: the FIN was reached.
  [[nodiscard]] bool ended() const { return fin_seen_ && known_ && static_cast<std::int32_t>(next_ - fin_) >= 0; }
  void fin_at(std::uint32_t sequence) {
    if (fin_seen_) return;
    fin_seen_ = true;
    fin_ = sequence;
  }

  /// A segment of `payload` at `sequence`, behind which the capture cut `missing` bytes. False once the sink wants no more.
  template <typename Sink>
  bool add(std::uint32_t sequence, ByteView payload, std::uint32_t missing, const Moment& moment, Statistics& statistics,
           Sink& sink);

  /// The other end acknowledged everything before `sequence`. Called for each of its packets.
  template <typename Sink>
  bool acknowledged(std::uint32_t sequence, Sink& sink) {
    if (waiting_.empty() || static_cast<std::int32_t>(sequence - waiting_.front().sequence) < 0) return true;
    if (++passed_ < kPatiencePackets) return true;
    return pass_over(sink);
  }
  /// Gives everything that waits, with the holes before it.
  template <typename Sink>
  bool flush(Sink& sink) {
    while (!waiting_.empty()) {
      if (!pass_over(sink)) return false;
    }
    return true;
  }

 private:
  struct Piece {
    std::uint32_t sequence = 0;
    std::uint32_t missing = 0;
    Bytes bytes{};
    Moment moment{};
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(bytes.size()) + missing; }
  };

  /// Gives a segment that begins at next_ at the latest and ends behind it.
  template <typename Sink>
  bool give(ByteView bytes, std::uint32_t missing, const Moment& moment, Sink& sink) {
    next_ += static_cast<std::uint32_t>(bytes.size());
    if (!bytes.empty() && !sink.bytes(bytes, moment)) return false;
    next_ += missing;
    return missing == 0 || sink.gap(missing);
  }
  template <typename Sink>
  bool pass_over(Sink& sink) {
    const std::uint32_t hole = waiting_.front().sequence - next_;
    next_ = waiting_.front().sequence;
    passed_ = 0;
    if (!sink.gap(hole)) return false;
    return drain(sink);
  }
  /// Gives the pieces whose turn it is.
  template <typename Sink>
  bool drain(Sink& sink) {
    while (!waiting_.empty() && static_cast<std::int32_t>(waiting_.front().sequence - next_) <= 0) {
      const Piece piece = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      held_ -= piece.bytes.size() + kPieceOverhead;
      passed_ = 0;
      const std::uint32_t old = next_ - piece.sequence;
      if (old >= piece.size()) continue;
      const auto known = std::min<std::size_t>(old, piece.bytes.size());
      const std::uint32_t missing = piece.missing - (old - static_cast<std::uint32_t>(known));
      if (!give(ByteView{piece.bytes}.subspan(known), missing, piece.moment, sink)) return false;
    }
    return true;
  }
  /// Keeps what of [sequence, sequence + bytes + missing) no waiting piece has.
  void keep(std::uint32_t sequence, ByteView bytes, std::uint32_t missing, const Moment& moment, Statistics& statistics);

  std::uint32_t next_ = 0;
  std::uint32_t fin_ = 0;
  bool known_ = false;
  bool fin_seen_ = false;
  unsigned passed_ = 0;
  std::size_t held_ = 0;
  std::vector<Piece> waiting_{};  ///< by sequence number, without overlap
};

template <typename Sink>
bool StreamOrder::add(std::uint32_t sequence, ByteView payload, std::uint32_t missing, const Moment& moment, Statistics& statistics,
                      Sink& sink) {
  if (!known_) start_at(sequence);
  const std::uint32_t size = static_cast<std::uint32_t>(payload.size()) + missing;
  const auto ahead = static_cast<std::int32_t>(sequence - next_);
  if (ahead > 0) {
    ++statistics.reordered;
    keep(sequence, payload, missing, moment, statistics);
    while (held_ > kMaxWaitingBytes || waiting_.size() > kMaxWaitingPieces) {
      if (!pass_over(sink)) return false;
    }
    return true;
  }
  const std::uint32_t old = next_ - sequence;
  if (old >= size) {
    ++statistics.retransmitted;
    return true;
  }
  if (old > 0) {
    ++statistics.overlaps;
    const auto cut = static_cast<std::uint32_t>(std::min<std::size_t>(old, payload.size()));
    payload = payload.subspan(cut);
    missing -= old - cut;
  }
  if (waiting_.empty()) [[likely]]
    return give(payload, missing, moment, sink);
  // The hole before what waits is filled, at least in part. What waits came first.
  while (!payload.empty() || missing > 0) {
    const std::uint32_t left = static_cast<std::uint32_t>(payload.size()) + missing;
    const std::uint32_t room = waiting_.empty() ? left : waiting_.front().sequence - next_;
    const auto now = static_cast<std::uint32_t>(std::min<std::size_t>(room, payload.size()));
    const std::uint32_t lost = std::min(room - now, now == payload.size() ? missing : 0);
    if (!give(payload.first(now), lost, moment, sink)) return false;
    payload = payload.subspan(now);
    missing -= lost;
    const std::uint32_t before = next_;
    if (!drain(sink)) return false;
    const std::uint32_t passed = next_ - before;
    if (passed >= payload.size() + missing) return true;
    const auto cut = static_cast<std::uint32_t>(std::min<std::size_t>(passed, payload.size()));
    if (passed > 0) ++statistics.overlaps;
    payload = payload.subspan(cut);
    missing -= passed - cut;
  }
  return true;
}

}  // namespace postern::observe::capture
