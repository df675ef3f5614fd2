#include "authority/name_resolution.hpp"

#include "account/names.hpp"

namespace postern::authority {
namespace {

constexpr std::size_t kMaxKeyBytes = 3 * account::kMaxAccountNameChars;  // a UTF-16 unit has at most 3 bytes in UTF-8

}  // namespace

std::string clip_utf8(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string{text};
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return std::string{text.substr(0, max_bytes)};
}

const account::Domain* Domains::find(std::string_view name) const {
  const std::string key = account::name_key(name);
  for (const account::Domain& domain : domains) {
    if (account::name_key(domain.netbios_name) == key || account::name_key(domain.dns_name) == key ||
        account::name_key(domain.realm) == key) {
      return &domain;
    }
  }
  return nullptr;
}

const account::Domain* Domains::by_default() const {
  if (!default_domain.empty()) return find(default_domain);
  return domains.size() == 1 ? &domains.front() : nullptr;
}

ClaimedName take_apart(std::string_view domain, std::string_view user) {
  if (const std::size_t separator = user.find('\\'); separator != std::string_view::npos) {
    return {std::string{user.substr(0, separator)}, std::string{user.substr(separator + 1)}};
  }
  if (const std::size_t at = user.rfind('@'); at != std::string_view::npos && domain.empty()) {
    return {std::string{user.substr(at + 1)}, std::string{user.substr(0, at)}};
  }
  return {std::string{domain}, std::string{user}};
}

AccountKey resolve(const Domains& domains, const ClaimedName& claimed) {
  // Longer than any account's name: nobody's, and not kept at its full length in the cache.
  if (claimed.name.size() > kMaxKeyBytes) return {account::DomainId{0}, account::name_key(clip_utf8(claimed.name, kMaxKeyBytes))};
  const account::Domain* domain = claimed.domain.empty() ? domains.by_default() : domains.find(claimed.domain);
  return {domain == nullptr ? account::DomainId{0} : domain->id, account::name_key(claimed.name)};
}

}  // namespace postern::authority
