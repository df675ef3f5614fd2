// What postern-load is told on its command line.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace postern::load {

enum class Work : std::uint8_t {
  logon,     ///< each connection logs on, gets one answer and closes; a new one takes its place
  refused,   ///< as logon, but in turn with a wrong password, as an unknown account and with a damaged AUTHENTICATE
  requests,  ///< connections log on once and then ask without a pause
  hold,      ///< connections log on once and stay, idle
};
enum class Scheme : std::uint8_t { ntlm, none };

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  bool tls = false;
  std::string path = "/";
  Scheme scheme = Scheme::ntlm;
  Work work = Work::logon;
  std::string domain{};
  std::string user{};
  std::string password{};  ///< the first line of standard input
  std::size_t connections = 1;
  std::size_t half_open = 0;         ///< connections beside them that stop after the CHALLENGE and stay
  std::uint16_t half_open_port = 0;  ///< where those go, without TLS; 0: to the same place as the others
  std::uint32_t seconds = 5;
  int expected_status = 200;  ///< of the answer that ends a logon; any other is a failure
  bool one_source = false;    ///< all from 127.0.0.1, instead of each connection from an address of its own
  std::string record{};       ///< a file that gets "address:port" of each logon that succeeded, one a line, flushed
  std::vector<std::pair<std::string, pid_t>> watched{};  ///< processes whose memory is sampled each second, children included
};

/// Reads the command line; prints what is wrong and exits with 2.
Options parse_options(int argc, char** argv);

}  // namespace postern::load
