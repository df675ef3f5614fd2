#include "postern/output.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace postern::cli {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kPlain = "\x1b[0m";

/// Cc, and the bidirectional controls that can make a name read as another one (U+061C, U+200E, U+200F, U+202A-E, U+2066-9).
bool is_unsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

/// The code point that starts at `i`, and its length; a byte that starts none counts as itself, alone.
std::pair<char32_t, std::size_t> code_point_at(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char first = byte(i);
  const std::size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  if (length == 1 || i + length > text.size()) return {first, 1};
  char32_t c = first & (0x7fu >> length);
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return {first, 1};
    c = (c << 6) | (byte(i + k) & 0x3fu);
  }
  return {c, length};
}

std::string label_of(std::string key) {
  for (char& c : key) {
    if (c == '_') c = ' ';
  }
  return key;
}

std::string scalar_text(const Json& value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.dump();
}

void append(std::string& out, const Json& object, std::size_t indent, Colour colour) {
  std::size_t width = 0;
  for (const auto& [key, value] : object.items()) {
    if (value.is_primitive()) width = std::max(width, key.size());
  }
  const std::string margin(indent, ' ');
  for (const auto& [key, value] : object.items()) {
    const std::string label = label_of(printable(key));
    const std::string shown = colour == Colour::on ? fmt::format("{}{}{}", kBold, label, kPlain) : label;
    if (value.is_object()) {
      out += fmt::format("{}{}:\n", margin, shown);
      append(out, value, indent + 2, colour);
    } else if (value.is_array()) {
      out += fmt::format("{}{}:\n", margin, shown);
      for (const Json& element : value) {
        if (element.is_object() && element.contains("name") && element.contains("value")) {
          out += fmt::format("{}  {}: {}\n", margin, scalar_text(element["name"]), scalar_text(element["value"]));
        } else if (element.is_object()) {
          append(out, element, indent + 2, colour);
        } else {
          out += fmt::format("{}  {}\n", margin, scalar_text(element));
        }
      }
    } else {
      const std::size_t padding = width > key.size() ? width - key.size() : 0;
      out += fmt::format("{}{}:{} {}\n", margin, shown, std::string(padding, ' '), scalar_text(value));
    }
  }
}

void put(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

}  // namespace

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_input: return ExitCode::wrong_usage;
    case ErrorCode::no_authority:
    case ErrorCode::timeout:
    case ErrorCode::io:
    case ErrorCode::internal: return ExitCode::fault;
    default: return ExitCode::answer_is_no;
  }
}

Json error_json(const Error& error) {
  Json inner;
  inner["code"] = name_of(error.code);
  inner["message"] = error.message;
  if (!error.field.empty()) inner["field"] = error.field;
  if (error.offset != Error::kNoOffset) inner["offset"] = error.offset;
  if (!error.hint.empty()) inner["hint"] = error.hint;
  return Json{{"error", std::move(inner)}};
}

Json status_json(NtStatus status) { return Json{{"code", to_hex_code(status)}, {"name", name_of(status)}}; }

std::string printable(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto [c, length] = code_point_at(utf8, i);
    if (is_unsafe(c) || (length == 1 && c >= 0x80)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(c));
    } else {
      out += utf8.substr(i, length);
    }
    i += length;
  }
  return out;
}

std::string to_text(const Json& object, Colour colour) {
  std::string out;
  append(out, object, 0, colour);
  return out;
}

std::string to_line(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

void Output::answer(const Json& object) const {
  put(stdout, format_ == Format::json ? to_line(object) : to_text(object, colour_));
  std::fflush(stdout);
}

void Output::line(std::string_view text) const { lines(printable(text)); }

void Output::lines(std::string_view text) const {
  if (format_ == Format::json) return;
  put(stdout, text);
  put(stdout, "\n");
  std::fflush(stdout);
}

void Output::warn(std::string_view text) const { put(stderr, "postern: warning: " + printable(text) + "\n"); }

ExitCode Output::fail(const Error& error) const {
  if (format_ == Format::json) {
    answer(error_json(error));
  } else {
    const std::string line = printable(error.to_line());
    put(stderr, colour_ == Colour::on ? fmt::format("postern: {}{}{}\n", kRed, line, kPlain) : "postern: " + line + "\n");
  }
  return exit_code_of(error);
}

}  // namespace postern::cli
