#include "postern-watch/session.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unistd.h>

#include "base/ip_network.hpp"
#include "entropy/entropy.hpp"
#include "postern-watch/report.hpp"
#include "postern-watch/screen.hpp"

namespace postern::watch {
namespace {

void fill_random(std::span<std::uint8_t> bytes) {
  if (!entropy::from_system(bytes)) {
    say("the kernel gives no random numbers");
    ::_exit(kFault);
  }
}

std::optional<observe::Address> address_of(const std::string& text) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed) return std::nullopt;
  return observe::Address{parsed->bytes()};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

std::string random_name(std::size_t count) {
  Bytes bytes(count);
  fill_random(bytes);
  return to_hex(bytes);
}

Result<std::unique_ptr<Session>> Session::open(const Options& options, std::string stream) {
  std::unique_ptr<Session> session{new Session};
  std::optional<inventory::Store> store;
  if (!options.store.empty()) {
    auto opened = inventory::Store::open(options.store);
    if (!opened) return std::unexpected{std::move(opened).error()};
    store.emplace(std::move(*opened));
  }
  POSTERN_TRY(lines, LineFile::open(options.output, options.rotate_bytes, options.rotate_files));
  session->printer_ = std::make_unique<Printer>(options.form, options.on_screen ? Printer::Table::kept : Printer::Table::none,
                                                std::move(lines), std::move(store), std::move(stream));
  std::array<std::uint8_t, DigestKey::kSize> key{};
  fill_random(key);
  observe::LogonTrackerConfig config{.digest_key = DigestKey{key}, .host = host_name(), .random = fill_random};
  wipe(key);
  if (!options.learn_proxies) config.learn_proxies = observe::LogonTrackerConfig::LearnProxies::no;
  for (const std::string& text : options.proxies) {
    const auto address = address_of(text);
    if (!address) return fail(ErrorCode::invalid_input, "proxy", Error::kNoOffset, "not an IP address: " + text);
    config.proxies.push_back(*address);
  }
  session->tracker_ = std::make_unique<observe::LogonTracker>(std::move(config), *session->printer_);
  std::array<std::uint8_t, sizeof(std::uint64_t)> seed{};
  fill_random(seed);
  for (const std::uint8_t byte : seed) session->seed_ = session->seed_ << 8 | byte;
  return session;
}

std::size_t Session::memory_for_connections(const Options& options) const {
  const std::size_t others = kOwnBytes + tracker_->held_bytes();
  return std::max(options.memory_limit, others + observe::capture::Observer::kMinMemoryLimit) - others;
}

observe::capture::Observer::Options Session::observer_options(const Options& options) const {
  return {.memory_limit = memory_for_connections(options),
          .seed = seed_,
          .recogniser = observe::recognise,
          .datagram_reader = observe::observe_kerberos_datagram};
}

std::string title_of(const Options& options) {
  if (!options.live.interface.empty()) return "postern watch  " + options.live.interface;
  const std::string more = options.files.size() > 1 ? " and " + std::to_string(options.files.size() - 1) + " more" : std::string{};
  return "postern watch  " + printable(options.files.front()) + more;
}

int Session::finish(const Options& options, const observe::capture::Statistics& statistics) {
  tracker_->finish();
  if (options.on_screen) {
    Pane pane = screen_pane();
    pane.rows = 0;  // all of them: it can be scrolled
    printer_->print_table(pane, title_of(options));
  }
  int code = kDone;
  if (const auto flushed = printer_->flush(); !flushed) {
    say_error(options, flushed.error());
    code = kFault;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  if (options.statistics && options.form != Form::table) {
    const std::string line = statistics_json(statistics, tracker_->counters(), seconds) + "\n";
    (void)!::write(STDERR_FILENO, line.data(), line.size());
  } else if (options.statistics || options.form == Form::table || !options.live.interface.empty()) {
    say(statistics_text(statistics, tracker_->counters(), seconds));
  }
  return code;
}

}  // namespace postern::watch
