#include "edge/config/section.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace postern::config {

Result<void> read_toml(std::string_view text, const std::string& path, const std::function<void(Section&)>& read) {
  std::string error;
  try {
    const toml::table table = toml::parse(text, path);
    Section root{&table, "", path, error};
    read(root);
  } catch (const toml::parse_error& wrong) {
    error = fmt::format("{}:{}: {}", path, wrong.source().begin.line, wrong.description());
  }
  if (!error.empty()) return fail(ErrorCode::invalid_input, "configuration", Error::kNoOffset, std::move(error));
  return {};
}

Result<std::string> read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {  // a stream opens it and finds it empty
    return fail(ErrorCode::io, "configuration", Error::kNoOffset, path + ": is a directory");
  }
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return fail(ErrorCode::io, "configuration", Error::kNoOffset, path + ": cannot be read");
  return std::move(text).str();
}

Result<void> read_toml_file(const std::string& path, const std::function<void(Section&)>& read) {
  POSTERN_TRY(text, read_text_file(path));
  return read_toml(text, path, read);
}

}  // namespace postern::config
