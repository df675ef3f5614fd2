// postern-load: many connections at a time that log on, ask, or stay; prints what they met as one JSON object.
#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "options.hpp"
#include "run.hpp"

namespace postern::load {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds_at(const std::vector<std::chrono::nanoseconds>& sorted, double part) {
  if (sorted.empty()) return 0;
  const auto index = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::milli>(sorted[index]).count();
}

Json json_of(const Options& options, Results& results) {
  std::ranges::sort(results.latencies);
  Json json{{"seconds", results.seconds}, {"connections", options.connections}, {"failures", results.failures}};
  Json reasons = Json::object();
  for (const auto& [why, count] : results.reasons) reasons[why] = count;
  json["reasons"] = std::move(reasons);
  if (options.work == Work::requests) {
    json["requests"] = results.requests;
    json["requests_per_second"] = static_cast<double>(results.requests) / results.seconds;
  } else if (options.work != Work::hold) {
    json["logons"] = results.logons;
    json["logons_per_second"] = static_cast<double>(results.logons) / results.seconds;
  }
  json["p50_ms"] = milliseconds_at(results.latencies, 0.50);
  json["p99_ms"] = milliseconds_at(results.latencies, 0.99);
  json["max_ms"] = milliseconds_at(results.latencies, 1.0);
  json["half_open"] = results.half_open;
  json["half_open_closed"] = results.half_open_closed;
  Json memory = Json::array();
  for (const Sample& sample : results.memory) {
    Json entry{{"seconds", sample.seconds}};
    for (std::size_t i = 0; i < sample.bytes.size(); ++i) entry[options.watched[i].first] = sample.bytes[i];
    memory.push_back(std::move(entry));
  }
  json["memory_bytes"] = std::move(memory);
  return json;
}

int run(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  std::optional<Who> who;
  if (options.scheme == Scheme::ntlm) who.emplace(options);
  SSL_CTX* tls = nullptr;
  if (options.tls) {
    // Any certificate will do: this is a tool for loopback.
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  }
  Shared shared{options, who ? &*who : nullptr, tls};
  shared.target.sin_family = AF_INET;
  shared.target.sin_port = htons(options.port);
  if (::inet_pton(AF_INET, options.address.c_str(), &shared.target.sin_addr) != 1) {
    std::fprintf(stderr, "postern-load: no IPv4 address: %s\n", options.address.c_str());
    return 2;
  }
  shared.host = options.address + ":" + std::to_string(options.port);
  shared.epoll = ::epoll_create1(EPOLL_CLOEXEC);
  Results results;
  {
    Run load{shared, options.connections};
    results = load.measure();
  }
  if (tls != nullptr) SSL_CTX_free(tls);
  std::printf("%s\n", json_of(options, results).dump().c_str());
  return results.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace postern::load

int main(int argc, char** argv) { return postern::load::run(argc, argv); }
