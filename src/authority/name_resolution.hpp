// Which account a client means by the two strings of its AUTHENTICATE (peers.md S10).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "account/store.hpp"
#include "authority/account_cache.hpp"

namespace postern::authority {

/// The domains that are ours, as a snapshot.
struct Domains {
  std::vector<account::Domain> domains{};
  std::string default_domain{};  ///< NetBIOS name for users without one; may be empty

  [[nodiscard]] const account::Domain* find(std::string_view name) const;  ///< NetBIOS, DNS name or realm, any case
  [[nodiscard]] const account::Domain* by_default() const;
};

/// Domain and name as the client wrote them, taken apart: `DOM\user` in the user field, `user@dns` with an empty domain, or the two
/// fields as they are.
struct ClaimedName {
  std::string domain{};
  std::string name{};
};
[[nodiscard]] ClaimedName take_apart(std::string_view domain, std::string_view user);

/// The first characters of `text`, at most `max_bytes` of UTF-8: for what a client wrote, where it is kept or shown.
[[nodiscard]] std::string clip_utf8(std::string_view text, std::size_t max_bytes);

/// Where to look. A domain that is not ours, and a name that can be no account's, give a key under which nothing is.
[[nodiscard]] AccountKey resolve(const Domains& domains, const ClaimedName& claimed);

}  // namespace postern::authority
