#include "account/key_file.hpp"

#include <algorithm>
#include <charconv>

#include "account/private_file.hpp"

namespace postern::account {
namespace {

constexpr std::string_view kField = "key_file";
constexpr std::string_view kHeader = "postern-storage-keys 1";
constexpr std::string_view kActive = "active ";
constexpr std::string_view kKey = "key ";

std::optional<KeyId> key_id_from(std::string_view text) {
  KeyId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size() || id == 0) return std::nullopt;
  return id;
}

Result<void> parse_key_line(std::string_view line, std::size_t offset, KeyRing& keys) {
  const std::size_t space = line.find(' ');
  const auto id = key_id_from(line.substr(0, std::min(space, line.size())));
  if (!id || space == std::string_view::npos) return fail(ErrorCode::malformed, kField, offset, "a key line has no id");
  auto bytes = from_hex(line.substr(space + 1));
  if (!bytes) return fail(ErrorCode::malformed, kField, offset, "a key is not hexadecimal");
  Result<void> added = fail(ErrorCode::malformed, kField, offset, "a key does not have 32 bytes");
  if (bytes->size() == StorageKey::kSize) {
    added = keys.add(*id, StorageKey{std::span<const std::uint8_t, StorageKey::kSize>{bytes->data(), StorageKey::kSize}});
  }
  wipe(*bytes);
  if (!added) added.error().offset = offset;
  return added;
}

}  // namespace

Result<KeyRing> parse_key_file(std::string_view text) {
  KeyRing keys;
  bool header_seen = false;
  KeyId active = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    const std::size_t offset = start;
    start = end + 1;
    if (line.empty() || line.starts_with('#')) continue;
    if (!header_seen) {
      if (line != kHeader) return fail(ErrorCode::unsupported, kField, offset, "this is no key file of a known version");
      header_seen = true;
    } else if (line.starts_with(kActive)) {
      const auto id = key_id_from(line.substr(kActive.size()));
      if (!id || active != 0) return fail(ErrorCode::malformed, kField, offset, "one line names the active key by its id");
      active = *id;
    } else if (line.starts_with(kKey)) {
      POSTERN_CHECK(parse_key_line(line.substr(kKey.size()), offset, keys));
    } else {
      return fail(ErrorCode::malformed, kField, offset, "a line is neither a comment nor `active` nor `key`");
    }
  }
  if (active == 0) return fail(ErrorCode::malformed, kField, text.size(), "no active key is named");
  if (auto activated = keys.activate(active); !activated)
    return fail(ErrorCode::malformed, kField, text.size(), "the active key is not in the file");
  return keys;
}

SecretBytes write_key_file(const KeyRing& keys) {
  std::string text =
      "# Storage keys of Postern's accounts. Without this file the database is useless; keep it apart from the\n"
      "# database and its backups.\n";
  text.reserve(text.size() + 64 + keys.ids().size() * 96);  // no reallocation leaves keys behind
  text.append(kHeader).append("\n").append(kActive).append(std::to_string(keys.active())).append("\n");
  for (const KeyId id : keys.ids()) {
    std::string hex = to_hex(keys.find(id)->reveal());
    text.append(kKey).append(std::to_string(id)).append(" ").append(hex).append("\n");
    wipe(hex.data(), hex.size());
  }
  return SecretBytes::take(text);
}

Result<KeyRing> load_key_file(const std::string& path) {
  POSTERN_CHECK(check_private_directory(directory_of(path)));
  POSTERN_TRY(content, read_private_file(path, kMaxKeyFileBytes));
  return parse_key_file(content.reveal_text());
}

Result<void> save_key_file(const std::string& path, const KeyRing& keys) {
  POSTERN_CHECK(check_private_directory(directory_of(path)));
  const SecretBytes content = write_key_file(keys);
  return write_private_file(path, content.reveal());
}

}  // namespace postern::account
