#include "observe/capture/stream_order.hpp"

namespace postern::observe::capture {

void StreamOrder::keep(std::uint32_t sequence, ByteView bytes, std::uint32_t missing, const Moment& moment,
                       Statistics& statistics) {
  // Distances are counted from next_, so that a wrap of sequence numbers does not show.
  std::uint32_t at = sequence - next_;
  const std::uint32_t start = at;
  const std::uint32_t end = at + static_cast<std::uint32_t>(bytes.size()) + missing;
  auto place =
      std::ranges::partition_point(waiting_, [&](const Piece& piece) { return (piece.sequence - next_) + piece.size() <= at; });
  while (at < end) {
    std::uint32_t stop = end;
    if (place != waiting_.end()) {
      const std::uint32_t from = place->sequence - next_;
      if (from <= at) {
        ++statistics.overlaps;
        at = from + place->size();
        ++place;
        continue;
      }
      stop = std::min(stop, from);
    }
    Piece piece{.sequence = next_ + at, .missing = 0, .bytes = {}, .moment = moment};
    const auto held = static_cast<std::uint32_t>(bytes.size());
    const std::uint32_t offset = at - start;
    if (offset < held) piece.bytes = to_bytes(bytes.subspan(offset, std::min(held - offset, stop - at)));
    piece.missing = (stop - at) - static_cast<std::uint32_t>(piece.bytes.size());
    held_ += piece.bytes.size() + kPieceOverhead;
    place = waiting_.insert(place, std::move(piece)) + 1;
    at = stop;
  }
}

}  // namespace postern::observe::capture
