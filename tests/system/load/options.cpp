#include "options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <getopt.h>
#include <iostream>
#include <limits>
#include <map>
#include <string_view>

#include "ntlm/credentials.hpp"

namespace postern::load {
namespace {

constexpr const char* kUsage =
    "usage: postern-load --port PORT [--address A] [--tls] [--path PATH] [--work logon|refused|requests|hold] [--scheme "
    "ntlm|none]\n"
    "                    [--user DOMAIN\\name] [--connections N] [--half-open N] [--half-open-port PORT] [--seconds N] [--expect "
    "STATUS] [--one-source]\n"
    "                    [--record FILE] [--watch NAME=PID]...\n"
    "The password is the first line of standard input. Prints one JSON object; exit status 1 if anything failed.\n"
    "Example: echo secret | postern-load --port 8443 --tls --user 'LAB\\alice' --connections 64 --seconds 10\n";

[[noreturn]] void wrong(std::string_view what) {
  std::fprintf(stderr, "postern-load: %.*s\n%s", static_cast<int>(what.size()), what.data(), kUsage);
  std::exit(2);
}

template <typename Number>
Number number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) wrong("no such number: " + std::string{text});
  return value;
}

template <typename Value>
Value choice(std::string_view text, const std::map<std::string_view, Value>& choices) {
  const auto found = choices.find(text);
  if (found == choices.end()) wrong("no such choice: " + std::string{text});
  return found->second;
}

std::pair<std::string, pid_t> watched(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) wrong("--watch wants NAME=PID");
  return {std::string{text.substr(0, equals)}, number<pid_t>(text.substr(equals + 1))};
}

}  // namespace

Options parse_options(int argc, char** argv) {
  enum Name : int {
    address = 1000,
    port,
    tls,
    path,
    work,
    scheme,
    user,
    connections,
    half_open,
    half_open_port,
    duration,
    expect,
    one_source,
    record,
    watch,
    help
  };
  static constexpr option kOptions[] = {{"address", required_argument, nullptr, address},
                                        {"port", required_argument, nullptr, port},
                                        {"tls", no_argument, nullptr, tls},
                                        {"path", required_argument, nullptr, path},
                                        {"work", required_argument, nullptr, work},
                                        {"scheme", required_argument, nullptr, scheme},
                                        {"user", required_argument, nullptr, user},
                                        {"connections", required_argument, nullptr, connections},
                                        {"half-open", required_argument, nullptr, half_open},
                                        {"half-open-port", required_argument, nullptr, half_open_port},
                                        {"seconds", required_argument, nullptr, duration},
                                        {"expect", required_argument, nullptr, expect},
                                        {"one-source", no_argument, nullptr, one_source},
                                        {"record", required_argument, nullptr, record},
                                        {"watch", required_argument, nullptr, watch},
                                        {"help", no_argument, nullptr, help},
                                        {nullptr, 0, nullptr, 0}};
  Options options;
  for (int name = 0; (name = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    const std::string_view value = optarg == nullptr ? "" : optarg;
    switch (name) {
      case address: options.address = value; break;
      case port: options.port = number<std::uint16_t>(value); break;
      case tls: options.tls = true; break;
      case path: options.path = value; break;
      case work:
        options.work = choice<Work>(
            value, {{"logon", Work::logon}, {"refused", Work::refused}, {"requests", Work::requests}, {"hold", Work::hold}});
        break;
      case scheme: options.scheme = choice<Scheme>(value, {{"ntlm", Scheme::ntlm}, {"none", Scheme::none}}); break;
      case user: {
        ntlm::UserName split = ntlm::split_user_name(value);
        options.domain = std::move(split.domain);
        options.user = std::move(split.user);
        break;
      }
      case connections: options.connections = number<std::size_t>(value); break;
      case half_open: options.half_open = number<std::size_t>(value); break;
      case half_open_port: options.half_open_port = number<std::uint16_t>(value); break;
      case duration: options.seconds = number<std::uint32_t>(value); break;
      case expect: options.expected_status = number<int>(value); break;
      case one_source: options.one_source = true; break;
      case record: options.record = value; break;
      case watch: options.watched.push_back(watched(value)); break;
      case help: std::fputs(kUsage, stdout); std::exit(0);
      default: wrong("what was given is not understood");
    }
  }
  if (optind != argc) wrong("words are left over");
  if (options.port == 0) wrong("--port is missing");
  if (options.connections == 0) wrong("--connections must be 1 or more");
  if (options.work == Work::refused) options.expected_status = 401;
  if (options.scheme == Scheme::ntlm) {
    if (options.user.empty()) wrong("--user is missing");
    std::getline(std::cin, options.password);
    if (options.password.empty()) wrong("no password on standard input");
  }
  return options;
}

}  // namespace postern::load
