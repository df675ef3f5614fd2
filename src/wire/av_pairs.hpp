// AV pairs: the target information of a CHALLENGE and of an NTLMv2 response (MS-NLMP 2.2.2.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "base/reader.hpp"
#include "base/result.hpp"
#include "wire/anomalies.hpp"

namespace postern::wire {

enum class AvId : std::uint16_t {
  eol = 0,
  nb_computer_name = 1,
  nb_domain_name = 2,
  dns_computer_name = 3,
  dns_domain_name = 4,
  dns_tree_name = 5,
  flags = 6,
  timestamp = 7,
  single_host = 8,
  target_name = 9,
  channel_bindings = 10,
};

/// "MsvAvNbComputerName"; empty for an id that the specification does not define.
[[nodiscard]] std::string_view name_of(AvId id);
/// True for the ids whose value is UTF-16LE text.
[[nodiscard]] bool is_text(AvId id);

/// MsvAvFlags (MS-NLMP 2.2.2.1).
enum class AvFlag : std::uint32_t { constrained = 0x1, mic_present = 0x2, untrusted_spn = 0x4 };

struct AvPair {
  AvId id = AvId::eol;
  ByteView value{};
};

/// A checked list. A view: the bytes that were parsed must outlive it.
class AvPairs {
 public:
  static constexpr std::size_t kHeaderBytes = 4;
  static constexpr std::size_t kFlagsBytes = 4;
  static constexpr std::size_t kTimestampBytes = 8;
  static constexpr std::size_t kChannelBindingsBytes = 16;
  static constexpr std::size_t kDefinedIds = 11;

  AvPairs() = default;

  /// Parses a list; what stands behind MsvAvEOL is left alone (S11). Refuses: no MsvAvEOL, a length past the end, a second pair of
  /// a defined id (R21: no duplicate MsvAvFlags can hide the first), a wrong size for the fixed-size ids, text of odd length.
  /// Offsets in errors are counted from `base`.
  static Result<AvPairs> parse(ByteView list, std::string_view field, std::size_t base = 0, Anomalies* anomalies = nullptr);

  /// The value of the pair, or nothing.
  [[nodiscard]] std::optional<ByteView> find(AvId id) const;
  /// MsvAvFlags; 0 if absent.
  [[nodiscard]] std::uint32_t flags() const;
  [[nodiscard]] bool has(AvFlag flag) const { return (flags() & static_cast<std::uint32_t>(flag)) != 0; }
  [[nodiscard]] std::optional<FileTime> timestamp() const;

  /// Calls `visit(AvPair)` for each pair before MsvAvEOL, in the order received.
  template <typename Visitor>
  void for_each(Visitor&& visit) const {
    for (std::size_t i = 0; i < pairs_.size();) {
      const AvPair pair = pair_at(i);
      visit(pair);
      i += kHeaderBytes + pair.value.size();
    }
  }

  /// The pairs before MsvAvEOL, as received.
  [[nodiscard]] ByteView pairs() const { return pairs_; }
  [[nodiscard]] bool empty() const { return pairs_.empty(); }

 private:
  [[nodiscard]] AvPair pair_at(std::size_t offset) const {
    const std::uint8_t* header = &pairs_[offset];
    return {static_cast<AvId>(load_le<std::uint16_t>(header)),
            pairs_.subspan(offset + kHeaderBytes, load_le<std::uint16_t>(header + 2))};
  }

  ByteView pairs_{};
  std::array<std::uint32_t, kDefinedIds> header_at_{};  ///< one more than the place of the first pair of each defined id; 0: none
};

/// Builds a list. Pairs are written in the order of the calls.
class AvPairsBuilder {
 public:
  AvPairsBuilder() = default;
  /// Reserves about what the list will need, so that it is not moved while it grows.
  explicit AvPairsBuilder(std::size_t expected_bytes) { out_.reserve(expected_bytes); }

  /// Values over 65 535 bytes cannot be carried: the caller has limited them before (kMaxNameBytes and the like).
  AvPairsBuilder& add(AvId id, ByteView value);
  /// The text in UTF-16LE; nothing is added if it is not UTF-8. The same limit.
  [[nodiscard]] Result<void> add_text(AvId id, std::string_view utf8);
  AvPairsBuilder& add_flags(std::uint32_t flags);
  AvPairsBuilder& add_timestamp(FileTime time);
  /// The list with MsvAvEOL.
  [[nodiscard]] Bytes finish() &&;

 private:
  Bytes out_;
};

}  // namespace postern::wire
