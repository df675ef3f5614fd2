// Pseudonymiser: events without the names of people and hosts, for those who may see what happens and not to whom.
#pragma once

#include <string>
#include <string_view>

#include "base/keyed_digest.hpp"
#include "event/logon_event.hpp"

namespace postern::event {

/// Replaces names, addresses and security identifiers by digests under a key. The same name gives the same pseudonym under the same
/// key, in any case and wherever it stands: as a label of a host name, before the `$` of a machine's account, in an SPN. Without
/// the key nobody can compute or try a pseudonym. docs/event-forms.md says what is left and what can still be told from it. A
/// value: thread-safe, no input or output.
class Pseudonymiser {
 public:
  explicit Pseudonymiser(const DigestKey& key) : key_{key.duplicate()} {}

  /// The event with its names replaced, and without the free texts that may hold some (`why`, `text`, `evidence`, `record`, values
  /// of settings that are lists of names).
  [[nodiscard]] LogonEvent apply(LogonEvent event) const;

  /// A user's or host's name: each label between `.`, `@`, `\`, `/`, `:`, `,` and blanks by itself; a last `$` stays.
  [[nodiscard]] std::string name(std::string_view text) const;
  /// An address, v4 or v6, as an address of fd00::/8; loopback and unspecified stay.
  [[nodiscard]] std::string address(std::string_view text) const;
  /// `S-1-5-21-a-b-c-rid`: domain part and RID by themselves; well-known ones stay.
  [[nodiscard]] std::string sid(std::string_view text) const;
  /// `class/host:port/realm`: a known class and the port stay.
  [[nodiscard]] std::string spn(std::string_view text) const;

 private:
  [[nodiscard]] std::string label(std::string_view text) const;
  [[nodiscard]] KeyedDigest digest(std::string_view kind, std::string_view text) const;

  DigestKey key_;
};

}  // namespace postern::event
