#include "account/import.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "account/names.hpp"
#include "account/password.hpp"
#include "base/text.hpp"

namespace postern::account {
namespace {

constexpr std::string_view kField = "file";

/// Where an error is.
struct Place {
  std::size_t line = 1;
  std::size_t offset = 0;
};

std::unexpected<Error> refuse(const Place& place, std::string_view field, std::string_view message,
                              ErrorCode code = ErrorCode::invalid_input) {
  return fail(code, kField, place.offset,
              "line " + std::to_string(place.line) + ": " + std::string{field} + ": " + std::string{message});
}

bool same_word(std::string_view a, std::string_view b) { return name_key(a) == name_key(b); }

/// Fields of CSV: views into the text where nothing was quoted twice, else copies that are wiped.
struct Fields {
  std::vector<SecretBytes> values{};
  std::size_t next = 0;   ///< of the text, behind the record
  std::size_t lines = 1;  ///< that the record covers
};

/// One record (RFC 4180); quotes may hold commas, line feeds and doubled quotes.
Result<Fields> read_record(std::string_view text, std::size_t start, const Place& place) {
  Fields fields;
  std::size_t at = start;
  while (true) {
    Bytes value;
    const bool quoted = at < text.size() && text[at] == '"';
    if (quoted) {
      value.reserve(std::min(text.size() - at, kMaxImportLineBytes));
      for (++at;; ++at) {
        if (at == text.size() || value.size() == kMaxImportLineBytes) {
          wipe(value);
          return refuse(place, "quotes", "a quoted text does not end", ErrorCode::malformed);
        }
        if (text[at] == '"' && !(at + 1 < text.size() && text[at + 1] == '"')) break;
        if (text[at] == '"') ++at;
        if (text[at] == '\n') ++fields.lines;
        value.push_back(static_cast<std::uint8_t>(text[at]));
      }
      ++at;
    } else {
      const std::size_t end = std::min(text.find_first_of(",\r\n\"", at), text.size());
      value.assign(text.begin() + static_cast<std::ptrdiff_t>(at), text.begin() + static_cast<std::ptrdiff_t>(end));
      at = end;
    }
    fields.values.emplace_back(ByteView{value});
    wipe(value);
    if (at < text.size() && text[at] == ',') {
      ++at;
      continue;
    }
    if (text.substr(at).starts_with("\r\n")) ++at;
    if (at < text.size() && text[at] != '\n') {
      return refuse(place, "quotes", "a quote stands inside a text, or something behind it", ErrorCode::malformed);
    }
    fields.next = std::min(at + 1, text.size());
    return fields;
  }
}

enum class Column : std::uint8_t { name, kind, groups, password, nt_hash, must_change, enabled, expires };
constexpr std::array<std::string_view, 8> kColumnNames{"name",    "kind",        "groups",  "password",
                                                       "nt_hash", "must_change", "enabled", "expires"};

Result<bool> yes_or_no(std::string_view text, const Place& place, std::string_view field, bool by_default) {
  if (text.empty()) return by_default;
  for (const char* yes : {"yes", "true", "1"}) {
    if (same_word(text, yes)) return true;
  }
  for (const char* no : {"no", "false", "0"}) {
    if (same_word(text, no)) return false;
  }
  return refuse(place, field, "is neither yes nor no");
}

Result<NtHash> nt_hash_from(std::string_view text, const Place& place) {
  auto bytes = text.size() == 2 * NtHash::kSize ? from_hex(text) : std::nullopt;
  if (!bytes) return refuse(place, "nt_hash", "is not 32 hexadecimal digits");
  NtHash hash{ByteView{*bytes}.first<NtHash::kSize>()};
  wipe(*bytes);
  return hash;
}

std::vector<std::string> split_groups(std::string_view text) {
  std::vector<std::string> groups;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    if (end > 0) groups.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return groups;
}

Result<void> take_column(ImportedAccount& row, Column column, const SecretBytes& value, const Place& place) {
  const std::string_view text = value.reveal_text();
  const std::string_view name = kColumnNames[static_cast<std::size_t>(column)];
  switch (column) {
    case Column::name: row.account = text; return {};
    case Column::kind:
      if (!text.empty()) {
        const auto kind = account_kind_from_name(text);
        if (!kind) return refuse(place, name, "is none of domain, local, machine");
        row.fields.kind = *kind;
      }
      return {};
    case Column::groups: row.fields.groups = split_groups(text); return {};
    case Column::password: row.fields.password = value.duplicate(); return {};
    case Column::nt_hash:
      if (!text.empty()) {
        POSTERN_TRY(hash, nt_hash_from(text, place));
        row.fields.nt_hash.emplace(std::move(hash));
      }
      return {};
    case Column::must_change: {
      POSTERN_TRY(yes, yes_or_no(text, place, name, false));
      row.fields.must_change = yes ? MustChange::yes : MustChange::no;
      return {};
    }
    case Column::enabled: {
      POSTERN_TRY(yes, yes_or_no(text, place, name, true));
      row.fields.enabled = yes ? Enabled::yes : Enabled::no;
      return {};
    }
    case Column::expires:
      if (!text.empty()) {
        row.fields.expires_at = FileTime::from_rfc3339(text);
        if (!row.fields.expires_at) return refuse(place, name, "is no RFC 3339 time");
      }
      return {};
  }
  return {};
}

/// What every account needs, whatever the file's form.
Result<void> check_row(const ImportedAccount& row, const Place& place) {
  if (row.account.empty()) return refuse(place, "name", "is missing");
  if (row.fields.nt_hash && !row.fields.password.empty())
    return refuse(place, "nt_hash", "stands beside a password: give one of the two");
  if (!row.fields.nt_hash) {
    if (row.fields.password.empty()) return refuse(place, "password", "is missing, and so is nt_hash");
    if (const auto checked = check_password(row.fields.password); !checked)
      return refuse(place, "password", checked.error().message);
  }
  for (const std::string& group : row.fields.groups) {
    if (const auto checked = check_group_name(group); !checked) return refuse(place, "groups", checked.error().message);
  }
  return {};
}

Result<std::vector<Column>> read_header(const Fields& header) {
  std::vector<Column> columns;
  for (const SecretBytes& value : header.values) {
    const auto known =
        std::ranges::find_if(kColumnNames, [&](std::string_view name) { return same_word(name, value.reveal_text()); });
    if (known == kColumnNames.end()) {
      return refuse({}, "header",
                    "column " + std::to_string(columns.size() + 1) +
                        " is none of name, kind, groups, password, nt_hash, "
                        "must_change, enabled, expires",
                    ErrorCode::malformed);
    }
    const auto column = static_cast<Column>(known - kColumnNames.begin());
    if (std::ranges::find(columns, column) != columns.end())
      return refuse({}, *known, "is the name of two columns", ErrorCode::malformed);
    columns.push_back(column);
  }
  if (std::ranges::find(columns, Column::password) == columns.end() &&
      std::ranges::find(columns, Column::nt_hash) == columns.end()) {
    return refuse({}, "header", "there is neither a password nor an nt_hash column", ErrorCode::malformed);
  }
  return columns;
}

Result<std::vector<ImportedAccount>> parse_csv(std::string_view text) {
  std::vector<ImportedAccount> rows;
  Place place;
  POSTERN_TRY(header, read_record(text, 0, place));
  POSTERN_TRY(columns, read_header(header));
  place = {1 + header.lines, header.next};
  while (place.offset < text.size()) {
    POSTERN_TRY(record, read_record(text, place.offset, place));
    const bool blank = record.values.size() == 1 && record.values[0].empty();
    if (!blank) {
      if (record.values.size() != columns.size()) {
        return refuse(
            place, "columns",
            "the line has " + std::to_string(record.values.size()) + " of them, the header " + std::to_string(columns.size()),
            ErrorCode::malformed);
      }
      if (rows.size() == kMaxImportedAccounts) return refuse(place, "file", "more than 10000 accounts", ErrorCode::too_large);
      ImportedAccount row{.line = place.line};
      for (std::size_t i = 0; i < columns.size(); ++i) POSTERN_CHECK(take_column(row, columns[i], record.values[i], place));
      POSTERN_CHECK(check_row(row, place));
      rows.push_back(std::move(row));
    }
    place = {place.line + record.lines, record.next};
  }
  return rows;
}

/// `[U          ]`: what Samba keeps of an account, a letter each.
Result<void> take_flags(ImportedAccount& row, std::string_view flags, const Place& place) {
  if (!flags.starts_with('[') || !flags.ends_with(']') || flags.size() < 2)
    return refuse(place, "flags", "are not in brackets", ErrorCode::malformed);
  for (const char flag : flags.substr(1, flags.size() - 2)) {
    switch (flag) {
      case 'W':
      case 'S': row.fields.kind = AccountKind::machine; break;  // a workstation's or a server's own account
      case 'D': row.fields.enabled = Enabled::no; break;
      case 'I': return refuse(place, "flags", "name the account of a trusted domain, which Postern does not keep");
      case 'N': return refuse(place, "flags", "let the account in without a password, which Postern never does");
      case 'U':  // a user
      case 'X':  // whose password does not expire: [password] max_age_days is one for all
      case 'H':  // home directory
      case 'T':  // temporary duplicate
      case 'M':  // MNS logon account
      case 'L':  // locked: the lock of another authority
      case ' ': break;
      default: return refuse(place, "flags", "hold a letter that smbpasswd does not have", ErrorCode::malformed);
    }
  }
  return {};
}

Result<ImportedAccount> parse_smbpasswd_line(std::string_view line, const Place& place) {
  constexpr std::size_t kFields = 6;
  std::array<std::string_view, kFields> fields{};
  std::size_t start = 0;
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::size_t colon = line.find(':', start);
    if (colon == std::string_view::npos && i + 1 < kFields) {
      return refuse(place, "line", "is neither CSV with a header nor name:uid:LM:NT:[flags]:LCT-time:", ErrorCode::malformed);
    }
    fields[i] = line.substr(start, std::min(colon, line.size()) - start);
    start = std::min(colon, line.size() - 1) + 1;
  }
  const auto [name, uid, lm, nt, flags, changed] = fields;
  ImportedAccount row{.line = place.line, .account = std::string{name}};
  std::uint64_t number = 0;
  const auto uid_end = std::from_chars(uid.data(), uid.data() + uid.size(), number);
  if (uid.empty() || uid_end.ec != std::errc{} || uid_end.ptr != uid.data() + uid.size())
    return refuse(place, "uid", "is no number", ErrorCode::malformed);
  if (lm.size() != 2 * NtHash::kSize) return refuse(place, "lm_hash", "is not of 32 characters", ErrorCode::malformed);
  POSTERN_CHECK(take_flags(row, flags, place));
  if (nt.find_first_not_of('X') == std::string_view::npos || nt.starts_with("NO PASSWORD")) {
    return refuse(place, "nt_hash", "there is none, so nobody could log on: leave the line out");
  }
  POSTERN_TRY(hash, nt_hash_from(nt, place));
  row.fields.nt_hash.emplace(std::move(hash));
  constexpr std::string_view kChanged = "LCT-";
  std::uint32_t seconds = 0;
  const std::string_view digits = changed.starts_with(kChanged) ? changed.substr(kChanged.size()) : std::string_view{};
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), seconds, 16);
  if (digits.size() != 8 || end.ec != std::errc{} || end.ptr != digits.data() + digits.size()) {
    return refuse(place, "changed", "is not LCT- and eight hexadecimal digits", ErrorCode::malformed);
  }
  row.fields.password_set_at = FileTime::from_unix_microseconds(std::int64_t{seconds} * 1'000'000);
  if (seconds == 0) row.fields.must_change = MustChange::yes;  // so Samba says it
  POSTERN_CHECK(check_row(row, place));
  return row;
}

