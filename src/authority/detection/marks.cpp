#include "authority/detection/marks.hpp"

#include <array>
#include <cstddef>
#include <string>

#include "base/reader.hpp"
#include "base/text.hpp"

namespace postern::authority::detection {
namespace {

/// What tells the digests of different things apart.
enum Kind : std::uint64_t { kAccount = 1, kAddress, kNetwork, kPair, kProgram, kAccountService };

constexpr std::size_t kMaxParts = 8;

// NegotiateFlags that somebody on the way can take off, or that a client drops itself when it is offered less (MS-NLMP 2.2.2.5):
// they say how well a program does, not which one it is.
constexpr std::uint32_t kSign = 0x0000'0010;
constexpr std::uint32_t kSeal = 0x0000'0020;
constexpr std::uint32_t kAlwaysSign = 0x0000'8000;
constexpr std::uint32_t kTargetInfo = 0x0080'0000;
constexpr std::uint32_t kVersion = 0x0200'0000;
constexpr std::uint32_t k128 = 0x2000'0000;
constexpr std::uint32_t kKeyExchange = 0x4000'0000;
constexpr std::uint32_t k56 = 0x8000'0000;
constexpr std::uint32_t kDroppable = kSign | kSeal | kAlwaysSign | kTargetInfo | kVersion | k128 | kKeyExchange | k56;

constexpr std::uint8_t bit(Trait trait) { return static_cast<std::uint8_t>(1U << static_cast<unsigned>(trait)); }

Traits traits_of(const Observation& seen) {
  Traits traits;
  const auto ask = [&traits](Trait trait, bool has) {
    traits.asked = static_cast<std::uint8_t>(traits.asked | bit(trait));
    if (has) traits.had = static_cast<std::uint8_t>(traits.had | bit(trait));
  };
  const bool is_v2 = seen.version == event::NtlmVersion::ntlm_v2;
  ask(Trait::ntlm_v2, is_v2);
  ask(Trait::sign, (seen.negotiated_flags & kSign) != 0);
  ask(Trait::seal, (seen.negotiated_flags & kSeal) != 0);
  ask(Trait::key_128, (seen.negotiated_flags & k128) != 0);
  if (!is_v2) return traits;  // the rest has no place in it
  ask(Trait::mic, seen.mic == event::Mic::verified);
  ask(Trait::target_name, !seen.target_name.empty());
  ask(Trait::server_time, seen.server_time == Echo::ours);
  if (seen.tls) {
    ask(Trait::bindings,
        seen.channel_binding != event::ChannelBinding::absent && seen.channel_binding != event::ChannelBinding::zero);
  }
  return traits;
}

}  // namespace

std::uint64_t Marker::of(ByteView bytes) const {
  const KeyedDigest digest = keyed_digest(key_, bytes);
  const auto mark = load_le<std::uint64_t>(digest.data());
  return mark == 0 ? 1 : mark;  // 0 says "none"
}

std::uint64_t Marker::of(std::initializer_list<std::uint64_t> parts) const {
  std::array<std::uint8_t, kMaxParts * sizeof(std::uint64_t)> bytes{};
  std::size_t size = 0;
  for (const std::uint64_t part : parts) {
    if (size == bytes.size()) break;
    store_le(bytes.data() + size, part);
    size += sizeof part;
  }
  return of(ByteView{bytes.data(), size});
}

std::uint64_t Marker::of_name(std::string_view name) const {
  const std::string upper = upper_case_utf8(name);
  return of(as_bytes(upper));
}

Lesson lesson_of(const Observation& seen, const Marker& marker) {
  Lesson lesson;
  lesson.time = seen.now;
  lesson.kerberos = seen.package == event::Package::kerberos;
  lesson.machine_account = seen.machine_account;
  lesson.named = !seen.workstation.empty();
  lesson.account = marker.of({kAccount, marker.of_name(seen.domain), marker.of_name(seen.account)});
  if (const auto address = IpAddress::parse(seen.address)) {
    lesson.address = marker.of({kAddress, marker.of(address->bytes())});
    lesson.network = marker.of({kNetwork, marker.of(network_of(*address).first().bytes())});
  }
  if (lesson.named) lesson.workstation = marker.of_name(seen.workstation);
  if (!seen.machine_id.empty()) lesson.machine_id = marker.of(seen.machine_id);
  const std::uint64_t service = marker.of(as_bytes(seen.service));
  lesson.account_service = marker.of({kAccountService, lesson.account, service});
  const std::uint64_t client = lesson.named ? lesson.workstation : lesson.address;
  lesson.pair = marker.of({kPair, lesson.account, client, service, seen.tls ? 1U : 0U});
  // Who has the server's time and sends LMv2 all the same knows nothing of MICs (MS-NLMP 3.1.5.1.2): the JDK, which is like
  // Chromium in everything else. Where the time was taken out of the CHALLENGE, both send LMv2, and nothing is concluded.
  const bool knows_no_mic = seen.server_time == Echo::ours && seen.lm_field == LmField::response;
  const std::uint64_t form = (std::uint64_t{seen.offered_flags & ~kDroppable} << 32) |
                             (std::uint64_t{seen.blob_tail_bytes & 0xFF} << 8) | (knows_no_mic ? 4U : 0U) |
                             (seen.machine_id.empty() ? 0U : 2U) | (seen.spnego ? 1U : 0U);
  lesson.program = marker.of({kProgram, lesson.pair, form, load_le<std::uint64_t>(seen.version_bytes.data())});
  lesson.traits = traits_of(seen);
  return lesson;
}

}  // namespace postern::authority::detection
