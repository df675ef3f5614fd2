#include "inventory/dependency.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/bytes.hpp"
#include "base/keyed_digest.hpp"
#include "base/text.hpp"
#include "event/json.hpp"

namespace postern::inventory {
namespace {

using event::LogonEvent;

/// The digest names dependencies and hides nothing, so its key is no secret.
constexpr std::array<std::uint8_t, 16> kDigestKey{'p', 'o', 's', 't', 'e', 'r', 'n', ' ', 'i', 'n', 'v', 'e', 'n', 't', 'o', 'r'};

constexpr std::uint64_t kTicksPerDay = 86'400 * FileTime::kTicksPerSecond;

std::string cut(std::string_view text) {
  if (text.size() <= kMaxKeyTextBytes) return std::string{text};
  std::size_t end = kMaxKeyTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a character
  return std::string{text.substr(0, end)};
}

const std::string* known(const event::Text& text) { return text && !text->empty() ? &*text : nullptr; }

/// The first that is known and not empty.
template <typename... Texts>
std::string first_of(const Texts&... texts) {
  const std::string* found = nullptr;
  ((found = found != nullptr ? found : known(texts)), ...);
  return found != nullptr ? cut(*found) : std::string{};
}

MicClass mic_class(const std::optional<event::Mic>& mic) {
  if (!mic) return MicClass::unknown;
  switch (*mic) {
    case event::Mic::not_applicable: return MicClass::not_applicable;
    case event::Mic::absent:
    case event::Mic::zero: return MicClass::none;
    case event::Mic::present:
    case event::Mic::verified: return MicClass::sent;
    case event::Mic::announced_missing:
    case event::Mic::wrong: break;
  }
  return MicClass::wrong;
}

BindingClass binding_class(const std::optional<event::ChannelBinding>& bindings) {
  if (!bindings) return BindingClass::unknown;
  switch (*bindings) {
    case event::ChannelBinding::not_applicable: return BindingClass::not_applicable;
    case event::ChannelBinding::absent:
    case event::ChannelBinding::zero: return BindingClass::none;
    case event::ChannelBinding::present:
    case event::ChannelBinding::matched: return BindingClass::sent;
    case event::ChannelBinding::mismatched: break;
  }
  return BindingClass::mismatched;
}

SpnClass spn_class(const event::Ntlm& ntlm) {
  if (ntlm.spn_check == event::SpnCheck::refused) return SpnClass::refused;
  if (ntlm.spn_check == event::SpnCheck::untrusted) return SpnClass::untrusted;
  if (known(ntlm.spn) != nullptr) return SpnClass::sent;
  const bool message_seen = ntlm.version.has_value();
  return message_seen ? SpnClass::none : SpnClass::unknown;
}

SigningClass signing_class(const LogonEvent& event) {
  if (event.ntlm.seal == true) return SigningClass::sealed;
  if (event.ntlm.sign == true) return SigningClass::signed_;
  return event.ntlm.sign ? SigningClass::none : SigningClass::unknown;
}

/// Whether `a` is to be kept rather than `b`. Nothing loses against anything.
auto weight(const DatedReason& reason) {
  // `proved` is the first of its kind, so the smaller number weighs more.
  const int confidence = reason.reason.confidence ? 3 - static_cast<int>(*reason.reason.confidence) : 0;
  return std::tuple{confidence, reason.time, reason.reason.id, reason.reason.name, reason.reason.evidence};
}

/// Among equally severe findings what somebody did weighs more than how a client is set up.
bool speaks_of_somebody(std::string_view id) {
  constexpr std::string_view kBeginnings[] = {"relay", "reflection", "coercion", "mic-", "pass-the-hash", "response-replayed"};
  return std::ranges::any_of(kBeginnings, [&](std::string_view beginning) { return id.starts_with(beginning); });
}

auto weight(const event::Finding& finding) {
  return std::tuple_cat(std::tuple{finding.severity, speaks_of_somebody(finding.id)},
                        std::tie(finding.id, finding.text, finding.evidence));
}

template <typename T>
void keep_heavier(std::optional<T>& into, const std::optional<T>& from) {
  if (from && (!into || weight(*into) < weight(*from))) into = from;
}

void keep_earlier(std::optional<event::Timestamp>& into, const std::optional<event::Timestamp>& from) {
  if (from && (!into || *from < *into)) into = from;
}
void keep_later(std::optional<event::Timestamp>& into, const std::optional<event::Timestamp>& from) {
  if (from && (!into || *from > *into)) into = from;
}

/// Of two spellings of one name the same is kept whichever came first: the one that sorts last, which has more lower case.
void keep_spelling(std::string& into, const std::string& from) { into = std::max(into, from); }

std::string example_of(const LogonEvent& event) {
  LogonEvent facts = event;
  facts.policy.clear();
  facts.correlation = {};
  return event::to_json(facts);
}

}  // namespace

Posture posture_of(const LogonEvent& event) {
  Posture posture{mic_class(event.ntlm.mic), binding_class(event.ntlm.channel_binding), spn_class(event.ntlm), signing_class(event),
                  TlsClass::unknown};
  if (event.transport.tls) posture.tls = *event.transport.tls ? TlsClass::yes : TlsClass::no;
  return posture;
}

std::string folded_name(const std::string& name) {
  if (is_utf8(name)) return upper_case_utf8(name);
  std::string upper = name;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

Names names_of(const LogonEvent& event) {
  Names names;
  names.client = first_of(event.client.address, event.client.workstation);
  const std::string* domain = known(event.account.domain);
  const std::string* name = known(event.account.name);
  if (name != nullptr) names.account = cut(domain != nullptr ? *domain + '\\' + *name : *name);
  names.server =
      first_of(event.server.name, event.ntlm.server_names.dns_computer, event.ntlm.server_names.nb_computer, event.server.address);
  return names;
}

Key key_of(const LogonEvent& event) {
  Key key;
  key.client = first_of(event.client.address, event.client.workstation);
  key.account_kind = event.account.kind;
  const std::string* domain = known(event.account.domain);
  const std::string* name = known(event.account.name);
  if (name != nullptr) key.account = cut(domain != nullptr ? *domain + '\\' + *name : *name);
  key.server =
      first_of(event.server.name, event.ntlm.server_names.dns_computer, event.ntlm.server_names.nb_computer, event.server.address);
  key.service = event.server.service;
  key.package = event.package;
  key.version = event.ntlm.version;
  key.posture = posture_of(event);
  return key;
}

KeyDigest digest_of(const Key& key) {
  std::string text;
  const auto add_name = [&text](const std::string& name) {
    const std::string upper = folded_name(name);
    text.append(std::to_string(upper.size())).append(1, ':').append(upper);
  };
  const auto add_enum = [&text](auto value) { text.append(std::to_string(static_cast<int>(value))).append(1, ','); };
  const auto add_known = [&](const auto& value) {
    if (value) return add_enum(*value);
    text += "?,";
  };
  if (key.other) {
    text = "other";
  } else {
    add_name(key.client);
    add_name(key.account);
    add_name(key.server);
    add_enum(key.account_kind);
    add_known(key.service);
    add_known(key.package);
    add_known(key.version);
    add_enum(key.posture.mic);
    add_enum(key.posture.bindings);
    add_enum(key.posture.spn);
    add_enum(key.posture.signing);
    add_enum(key.posture.tls);
  }
  return keyed_digest(DigestKey{kDigestKey}, as_bytes(text));
}

Day day_of(event::Timestamp time) { return static_cast<Day>(time.file_time().ticks() / kTicksPerDay); }

std::string day_text(Day day) {
  constexpr std::size_t kDateLength = 10;
  return FileTime{static_cast<std::uint64_t>(std::max<Day>(day, 0)) * kTicksPerDay}.to_rfc3339().substr(0, kDateLength);
}

std::string Dependency::id() const {
  constexpr std::size_t kIdBytes = 8;
  if (key.other) return "other";
  return to_hex(ByteView{digest_of(key)}.first(kIdBytes));
}

Dependency dependency_of(const LogonEvent& event) {
  Dependency one;
  one.key = key_of(event);
  one.events = 1;
  one.succeeded = event.outcome == event::Outcome::success ? 1 : 0;
  one.failed = event.outcome == event::Outcome::failure ? 1 : 0;
  one.blocked = event.outcome == event::Outcome::blocked ? 1 : 0;
  one.first_seen = one.last_seen = event.time;
  if (event.reason != event::Reason{}) one.reason = DatedReason{event.reason, event.time};
  for (const event::Finding& finding : event.findings) keep_heavier(one.finding, std::optional{finding});
  one.example = example_of(event);
  one.example_time = event.time;
  if (event.time) one.days[day_of(*event.time)] = 1;
  return one;
}

Dependency other_bucket() {
  Dependency bucket;
  bucket.key.other = true;
  return bucket;
}

void combine(Dependency& into, const Dependency& from) {
  if (!into.key.other) {
    keep_spelling(into.key.client, from.key.client);
    keep_spelling(into.key.account, from.key.account);
    keep_spelling(into.key.server, from.key.server);
  }
  into.events += from.events;
  into.succeeded += from.succeeded;
  into.failed += from.failed;
  into.blocked += from.blocked;
  keep_earlier(into.first_seen, from.first_seen);
  keep_later(into.last_seen, from.last_seen);
  keep_heavier(into.finding, from.finding);
  if (!into.key.other) {  // the bucket holds many stories: none is told
    keep_heavier(into.reason, from.reason);
    if (std::tie(into.example_time, into.example) < std::tie(from.example_time, from.example)) {
      into.example = from.example;
      into.example_time = from.example_time;
    }
  }
  for (const auto& [day, events] : from.days) into.days[day] += events;
  while (into.days.size() > kMaxHistoryDays) into.days.erase(into.days.begin());
}

}  // namespace postern::inventory
