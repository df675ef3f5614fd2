// postern-watch: the sensor. Reads captures or watches an interface and tells every NTLM logon. Wiring only.
#include <CLI/CLI.hpp>
#include <charconv>
#include <exception>

#include "postern-watch/report.hpp"
#include "postern-watch/screen.hpp"
#include "postern-watch/session.hpp"

namespace postern::watch {

Result<std::uint64_t> parse_size(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  unsigned shift = 0;
  if (unit == "k" || unit == "K") shift = 10;
  if (unit == "M") shift = 20;
  if (unit == "G") shift = 30;
  if (code != std::errc{} || unit.size() > (shift > 0 ? 1 : 0) || value > (UINT64_MAX >> shift)) {
    return fail(ErrorCode::invalid_input, "size", Error::kNoOffset, "not a size: " + text + " (for example 64M)");
  }
  return value << shift;
}

namespace {

constexpr unsigned kMaxThreads = 64;

int run(int argc, char** argv) {
  Options options;
  bool json = false, messages = false, no_promiscuous = false, no_progress = false, lines = false, no_learn_proxies = false;
  std::string memory = "64M", rotate = "0", ring = "32M";
  CLI::App app{"Postern's sensor: every NTLM logon in captures or on an interface", "postern-watch"};
  app.set_version_flag("--version", "postern-watch " POSTERN_VERSION);
  auto* files = app.add_option("--read", options.files, "Captures, or folders of them; - is standard input")->type_name("FILE");
  auto* live = app.add_option("--interface", options.live.interface, "Watch this interface")->type_name("IF")->excludes(files);
  app.add_option("--filter", options.live.filter, "Take only packets that this filter of libpcap lets through")->needs(live);
  app.add_option("--snaplen", options.live.snapshot_bytes, "Bytes of each packet that are taken")
      ->needs(live)
      ->check(CLI::Range(64U, 262'144U));
  app.add_option("--threads", options.threads, "Readers that share the interface's connections")
      ->needs(live)
      ->check(CLI::Range(1U, kMaxThreads));
  app.add_option("--ring", ring, "The kernel's ring of each reader")->needs(live)->type_name("SIZE");
  app.add_flag("--no-promiscuous", no_promiscuous, "Leave the interface in its mode")->needs(live);
  app.add_option("--user", options.user, "Whom root becomes once the interface is open")->needs(live);
  app.add_flag("--json", json, "One LogonEvent a line (docs/events.md)");
  app.add_flag("--messages", messages, "One object per NTLM message a line (docs/json.md)");
  app.add_option("--output", options.output, "Append to this file instead of standard output")->type_name("FILE");
  app.add_option("--rotate-size", rotate, "Begin a new file when it would grow larger")->type_name("SIZE");
  app.add_option("--rotate-count", options.rotate_files, "Old files to keep")->check(CLI::Range(0U, 10'000U));
  app.add_option("--store", options.store, "Count the logons into this inventory")->type_name("FILE");
  app.add_option("--proxy", options.proxies, "A host that forwards logons by trade: no relay findings for it")
      ->type_name("ADDRESS");
  app.add_flag("--no-learn-proxies", no_learn_proxies,
               "Take no host for a proxy because it forwards many clients' logons: only those that --proxy names");
  app.add_flag("--lines", lines, "One line per logon on a terminal too, instead of the table of dependencies");
  app.add_option("--memory-limit", memory, "For the whole process that reads files; 21M leave 1M for connections")
      ->type_name("SIZE");
  app.add_flag("--statistics", options.statistics, "Say at the end what was seen and what was given up, on standard error");
  app.add_flag("--no-progress", no_progress, "No progress bar");
  app.footer(
      "Example:\n"
      "  postern-watch --read capture.pcapng\n"
      "  postern-watch --interface eth0 --json --output logons.jsonl --rotate-size 100M\n"
      "Exit codes: 0 done, 2 wrong usage, 3 a fault (also: no capture at all).");
  const auto usage = [&](const std::string& text) {
    say_error(options, Error{ErrorCode::invalid_input, {}, Error::kNoOffset, text, "see postern-watch --help"});
    return kWrongUsage;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    options.form = json || messages ? Form::events : Form::table;
    return usage(error.what());
  }
  options.form = messages ? Form::messages : json ? Form::events : Form::table;
  options.progress = !no_progress;
  options.learn_proxies = !no_learn_proxies;
  options.on_screen = options.form == Form::table && options.output.empty() && !lines && stdout_is_screen();
  if (no_promiscuous) options.live.promiscuous = observe::capture::LiveOptions::Promiscuous::no;
  const auto memory_limit = parse_size(memory);
  const auto rotate_bytes = parse_size(rotate);
  const auto ring_bytes = parse_size(ring);
  for (const auto* size : {&memory_limit, &rotate_bytes, &ring_bytes}) {
    if (!*size) return usage(size->error().message);
  }
  constexpr std::uint64_t kMaxRing = std::uint64_t{1} << 30;
  if (*memory_limit < observe::capture::Observer::kMinMemoryLimit) return usage("--memory-limit is at least 1M");
  if (*ring_bytes > kMaxRing) return usage("--ring is at most 1G");
  options.memory_limit = *memory_limit;
  options.rotate_bytes = *rotate_bytes;
  options.live.ring_bytes = *ring_bytes;
  if (options.files.empty() && options.live.interface.empty()) return usage("--read FILE... or --interface IF is needed");
  return options.files.empty() ? run_live(options) : run_read(options);
}

}  // namespace
}  // namespace postern::watch

int main(int argc, char** argv) {
  try {
    return postern::watch::run(argc, argv);
  } catch (const std::exception& error) {
    postern::watch::say(error.what());
    return postern::watch::kFault;
  }
}
