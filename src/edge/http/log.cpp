#include "edge/http/log.hpp"

#include <memory>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace postern::http::log {
namespace {

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made{"postern-gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
    made.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v", spdlog::pattern_time_type::utc);
    made.flush_on(spdlog::level::trace);
    return made;
  }();
  return instance;
}

spdlog::string_view_t view(std::string_view line) { return {line.data(), line.size()}; }

}  // namespace

void set_level(std::string_view level) { logger().set_level(spdlog::level::from_str(std::string{level})); }
void debug(std::string_view line) { logger().log(spdlog::level::debug, view(line)); }
void info(std::string_view line) { logger().log(spdlog::level::info, view(line)); }
void warn(std::string_view line) { logger().log(spdlog::level::warn, view(line)); }
void error(std::string_view line) { logger().log(spdlog::level::err, view(line)); }

std::string printable(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

}  // namespace postern::http::log
