#include "postern/event_source.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <system_error>

#include "base/text.hpp"
#include "event/reader/event_lines.hpp"
#include "event/reader/parse_event.hpp"
#include "inventory/dependency.hpp"
#include "postern/admin_client.hpp"
#include "postern/admin_socket.hpp"
#include "postern/progress.hpp"

namespace postern::cli {
namespace {

constexpr std::size_t kEventsPerRead = 10'000;  // as many as posternd gives
constexpr std::size_t kChunkBytes = std::size_t{1} << 18;

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

bool same_name(const std::string& wanted, const std::string& name) {
  return wanted.empty() || inventory::folded_name(wanted) == inventory::folded_name(name);
}

/// Whether the event is one of those asked for, as posternd's filters say it of theirs.
bool matches(const EventQuery& query, const event::LogonEvent& event) {
  if (query.service && event.server.service != *query.service) return false;
  if (query.from && (!event.time || *event.time < *query.from)) return false;
  if (query.until && (!event.time || *event.time >= *query.until)) return false;
  const inventory::Names names = inventory::names_of(event);
  if (!same_name(query.account, names.account) || !same_name(query.server, names.server)) return false;
  if (!same_name(query.outcome, std::string{event::name_of(event.outcome)})) return false;
  return same_name(query.version, event.ntlm.version ? std::string{event::name_of(*event.ntlm.version)} : std::string{});
}

struct File {
  std::string path{};
  std::uint64_t bytes = 0;
};

bool is_event_file(const std::filesystem::path& path) {
  return path.extension() == ".jsonl" || path.extension() == ".ndjson" || path.extension() == ".json";
}

Result<std::vector<File>> files_of(const std::vector<std::string>& named) {
  namespace fs = std::filesystem;
  std::vector<File> files;
  for (const std::string& name : named) {
    std::error_code error;
    if (name == "-") {
      files.push_back({name, 0});
    } else if (fs::is_directory(name, error)) {
      std::vector<File> inside;
      for (fs::directory_iterator entry{name, error}; !error && entry != fs::directory_iterator{}; entry.increment(error)) {
        if (entry->is_regular_file() && is_event_file(entry->path()))
          inside.push_back({entry->path().string(), entry->file_size()});
      }
      std::ranges::sort(inside, {}, &File::path);
      files.insert(files.end(), inside.begin(), inside.end());
    } else {
      const std::uint64_t bytes = fs::is_regular_file(name, error) ? fs::file_size(name, error) : 0;
      files.push_back({name, error ? 0 : bytes});
    }
    if (error) return fail(ErrorCode::io, "--events", Error::kNoOffset, name + ": " + error.message());
  }
  return files;
}

Result<void> read_files(const EventQuery& query, const OnEvent& on_event, EventsRead& read, Progress& progress) {
  POSTERN_TRY(files, files_of(query.files));
  std::uint64_t bytes_all = 0;
  for (const File& file : files) bytes_all += file.bytes;
  const bool sized = bytes_all > 0 && std::ranges::all_of(files, [](const File& file) { return file.path != "-"; });
  std::uint64_t bytes_done = 0;
  const auto chunk = std::make_unique<char[]>(kChunkBytes);
  for (const File& file : files) {
    const std::unique_ptr<std::FILE, CloseFile> in{file.path == "-" ? stdin : std::fopen(file.path.c_str(), "re")};
    if (!in) return fail(ErrorCode::io, "--events", Error::kNoOffset, file.path + ": " + std::strerror(errno));
    Result<void> stopped;
    event::EventLines lines{[&](const event::LogonEvent& event, std::string_view line) {
      if (!stopped || !matches(query, event)) return;
      ++read.events;
      stopped = on_event(event, line, 0);
    }};
    for (std::size_t count = 0; stopped && (count = std::fread(chunk.get(), 1, kChunkBytes, in.get())) > 0;) {
      lines.feed({chunk.get(), count});
      bytes_done += count;
      progress.show(read.events, sized ? static_cast<double>(bytes_done) / static_cast<double>(bytes_all) : -1);
    }
    if (stopped && std::ferror(in.get()) != 0) {
      return fail(ErrorCode::io, "--events", Error::kNoOffset, file.path + ": " + std::strerror(errno));
    }
    if (stopped) lines.finish();
    POSTERN_CHECK(stopped);
    read.bad_lines += lines.bad_lines();
    if (lines.first_error() && !read.first_bad) {
      read.first_bad = lines.first_error();
      read.first_bad->message = file.path + ", " + read.first_bad->message;
    }
  }
  return {};
}

Result<void> read_posternd(const EventQuery& query, const OnEvent& on_event, EventsRead& read, Progress& progress) {
  POSTERN_TRY(socket, admin_socket_path(query.socket, query.config));
  POSTERN_TRY(client, AdminClient::connect(socket));
  Json filters = Json::object();
  const std::pair<const char*, const std::string*> texts[] = {
      {"account", &query.account}, {"server", &query.server}, {"version", &query.version}, {"outcome", &query.outcome}};
  for (const auto& [name, value] : texts) {
    if (!value->empty()) filters[name] = *value;
  }
  if (query.from) filters["from"] = query.from->file_time().to_rfc3339();
  if (query.until) filters["until"] = query.until->file_time().to_rfc3339();
  Json request = filters;
  request["op"] = "events";
  request["newest"] = true;
  request["limit"] = 1;
  POSTERN_TRY(newest, client.ask(request));
  const std::uint64_t end = newest.value("last", std::uint64_t{0});  // what comes meanwhile is not waited for

  request["newest"] = false;
  request["limit"] = kEventsPerRead;
  std::uint64_t after = query.after_sequence;
  const std::uint64_t begin = after;
  while (after < end) {
    request["after"] = after;
    POSTERN_TRY(answer, client.ask(request));
    const Json& list = answer["events"];
    if (!list.is_array() || list.empty()) break;
    const std::uint64_t last = answer.value("last", after);
    for (const Json& element : list) {
      if (!element.is_string()) continue;
      const std::string& text = element.get_ref<const std::string&>();
      auto event = event::parse_event(text);
      if (!event) {
        ++read.bad_lines;
        if (!read.first_bad) read.first_bad = std::move(event).error();
        continue;
      }
      if (query.service && event->server.service != *query.service) continue;
      ++read.events;
      POSTERN_CHECK(on_event(*event, text, last));
    }
    if (last <= after) return fail(ErrorCode::internal, "--socket", Error::kNoOffset, "the authority's sequence stands still");
    after = last;
    read.last_sequence = after;
    progress.show(read.events, static_cast<double>(after - begin) / static_cast<double>(std::max(end, after) - begin));
  }
  return {};
}

}  // namespace

Result<EventsRead> read_events(const EventQuery& query, const OnEvent& on_event) {
  EventsRead read;
  Progress progress{"events"};
  POSTERN_CHECK(query.files.empty() ? read_posternd(query, on_event, read, progress) : read_files(query, on_event, read, progress));
  read.seconds = progress.seconds();
  return read;
}

std::optional<event::Timestamp> moment_from(std::string_view text, FileTime now) {
  if (const auto time = FileTime::from_rfc3339(text)) return event::Timestamp{*time};
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || end - rest != 1) return std::nullopt;
  std::uint64_t seconds = 0;
  switch (*rest) {
    case 's': seconds = 1; break;
    case 'm': seconds = 60; break;
    case 'h': seconds = 3'600; break;
    case 'd': seconds = 86'400; break;
    default: return std::nullopt;
  }
  const std::uint64_t seconds_max = now.ticks() / FileTime::kTicksPerSecond;
  if (number > seconds_max / seconds) return std::nullopt;
  return event::Timestamp{FileTime{now.ticks() - number * seconds * FileTime::kTicksPerSecond}};
}

void warn_of_bad_lines(const EventsRead& read, const Output& output) {
  if (read.bad_lines == 0) return;
  output.warn(fmt::format("{} lines are no events and were left out; the first: {}", read.bad_lines,
                          read.first_bad ? read.first_bad->to_line() : std::string{}));
}

}  // namespace postern::cli
