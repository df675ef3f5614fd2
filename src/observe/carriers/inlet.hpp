// One direction of a connection, given to a parser record by record, with little held and the rest skipped.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

/// What a parser of records gets: the unread bytes of one direction, from a record's start on.
class Front {
 public:
  struct Mark {
    std::size_t end = 0;  ///< the first offset that came later than `moment`
    Moment moment{};
  };

  Front(Side side, ByteView unread, std::size_t base, const std::vector<Mark>& marks, const Moment& now, Witness& listener)
      : from{side}, bytes{unread}, witness{listener}, base_{base}, marks_{marks}, now_{now} {}

  Side from;
  ByteView bytes;
  Witness& witness;

  /// When the byte at `offset` of `bytes` came.
  [[nodiscard]] const Moment& moment_of(std::size_t offset) const {
    for (const Mark& mark : marks_) {
      if (base_ + offset < mark.end) return mark.moment;
    }
    return now_;
  }

 private:
  std::size_t base_;
  const std::vector<Mark>& marks_;
  const Moment& now_;
};

/// Holds what a record needs until it is whole. What the parser does depends on the bytes alone, never on how they were cut.
class Inlet {
 public:
  /// The longest record that a parser may ask to see whole; longer ones it reads by the head and skips. A token of 64 KiB in base64
  /// fits.
  static constexpr std::size_t kMaxBytes = std::size_t{96} * 1024;
  static_assert(2 * kMaxBytes <= Analyzer::kMaxHeldBytes);

  /// `parse(front)` says how many bytes it is done with, which may be more than there are: the rest is skipped as it comes. 0: it
  /// needs to see more. `search(front)` is asked instead while the place in the records is lost: it says how many bytes to drop
  /// and calls `found()` when a record starts behind those; 0: it needs to see more. `go_on()` false ends it.
  template <typename Parse, typename Search, typename GoOn>
  void feed(Side from, ByteView bytes, const Moment& moment, Witness& witness, Parse&& parse, Search&& search, GoOn&& go_on) {
    while (!bytes.empty() && go_on()) {
      const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
      skip_ -= skipped;
      bytes = bytes.subspan(skipped);
      if (bytes.empty()) break;

      const bool holding = !held_.empty();
      const ByteView taken = bytes.first(std::min(bytes.size(), kMaxBytes - held_.size()));
      if (holding) hold(taken, moment);
      const ByteView view = holding ? ByteView{held_} : taken;
      std::size_t at = 0;
      while (at < view.size() && skip_ == 0 && go_on()) {
        const Front front{from, view.subspan(at), at, marks_, moment, witness};
        const bool searching = lost_;
        const std::uint64_t done = searching ? search(front) : parse(front);
        if (done == 0) {
          if (lost_ != searching) continue;
          break;
        }
        const std::size_t here = view.size() - at;
        if (done > here) skip_ = done - here;
        at += static_cast<std::size_t>(std::min<std::uint64_t>(done, here));
      }
      if (holding) {
        drop(at);
      } else if (at < view.size()) {
        hold(view.subspan(at), moment);
      }
      if (held_.size() == kMaxBytes) lose();  // a parser that is still not content asks for more than it may
      bytes = bytes.subspan(taken.size());
    }
  }

  /// `bytes` did not come. False if they were not to be skipped anyway: the place in the records is lost.
  bool gap(std::uint64_t bytes) {
    if (!lost_ && held_.empty() && bytes <= skip_) {
      skip_ -= bytes;
      return true;
    }
    lose();
    return false;
  }

  /// Forgets what is held; the next bytes are searched for a record.
  void lose() {
    lost_ = true;
    skip_ = 0;
    held_ = {};
    marks_ = {};
  }
  /// What stands here is no record: called by a parser, which then drops a byte or none, and `search` goes on from there.
  void lose_place() { lost_ = true; }
  void found() { lost_ = false; }
  [[nodiscard]] bool lost() const { return lost_; }
  [[nodiscard]] std::size_t held_bytes() const { return held_.capacity(); }

