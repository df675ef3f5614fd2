#include "edge/forward/metrics.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "edge/metrics/exposition.hpp"

namespace postern::forward {
namespace {

using Json = nlohmann::json;
using metrics::Exposition;

constexpr std::chrono::milliseconds kPatience{1'000};
constexpr std::size_t kMaxRequestBytes = 8 * 1024;
constexpr int kBacklog = 16;

std::string sinks_text(const std::vector<SinkSample>& sinks) {
  Exposition text{"postern_forward_"};
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto&& value) {
    text.family(name, type, help);
    for (const SinkSample& sink : sinks) text.value({{"sink", sink.name}}, static_cast<std::uint64_t>(value(*sink.counters)));
  };
  using C = const SinkCounters&;
  each("events_total", "counter", "Events passed on, those sent again included.", [](C c) { return c.taken.load(); });
  each("events_sent_again_total", "counter", "Events sent again after a connection broke.",
       [](C c) { return c.sent_again.load(); });
  each("events_lost_total", "counter", "Events that retention removed before the sink got them.",
       [](C c) { return c.lost.load(); });
  text.family("events_left_out_total", "counter", "Events that could not be passed on as they are.");
  for (const SinkSample& sink : sinks) {
    text.value({{"sink", sink.name}, {"reason", "too_large"}}, sink.counters->too_large.load());
    text.value({{"sink", sink.name}, {"reason", "unreadable"}}, sink.counters->unreadable.load());
  }
  each("failures_total", "counter", "Times that the receiver failed.", [](C c) { return c.failures.load(); });
  each("read_failures_total", "counter", "Times that posternd did not give events.", [](C c) { return c.read_failures.load(); });
  each("up", "gauge", "1 while the receiver takes what it is given.", [](C c) { return c.up.load() ? 1 : 0; });
  each("cursor", "gauge", "Sequence number of the last event that the sink took.", [](C c) { return c.cursor.load(); });
  each("lag", "gauge", "Events in the store that the sink has not taken.", [](C c) {
    const std::uint64_t end = c.end.load();
    const std::uint64_t cursor = c.cursor.load();
    return end > cursor ? end - cursor : 0;
  });
  return std::move(text).take();
}

std::uint64_t number_in(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_number_unsigned() ? member->get<std::uint64_t>() : 0;
}

std::string text_in(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string{};
}

std::vector<double> numbers_in(const Json& object, const char* name) {
  std::vector<double> numbers;
  const auto list = object.find(name);
  if (list == object.end() || !list->is_array()) return numbers;
  for (const Json& number : *list) {
    if (number.is_number()) numbers.push_back(number.get<double>());
  }
  return numbers;
}

void put_seconds(Exposition& text, const Json& seconds) {
  const std::vector<double> up_to = numbers_in(seconds, "up_to");
  text.family("logon_seconds", "histogram", "How long the parts of a logon took: waiting for a thread, judging, recording.");
  for (const char* part : {"queue", "compare", "commit"}) {
    const auto histogram = seconds.find(part);
    if (histogram == seconds.end() || !histogram->is_object()) continue;
    std::vector<std::uint64_t> counts;
    for (const double count : numbers_in(*histogram, "counts")) counts.push_back(static_cast<std::uint64_t>(count));
    if (counts.size() != up_to.size() + 1) continue;
    const auto sum = histogram->find("sum");
    text.histogram({{"part", part}}, up_to, counts, sum != histogram->end() && sum->is_number() ? sum->get<double>() : 0);
  }
}

std::string authority_text(const Json& status) {
  Exposition text{"postern_authority_"};
  const auto one = [&](std::string_view name, std::string_view type, std::string_view help, const char* key) {
    text.family(name, type, help);
    text.value({}, number_in(status, key));
  };
  one("begun_total", "counter", "Logons begun.", "begun");
  text.family("verdicts_total", "counter", "Verdicts given.");
  text.value({{"verdict", "allowed"}}, number_in(status, "allowed"));
  text.value({{"verdict", "denied"}}, number_in(status, "denied"));
  text.family("logons_total", "counter", "Recorded logons by outcome, version, and what the deciding setting said.");
  if (const auto logons = status.find("logons"); logons != status.end() && logons->is_array()) {
    for (const Json& kind : *logons) {
      if (!kind.is_object()) continue;
      text.value({{"outcome", text_in(kind, "outcome")},
                  {"version", text_in(kind, "version")},
                  {"decision", text_in(kind, "decision")},
                  {"setting", text_in(kind, "setting")}},
                 number_in(kind, "count"));
    }
  }
  if (const auto seconds = status.find("seconds"); seconds != status.end() && seconds->is_object()) put_seconds(text, *seconds);
  one("comparisons_total", "counter", "Responses recomputed.", "comparisons");
  one("backed_off_total", "counter", "Logons refused without a comparison.", "backed_off");
  one("commit_failures_total", "counter", "Logons that could not be recorded, and were denied.", "commit_failures");
  one("transactions_total", "counter", "Durable transactions.", "transactions");
  one("half_open", "gauge", "Handshakes begun and not finished.", "half_open");
  one("waiting", "gauge", "Requests that no thread judges yet.", "waiting");
  one("queued_commits", "gauge", "Logons that wait to be recorded.", "queued_commits");
  text.family("events_stored", "gauge", "Events that the store keeps.");
  const auto store = status.find("store");
  const std::uint64_t first = store != status.end() && store->is_object() ? number_in(*store, "first") : 1;
  const std::uint64_t last = store != status.end() && store->is_object() ? number_in(*store, "last") : 0;
  text.value({}, last + 1 >= first ? last + 1 - first : 0);
  return std::move(text).take();
}

std::unexpected<Error> listen_error() { return fail(ErrorCode::io, "metrics", Error::kNoOffset, std::strerror(errno)); }

}  // namespace

std::string metrics_text(const std::vector<SinkSample>& sinks, std::string_view status) {
  const Json json = Json::parse(status, nullptr, false);
  Exposition text{"postern_forward_"};
  text.family("authority_up", "gauge", "1 if posternd told its counters for this scrape.");
  text.value({}, std::uint64_t{json.is_object() ? 1U : 0U});
  return std::move(text).take() + sinks_text(sinks) + (json.is_object() ? authority_text(json) : std::string{});
}

Result<std::unique_ptr<MetricsListener>> MetricsListener::listen(const std::string& host, std::uint16_t port,
                                                                 std::function<std::string()> text) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&address); ::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    size = sizeof(*v4);
  } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&address); ::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof(*v6);
  } else {
    return fail(ErrorCode::invalid_input, "metrics", Error::kNoOffset, host + ": no address");
  }
  const int listening = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listening < 0) return listen_error();
  const int on = 1;
  socklen_t bound = sizeof(address);
  if (::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::bind(listening, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listening, kBacklog) != 0 ||
      ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &bound) != 0) {
    auto error = listen_error();
    ::close(listening);
    return error;
  }
  const std::uint16_t taken = ntohs(address.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(&address)->sin_port
                                                                 : reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return std::unique_ptr<MetricsListener>{new MetricsListener{listening, taken, std::move(text)}};
}

