#include "wire/av_pairs.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>

#include "base/reader.hpp"
#include "base/text.hpp"

namespace postern::wire {
namespace {

enum class ValueRule : std::uint8_t { none, text, exact };

struct Row {
  AvId id;
  std::string_view name;
  ValueRule rule;
  std::size_t size;  // for ValueRule::exact
};

// MsvAvSingleHost has 48 bytes in the specification; other sizes are met and the value is opaque to us, so any size passes.
constexpr Row kRows[] = {
    {AvId::eol, "MsvAvEOL", ValueRule::exact, 0},
    {AvId::nb_computer_name, "MsvAvNbComputerName", ValueRule::text, 0},
    {AvId::nb_domain_name, "MsvAvNbDomainName", ValueRule::text, 0},
    {AvId::dns_computer_name, "MsvAvDnsComputerName", ValueRule::text, 0},
    {AvId::dns_domain_name, "MsvAvDnsDomainName", ValueRule::text, 0},
    {AvId::dns_tree_name, "MsvAvDnsTreeName", ValueRule::text, 0},
    {AvId::flags, "MsvAvFlags", ValueRule::exact, AvPairs::kFlagsBytes},
    {AvId::timestamp, "MsvAvTimestamp", ValueRule::exact, AvPairs::kTimestampBytes},
    {AvId::single_host, "MsvAvSingleHost", ValueRule::none, 0},
    {AvId::target_name, "MsvAvTargetName", ValueRule::text, 0},
    {AvId::channel_bindings, "MsvAvChannelBindings", ValueRule::exact, AvPairs::kChannelBindingsBytes},
};
static_assert(
    [] {
      for (std::size_t i = 0; i < std::size(kRows); ++i) {
        if (static_cast<std::size_t>(kRows[i].id) != i) return false;
      }
      return true;
    }(),
    "a row's place is its id");

static_assert(std::size(kRows) == AvPairs::kDefinedIds);

const Row* row_of(AvId id) {
  const auto place = static_cast<std::size_t>(id);
  return place < std::size(kRows) ? &kRows[place] : nullptr;
}

}  // namespace

std::string_view name_of(AvId id) {
  const Row* row = row_of(id);
  return row == nullptr ? std::string_view{} : row->name;
}

bool is_text(AvId id) {
  const Row* row = row_of(id);
  return row != nullptr && row->rule == ValueRule::text;
}

Result<AvPairs> AvPairs::parse(ByteView list, std::string_view field, std::size_t base, Anomalies* anomalies) {
  std::uint32_t seen = 0;  // one bit for each defined id
  std::size_t offset = 0;
  AvPairs parsed;
  for (;;) {
    const std::size_t left = list.size() - offset;
    if (left < kHeaderBytes) {
      POSTERN_CHECK(tolerate(anomalies, Error{ErrorCode::truncated, field, base + offset, "the list ends without MsvAvEOL", {}}));
      break;
    }
    const auto id = static_cast<AvId>(load_le<std::uint16_t>(&list[offset]));
    const std::size_t length = load_le<std::uint16_t>(&list[offset + 2]);
    if (length > left - kHeaderBytes) {
      return fail(ErrorCode::out_of_bounds, field, base + offset, "AvLen points past the end of the list");
    }
    if (const Row* row = row_of(id); row != nullptr) {
      const std::uint32_t bit = 1u << static_cast<std::uint16_t>(id);
      if ((seen & bit) != 0) {
        POSTERN_CHECK(
            tolerate(anomalies, Error{ErrorCode::duplicate, field, base + offset, std::string{row->name} + " comes twice", {}}));
      }
      if ((seen & bit) == 0) parsed.header_at_[static_cast<std::uint16_t>(id)] = static_cast<std::uint32_t>(offset + 1);
      seen |= bit;
      if (row->rule == ValueRule::exact && length != row->size) {
        return fail(ErrorCode::malformed, field, base + offset, std::string{row->name} + " has the wrong size");
      }
      if (row->rule == ValueRule::text && length % 2 != 0) {
        POSTERN_CHECK(tolerate(
            anomalies,
            Error{ErrorCode::malformed, field, base + offset, std::string{row->name} + " is UTF-16 text of odd length", {}}));
      }
    }
    if (id == AvId::eol) break;
    offset += kHeaderBytes + length;
  }
  parsed.pairs_ = list.first(offset);
  return parsed;
}

std::optional<ByteView> AvPairs::find(AvId id) const {
  if (static_cast<std::size_t>(id) < header_at_.size()) {
    const std::size_t place = header_at_[static_cast<std::size_t>(id)];
    if (place == 0 || id == AvId::eol) return std::nullopt;
    return pair_at(place - 1).value;
  }
  for (std::size_t i = 0; i < pairs_.size();) {
    const AvPair pair = pair_at(i);
    if (pair.id == id) return pair.value;
    i += kHeaderBytes + pair.value.size();
  }
  return std::nullopt;
}

std::uint32_t AvPairs::flags() const {
  const auto value = find(AvId::flags);
  return value ? load_le<std::uint32_t>(value->data()) : 0;
}

std::optional<FileTime> AvPairs::timestamp() const {
  const auto value = find(AvId::timestamp);
  if (!value) return std::nullopt;
  return FileTime{load_le<std::uint64_t>(value->data())};
}

AvPairsBuilder& AvPairsBuilder::add(AvId id, ByteView value) {
  assert(value.size() <= std::numeric_limits<std::uint16_t>::max());
  const std::size_t at = out_.size();
  out_.resize(at + AvPairs::kHeaderBytes + value.size());
  store_le(&out_[at], static_cast<std::uint16_t>(id));
  store_le(&out_[at + 2], static_cast<std::uint16_t>(value.size()));
  std::ranges::copy(value, out_.begin() + static_cast<std::ptrdiff_t>(at + AvPairs::kHeaderBytes));
  return *this;
}

Result<void> AvPairsBuilder::add_text(AvId id, std::string_view utf8) {
  const std::size_t at = out_.size();
  out_.resize(at + AvPairs::kHeaderBytes);
  if (auto appended = append_utf16le(out_, utf8, name_of(id)); !appended) [[unlikely]] {
    out_.resize(at);
    return appended;
  }
  const std::size_t size = out_.size() - at - AvPairs::kHeaderBytes;
  assert(size <= std::numeric_limits<std::uint16_t>::max());
  store_le(&out_[at], static_cast<std::uint16_t>(id));
  store_le(&out_[at + 2], static_cast<std::uint16_t>(size));
  return {};
}

AvPairsBuilder& AvPairsBuilder::add_flags(std::uint32_t flags) {
  std::uint8_t value[AvPairs::kFlagsBytes];
  store_le(value, flags);
  return add(AvId::flags, value);
}

AvPairsBuilder& AvPairsBuilder::add_timestamp(FileTime time) {
  std::uint8_t value[AvPairs::kTimestampBytes];
  store_le(value, time.ticks());
  return add(AvId::timestamp, value);
}

Bytes AvPairsBuilder::finish() && {
  add(AvId::eol, {});
  return std::move(out_);
}

}  // namespace postern::wire
