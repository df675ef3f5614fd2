// Dependency: the logons that share client, account, server, service, package, version and posture, as one line of an inventory.
//
// Everything here is a pure function of events, and `combine` gives the same whatever the order: so may stores and batches be
// merged as they come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "event/logon_event.hpp"

namespace postern::inventory {

enum class MicClass : std::uint8_t { unknown, not_applicable, none, sent, wrong };
enum class BindingClass : std::uint8_t { unknown, not_applicable, none, sent, mismatched };
enum class SpnClass : std::uint8_t { unknown, none, sent, refused, untrusted };
enum class SigningClass : std::uint8_t { unknown, none, signed_, sealed };
enum class TlsClass : std::uint8_t { unknown, no, yes };

/// The class of what matters to policy; never the values themselves.
struct Posture {
  MicClass mic = MicClass::unknown;
  BindingClass bindings = BindingClass::unknown;
  SpnClass spn = SpnClass::unknown;
  SigningClass signing = SigningClass::unknown;
  TlsClass tls = TlsClass::unknown;
  auto operator<=>(const Posture&) const = default;
};
[[nodiscard]] Posture posture_of(const event::LogonEvent& event);

inline constexpr std::size_t kMaxKeyTextBytes = 512;  ///< of each name; what is longer is cut

/// Who an event is about, as an inventory calls them; empty where nothing is known.
struct Names {
  std::string client{};   ///< its address; without one the workstation that it claims
  std::string account{};  ///< `DOMAIN\name`, or the name alone
  std::string server{};   ///< its name, or its address
};
[[nodiscard]] Names names_of(const event::LogonEvent& event);
/// Two names are one when these are equal: upper-cased as Windows does it.
[[nodiscard]] std::string folded_name(const std::string& name);

/// What the logons of one dependency share. Names compare as Windows compares them: upper-cased.
struct Key {
  std::string client{};
  event::AccountKind account_kind = event::AccountKind::unknown;
  std::string account{};
  std::string server{};
  std::optional<event::Service> service{};
  std::optional<event::Package> package{};
  std::optional<event::NtlmVersion> version{};
  Posture posture{};
  bool other = false;  ///< the bucket for what came when the inventory was full
  bool operator==(const Key&) const = default;
};

/// 128 bits that are equal where the keys are, upper and lower case apart.
using KeyDigest = std::array<std::uint8_t, 16>;
[[nodiscard]] Key key_of(const event::LogonEvent& event);
[[nodiscard]] KeyDigest digest_of(const Key& key);

/// Days since 1601-01-01 (UTC).
using Day = std::int64_t;
[[nodiscard]] Day day_of(event::Timestamp time);
/// `2026-11-25`
[[nodiscard]] std::string day_text(Day day);
inline constexpr std::size_t kMaxHistoryDays = 400;

/// Why NTLM, with the event's time, so that of two reasons of equal confidence the later one stands.
struct DatedReason {
  event::Reason reason{};
  std::optional<event::Timestamp> time{};
  bool operator==(const DatedReason&) const = default;
};

struct Dependency {
  Key key{};
  std::uint64_t events = 0;
  std::uint64_t succeeded = 0, failed = 0, blocked = 0;  ///< the rest has no known outcome
  std::optional<event::Timestamp> first_seen{}, last_seen{};
  std::optional<DatedReason> reason{};      ///< the one of the highest confidence
  std::optional<event::Finding> finding{};  ///< the worst
  /// The newest event's facts, reason and status as JSON; without policy decisions and digests.
  std::string example{};
  std::optional<event::Timestamp> example_time{};
  std::map<Day, std::uint64_t> days{};  ///< events per day: the newest kMaxHistoryDays that had some
  bool operator==(const Dependency&) const = default;

  /// 16 hex digits that name it in every inventory; "other" for the bucket.
  [[nodiscard]] std::string id() const;
};

/// One event as a dependency of its own.
[[nodiscard]] Dependency dependency_of(const event::LogonEvent& event);
/// Adds `from` to `into`; both have equal digests, or `into` is the bucket. Commutative and associative.
void combine(Dependency& into, const Dependency& from);
/// The bucket, empty.
[[nodiscard]] Dependency other_bucket();

}  // namespace postern::inventory

namespace postern::event {
template <>
inline constexpr std::array<std::string_view, 5> kNames<inventory::MicClass>{"unknown", "not-applicable", "none", "sent", "wrong"};
template <>
inline constexpr std::array<std::string_view, 5> kNames<inventory::BindingClass>{"unknown", "not-applicable", "none", "sent",
                                                                                 "mismatched"};
template <>
inline constexpr std::array<std::string_view, 5> kNames<inventory::SpnClass>{"unknown", "none", "sent", "refused", "untrusted"};
template <>
inline constexpr std::array<std::string_view, 4> kNames<inventory::SigningClass>{"unknown", "none", "signed", "sealed"};
template <>
inline constexpr std::array<std::string_view, 3> kNames<inventory::TlsClass>{"unknown", "no", "yes"};
}  // namespace postern::event
