// What Windows writes registry values to: a `.reg` export (regedit), a security template (`GptTmpl.inf`, MS-GPSB 2.2) and a
// registry policy file (`registry.pol`, MS-GPREG 2.2). Sans-IO: the bytes of a whole file come in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "event/named_enum.hpp"

namespace postern::policy::windows_import {

inline constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;  ///< a `reg export` of all policies is far below
inline constexpr std::size_t kMaxValues = 100'000;                   ///< in one file
inline constexpr std::size_t kMaxKeyBytes = 4096;                    ///< of a key or a value's name, UTF-8
inline constexpr std::size_t kMaxDataBytes = std::size_t{1} << 20;   ///< of one value

enum class FileFormat : std::uint8_t { registry_export, security_template, registry_policy };

/// REG_SZ and its kin, as the registry numbers them; numbers without a name here are kept.
enum class ValueType : std::uint32_t { none = 0, text = 1, expand_text = 2, binary = 3, dword = 4, multi_text = 7, qword = 11 };

/// What the file says about a value. `removed_key` has no name and takes every value of the key away.
enum class Change : std::uint8_t { set, removed, removed_key };

/// One line or entry of the file, as written and in its order.
struct RegistryValue {
  std::string key{};  ///< with its root where the file has one: "HKEY_LOCAL_MACHINE\…", "MACHINE\…"; a section as "[System Access]"
  std::string name{};  ///< empty: the key's default value
  Change change = Change::set;
  ValueType type = ValueType::none;
  Bytes data{};            ///< as the registry holds it: numbers little-endian, text in UTF-16LE
  std::size_t offset = 0;  ///< of the entry in the file, in bytes
};

struct RegistryFile {
  FileFormat format = FileFormat::registry_export;
  std::vector<RegistryValue> values{};
};

/// Reads a file of any of the three kinds, recognised by content: "PReg", a first line of regedit, or sections. Errors, with the
/// offset: `unsupported` for anything else, the malformed family, `too_large`.
[[nodiscard]] Result<RegistryFile> read_registry_file(ByteView file);

/// REG_DWORD, or digits in a REG_SZ (security templates write both). Errors: `invalid_input`.
[[nodiscard]] Result<std::uint32_t> number_of(const RegistryValue& value);
/// The texts of a REG_MULTI_SZ, or the one of a REG_SZ, without surrounding blanks and without empty ones. Errors: `invalid_input`,
/// `malformed` for bytes that are no UTF-16.
[[nodiscard]] Result<std::vector<std::string>> texts_of(const RegistryValue& value);

// The three kinds by themselves.
[[nodiscard]] Result<std::vector<RegistryValue>> read_registry_export(ByteView file);
[[nodiscard]] Result<std::vector<RegistryValue>> read_security_template(ByteView file);
[[nodiscard]] Result<std::vector<RegistryValue>> read_registry_policy(ByteView file);

}  // namespace postern::policy::windows_import

namespace postern::event {
template <>
inline constexpr std::array<std::string_view, 3> kNames<policy::windows_import::FileFormat>{"reg", "inf", "pol"};
}  // namespace postern::event
