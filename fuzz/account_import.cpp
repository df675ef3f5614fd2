// Any text as a file of accounts: refused with a line that the text has, or accounts that have a name and a password or an NT hash.
#include <algorithm>

#include "account/import.hpp"
#include "account/password.hpp"
#include "invariant.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text = as_text({data, size});
  const auto rows = account::parse_import(text);
  if (!rows) {
    POSTERN_INVARIANT(rows.error().field == "file" && !rows.error().message.empty());
    POSTERN_INVARIANT(rows.error().offset == Error::kNoOffset || rows.error().offset <= size);
    return 0;
  }
  POSTERN_INVARIANT(!rows->empty() && rows->size() <= account::kMaxImportedAccounts);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  std::size_t last = 0;
  for (const account::ImportedAccount& row : *rows) {
    POSTERN_INVARIANT(row.line > last && row.line <= lines);
    last = row.line;
    POSTERN_INVARIANT(!row.account.empty());
    POSTERN_INVARIANT(row.fields.nt_hash.has_value() == row.fields.password.empty());
    if (!row.fields.nt_hash) POSTERN_INVARIANT(account::check_password(row.fields.password).has_value());
  }
  return 0;
}
