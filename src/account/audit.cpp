#include "account/audit.hpp"

#include <algorithm>

namespace postern::account {
namespace {

constexpr std::size_t kPage = 1'000;

struct Entry {
  NtHash hash{};
  std::size_t index = 0;  ///< of `names`
};

/// Puts the accounts of one password side by side. The order of hashes never leaves this file.
std::vector<std::vector<std::string>> groups_of(std::vector<Entry>& entries, const std::vector<std::string>& names) {
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    if (constant_time_equal(a.hash.reveal(), b.hash.reveal())) return a.index < b.index;
    return std::ranges::lexicographical_compare(a.hash.reveal(), b.hash.reveal());
  });
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < entries.size();) {
    std::size_t end = i + 1;
    while (end < entries.size() && constant_time_equal(entries[i].hash.reveal(), entries[end].hash.reveal())) ++end;
    if (end - i > 1) {
      std::vector<std::size_t>& group = groups.emplace_back();
      for (std::size_t member = i; member < end; ++member) group.push_back(entries[member].index);
    }
    i = end;
  }
  std::ranges::sort(groups);  // by the first name: the order of hashes says something about them
  std::vector<std::vector<std::string>> named;
  for (const auto& group : groups) {
    std::vector<std::string>& texts = named.emplace_back();
    for (const std::size_t index : group) texts.push_back(names[index]);
  }
  return named;
}

bool is_older(FileTime then, FileTime now, std::chrono::seconds age) {
  return now > then && (now.ticks() - then.ticks()) / FileTime::kTicksPerSecond >= static_cast<std::uint64_t>(age.count());
}

void sort_in(Audit& audit, const Account& account, const std::string& name, const AuditTerms& terms) {
  const auto note = [&](bool applies, std::vector<std::string>& list) {
    if (applies) list.push_back(name);
  };
  note(!account.last_logon, audit.never_used);
  note(account.last_logon.has_value(), audit.ntlm_only);
  note(!account.aes_keys, audit.without_aes_keys);
  note(account.kind != AccountKind::machine && is_older(account.password_set_at, terms.now, terms.old_after), audit.old_passwords);
  note(account.password_must_change, audit.must_change);
  note(!account.enabled, audit.disabled);
  note(account.expires_at && *account.expires_at <= terms.now, audit.expired);
  note(is_locked(account.bad_passwords, terms.lockout, terms.now), audit.locked);
  note(is_protected_user(account), audit.protected_users);
  note(account.canary, audit.canaries);
}

}  // namespace

Result<Audit> audit(Store& store, const AuditTerms& terms) {
  Audit audit;
  audit.breached_checked = terms.breached != nullptr;
  std::vector<Entry> entries;
  std::vector<std::string> names;
  POSTERN_TRY(domains, store.list_domains());
  for (const Domain& domain : domains) {
    std::string after;
    while (true) {
      POSTERN_TRY(page, store.list_secrets(domain.id, after, kPage));
      for (AccountWithSecrets& found : page) {
        const std::string name = domain.netbios_name + "\\" + found.account.name;
        ++audit.accounts;
        sort_in(audit, found.account, name, terms);
        if (terms.breached != nullptr) {
          POSTERN_TRY(seen, terms.breached->find(found.secrets.nt_hash));
          if (seen) audit.breached.push_back(name);
        }
        entries.push_back({std::move(found.secrets.nt_hash), names.size()});
        names.push_back(name);
      }
      if (page.size() < kPage) break;
      after = page.back().account.name;
    }
  }
  audit.shared_passwords = groups_of(entries, names);
  return audit;
}

}  // namespace postern::account
