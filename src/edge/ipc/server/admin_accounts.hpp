// What admins ask of accounts beyond their names: restrictions, rules for new passwords, the audit, the import.
#pragma once

#include <functional>
#include <string>

#include "account/store.hpp"
#include "authority/authority.hpp"
#include "edge/ipc/server/admin_request.hpp"

namespace postern::ipc {

/// The members of `account.set`. Errors: `invalid_input` with the member's name; also where nothing is to be changed.
[[nodiscard]] Result<account::AccountChange> change_of(const AdminRequest& request);

/// Restrictions and what else account.show tells of an account, in the order of docs/json.md.
void add_restrictions(Json& json, const account::Account& account);

/// Refuses a password that is too short or, unless the request says `danger_allow_breached`, on the list of breached ones.
[[nodiscard]] Result<void> check_new_password(const SecretBytes& password, const AdminRequest& request,
                                              const authority::Authority& authority);

/// The members of `account.passwd`.
[[nodiscard]] Result<account::PasswordTerms> password_terms_of(const AdminRequest& request, const authority::Authority& authority);

[[nodiscard]] Result<Json> audit_accounts(account::Store& store, const authority::Authority& authority, const AdminRequest& request,
                                          FileTime now);

/// Finds the domain of an account as it was written, and takes the domain off.
struct AccountPlace {
  account::Domain domain{};
  std::string name{};
};
using FindPlace = std::function<Result<AccountPlace>(const std::string& written)>;

/// All accounts of the file or, with `check`, none. An error names line and field.
[[nodiscard]] Result<Json> import_accounts(account::Store& store, const authority::Authority& authority,
                                           const AdminRequest& request, const FindPlace& find_place, FileTime now);

}  // namespace postern::ipc