 private:
  void hold(ByteView bytes, const Moment& moment) {
    const std::size_t wanted = held_.size() + bytes.size();
    if (wanted > held_.capacity()) held_.reserve(std::min(kMaxBytes, std::max(wanted, 2 * held_.capacity())));
    held_.insert(held_.end(), bytes.begin(), bytes.end());
    if (!marks_.empty() && marks_.back().moment == moment) {
      marks_.back().end = held_.size();
    } else {
      marks_.push_back({held_.size(), moment});
    }
  }
  void drop(std::size_t count) {
    if (count >= held_.size()) {
      held_ = {};
      marks_ = {};
      return;
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    std::erase_if(marks_, [&](const Front::Mark& mark) { return mark.end <= count; });
    for (Front::Mark& mark : marks_) mark.end -= count;
  }

  Bytes held_;
  std::vector<Front::Mark> marks_;
  std::uint64_t skip_ = 0;
  bool lost_ = false;
};

/// An analyzer of two directions of records: what the carriers have in common.
class RecordAnalyzer : public Analyzer {
 public:
  explicit RecordAnalyzer(const Connection& connection) : connection_{connection} {}

  [[nodiscard]] Interest on_bytes(Side from, ByteView bytes, const Moment& moment, Witness& witness) final {
    if (!done_) {
      Inlet& in = inlet(from);
      in.feed(
          from, bytes, moment, witness, [&](const Front& front) { return on_front(front); },
          [&](const Front& front) { return search(front); }, [&] { return !done_; });
    }
    return done_ ? Interest::done : Interest::more;
  }
  [[nodiscard]] Interest on_gap(Side from, std::uint64_t bytes, Witness& witness) final {
    if (!done_ && !inlet(from).gap(bytes)) on_lost(from, witness);
    return done_ ? Interest::done : Interest::more;
  }
  [[nodiscard]] std::size_t held_bytes() const final { return inlets_[0].held_bytes() + inlets_[1].held_bytes() + held_beside(); }

 protected:
  /// A record's start: how many bytes it has, 0 if more must be seen (at most Inlet::kMaxBytes).
  [[nodiscard]] virtual std::uint64_t on_front(const Front& front) = 0;
  /// Somewhere after a gap: how many bytes to drop; calls found() if a record starts behind them.
  [[nodiscard]] virtual std::uint64_t search(const Front& front) = 0;
  /// The place in `from`'s records is lost. What the client may have said in between began another logon, so an exchange that
  /// waits for its next message is not gone on with: messages of two logons never become one event.
  virtual void on_lost(Side from, Witness& witness) {
    static_cast<void>(from);
    static_cast<void>(witness);
  }
  /// Bytes held besides the two inlets, at most kMaxBesideBytes.
  [[nodiscard]] virtual std::size_t held_beside() const { return 0; }
  static constexpr std::size_t kMaxBesideBytes = Analyzer::kMaxHeldBytes - 2 * Inlet::kMaxBytes;

  [[nodiscard]] Inlet& inlet(Side side) { return inlets_[side == Side::client ? 0 : 1]; }
  void found(Side side) { inlet(side).found(); }
  /// What stands at the front is no record: one byte is dropped, and the search begins.
  [[nodiscard]] std::uint64_t no_record(const Front& front) {
    inlet(front.from).lose_place();
    on_lost(front.from, front.witness);
    return 1;
  }
  void finish() { done_ = true; }
  void note(const Front& front, NoteSeen seen) const {
    seen.from = front.from;
    front.witness.on_note(connection_, seen);
  }
  /// Bytes were lost and records cannot be found again.
  void give_up(const Front& front, Carrier carrier) { finish_with(front, carrier, NoteSeen::Kind::given_up); }
  void finish_encrypted(const Front& front, Carrier carrier) { finish_with(front, carrier, NoteSeen::Kind::encrypted_from_here); }

  Connection connection_;

 private:
  void finish_with(const Front& front, Carrier carrier, NoteSeen::Kind kind) {
    NoteSeen seen;
    seen.kind = kind;
    seen.carrier = carrier;
    seen.moment = front.moment_of(0);
    note(front, std::move(seen));
    finish();
  }

  std::array<Inlet, 2> inlets_{};
  bool done_ = false;
};

[[nodiscard]] constexpr Side other(Side side) { return side == Side::client ? Side::server : Side::client; }

}  // namespace postern::observe
