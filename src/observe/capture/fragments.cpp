#include "observe/capture/fragments.hpp"

#include <algorithm>

namespace postern::observe::capture {
namespace {

// A node of the table, of the list and of the vector beside the bytes themselves.
constexpr std::size_t kDatagramOverhead = 320;
constexpr std::size_t kPieceOverhead = 48;

}  // namespace

void Fragments::remove(Table::iterator datagram) {
  held_ -= datagram->second.held;
  ages_.erase(datagram->second.age);
  table_.erase(datagram);
}

void Fragments::give_up(Table::iterator datagram) {
  ++statistics_.fragments_given_up;
  remove(datagram);
}

void Fragments::clear() {
  while (!table_.empty()) give_up(table_.begin());
}

std::size_t Fragments::insert(Datagram& datagram, std::uint32_t offset, ByteView bytes) const {
  std::size_t added = 0;
  std::uint32_t at = offset;
  const std::uint32_t end = offset + static_cast<std::uint32_t>(bytes.size());
  std::size_t index = 0;
  while (at < end) {
    while (index < datagram.pieces.size() && datagram.pieces[index].offset + datagram.pieces[index].bytes.size() <= at) ++index;
    std::uint32_t stop = end;
    if (index < datagram.pieces.size()) {
      const Piece& next = datagram.pieces[index];
      if (next.offset <= at) {
        at = next.offset + static_cast<std::uint32_t>(next.bytes.size());
        continue;
      }
      stop = std::min(stop, next.offset);
    }
    const ByteView part = bytes.subspan(at - offset, stop - at);
    datagram.pieces.insert(datagram.pieces.begin() + static_cast<std::ptrdiff_t>(index), Piece{at, to_bytes(part)});
    added += part.size() + kPieceOverhead;
    at = stop;
  }
  return added;
}

bool Fragments::complete(const Datagram& datagram) {
  if (!datagram.length) return false;
  std::uint32_t at = 0;
  for (const Piece& piece : datagram.pieces) {
    if (piece.offset != at) return at >= *datagram.length;
    at += static_cast<std::uint32_t>(piece.bytes.size());
  }
  return at >= *datagram.length;
}

std::optional<ByteView> Fragments::add(const FragmentKey& key, std::uint32_t offset, bool more, ByteView bytes, FileTime time) {
  ++statistics_.fragments;
  auto found = table_.find(key);
  if (found != table_.end() && found->second.first.distance_ticks(time) > kMaxAgeTicks) {
    give_up(found);
    found = table_.end();
  }
  if (offset + bytes.size() > kMaxDatagramBytes || bytes.empty()) {
    if (found != table_.end()) {
      give_up(found);
    } else {
      ++statistics_.fragments_given_up;
    }
    return std::nullopt;
  }
  if (found == table_.end()) {
    if (table_.size() >= kMaxDatagrams) give_up(table_.find(ages_.front()));
    found = table_.emplace(key, Datagram{}).first;
    found->second.first = time;
    found->second.held = kDatagramOverhead;
    held_ += kDatagramOverhead;
    found->second.age = ages_.insert(ages_.end(), key);
  }
  Datagram& datagram = found->second;
  if (!more && !datagram.length) datagram.length = offset + static_cast<std::uint32_t>(bytes.size());
  const std::size_t added = insert(datagram, offset, bytes);
  datagram.held += added;
  held_ += added;
  if (complete(datagram)) {
    whole_.clear();
    for (const Piece& piece : datagram.pieces) whole_.insert(whole_.end(), piece.bytes.begin(), piece.bytes.end());
    whole_.resize(std::min<std::size_t>(whole_.size(), *datagram.length));
    remove(found);
    ++statistics_.datagrams_put_together;
    return ByteView{whole_};
  }
  if (datagram.pieces.size() > kMaxPieces) {
    give_up(found);
    return std::nullopt;
  }
  while (held_ > kMaxBytes) give_up(table_.find(ages_.front()));
  return std::nullopt;
}

}  // namespace postern::observe::capture