Result<std::vector<ImportedAccount>> parse_smbpasswd(std::string_view text) {
  std::vector<ImportedAccount> rows;
  Place place;
  while (place.offset < text.size()) {
    const std::size_t end = std::min(text.find('\n', place.offset), text.size());
    std::string_view line = text.substr(place.offset, end - place.offset);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with('#')) {
      if (rows.size() == kMaxImportedAccounts) return refuse(place, "file", "more than 10000 accounts", ErrorCode::too_large);
      POSTERN_TRY(row, parse_smbpasswd_line(line, place));
      rows.push_back(std::move(row));
    }
    place = {place.line + 1, end + 1};
  }
  return rows;
}

bool is_csv(std::string_view text) {
  std::string_view first = text.substr(0, text.find_first_of("\r\n"));
  while (!first.empty()) {
    std::string_view name = first.substr(0, first.find(','));
    first.remove_prefix(std::min(name.size() + 1, first.size()));
    if (name.size() >= 2 && name.starts_with('"') && name.ends_with('"')) name = name.substr(1, name.size() - 2);
    if (name.size() == kColumnNames[0].size() && same_word(name, kColumnNames[0])) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<ImportedAccount>> parse_import(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!is_utf8(text)) return fail(ErrorCode::malformed, kField, Error::kNoOffset, "the file is not UTF-8");
  auto parsed = is_csv(text) ? parse_csv(text) : parse_smbpasswd(text);
  if (parsed && parsed->empty()) return fail(ErrorCode::malformed, kField, Error::kNoOffset, "the file names no account");
  return parsed;
}

}  // namespace postern::account
