// postern-bench-hostile: captures made to exhaust a sensor, written to standard output and never stored. hostile.py drives it.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "conversations.hpp"

namespace postern::bench {
namespace {

constexpr std::uint8_t kSyn = 0x02, kAck = 0x10;
constexpr std::size_t kSegmentBytes = 1'400;

class Writer {
 public:
  Writer() { write(pcap_head(262'144)); }
  /// An IPv4 packet in Ethernet. `fragment` is the header's field of flags and offset.
  void packet(std::uint8_t protocol, std::uint32_t from, std::uint32_t to, ByteView payload, std::uint16_t fragment = 0) {
    Bytes out;
    const std::size_t size = 34 + payload.size();
    put_le(out, 1'700'000'000 + count_ / 100'000, 4);
    put_le(out, count_++ % 100'000 * 10, 4);
    put_le(out, size, 4);
    put_le(out, size, 4);
    put(out, std::string_view{"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0", 16});
    put_be(out, 20 + payload.size(), 2);
    put_be(out, count_, 2);
    put_be(out, fragment, 2);
    out.push_back(64);
    out.push_back(protocol);
    put_be(out, 0, 2);
    put_be(out, from, 4);
    put_be(out, to, 4);
    put(out, payload);
    write(out);
  }
  void tcp(std::uint32_t from, std::uint32_t to, std::uint16_t source, std::uint16_t destination, std::uint32_t sequence,
           std::uint32_t acknowledged, std::uint8_t flags, ByteView payload) {
    Bytes out;
    put_be(out, source, 2);
    put_be(out, destination, 2);
    put_be(out, sequence, 4);
    put_be(out, acknowledged, 4);
    out.push_back(0x50);
    out.push_back(flags);
    put_be(out, 0x2014'0000'0000, 6);
    put(out, payload);
    packet(6, from, to, out);
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void write(const Bytes& bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) std::exit(1);  // who reads is gone
    bytes_ += bytes.size();
  }
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

constexpr std::uint32_t kServer = 0x0a64'0001;
std::uint32_t client_of(std::uint64_t number) { return 0x0a00'0000U + static_cast<std::uint32_t>(number / 60'000); }
std::uint16_t port_of(std::uint64_t number) { return static_cast<std::uint16_t>(1'024 + number % 60'000); }

/// `count` connections that are asked for and never answered.
void half_open(Writer& out, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) out.tcp(client_of(i), kServer, port_of(i), 445, 7, 0, kSyn, {});
}

/// `count` connections of which so little was said that nobody can tell what they are.
void undecided(Writer& out, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) out.tcp(client_of(i), kServer, port_of(i), 80, 7, 1, kAck, as_bytes("GE"));
}

/// `count` logons that end behind their NEGOTIATE.
void half_logons(Writer& out, std::uint64_t count) {
  const std::string ask =
      "GET / HTTP/1.1\r\nHost: portal\r\nAuthorization: NTLM TlRMTVNTUAABAAAAl4II4gAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==\r\n\r\n";
  for (std::uint64_t i = 0; i < count; ++i) out.tcp(client_of(i), kServer, port_of(i), 80, 7, 1, kAck, as_bytes(ask));
}

/// `count` logons under long names that never come again, each seen on four connections between hosts that never come again: what
/// the sensor remembers of logons grows as large as it can.
void logons(Writer& out, std::uint64_t count) {
  constexpr std::size_t kNameLetters = 300;
  constexpr unsigned kFlows = 4;
  Random random{4};
  std::uint32_t number = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Logon logon = make_logon(random, kNameLetters);
    const std::string ask = "GET / HTTP/1.1\r\nHost: " + letters(random, 500) + "\r\nAuthorization: NTLM ";
    for (unsigned flow = 0; flow < kFlows; ++flow) {
      const std::uint32_t client = 0x0b00'0000U + ++number;
      const std::uint32_t server = 0x0c00'0000U + number;
      std::uint32_t sent = 1;
      std::uint32_t answered = 1;
      const auto say = [&](bool from_server, const std::string& text) {
        for (ByteView rest = as_bytes(text); !rest.empty();) {
          const ByteView now = rest.first(std::min(rest.size(), kSegmentBytes));
          rest = rest.subspan(now.size());
          std::uint32_t& at = from_server ? answered : sent;
          out.tcp(from_server ? server : client, from_server ? client : server, from_server ? 80 : 40'000,
                  from_server ? 40'000 : 80, at, from_server ? sent : answered, kAck, now);
          at += static_cast<std::uint32_t>(now.size());
        }
      };
      say(false, ask + to_base64(logon.negotiate) + "\r\n\r\n");
      say(true, "HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: NTLM " + to_base64(logon.challenge) + "\r\n\r\n");
      say(false, ask + to_base64(logon.authenticate) + "\r\n\r\n");
      say(true, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  }
}

/// Segments of `size` bytes together that overlap one another, before and behind holes, on connections that are read.
void overlaps(Writer& out, std::uint64_t size) {
  constexpr std::uint64_t kConnections = 4'000;
  Random random{1};
  const Bytes block = random.bytes(kSegmentBytes);
  for (std::uint64_t i = 0; i < kConnections; ++i)
    out.tcp(client_of(i), kServer, port_of(i), 80, 1, 1, kAck, as_bytes("POST /a HTTP/1.1\r\nContent-Length: 9999999999\r\n"));
  while (out.bytes() < size) {
    const std::uint64_t i = random.below(kConnections);
    out.tcp(client_of(i), kServer, port_of(i), 80, 2 + random.below(400'000), 1, kAck, block);
  }
}

/// `count` datagrams whose other fragments never come.
void fragments(Writer& out, std::uint64_t count) {
  constexpr std::uint16_t kMore = 0x2000;
  Random random{2};
  const Bytes block = random.bytes(kSegmentBytes / 8 * 8);
  for (std::uint64_t i = 0; i < count; ++i)
    out.packet(17, client_of(i * 60'000), kServer, block, static_cast<std::uint16_t>(kMore | random.below(40) * 175));
}

/// Every file of the fuzz corpus as what a client says, `rounds` times: first as it is, then with bytes changed.
void corpus(Writer& out, const std::string& folder, std::uint64_t rounds) {
  const std::map<std::string, std::uint16_t> ports{{"observe_http", 80},  {"observe_smb", 445},   {"observe_rpc", 135},
                                                   {"observe_ldap", 389}, {"observe_tds", 1'433}, {"observe_rdp", 3'389},
                                                   {"observe_text", 25},  {"observe_telnet", 23}, {"observe_kerberos", 88}};
  struct Sample {
    std::uint16_t port = 0;
    Bytes bytes{};
  };
  std::vector<Sample> samples;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in{entry.path(), std::ios::binary};
    const auto port = ports.find(entry.path().parent_path().filename().string());
    samples.push_back({port == ports.end() ? std::uint16_t{80} : port->second, Bytes(std::istreambuf_iterator<char>{in}, {})});
  }
  std::ranges::sort(samples, {}, &Sample::bytes);  // folders come in no order
  Random random{3};
  std::uint64_t number = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (const Sample& sample : samples) {
      Bytes bytes = sample.bytes;
      for (std::uint32_t i = 0; round > 0 && !bytes.empty() && i < 1 + random.below(8); ++i)
        bytes[random.below(static_cast<std::uint32_t>(bytes.size()))] = static_cast<std::uint8_t>(random.next());
      std::uint32_t sequence = 1;
      ++number;
      for (ByteView rest{bytes}; !rest.empty();) {
        const std::size_t now = std::min<std::size_t>(rest.size(), 1 + random.below(kSegmentBytes));
        const bool answers = random.below(8) == 0;
        out.tcp(answers ? kServer : client_of(number), answers ? client_of(number) : kServer,
                answers ? sample.port : port_of(number), answers ? port_of(number) : sample.port, sequence, 1, kAck,
                rest.first(now));
        sequence += static_cast<std::uint32_t>(now);
        rest = rest.subspan(now);
      }
    }
  }
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const std::uint64_t number = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const std::map<std::string, std::function<void(Writer&)>> kinds{
      {"half-open", [&](Writer& out) { half_open(out, number); }},
      {"undecided", [&](Writer& out) { undecided(out, number); }},
      {"half-logons", [&](Writer& out) { half_logons(out, number); }},
      {"logons", [&](Writer& out) { logons(out, number); }},
      {"overlaps", [&](Writer& out) { overlaps(out, number); }},
      {"fragments", [&](Writer& out) { fragments(out, number); }},
      {"corpus", [&](Writer& out) { corpus(out, argc > 3 ? argv[3] : "fuzz/corpus", number); }},
  };
  const auto kind = kinds.find(what);
  if (kind == kinds.end() || number == 0) {
    std::fputs(
        "Usage: postern-bench-hostile half-open|undecided|half-logons|logons|fragments COUNT\n"
        "       postern-bench-hostile overlaps BYTES\n"
        "       postern-bench-hostile corpus ROUNDS FOLDER\n"
        "\n"
        "Writes a capture that is made to exhaust whoever reads it to standard output.\n"
        "\n"
        "Example: postern-bench-hostile half-open 1000000 | postern-watch --read - --statistics\n",
        stderr);
    return 2;
  }
  Writer out;
  kind->second(out);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::run(argc, argv); }
