#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

#include "base/text.hpp"
#include "policy/lists.hpp"
#include "policy/windows_import/import.hpp"
#include "policy/windows_import/registry_file.hpp"
#include "support/paths.hpp"

namespace postern::policy::windows_import {
namespace {

Bytes wide(std::string_view text) { return utf8_to_utf16le(text, "test").value(); }

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes utf16_file(std::string_view text) { return joined({{0xff, 0xfe}, wide(text)}); }

Bytes u32(std::uint32_t number) {
  Bytes bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  return bytes;
}

std::string reg(std::string_view lines) {
  return "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\K]\r\n" + std::string{lines};
}

Bytes pol_entry(std::string_view key, std::string_view name, std::uint32_t type, const Bytes& data) {
  const Bytes nul{0, 0};
  return joined({wide("["), wide(key), nul, wide(";"), wide(name), nul, wide(";"), u32(type), wide(";"),
                 u32(static_cast<std::uint32_t>(data.size())), wide(";"), data, wide("]")});
}
Bytes pol(const Bytes& entries) { return joined({to_bytes(as_bytes("PReg")), u32(1), entries}); }

Bytes kept_file(const std::string& name) {
  std::ifstream file{std::string{POSTERN_SOURCE_DIR} + "/tests/policy/windows_import/" + name, std::ios::binary};
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<RegistryValue> read_all(ByteView file) {
  auto read = read_registry_file(file);
  if (!read) ADD_FAILURE() << read.error().to_line();
  return read ? std::move(read->values) : std::vector<RegistryValue>{};
}

/// Every value as "KEY\NAME=TYPE,hex", without the key's root.
std::vector<std::string> flattened(const std::vector<RegistryValue>& values) {
  std::vector<std::string> lines;
  for (const RegistryValue& value : values) {
    if (value.key.starts_with('[')) continue;
    std::string key = value.key;
    for (const std::string_view root : {"HKEY_LOCAL_MACHINE\\", "MACHINE\\"}) {
      if (key.starts_with(root)) key.erase(0, root.size());
    }
    lines.push_back(key + "\\" + value.name + "=" + std::to_string(static_cast<std::uint32_t>(value.type)) + "," +
                    to_hex(value.data));
  }
  return lines;
}

TEST(RegistryFile, TheSameMachineReadsTheSameInAllThreeForms) {
  const auto from_reg = read_registry_file(kept_file("hardened.reg")).value();
  const auto from_inf = read_registry_file(kept_file("GptTmpl.inf")).value();
  const auto from_pol = read_registry_file(kept_file("registry.pol")).value();
  EXPECT_EQ(from_reg.format, FileFormat::registry_export);
  EXPECT_EQ(from_inf.format, FileFormat::security_template);
  EXPECT_EQ(from_pol.format, FileFormat::registry_policy);
  EXPECT_EQ(from_reg.values.size(), 20U);
  EXPECT_EQ(flattened(from_reg.values), flattened(from_pol.values));
  EXPECT_EQ(flattened(from_inf.values), flattened(from_pol.values));
}

TEST(RegistryFile, RefusesWhatIsNoneOfTheThree) {
  for (const std::string_view text : {"", "\r\n", "hello", "<?xml version=\"1.0\"?>", "REGEDIT5\r\n", "Windows Registry Editor"}) {
    const auto read = read_registry_file(as_bytes(text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::unsupported) << text;
  }
  Bytes long_file(kMaxFileBytes + 1, ' ');
  EXPECT_EQ(read_registry_file(long_file).error().code, ErrorCode::too_large);
}

TEST(RegistryExport, ReadsEveryFormOfAValue) {
  const auto values =
      read_all(utf16_file(reg("; a comment\r\n"
                              "@=\"the default\"\r\n"
                              "\"Number\"=dword:0000002a ; with a comment\r\n"
                              "\"Text \\\"quoted\\\"\"=\"C:\\\\Windows\"\r\n"
                              "\"Binary\"=hex:01,02,\\\r\n  ff\r\n"
                              "\"List\"=hex(7):61,00,00,00,62,00,00,00,00,00\r\n"
                              "\"Big\"=hex(b):01,00,00,00,00,00,00,00\r\n"
                              "\"Gone\"=-\r\n"
                              "[-HKEY_LOCAL_MACHINE\\Old]\r\n")));
  ASSERT_EQ(values.size(), 8U);
  EXPECT_EQ(values[0].name, "");
  EXPECT_EQ(texts_of(values[0]).value(), std::vector<std::string>{"the default"});
  EXPECT_EQ(values[0].key, "HKEY_LOCAL_MACHINE\\K");
  EXPECT_EQ(number_of(values[1]).value(), 42U);
  EXPECT_EQ(values[2].name, "Text \"quoted\"");
  EXPECT_EQ(texts_of(values[2]).value(), std::vector<std::string>{"C:\\Windows"});
  EXPECT_EQ(values[3].data, (Bytes{1, 2, 0xff}));
  EXPECT_EQ(texts_of(values[4]).value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(values[5].type, ValueType::qword);
  EXPECT_EQ(values[6].change, Change::removed);
  EXPECT_EQ(values[7].change, Change::removed_key);
  EXPECT_EQ(values[7].key, "HKEY_LOCAL_MACHINE\\Old");
}

TEST(RegistryExport, ReadsTheOldFormWhoseTextIsBytes) {
  const auto values =
      read_all(as_bytes("REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\K]\n\"N\xe5me\"=\"v\xe4lue\"\n\"List\"=hex(7):61,00,62,00,00\n"));
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].name, "N\u00e5me");
  EXPECT_EQ(texts_of(values[0]).value(), std::vector<std::string>{"v\u00e4lue"});
  EXPECT_EQ(texts_of(values[1]).value(), (std::vector<std::string>{"a", "b"}));
}

TEST(RegistryExport, RefusesEachBrokenLineWithItsPlace) {
  struct Case {
    std::string lines;
    std::string_view field;
    std::string at;  // the error's offset is that of this text
  };
  const Case cases[] = {
      {"\"A\"=dword:\r\n", "dword", "\r\n"},
      {"\"A\"=dword:123456789\r\n", "dword", "123456789"},
      {"\"A\"=dword:1 2\r\n", "value", "2\r\n"},
      {"\"A\"=word:1\r\n", "data", "word"},
      {"\"A\"\r\n", "value", "\r\n"},
      {"\"A\"=\"open\r\n", "data", "\"open"},
      {"\"A\r\n", "name", "\"A"},
      {"A=dword:1\r\n", "name", "A="},
      {"\"A\"=hex:0g\r\n", "data", "g\r"},
      {"\"A\"=hex:01 02\r\n", "data", "02"},
      {"\"A\"=hex(7:01\r\n", "hex(type)", ":01"},
      {"\"A\"=hex(7)01\r\n", "data", "01\r"},
      {"[HKEY_LOCAL_MACHINE\\B\r\n", "key", "[HKEY_LOCAL_MACHINE\\B\r"},
      {"[]\r\n", "key", "[]"},
      {"[-HKEY_LOCAL_MACHINE\\B]\r\n\"A\"=dword:1\r\n", "name", "\"A\""},
  };
  for (const Case& each : cases) {
    const std::string text = reg(each.lines);
    const auto read = read_registry_file(as_bytes(text));
    ASSERT_FALSE(read) << each.lines;
    EXPECT_EQ(read.error().field, each.field) << each.lines << read.error().to_line();
    EXPECT_EQ(read.error().offset, text.find(each.at, reg("").size())) << each.lines << read.error().to_line();
    // The same place in UTF-16: two bytes each, after the mark.
    EXPECT_EQ(read_registry_file(utf16_file(text)).error().offset, 2 + 2 * read.error().offset) << each.lines;
  }
  EXPECT_EQ(read_registry_file(as_bytes("REGEDIT4\n\"A\"=dword:1\n")).error().message, "a value without a key above it");
  Bytes half = utf16_file(reg(""));
  half.push_back('x');
  EXPECT_EQ(read_registry_file(half).error().code, ErrorCode::malformed);
}

TEST(SecurityTemplate, ReadsRegistryValuesAndKeepsWhatOtherSectionsSay) {
  const auto values =
      read_all(utf16_file("[Unicode]\r\nUnicode=yes\r\n[Registry Values]\r\n"
                          "MACHINE\\K\\Number=4,42\r\nMACHINE\\K\\Text=1,\"10\"\r\nMACHINE\\K\\List=7,\"a,b\", c ,\r\n; note\r\n"
                          "[System Access]\r\nLockoutBadCount = 5\r\n[Version]\r\nRevision=1\r\n"));
  ASSERT_EQ(values.size(), 4U);
  EXPECT_EQ(values[0].key, "MACHINE\\K");
  EXPECT_EQ(values[0].name, "Number");
  EXPECT_EQ(number_of(values[0]).value(), 42U);
  EXPECT_EQ(number_of(values[1]).value(), 10U);
  EXPECT_EQ(texts_of(values[2]).value(), (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(values[3].key, "[System Access]");
  EXPECT_EQ(values[3].name, "LockoutBadCount");
  EXPECT_EQ(texts_of(values[3]).value(), std::vector<std::string>{"5"});
}

TEST(SecurityTemplate, RefusesEachBrokenLineWithItsPlace) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"MACHINE\\K\\A", "value"},
      {"A=4,1", "key"},
      {"\\A=4,1", "key"},
      {"MACHINE\\K\\A=4", "data"},
      {"MACHINE\\K\\A=x,1", "type"},
      {"MACHINE\\K\\A=4,-1", "data"},
      {"MACHINE\\K\\A=4,4294967296", "data"},
      {"MACHINE\\K\\A=7,\"a", "data"},
      {"MACHINE\\K\\A=1,a,b", "data"},
      {"[Open", "section"},
  };
  const std::string before = "[Registry Values]\r\n";
  for (const auto& [line, field] : cases) {
    const auto read = read_registry_file(as_bytes(before + std::string{line} + "\r\n"));
    ASSERT_FALSE(read) << line;
    EXPECT_EQ(read.error().field, field) << line << read.error().to_line();
    EXPECT_EQ(read.error().offset, before.size()) << line;
  }
}

TEST(RegistryPolicy, ReadsEntriesAndOrders) {
  const auto values =
      read_all(pol(joined({pol_entry("Software\\K", "Number", 4, u32(42)), pol_entry("Software\\K", "**del.Gone", 1, wide(" ")),
                           pol_entry("Software\\K", "**delvals.", 1, wide(" "))})));
  ASSERT_EQ(values.size(), 3U);
  EXPECT_EQ(number_of(values[0]).value(), 42U);
  EXPECT_EQ(values[1].name, "Gone");
  EXPECT_EQ(values[1].change, Change::removed);
  EXPECT_EQ(values[2].change, Change::removed_key);
  EXPECT_TRUE(read_all(pol({})).empty());
}

TEST(RegistryPolicy, RefusesAFileCutAtAnyByte) {
  const Bytes whole = pol(pol_entry("Software\\K", "Number", 4, u32(42)));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    if (length == 8) continue;  // the header alone is an empty file
    EXPECT_FALSE(read_registry_policy(ByteView{whole}.first(length))) << length;
  }
  EXPECT_TRUE(read_registry_policy(whole));
}

TEST(RegistryPolicy, RefusesWrongDelimitersVersionsAndSizes) {
  const Bytes right = pol(pol_entry("K", "N", 4, u32(1)));
  for (const std::size_t delimiter : {8UZ, 14UZ, 20UZ, 26UZ, 32UZ, 38UZ}) {
    Bytes wrong = right;
    wrong[delimiter] ^= 1;
    const auto read = read_registry_policy(wrong);
    ASSERT_FALSE(read) << delimiter;
    EXPECT_EQ(read.error().offset, delimiter) << read.error().to_line();
  }
  Bytes version = right;
  version[4] = 2;
  EXPECT_EQ(read_registry_policy(version).error().code, ErrorCode::unsupported);
  Bytes size = right;
  size[31] = 0xff;
  EXPECT_EQ(read_registry_policy(size).error().code, ErrorCode::too_large);
}

TEST(RegistryValue, ANumberIsADwordOrDigitsAndNothingElse) {
  RegistryValue value;
  value.type = ValueType::dword;
  value.data = {1, 0, 0};
  EXPECT_FALSE(number_of(value));
  value.data.push_back(0);
  EXPECT_EQ(number_of(value).value(), 1U);
  value.type = ValueType::text;
  value.data = wide("0x1");
  EXPECT_FALSE(number_of(value));
  value.data = wide("17");
  EXPECT_EQ(number_of(value).value(), 17U);
  value.type = ValueType::binary;
  EXPECT_FALSE(number_of(value));
}

TEST(RegistryValue, ATextWithALoneSurrogateIsRefused) {
  RegistryValue value;
  value.type = ValueType::multi_text;
  value.data = {0x00, 0xd8, 0, 0};
  EXPECT_EQ(texts_of(value).error().code, ErrorCode::malformed);
}

WindowsImport imported(std::string_view reg_lines_of_lsa) {
  WindowsImport import;
  const std::string text =
      "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa]\r\n" +
      std::string{reg_lines_of_lsa};
  import.add("a.reg", RegistryFile{FileFormat::registry_export, read_all(utf16_file(text))});
  return import;
}

TEST(WindowsImport, TakesASettingByItsKeyAndNameInAnyCase) {
  const auto import = imported("\"lmcompatibilitylevel\"=dword:00000003\r\n");
  ASSERT_EQ(import.taken().size(), 1U);
  EXPECT_EQ(import.taken()[0].setting, "LmCompatibilityLevel");
  EXPECT_EQ(import.taken()[0].value, "3");
  EXPECT_NE(import.policy_file().find("\nLmCompatibilityLevel = 3\n"), std::string::npos) << import.policy_file();
}

TEST(WindowsImport, TakesANumberedControlSetForTheOneThatRuns) {
  for (const auto& [key, taken] :
       {std::pair{"HKLM\\System\\ControlSet001\\Control\\Lsa", 1U}, std::pair{"HKLM\\System\\ControlSet1\\Control\\Lsa", 0U},
        std::pair{"System\\CurrentControlSet\\Control\\Lsa", 1U},
        std::pair{"HKEY_CURRENT_USER\\System\\CurrentControlSet\\Control\\Lsa", 0U}}) {
    RegistryValue value;
    value.key = key;
    value.name = "LmCompatibilityLevel";
    value.type = ValueType::dword;
    value.data = u32(4);
    WindowsImport import;
    import.add("x", {FileFormat::registry_export, {value}});
    EXPECT_EQ(import.taken().size(), taken) << key;
    EXPECT_EQ(import.not_understood().size(), 1U - taken) << key;
  }
}

TEST(WindowsImport, RefusesAValueThatTheSettingDoesNotTake) {
  const auto import = imported("\"LmCompatibilityLevel\"=dword:00000006\r\n");
  EXPECT_TRUE(import.taken().empty());
  ASSERT_EQ(import.refused().size(), 1U);
  EXPECT_NE(import.refused()[0].why.find("0 to 5"), std::string::npos) << import.refused()[0].why;
  EXPECT_EQ(imported("\"LmCompatibilityLevel\"=\"five\"\r\n").refused().size(), 1U);
}

TEST(WindowsImport, NamesEachValueThatIsNotTaken) {
  const auto import = imported("\"NoLMHash\"=dword:1\r\n\"SuppressExtendedProtection\"=dword:1\r\n\"Bounds\"=hex:00\r\n");
  ASSERT_EQ(import.without_counterpart().size(), 2U);
  EXPECT_EQ(import.without_counterpart()[0].source.value, "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa\\NoLMHash");
  ASSERT_EQ(import.not_understood().size(), 1U);
  EXPECT_TRUE(import.not_understood()[0].source.value.ends_with("Lsa\\Bounds"));
}

TEST(WindowsImport, TheLastOfTwoValuesWinsAndTheFirstIsNamed) {
  auto import = imported("\"LmCompatibilityLevel\"=dword:3\r\n\"LmCompatibilityLevel\"=dword:5\r\n");
  ASSERT_EQ(import.taken().size(), 1U);
  EXPECT_EQ(import.taken()[0].value, "5");
  EXPECT_EQ(import.replaced().size(), 1U);
}

TEST(WindowsImport, AValueThatTheFileRemovesIsNotTaken) {
  EXPECT_TRUE(imported("\"LmCompatibilityLevel\"=dword:3\r\n\"LmCompatibilityLevel\"=-\r\n").taken().empty());
  const auto import = imported("\"LmCompatibilityLevel\"=dword:3\r\n[-HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control]\r\n");
  EXPECT_TRUE(import.taken().empty());
  EXPECT_EQ(import.replaced().size(), 1U);
}

TEST(WindowsImport, EverySettingOfWindowsIsTakenFromEachOfTheThreeFiles) {
  for (const char* name : {"hardened.reg", "GptTmpl.inf", "registry.pol"}) {
    WindowsImport import;
    import.add(name, read_registry_file(kept_file(name)).value());
    EXPECT_TRUE(import.refused().empty()) << name << ": " << import.refused().front().source.value << import.refused().front().why;
    std::vector<std::string> taken;
    Policy policy;
    for (const Taken& each : import.taken()) {
      taken.push_back(std::string{each.setting} + " = " + each.toml);
      EXPECT_TRUE(set(policy, each.setting, each.value)) << each.setting;
      EXPECT_EQ(value_of(policy, each.setting), each.value);
    }
    EXPECT_EQ(taken, (std::vector<std::string>{
                         "LmCompatibilityLevel = 5",
                         "RestrictSendingNTLMTraffic = 2",
                         "RestrictReceivingNTLMTraffic = 1",
                         "AuditReceivingNTLMTraffic = 2",
                         "ClientAllowedNTLMServers = [\"fileserver\", \"*.printers.example.org\"]",
                         "NtlmMinClientSec = 0x20080000",
                         "NtlmMinServerSec = 0x20080000",
                         "BlockNtlmv1SSO = 1",
                         "RestrictNTLMInDomain = 7",
                         "AuditNTLMInDomain = 7",
                         "DCAllowedNTLMServers = [\"SCANNER1\"]",
                         "SmbServerNameHardeningLevel = 2",
                         "BlockNTLM = 1",
                         "BlockNTLMServerExceptionList = [\"nas.example.org\"]",
                         "LdapEnforceChannelBinding = 2",
                     }))
        << name;
    EXPECT_EQ(import.without_counterpart().size(), std::string_view{name} == "GptTmpl.inf" ? 5U : 4U) << name;
    ASSERT_EQ(import.not_understood().size(), 1U) << name;
    EXPECT_TRUE(import.not_understood()[0].source.value.ends_with("auditbaseobjects")) << name;
  }
}

TEST(WindowsImport, AnEmptyListIsNone) {
  RegistryValue value;
  value.key = "SYSTEM\\CurrentControlSet\\Control\\Lsa\\MSV1_0";
  value.name = "ClientAllowedNTLMServers";
  value.type = ValueType::multi_text;
  value.data = {0, 0};
  WindowsImport import;
  import.add("x", {FileFormat::registry_policy, {value}});
  ASSERT_EQ(import.taken().size(), 1U);
  EXPECT_EQ(import.taken()[0].value, kEmptyList);
  EXPECT_EQ(import.taken()[0].toml, "[]");
}

TEST(WindowsImport, AFileNameCannotEndTheCommentThatNamesIt) {
  WindowsImport import;
  RegistryValue value;
  value.key = "SYSTEM\\CurrentControlSet\\Control\\Lsa";
  value.name = "LmCompatibilityLevel";
  value.type = ValueType::dword;
  value.data = u32(4);
  import.add("x\nAllowAnonymous = \"always\"", {FileFormat::registry_policy, {value}});
  EXPECT_EQ(import.policy_file().find("\nAllowAnonymous"), std::string::npos);
}

}  // namespace
}  // namespace postern::policy::windows_import
