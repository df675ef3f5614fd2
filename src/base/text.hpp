// Text as NTLM carries it: UTF-16LE, or OEM bytes in a configured code page; UTF-8 everywhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern {

/// UTF-8 to UTF-16LE. Refuses what is not UTF-8 (over-long forms, surrogates, past U+10FFFF) (R2).
[[nodiscard]] Result<Bytes> utf8_to_utf16le(std::string_view text, std::string_view field);
/// The same behind what `out` holds, which stays as it was if the text is refused.
[[nodiscard]] Result<void> append_utf16le(Bytes& out, std::string_view text, std::string_view field);

/// UTF-16LE to UTF-8. Refuses an odd number of bytes and lone surrogates (R2). U+0000 passes: the caller decides.
[[nodiscard]] Result<std::string> utf16le_to_utf8(ByteView text, std::string_view field, std::size_t offset = 0);

/// Like `utf16le_to_utf8`, for display: each lone surrogate and a last odd byte become U+FFFD.
[[nodiscard]] std::string utf16le_to_utf8_lossy(ByteView text);

[[nodiscard]] bool is_utf8(std::string_view text);

/// The code page of OEM text: what a client without NTLMSSP_NEGOTIATE_UNICODE writes (S3).
enum class CodePage : std::uint8_t { cp850, utf8, latin1 };

[[nodiscard]] std::string_view name_of(CodePage page);                             // "cp850", "utf-8", "latin-1"
[[nodiscard]] std::optional<CodePage> code_page_from_name(std::string_view name);  // any case; also "850", "iso-8859-1"

[[nodiscard]] Result<std::string> oem_to_utf8(ByteView text, CodePage page, std::string_view field, std::size_t offset = 0);
/// Refuses characters that the code page does not have.
[[nodiscard]] Result<Bytes> utf8_to_oem(std::string_view text, CodePage page, std::string_view field);

/// Upper-cases UTF-16LE one code unit to one, as Windows does for NTOWFv2 (MS-NLMP 3.3.2, `Uppercase(User)`); surrogates stay.
/// An odd last byte is left as it is. docs/upper-casing.md says where the table comes from.
void upper_case_utf16le(MutableByteView text);
[[nodiscard]] char16_t upper_case(char16_t unit);
/// Upper-cases valid UTF-8 by the same table, for comparing names.
[[nodiscard]] std::string upper_case_utf8(std::string_view text);

}  // namespace postern
