#include "edge/ipc/server/admin_request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace postern::ipc {
namespace {

constexpr std::string_view kField = "request";

std::unexpected<Error> malformed(std::size_t offset, std::string message) {
  return fail(ErrorCode::malformed, kField, offset, std::move(message));
}

bool is_space(char letter) { return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r'; }

/// A JSON text that begins behind the quote at `start - 1`.
struct Quoted {
  std::size_t start = 0;
  std::size_t end = 0;  ///< of the closing quote
};

Result<Quoted> quoted_at(std::string_view request, std::size_t start) {
  for (std::size_t at = start; at < request.size(); ++at) {
    if (request[at] == '"') return Quoted{start, at};
    if (request[at] == '\\') ++at;
  }
  return malformed(start, "a text does not end");
}

std::optional<std::uint32_t> four_hex_digits(std::string_view text) {
  std::uint32_t value = 0;
  if (text.size() < 4) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, value, 16);
  return error == std::errc{} && end == text.data() + 4 ? std::optional{value} : std::nullopt;
}

/// Appends a code point in UTF-8. A lone surrogate becomes what UTF-8 has no room for, so that whoever uses the text refuses it.
void append_point(Bytes& out, std::uint32_t point) {
  if (point < 0x80) {
    out.push_back(static_cast<std::uint8_t>(point));
    return;
  }
  const unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  constexpr std::array<std::uint8_t, 4> kLeads{0x00, 0xC0, 0xE0, 0xF0};
  out.push_back(static_cast<std::uint8_t>(kLeads[more] | point >> (6 * more)));
  for (unsigned i = more; i-- > 0;) out.push_back(static_cast<std::uint8_t>(0x80 | (point >> (6 * i) & 0x3F)));
}

/// Decodes the text between quotes. `out` has room for all of it: it never grows.
Result<void> decode(std::string_view request, const Quoted& quoted, Bytes& out) {
  out.reserve(quoted.end - quoted.start);
  for (std::size_t at = quoted.start; at < quoted.end; ++at) {
    if (static_cast<unsigned char>(request[at]) < 0x20) return malformed(at, "a text holds a control character");
    if (request[at] != '\\') {
      out.push_back(static_cast<std::uint8_t>(request[at]));
      continue;
    }
    const char escape = request[++at];
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t known = kEscapes.find(escape); known != std::string_view::npos) {
      out.push_back(static_cast<std::uint8_t>(kMeanings[known]));
      continue;
    }
    auto point = escape == 'u' ? four_hex_digits(request.substr(at + 1, quoted.end - at - 1)) : std::nullopt;
    if (!point) return malformed(at, "a text holds an escape that JSON does not have");
    at += 4;
    const std::string_view rest = request.substr(at + 1, quoted.end - at - 1);
    if (*point >= 0xD800 && *point < 0xDC00 && rest.starts_with("\\u")) {
      if (const auto low = four_hex_digits(rest.substr(2)); low && *low >= 0xDC00 && *low < 0xE000) {
        point = 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00);
        at += 6;
      }
    }
    append_point(out, *point);
  }
  return {};
}

std::size_t skip_space(std::string_view request, std::size_t at) {
  while (at < request.size() && is_space(request[at])) ++at;
  return at;
}

/// Where the value of a secret member begins (behind its quote), if the text at `quoted` is such a member's name and a text
/// follows.
Result<std::optional<std::size_t>> secret_value_after(std::string_view request, const Quoted& name) {
  const std::size_t colon = skip_space(request, name.end + 1);
  if (colon == request.size() || request[colon] != ':') return std::optional<std::size_t>{};
  const std::size_t value = skip_space(request, colon + 1);
  if (value == request.size() || request[value] != '"') return std::optional<std::size_t>{};
  Bytes decoded;  // a name can be written with escapes
  POSTERN_CHECK(decode(request, name, decoded));
  if (std::ranges::find(kSecretMembers, as_text(decoded)) == std::end(kSecretMembers)) return std::optional<std::size_t>{};
  return std::optional{value + 1};
}

