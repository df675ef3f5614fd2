#include "capture_maker.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fmt/core.h>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "conversations.hpp"

namespace postern::bench {
namespace {

constexpr std::size_t kLiveConnections = 2'000;  // whose packets are mixed
constexpr std::size_t kSegmentBytes = 1'460;
constexpr std::uint64_t kFirstSecond = 1'700'000'000;

struct Connection {
  std::array<std::uint32_t, 2> address{}, sequence{};
  std::array<std::uint16_t, 2> port{}, id{};
};

/// The packets of one connection, one after the other in `bytes`.
struct Flow {
  Bytes bytes{};
  std::vector<std::size_t> ends{};
  std::size_t next = 0;
  /// Of each packet, the place in `came` of the part of a logon's messages that it carries, or kNoPart.
  std::vector<std::size_t> parts{};
  std::vector<bool> came{};
  std::string truth{};  ///< the logon's line, but for its end

  static constexpr std::size_t kNoPart = SIZE_MAX;
};

constexpr std::uint8_t kSyn = 0x02, kAck = 0x10, kPush = 0x08, kFin = 0x01;

void add_packet(Flow& flow, Connection& c, From from, std::uint8_t flags, ByteView payload, bool logon = false) {
  const std::size_t me = from == From::client ? 0 : 1;
  Bytes& out = flow.bytes;
  put(out, std::string_view{"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0", 14});
  const std::size_t ip = out.size();
  put(out, std::string_view{"\x45\0", 2});
  put_be(out, 40 + payload.size(), 2);
  put_be(out, c.id[me]++, 2);
  put_be(out, 0x4000, 2);
  put(out, std::string_view{"\x40\x06\0\0", 4});
  put_be(out, c.address[me], 4);
  put_be(out, c.address[1 - me], 4);
  std::uint32_t sum = 0;
  for (std::size_t i = ip; i < out.size(); i += 2) sum += static_cast<std::uint32_t>(out[i]) << 8 | out[i + 1];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  out[ip + 10] = static_cast<std::uint8_t>(~sum >> 8);
  out[ip + 11] = static_cast<std::uint8_t>(~sum);
  put_be(out, c.port[me], 2);
  put_be(out, c.port[1 - me], 2);
  put_be(out, c.sequence[me], 4);
  put_be(out, (flags & kAck) != 0 ? c.sequence[1 - me] : 0, 4);
  out.push_back(0x50);
  out.push_back(flags);
  put_be(out, 0x2014'0000'0000, 6);  // window; no checksum, as offloading cards leave it
  put(out, payload);
  flow.ends.push_back(out.size());
  flow.parts.push_back(logon ? flow.came.size() : Flow::kNoPart);
  if (logon) flow.came.push_back(false);
  c.sequence[me] += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
}

void swap_last_two(Flow& flow) {
  const std::size_t count = flow.ends.size();
  const std::size_t begin = flow.ends[count - 3];
  const std::size_t middle = flow.ends[count - 2];
  const std::size_t size_of_last = flow.ends[count - 1] - middle;
  std::rotate(flow.bytes.begin() + static_cast<std::ptrdiff_t>(begin), flow.bytes.begin() + static_cast<std::ptrdiff_t>(middle),
              flow.bytes.end());
  flow.ends[count - 2] = begin + size_of_last;
  std::swap(flow.parts[count - 1], flow.parts[count - 2]);
}

Flow packets_of(Random& random, const Conversation& talk, Connection& c) {
  Flow flow;
  add_packet(flow, c, From::client, kSyn, {});
  add_packet(flow, c, From::server, kSyn | kAck, {});
  add_packet(flow, c, From::client, kAck, {});
  for (const Turn& turn : talk) {
    unsigned unanswered = 0;
    const From other = turn.from == From::client ? From::server : From::client;
    for (std::size_t at = 0; at < turn.bytes.size();) {
      const std::size_t count = std::min<std::size_t>(turn.split ? 40 + random.below(200) : kSegmentBytes, turn.bytes.size() - at);
      const std::size_t before = flow.bytes.size();
      at += count;
      add_packet(flow, c, turn.from, static_cast<std::uint8_t>(kAck | (at == turn.bytes.size() ? kPush : 0)),
                 ByteView{turn.bytes}.subspan(at - count, count), turn.logon);
      const std::uint32_t luck = random.below(800);
      if (luck < 2) {  // a retransmission
        const Bytes again(flow.bytes.begin() + static_cast<std::ptrdiff_t>(before), flow.bytes.end());
        put(flow.bytes, again);
        flow.ends.push_back(flow.bytes.size());
        flow.parts.push_back(flow.parts.back());
      } else if (luck == 2 && unanswered == 1) {
        swap_last_two(flow);
      }
      if (++unanswered == 2) {
        add_packet(flow, c, other, kAck, {});
        unanswered = 0;
      }
    }
    if (unanswered > 0) add_packet(flow, c, other, kAck, {});
  }
  add_packet(flow, c, From::client, kFin | kAck, {});
  add_packet(flow, c, From::server, kFin | kAck, {});
  add_packet(flow, c, From::client, kAck, {});
  return flow;
}

std::string dotted(std::uint32_t a) {
  return std::to_string(a >> 24) + "." + std::to_string(a >> 16 & 255) + "." + std::to_string(a >> 8 & 255) + "." +
         std::to_string(a & 255);
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// One connection of the mix.
Flow make_flow(Random& random, std::uint64_t number, const CapturePlan& plan) {
  Connection c;
  c.address = {0x0a00'0000U + 1 + random.below(4'000), 0x0a64'0000U + 1 + random.below(60)};
  c.port[0] = static_cast<std::uint16_t>(1'024 + number % 64'000);
  for (std::size_t i = 0; i < 2; ++i) {
    c.sequence[i] = static_cast<std::uint32_t>(random.next());
    c.id[i] = static_cast<std::uint16_t>(random.next());
  }
  Conversation talk;
  std::string truth;
  const std::uint32_t pick = random.below(1'000);
  if (pick < plan.ntlm_per_mille) {
    const Logon logon = make_logon(random);
    const bool split = random.below(10) == 0;
    const std::uint32_t carrier = random.below(100);
    if (carrier < 45) {
      c.port[1] = random.below(4) == 0 ? 8'080 : 80;
      http_logon(random, logon, split, talk);
    } else if (carrier < 90) {
      c.port[1] = 445;
      smb_logon(random, logon, split, talk);
    } else {
      c.port[1] = 135;
      rpc_logon(random, logon, talk);
    }
    const char* name = carrier < 45 ? "http" : carrier < 90 ? "smb2" : "dcerpc";
    truth = fmt::format(
        R"({{"client":"{}:{}","server":"{}:{}","carrier":"{}","split":{},"version":"{}","user":"{}","domain":"{}","workstation":"{}")",
        dotted(c.address[0]), c.port[0], dotted(c.address[1]), c.port[1], name, split, logon.version, logon.user, logon.domain,
        logon.workstation);
  } else if (pick < 600) {
    c.port[1] = 443;
    tls(random, talk);
  } else if (pick < 850) {
    c.port[1] = 80;
    talk.push_back({From::client, request(random, "Cookie: s=" + std::to_string(random.next()) + "\r\n")});
    talk.push_back({From::server, response("200 OK", "", record_text(random, body_size(random)))});
  } else if (pick < 960) {
    c.port[1] = 445;
    smb_reads(random, 10, random.next() & 0xffff'ffff, talk);
  } else {
    c.port[1] = static_cast<std::uint16_t>(9'000 + random.below(50));
    for (std::size_t left = body_size(random); left > 0;) {
      const std::size_t count = std::min<std::size_t>(left, 200 + random.below(3'000));
      left -= count;
      talk.push_back({random.below(2) == 0 ? From::client : From::server, random.bytes(count)});
    }
  }
  Flow flow = packets_of(random, talk, c);
  flow.truth = std::move(truth);
  return flow;
}

}  // namespace

Result<CaptureMade> make_capture(const CapturePlan& plan, const std::string& capture_path, const std::string& truth_path) {
  const File capture{std::fopen(capture_path.c_str(), "wbe")};
  const File truth{std::fopen(truth_path.c_str(), "we")};
  if (!capture || !truth) return fail(ErrorCode::io, "cannot write " + capture_path + " or " + truth_path);
  Random random{plan.seed};
  Random loss{plan.seed ^ 0x5eed};  // of its own, so that the same packets are made whether or not some are lost
  Random disorder{plan.seed ^ 0xd150};
  CaptureMade made;
  const Bytes head = pcap_head(65'535);
  std::fwrite(head.data(), 1, head.size(), capture.get());
  made.bytes = head.size();
  std::vector<Flow> live;
  std::uint64_t microseconds = 0;
  const auto emit = [&](Flow& flow, std::size_t packet) {
    const std::size_t begin = packet == 0 ? 0 : flow.ends[packet - 1];
    const std::size_t size = flow.ends[packet] - begin;
    microseconds += 1 + random.below(60);
    if (loss.below(1'000) < plan.lost_per_mille) return;
    Bytes record;
    put_le(record, kFirstSecond + microseconds / 1'000'000, 4);
    put_le(record, microseconds % 1'000'000, 4);
    put_le(record, size, 4);
    put_le(record, size, 4);
    std::fwrite(record.data(), 1, record.size(), capture.get());
    std::fwrite(flow.bytes.data() + begin, 1, size, capture.get());
    made.bytes += record.size() + size;
    ++made.packets;
    if (flow.parts[packet] != Flow::kNoPart) flow.came[flow.parts[packet]] = true;
  };
  for (std::uint64_t number = 0; number < plan.connections || !live.empty();) {
    for (; live.size() < kLiveConnections && number < plan.connections; ++number) live.push_back(make_flow(random, number, plan));
    const std::size_t which = random.below(static_cast<std::uint32_t>(live.size()));
    Flow& flow = live[which];
    if (plan.swapped_per_mille > 0 && flow.next + 1 < flow.ends.size() && disorder.below(1'000) < plan.swapped_per_mille) {
      emit(flow, flow.next + 1);
      emit(flow, flow.next++);
    } else {
      emit(flow, flow.next);
      if (plan.doubled_per_mille > 0 && disorder.below(1'000) < plan.doubled_per_mille) emit(flow, flow.next);
    }
    if (++flow.next == flow.ends.size()) {
      if (!flow.truth.empty()) {
        const bool whole = std::ranges::find(flow.came, false) == flow.came.end();
        std::fputs(fmt::format("{},\"whole\":{}}}\n", flow.truth, whole).c_str(), truth.get());
        ++made.logons;
        made.whole_logons += whole ? 1 : 0;
      }
      std::swap(flow, live.back());
      live.pop_back();
    }
  }
  if (std::fflush(capture.get()) != 0 || std::fflush(truth.get()) != 0)
    return fail(ErrorCode::io, "cannot write the whole capture");
  return made;
}

}  // namespace postern::bench
