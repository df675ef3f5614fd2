// Accounts from a file: our CSV, and the lines that Samba's `pdbedit -L -w` writes (smbpasswd(5)).
//
//   name,kind,groups,password,must_change
//   EXAMPLE\alice,domain,staff;admins,Correct.Horse.1,no
//
//   alice:1001:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:8846F7EAEE8FB117AD06BDD830B7586C:[U          ]:LCT-65A0F3B1:
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/store.hpp"
#include "base/result.hpp"

namespace postern::account {

inline constexpr std::size_t kMaxImportedAccounts = 10'000;
inline constexpr std::size_t kMaxImportLineBytes = 64 * 1024;

/// One row, checked for itself; the domain is still to be found.
struct ImportedAccount {
  std::size_t line = 0;   ///< from 1
  std::string account{};  ///< as written: DOMAIN\name, name@domain or name
  NewAccount fields{};    ///< without domain and name
};

/// Reads the whole text, or nothing of it. A first line with a column called `name` makes it CSV (RFC 4180; the columns are name,
/// kind, groups with `;` between them, password, nt_hash, must_change, enabled, expires, in any order), otherwise each line is
/// smbpasswd's. Each account has a password or an NT hash. LM hashes are not read. Errors: `malformed` and `invalid_input`; message
/// begins with "line N: FIELD: ", the offset is the line's start. No error shows a password or a hash (R29).
[[nodiscard]] Result<std::vector<ImportedAccount>> parse_import(std::string_view text);

}  // namespace postern::account