MetricsListener::MetricsListener(int socket, std::uint16_t port, std::function<std::string()> text)
    : socket_{socket}, port_{port}, text_{std::move(text)}, thread_{[this] { run(); }} {}

MetricsListener::~MetricsListener() {
  stop_.request();
  thread_.join();
  ::close(socket_);
}

void MetricsListener::run() {
  while (stop_.wait(socket_, POLLIN, std::chrono::hours{1}) != Waited::stopped) {
    const int client = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
      serve(client);
      ::close(client);
    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
      static_cast<void>(stop_.pause(std::chrono::milliseconds{100}));  // out of descriptors, most likely
    }
  }
}

void MetricsListener::serve(int client) const {
  const auto until = Clock::now() + kPatience;
  const auto left = [until] { return std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()); };
  std::string request;
  while (!request.contains("\r\n\r\n")) {
    if (request.size() > kMaxRequestBytes || left().count() <= 0 || stop_.wait(client, POLLIN, left()) != Waited::ready) return;
    char piece[1024];
    const ssize_t received = ::recv(client, piece, sizeof(piece), 0);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR)) return;
    if (received > 0) request.append(piece, static_cast<std::size_t>(received));
  }
  const std::string body = text_();
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\nConnection: close\r\n\r\n" + body;
  std::string_view rest = answer;
  while (!rest.empty()) {
    const ssize_t sent = ::send(client, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (left().count() <= 0 || stop_.wait(client, POLLOUT, left()) != Waited::ready) return;
    } else if (errno != EINTR) {
      return;
    }
  }
  ::shutdown(client, SHUT_WR);
}

}  // namespace postern::forward
