// Any sequence of logons, as bytes: no fault, the memory that is said is never exceeded, findings are known ones with short
// evidence, and what was learned comes back whole from what is saved of it.
#include "authority/detection/detector.hpp"
#include "base/reader.hpp"
#include "base/text.hpp"
#include "invariant.hpp"

namespace {

using namespace postern;
using namespace postern::authority::detection;

constexpr std::size_t kBytesOfLogon = 16;

Limits small() {
  Limits limits;
  limits.learned = {.accounts = 4, .habits = 4, .workstations = 4, .machine_ids = 4};
  limits.recent = {.handshakes = 4, .responses = 4, .clients = 4};
  limits.guessing = {.addresses = 4, .accounts = 4};
  return limits;
}

/// A logon whose parts are drawn from a few each, so that they meet again.
struct Logon {
  explicit Logon(ByteView bytes) {
    const auto pick = [&bytes](std::size_t place, unsigned choices) { return bytes[place] % choices; };
    seen.package = pick(0, 8) == 0 ? event::Package::kerberos : event::Package::ntlm;
    seen.proof = static_cast<Proof>(pick(1, 3));
    account = "user" + std::to_string(pick(2, 16)) + (pick(2, 5) == 0 ? "$" : "");
    seen.account = account;
    seen.machine_account = account.ends_with('$');
    seen.canary = pick(3, 16) == 1;
    seen.protected_user = pick(3, 16) == 2;
    address =
        pick(4, 3) == 0 ? as_text(bytes.subspan(4, 4)) : "192.0." + std::to_string(pick(4, 6)) + "." + std::to_string(bytes[5]);
    seen.address = address;
    workstation = pick(6, 4) == 0 ? std::string{} : utf16le_to_utf8_lossy(bytes.subspan(6, 2 * pick(6, 4)));
    seen.workstation = workstation;
    seen.service = pick(7, 2) == 0 ? "web" : "files";
    seen.service_kind = static_cast<event::Service>(pick(7, 12));
    seen.own_name = "USER1";
    seen.server_address = "192.0.2.1";
    seen.tls = pick(8, 2) == 0;
    seen.version = static_cast<event::NtlmVersion>(pick(8, 6));
    seen.mic = static_cast<event::Mic>(pick(9, 7));
    seen.channel_binding = static_cast<event::ChannelBinding>(pick(10, 6));
    if (pick(11, 3) != 0) seen.target_name = pick(11, 2) == 0 ? "cifs/USER1" : "HTTP";
    if (pick(11, 4) == 0) seen.target_check = event::SpnCheck::refused;
    seen.offered_flags = pick(12, 2) == 0 ? 0xE088'8235 : load_le<std::uint32_t>(bytes.data() + 12);
    seen.negotiate_bytes = 32;
    seen.negotiated_flags = seen.offered_flags;
    seen.lm_field = static_cast<LmField>(pick(13, 3));
    seen.version_field = static_cast<VersionField>(pick(13, 4));
    seen.names = static_cast<Echo>(pick(14, 3));
    seen.server_time = static_cast<Echo>(pick(14, 3));
    seen.echoed_time = pick(14, 5);
    seen.challenge_shape = static_cast<ChallengeShape>(pick(15, 3));
    seen.client_challenge_digest = pick(15, 7);
    seen.proof_digest = pick(15, 9);
    if (pick(15, 2) == 0) seen.machine_id = bytes.subspan(8, 2);
  }
  Observation seen{};
  std::string account{};
  std::string address{};
  std::string workstation{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Detector detector{DigestKey{}, small()};
  std::uint64_t now = 134'000'000'000'000'000ULL;
  for (ByteView rest{data, size}; rest.size() >= kBytesOfLogon; rest = rest.subspan(kBytesOfLogon)) {
    Logon logon{rest.first(kBytesOfLogon)};
    now += std::uint64_t{rest[0]} * rest[1] * FileTime::kTicksPerSecond;
    logon.seen.now = FileTime{rest[15] == 0 ? rest[1] : now};  // a clock may jump
    detector.minted(FileTime{rest[14]}, logon.seen.service);
    for (const event::Finding& finding : detector.observe(logon.seen, {})) {
      const auto id = finding_from_name(finding.id);
      POSTERN_INVARIANT(id.has_value());
      POSTERN_INVARIANT(finding.severity <= known(*id).worst);
      POSTERN_INVARIANT(!finding.evidence || finding.evidence->size() <= kMaxEvidenceBytes);
    }
    POSTERN_INVARIANT(detector.bytes() <= detector.max_bytes());
  }
  const Bytes state = detector.save();
  Detector again{DigestKey{}, small()};
  POSTERN_INVARIANT(again.load(state).has_value());
  POSTERN_INVARIANT(fuzz::same(again.save(), state));
  return 0;
}