std::unexpected<Error> wrong(const char* name, std::string message) {
  return fail(ErrorCode::invalid_input, name, Error::kNoOffset, std::move(message));
}

}  // namespace

Result<TakenSecrets> take_secrets(std::string_view request) {
  // JSON has no NUL, and nlohmann takes one for the end of the text: what follows would go unread.
  if (const std::size_t nul = request.find('\0'); nul != std::string_view::npos) return malformed(nul, "holds a NUL");
  TakenSecrets taken;
  taken.text.reserve(request.size());
  for (std::size_t at = 0; at < request.size();) {
    const std::size_t quote = std::min(request.find('"', at), request.size());
    taken.text.append(request.substr(at, quote - at));
    if (quote == request.size()) break;
    POSTERN_TRY(name, quoted_at(request, quote + 1));
    POSTERN_TRY(value, secret_value_after(request, name));
    if (!value) {
      taken.text.append(request.substr(quote, name.end + 1 - quote));
      at = name.end + 1;
      continue;
    }
    POSTERN_TRY(quoted, quoted_at(request, *value));
    Bytes secret;
    const auto decoded = decode(request, quoted, secret);
    taken.secrets.emplace_back(ByteView{secret});
    wipe(secret);
    POSTERN_CHECK(decoded);
    taken.text.append(request.substr(quote, *value - quote)).append(std::to_string(taken.secrets.size() - 1)).append("\"");
    at = quoted.end + 1;
  }
  return taken;
}

Result<AdminRequest> AdminRequest::parse(std::string_view text) {
  auto taken = take_secrets(text);
  AdminRequest request;
  if (taken) request.json_ = Json::parse(taken->text, nullptr, false);
  if (!taken || !request.json_.is_object()) return fail(ErrorCode::malformed, kField, Error::kNoOffset, "is no JSON object");
  request.secrets_ = std::move(taken->secrets);
  return request;
}

Result<std::string> AdminRequest::text(const char* name) const {
  const auto member = json_.find(name);
  if (member == json_.end()) return wrong(name, "is missing");
  if (!member->is_string()) return wrong(name, "is no text");
  return member->get<std::string>();
}

Result<std::string> AdminRequest::text_or_empty(const char* name) const {
  if (!json_.contains(name)) return std::string{};
  return text(name);
}

Result<SecretBytes> AdminRequest::secret(const char* name) const {
  POSTERN_TRY(digits, text(name));
  std::size_t index = secrets_.size();
  std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (index >= secrets_.size()) return fail(ErrorCode::internal, name, Error::kNoOffset, "is no secret member");
  return secrets_[index].duplicate();
}

Result<std::uint64_t> AdminRequest::number_or(const char* name, std::uint64_t otherwise) const {
  const auto member = json_.find(name);
  if (member == json_.end()) return otherwise;
  if (!member->is_number_unsigned()) return wrong(name, "is no whole number from 0 up");
  return member->get<std::uint64_t>();
}

Result<bool> AdminRequest::flag(const char* name) const {
  POSTERN_TRY(value, optional_flag(name));
  return value.value_or(false);
}

Result<std::optional<bool>> AdminRequest::optional_flag(const char* name) const {
  const auto member = json_.find(name);
  if (member == json_.end()) return std::optional<bool>{};
  if (!member->is_boolean()) return wrong(name, "is neither true nor false");
  return std::optional{member->get<bool>()};
}

Result<std::vector<std::string>> AdminRequest::texts(const char* name) const {
  std::vector<std::string> values;
  const auto member = json_.find(name);
  if (member == json_.end()) return values;
  if (!member->is_array()) return wrong(name, "is no list");
  for (const Json& value : *member) {
    if (!value.is_string()) return wrong(name, "holds something that is no text");
    values.push_back(value.get<std::string>());
  }
  return values;
}

Result<std::optional<FileTime>> AdminRequest::time(const char* name) const {
  POSTERN_TRY(value, text_or_empty(name));
  if (value.empty()) return std::optional<FileTime>{};
  const auto parsed = FileTime::from_rfc3339(value);
  if (!parsed) return wrong(name, "is no RFC 3339 time");
  return parsed;
}

}  // namespace postern::ipc
