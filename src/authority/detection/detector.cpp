#include "authority/detection/detector.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "authority/detection/exchange_checks.hpp"
#include "base/reader.hpp"
#include "base/writer.hpp"

namespace postern::authority::detection {
namespace {

using enum event::Severity;

/// "PSTNDET1", as the first eight bytes of a state spell it.
constexpr std::uint64_t kMagic = 0x315445444E545350;

/// Each is weak by itself, and none follows from another.
constexpr std::array kStolenHashSigns{
    Id::new_network,      Id::workstation_missing,  Id::workstation_random,        Id::machine_id_returned, Id::machine_id_names,
    Id::tool_fingerprint, Id::client_challenge_odd, Id::client_challenge_repeated, Id::version_odd,         Id::kerberos_elsewhere,
};
constexpr std::size_t kFewSigns = 2;
constexpr std::size_t kManySigns = 3;

/// Somebody else's logon: nothing is learned from it.
constexpr std::array kTeachNothing{
    Id::relay_server_names,
    Id::relay_target_class,
    Id::relay_bindings,
    Id::response_replayed,
    Id::mic_missing,
    Id::mic_wrong,
    Id::canary,
    Id::reflection_machine_id,
    Id::reflection_own_account,
    Id::sprayed_logon,
};

/// Two signs are a warning if one of them is, three if none is; three of which one is a warning are an alarm.
void check_signs_together(Found& found) {
  std::size_t signs = 0;
  bool grave = false;
  std::string evidence;
  for (const Id id : kStolenHashSigns) {
    const auto severity = found.severity_of(id);
    if (!severity) continue;
    ++signs;
    grave = grave || *severity >= warning;
    evidence += (evidence.empty() ? "" : ", ") + std::string{known(id).name};
  }
  const std::size_t weight = signs + (grave ? 1 : 0);
  if (weight > kFewSigns) found.add(Id::pass_the_hash, weight > kManySigns ? alarm : warning, std::move(evidence));
}

}  // namespace

Detector::Detector(DigestKey key, const Limits& limits)
    : marker_{std::move(key)}, learned_{limits.learned}, recent_{limits.recent}, guessing_{limits.guessing} {}

Detector::Judged Detector::judge(const Observation& observation, const Settings& settings) {
  if (settings.detection == Switch::off) return {};
  Judged judged;
  judged.lesson = lesson_of(observation, marker_);
  Found found;
  check_exchange(observation, settings, found);
  {
    const std::lock_guard lock{mutex_};
    recent_.check(observation, judged.lesson, found);
    if (observation.proof == Proof::wrong) guessing_.failed(judged.lesson, found);
    if (observation.proof == Proof::verified) {
      learned_.check(observation, judged.lesson, found);
      if (guessing_.is_spraying(judged.lesson) && !learned_.is_familiar(judged.lesson)) {
        found.add(Id::sprayed_logon, alarm, "the account was never seen from there before");
      }
    }
  }
  check_signs_together(found);
  judged.lesson.teaches = std::ranges::none_of(kTeachNothing, [&found](Id id) { return found.has(id); });
  judged.findings = std::move(found).take();
  return judged;
}

void Detector::learn(const Lesson& lesson) {
  if (lesson.account == 0 || !lesson.teaches) return;
  const std::lock_guard lock{mutex_};
  learned_.learn(lesson);
  guessing_.succeeded(lesson);
}

std::vector<event::Finding> Detector::observe(const Observation& observation, const Settings& settings) {
  Judged judged = judge(observation, settings);
  if (observation.proof == Proof::verified) learn(judged.lesson);
  return std::move(judged.findings);
}

void Detector::minted(FileTime server_time, std::string_view service) {
  const std::lock_guard lock{mutex_};
  recent_.minted(server_time, service);
}

std::uint64_t Detector::digest(ByteView bytes) const { return marker_.of(bytes); }

std::size_t Detector::bytes() const {
  const std::lock_guard lock{mutex_};
  return learned_.bytes() + recent_.bytes() + guessing_.bytes();
}

std::size_t Detector::max_bytes() const { return learned_.max_bytes() + recent_.max_bytes() + guessing_.max_bytes(); }

Bytes Detector::save() const {
  const std::lock_guard lock{mutex_};
  Writer out;
  out.u64(kMagic);
  out.bytes(marker_.key().reveal());
  learned_.save(out);
  const KeyedDigest checksum = keyed_digest(marker_.key(), out.view());
  out.bytes(checksum);
  return std::move(out).take();
}

Result<void> Detector::load(ByteView state) {
  constexpr std::size_t kChecksumBytes = std::tuple_size_v<KeyedDigest>;
  if (state.size() < kChecksumBytes) return fail(ErrorCode::truncated, "detection state", state.size(), "it is not whole");
  const ByteView content = state.first(state.size() - kChecksumBytes);
  Reader in{content};
  POSTERN_TRY(magic, in.u64("detection state"));
  if (magic != kMagic) return fail(ErrorCode::malformed, "detection state", 0, "it is something else");
  POSTERN_TRY(key_bytes, in.take(DigestKey::kSize, "key"));
  DigestKey key{key_bytes.first<DigestKey::kSize>()};
  if (!std::ranges::equal(keyed_digest(key, content), state.last(kChecksumBytes))) {
    return fail(ErrorCode::malformed, "detection state", content.size(), "its checksum is wrong");
  }
  const std::lock_guard lock{mutex_};
  POSTERN_CHECK(learned_.load(in));
  if (!in.at_end()) {
    Reader nothing{{}};
    static_cast<void>(learned_.load(nothing));
    return fail(ErrorCode::malformed, "detection state", in.position(), "bytes after the end");
  }
  marker_ = Marker{std::move(key)};
  return {};
}

}  // namespace postern::authority::detection
