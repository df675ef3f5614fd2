// A text file of Windows, in UTF-16LE or in bytes, walked by units: an error's offset is that of the byte in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace postern::policy::windows_import {

class TextFile {
 public:
  /// UTF-16LE where the file begins with its mark, else bytes (with or without the mark of UTF-8). `file` must outlive this.
  /// Errors: `malformed` for half a unit at the end.
  [[nodiscard]] static Result<TextFile> of(ByteView file);

  /// In units.
  [[nodiscard]] std::size_t size() const { return bytes_.size() / unit_bytes_; }
  [[nodiscard]] char16_t operator[](std::size_t index) const {
    if (unit_bytes_ == 1) return bytes_[index];
    return static_cast<char16_t>(bytes_[2 * index] | (bytes_[2 * index + 1] << 8));
  }
  [[nodiscard]] std::size_t offset_of(std::size_t index) const { return base_ + index * unit_bytes_; }
  [[nodiscard]] bool is_wide() const { return unit_bytes_ == 2; }

  /// The units from `begin` to before `end` in UTF-8. Bytes that are no UTF-8 are taken as Latin-1. Errors: `malformed` for lone
  /// surrogates, `too_large` past `bytes_max` of UTF-8.
  [[nodiscard]] Result<std::string> text(std::size_t begin, std::size_t end, std::string_view field, std::size_t bytes_max) const;

 private:
  TextFile(ByteView bytes, std::size_t base, std::size_t unit_bytes) : bytes_{bytes}, base_{base}, unit_bytes_{unit_bytes} {}

  ByteView bytes_;
  std::size_t base_;
  std::size_t unit_bytes_;
};

/// A place in a text file.
class Cursor {
 public:
  explicit Cursor(const TextFile& file) : file_{&file} {}

  [[nodiscard]] const TextFile& file() const { return *file_; }
  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t offset() const { return file_->offset_of(position_); }
  [[nodiscard]] bool at_end() const { return position_ >= file_->size(); }
  /// The unit here; U+0000 at the end.
  [[nodiscard]] char16_t peek() const { return at_end() ? u'\0' : (*file_)[position_]; }
  [[nodiscard]] bool at_line_end() const { return at_end() || peek() == u'\r' || peek() == u'\n'; }
  void step() { ++position_; }
  bool take(char16_t unit) {
    if (at_end() || peek() != unit) return false;
    step();
    return true;
  }
  void skip_blanks() {
    while (!at_end() && (peek() == u' ' || peek() == u'\t')) step();
  }
  void skip_white() {
    while (!at_end() && (peek() == u' ' || peek() == u'\t' || peek() == u'\r' || peek() == u'\n')) step();
  }
  void skip_line() {
    while (!at_line_end()) step();
  }
  /// Where this line ends, blanks before the end left out.
  [[nodiscard]] std::size_t trimmed_line_end() const {
    std::size_t end = position_;
    while (end < file_->size() && (*file_)[end] != u'\r' && (*file_)[end] != u'\n') ++end;
    while (end > position_ && ((*file_)[end - 1] == u' ' || (*file_)[end - 1] == u'\t')) --end;
    return end;
  }
  void move_to(std::size_t position) { position_ = position; }

 private:
  const TextFile* file_;
  std::size_t position_ = 0;
};

/// `[name]` at the cursor, up to the last bracket of its line; nothing may follow. Errors: `malformed`, `too_large`.
[[nodiscard]] Result<std::string> take_section(Cursor& cursor, std::string_view field);

}  // namespace postern::policy::windows_import
