#include "account/names.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace postern::account {
namespace {

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7F; }
bool is_alphanumeric(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

std::unexpected<Error> refuse(std::string_view field, std::size_t offset, std::string message) {
  return fail(ErrorCode::invalid_input, field, offset, std::move(message));
}

/// What all names have in common: UTF-8, a length in UTF-16 units, no control characters, none of `forbidden`.
Result<void> check_characters(std::string_view name, std::string_view field, std::size_t max_chars, std::string_view forbidden) {
  if (name.empty()) return refuse(field, 0, "the name is empty");
  POSTERN_TRY(utf16, utf8_to_utf16le(name, field));
  if (utf16.size() / 2 > max_chars) return refuse(field, 0, "the name has more than " + std::to_string(max_chars) + " characters");
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (is_control(static_cast<unsigned char>(name[at]))) return refuse(field, at, "the name holds a control character");
    if (forbidden.find(name[at]) != std::string_view::npos) {
      return refuse(field, at, std::string{"the name holds the character "} + name[at]);
    }
  }
  return {};
}

}  // namespace

Result<void> check_netbios_name(std::string_view name) {
  static constexpr std::string_view kField = "domain.netbios_name";
  POSTERN_CHECK(check_characters(name, kField, kMaxNetbiosNameChars, "\\/:*?\"<>|@"));
  if (name.front() == '.') return refuse(kField, 0, "the name starts with a dot");
  if (name.front() == ' ') return refuse(kField, 0, "the name starts with a space");
  if (name.back() == ' ') return refuse(kField, name.size() - 1, "the name ends with a space");
  return {};
}

Result<void> check_dns_name(std::string_view name) {
  static constexpr std::string_view kField = "domain.dns_name";
  if (name.empty()) return refuse(kField, 0, "the name is empty");
  if (name.size() > kMaxDnsNameBytes) return refuse(kField, kMaxDnsNameBytes, "the name has more than 253 bytes");
  std::size_t start = 0;
  while (true) {
    const std::size_t end = std::min(name.find('.', start), name.size());
    const std::string_view label = name.substr(start, end - start);
    if (label.empty()) return refuse(kField, start, "a label is empty");
    if (label.size() > kMaxDnsLabelBytes) return refuse(kField, start, "a label has more than 63 bytes");
    for (std::size_t at = 0; at < label.size(); ++at) {
      const bool inner = at > 0 && at + 1 < label.size();
      if (is_alphanumeric(label[at]) || label[at] == '_' || (label[at] == '-' && inner)) continue;
      return refuse(kField, start + at, "a label holds a character that host names do not have there");
    }
    if (end == name.size()) return {};
    start = end + 1;
  }
}

Result<void> check_realm(std::string_view realm) {
  static constexpr std::string_view kField = "domain.realm";
  if (realm.empty()) return refuse(kField, 0, "the realm is empty");
  if (realm.size() > kMaxRealmBytes) return refuse(kField, kMaxRealmBytes, "the realm has more than 255 bytes");
  static constexpr std::string_view kForbidden = "/@:\\";
  for (std::size_t at = 0; at < realm.size(); ++at) {
    const bool printable = realm[at] > ' ' && realm[at] < 0x7F;
    if (!printable || kForbidden.find(realm[at]) != std::string_view::npos) {
      return refuse(kField, at, "the realm holds a character that realms do not have");
    }
  }
  return {};
}

Result<void> check_account_name(std::string_view name) {
  static constexpr std::string_view kField = "account.name";
  POSTERN_CHECK(check_characters(name, kField, kMaxAccountNameChars, "\"/\\[]:;|=,+*?<>@"));
  if (name.back() == '.') return refuse(kField, name.size() - 1, "the name ends with a dot");
  if (name.find_first_not_of(" .") == std::string_view::npos) return refuse(kField, 0, "the name has only spaces and dots");
  return {};
}

Result<void> check_group_name(std::string_view name) {
  static constexpr std::string_view kField = "account.groups";
  POSTERN_CHECK(check_characters(name, kField, kMaxGroupNameChars, "\"/[]:;|+*?<>"));
  if (name.find_first_not_of(" .") == std::string_view::npos) return refuse(kField, 0, "the name has only spaces and dots");
  return {};
}

Result<void> check_workstation_name(std::string_view name) {
  return check_characters(name, "account.workstations", kMaxDnsNameBytes, " \"/\\[]:;|=,+*?<>@");
}

std::string name_key(std::string_view name) { return upper_case_utf8(name); }

}  // namespace postern::account
