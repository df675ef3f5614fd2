#include "postern-watch/report.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "postern-watch/printer.hpp"

namespace postern::watch {
namespace {

using Json = nlohmann::ordered_json;

/// What is worth a look each time something was given up, in words.
std::string given_up(const observe::capture::Statistics& s, const observe::LogonTrackerCounters& logons) {
  std::string text;
  const auto add = [&text](std::uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  };
  add(s.kernel_dropped, "packets dropped by the kernel");
  add(s.malformed, "malformed packets");
  add(s.too_nested, "packets in too many tunnels");
  add(s.fragments_given_up, "datagrams whose fragments never completed");
  add(s.gaps, "gaps");
  add(s.evicted_connections, "connections given up for memory");
  add(s.evicted_entries, "connections forgotten for memory");
  add(logons.exchanges_evicted, "logons given up for memory");
  add(logons.connections_given_up, "connections given up behind a gap");
  return text;
}

}  // namespace

void say(std::string_view text) { fmt::print(stderr, "postern-watch: {}\n", printable(text)); }

void say_error(const Options& options, const Error& error) {
  if (options.form != Form::table) {
    Json object{{"code", name_of(error.code)}, {"message", error.message}};
    if (!error.field.empty()) object["field"] = error.field;
    if (error.offset != Error::kNoOffset) object["offset"] = error.offset;
    if (!error.hint.empty()) object["hint"] = error.hint;
    fmt::print("{}\n", Json{{"error", object}}.dump(-1, ' ', false, Json::error_handler_t::replace));
    std::fflush(stdout);
  }
  say(error.to_line());
  if (!error.hint.empty()) say(error.hint);
}

std::string statistics_json(const observe::capture::Statistics& capture, const observe::LogonTrackerCounters& logons,
                            double seconds) {
  Json object;
  for_each_counter(capture, [&object](std::string_view name, std::uint64_t value) { object[std::string{name}] = value; });
  object["messages"] = logons.messages;
  object["messages_malformed"] = logons.malformed;
  object["logons"] = logons.events;
  object["logons_evicted"] = logons.exchanges_evicted;
  object["logons_unfinished"] = logons.exchanges_unfinished;
  object["connections_given_up"] = logons.connections_given_up;
  object["seconds"] = seconds;
  return Json{{"statistics", object}}.dump();
}

std::string statistics_text(const observe::capture::Statistics& s, const observe::LogonTrackerCounters& logons, double seconds) {
  std::string text = fmt::format("{} packets, {:.1f} MB in {:.2f} s", s.packets, static_cast<double>(s.bytes) / 1e6, seconds);
  if (seconds > 0) text += fmt::format(" ({:.0f} MB/s)", static_cast<double>(s.bytes) / 1e6 / seconds);
  text += fmt::format("; {} connections: {} analysed, {} TLS and {} SOCKS not observable, {} other", s.connections, s.analysed,
                      s.tls, s.socks, s.nothing);
  text += fmt::format("; {} NTLM messages, {} logons", logons.messages, logons.events);
  const std::string lost = given_up(s, logons);
  if (!lost.empty()) text += "; given up: " + lost;
  return text;
}

Progress::Progress(std::uint64_t total_bytes, bool wanted)
    : total_{total_bytes},
      wanted_{wanted && total_bytes > 0 && ::isatty(STDERR_FILENO) != 0},
      next_{std::chrono::steady_clock::now() + kEvery} {}

Progress::~Progress() { clear(); }

void Progress::at(std::uint64_t bytes) {
  if (!wanted_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kEvery;
  constexpr std::size_t kWidth = 40;
  const double part = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total_));
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(kWidth));
  fmt::print(stderr, "\r[{}{}] {:3.0f} %", std::string(filled, '#'), std::string(kWidth - filled, ' '), part * 100);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace postern::watch
