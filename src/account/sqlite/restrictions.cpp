// SqliteStore: where, when and with what an account may log on.
#include <algorithm>

#include "account/names.hpp"
#include "account/sqlite/sqlite_store.hpp"

namespace postern::account::sqlite {
namespace {

constexpr char kSeparator = ',';  // no workstation's name and no network holds one

Result<void> check_change(const AccountChange& change) {
  if (change.workstations) {
    if (change.workstations->size() > kMaxWorkstations) {
      return fail(ErrorCode::invalid_input, "account.workstations", Error::kNoOffset, "more than 64 workstations");
    }
    for (const std::string& name : *change.workstations) POSTERN_CHECK(check_workstation_name(name));
  }
  if (change.networks && change.networks->size() > kMaxNetworks) {
    return fail(ErrorCode::invalid_input, "account.networks", Error::kNoOffset, "more than 64 networks");
  }
  return {};
}

Result<void> set_protected(Connection& connection, AccountId account, bool is_protected) {
  std::vector<std::string> groups;
  {
    Query query{connection, "SELECT name FROM account_group WHERE account_id = ?1"};
    query.integer(number_of(account));
    while (true) {
      POSTERN_TRY(row, query.step());
      if (!row) break;
      groups.push_back(query.text_at(0));
    }
  }
  if (!is_protected) {
    std::erase_if(groups, [](const std::string& group) { return is_protected_users(group); });
  } else if (std::ranges::none_of(groups, [](const std::string& group) { return is_protected_users(group); })) {
    groups.emplace_back(kProtectedUsers);
  }
  POSTERN_CHECK(check_groups(groups));
  return store_groups(connection, account, groups);
}

}  // namespace

std::string joined_list(std::span<const std::string> parts) {
  std::string joined;
  for (const std::string& part : parts) {
    if (!joined.empty()) joined += kSeparator;
    joined += part;
  }
  return joined;
}

std::vector<std::string> split_list(std::string_view joined, char separator) {
  std::vector<std::string> parts;
  while (!joined.empty()) {
    const std::size_t end = std::min(joined.find(separator), joined.size());
    parts.emplace_back(joined.substr(0, end));
    joined.remove_prefix(std::min(end + 1, joined.size()));
  }
  return parts;
}

Result<void> SqliteStore::change(AccountId account, const AccountChange& change) {
  POSTERN_CHECK(check_change(change));
  return change_account(account, [&](Connection& connection, const AccountRow&) -> Result<void> {
    const auto update = [&](std::string_view sql, auto&& bind) -> Result<void> {
      Query query{connection, sql};
      query.integer(number_of(account));
      bind(query);
      return query.run();
    };
    const auto number = [](std::int64_t value) { return [value](Query& query) { query.integer(value); }; };
    if (change.logon_hours) {
      POSTERN_CHECK(update("UPDATE account SET logon_hours = ?2 WHERE id = ?1", [&](Query& query) {
        change.logon_hours->allow_every_hour() ? query.null() : query.blob(change.logon_hours->bits());
      }));
    }
    if (change.workstations) {
      const std::string joined = joined_list(*change.workstations);
      POSTERN_CHECK(update("UPDATE account SET workstations = ?2 WHERE id = ?1", [&](Query& query) { query.text(joined); }));
    }
    if (change.networks) {
      std::vector<std::string> texts;
      for (const IpNetwork& network : *change.networks) texts.push_back(network.to_text());
      const std::string joined = joined_list(texts);
      POSTERN_CHECK(update("UPDATE account SET networks = ?2 WHERE id = ?1", [&](Query& query) { query.text(joined); }));
    }
    if (change.ntlm_allowed)
      POSTERN_CHECK(update("UPDATE account SET ntlm_allowed = ?2 WHERE id = ?1", number(*change.ntlm_allowed ? 1 : 0)));
    if (change.canary) POSTERN_CHECK(update("UPDATE account SET canary = ?2 WHERE id = ?1", number(*change.canary ? 1 : 0)));
    if (change.expires_at) {
      POSTERN_CHECK(
          update("UPDATE account SET expires_at = ?2 WHERE id = ?1", [&](Query& query) { query.time(*change.expires_at); }));
    }
    if (change.must_change) {
      POSTERN_CHECK(
          update("UPDATE account SET must_change = ?2 WHERE id = ?1", number(*change.must_change == MustChange::yes ? 1 : 0)));
    }
    return change.protected_user ? set_protected(connection, account, *change.protected_user) : Result<void>{};
  });
}

}  // namespace postern::account::sqlite
