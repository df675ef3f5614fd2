#include <gtest/gtest.h>

#include "observe/capture/packets.hpp"

namespace postern::observe::capture {
namespace {

using namespace test;

/// A packet with 10.0.0.1:40000 to 10.0.0.2:9999 in it, in some wrapping.
Bytes inner_tcp() { return tcp(40'000, 9'999, 1, 0, tcp_flag::kAck, text("hello")); }
Bytes inner_ip() { return ip4(kClientIp, kServerIp, 6, inner_tcp()); }
Bytes inner_ip6() { return ip6(1, 2, 6, inner_tcp()); }
Bytes inner_ethernet() { return ethernet(0x0800, inner_ip()); }

class LayersTest : public testing::Test {
 protected:
  Transport look(const Bytes& packet, std::uint16_t link = link_type::kEthernet, std::uint32_t cut = 0) {
    kept_ = packet;
    Packet given = packet_of(kept_, link);
    given.original += cut;
    return layers_.transport_of(given);
  }
  /// True if the wrapped segment was found, whole.
  bool finds(const Bytes& packet, std::uint16_t link = link_type::kEthernet) {
    const Transport found = look(packet, link);
    return found.kind == Transport::Kind::tcp && found.source.port == 40'000 && found.destination.port == 9'999 &&
           as_text(found.payload) == "hello" && found.missing == 0;
  }
  Bytes kept_;
  Statistics statistics_;
  Fragments fragments_{statistics_};
  Layers layers_{fragments_, statistics_};
};

TEST_F(LayersTest, FindsTheSegmentBehindEachLinkLayer) {
  EXPECT_TRUE(finds(inner_ethernet()));
  EXPECT_TRUE(finds(ethernet(0x86dd, inner_ip6())));
  EXPECT_TRUE(finds(inner_ip(), link_type::kRaw));
  EXPECT_TRUE(finds(inner_ip6(), link_type::kRaw));
  EXPECT_TRUE(finds(inner_ip(), link_type::kRawBsd));
  EXPECT_TRUE(finds(inner_ip(), link_type::kRawOpenBsd));
  EXPECT_TRUE(finds(inner_ip(), link_type::kIpv4));
  EXPECT_TRUE(finds(inner_ip6(), link_type::kIpv6));
  EXPECT_TRUE(finds(le32(2) + inner_ip(), link_type::kNull));
  EXPECT_TRUE(finds(be32(2) + inner_ip(), link_type::kNull));
  EXPECT_TRUE(finds(le32(30) + inner_ip6(), link_type::kNull));
  EXPECT_TRUE(finds(be32(2) + inner_ip(), link_type::kLoop));
  EXPECT_TRUE(finds(zeros(14) + be16(0x0800) + inner_ip(), link_type::kLinuxCooked));
  EXPECT_TRUE(finds(be16(0x86dd) + zeros(18) + inner_ip6(), link_type::kLinuxCooked2));
  EXPECT_TRUE(finds(Bytes{0xff, 0x03, 0x00, 0x21} + inner_ip(), link_type::kPpp));
  EXPECT_TRUE(finds(Bytes{0x21} + inner_ip(), link_type::kPpp));
  EXPECT_EQ(statistics_.malformed, 0U);
  EXPECT_FALSE(finds(inner_ethernet(), 147)) << "a link type that is not known";
  EXPECT_FALSE(finds(le32(7) + inner_ip(), link_type::kNull)) << "a family that is not IP";
  EXPECT_EQ(statistics_.other_packets, 2U);
}

TEST_F(LayersTest, FollowsTagsAndLabels) {
  EXPECT_TRUE(finds(ethernet(0x8100, be16(5) + be16(0x0800) + inner_ip())));
  EXPECT_TRUE(finds(ethernet(0x88a8, be16(5) + be16(0x8100) + be16(6) + be16(0x86dd) + inner_ip6())));
  EXPECT_TRUE(finds(ethernet(0x8847, be32(0x00010040) + be32(0x00011140) + inner_ip())));
  EXPECT_TRUE(finds(ethernet(0x8847, be32(0x00011140) + inner_ip6())));
  EXPECT_TRUE(finds(ethernet(0x8847, be32(0x00011140) + zeros(4) + inner_ethernet()))) << "a pseudowire";
  EXPECT_TRUE(finds(ethernet(0x8864, zeros(6) + Bytes{0x00, 0x21} + inner_ip())));
  EXPECT_TRUE(finds(ethernet(100, Bytes{0xaa, 0xaa, 3, 0, 0, 0} + be16(0x0800) + inner_ip()))) << "SNAP";
  EXPECT_FALSE(finds(ethernet(0x8847, be32(0x00010040) + inner_ip()))) << "no label says that it is the last";
  EXPECT_FALSE(finds(ethernet(0x8100, be16(5))));
  EXPECT_GE(statistics_.malformed, 1U);
}

TEST_F(LayersTest, FollowsTunnels) {
  const auto tunnel = [](std::uint8_t protocol, const Bytes& payload) {
    return ethernet(0x0800, ip4(0x01010101, 0x02020202, protocol, payload));
  };
  const auto over_udp = [&](std::uint16_t port, const Bytes& payload) { return tunnel(17, udp(33'333, port, payload)); };
  EXPECT_TRUE(finds(tunnel(4, inner_ip())));
  EXPECT_TRUE(finds(tunnel(41, inner_ip6())));
  EXPECT_TRUE(finds(ethernet(0x86dd, ip6(9, 8, 4, inner_ip()))));
  EXPECT_TRUE(finds(tunnel(47, be16(0) + be16(0x0800) + inner_ip())));
  EXPECT_TRUE(finds(tunnel(47, be16(0xb000) + be16(0x0800) + zeros(12) + inner_ip()))) << "with checksum, key and sequence number";
  EXPECT_TRUE(finds(tunnel(47, be16(0) + be16(0x6558) + inner_ethernet())));
  EXPECT_TRUE(finds(tunnel(47, be16(0) + be16(0x88be) + inner_ethernet()))) << "ERSPAN I";
  EXPECT_TRUE(finds(tunnel(47, be16(0x1000) + be16(0x88be) + zeros(4) + zeros(8) + inner_ethernet()))) << "ERSPAN II";
  EXPECT_TRUE(finds(tunnel(47, be16(0x1000) + be16(0x22eb) + zeros(4) + zeros(12) + inner_ethernet()))) << "ERSPAN III";
  EXPECT_TRUE(finds(tunnel(47, be16(0x1000) + be16(0x22eb) + zeros(4) + zeros(11) + Bytes{1} + zeros(8) + inner_ethernet())));
  EXPECT_TRUE(finds(tunnel(47, be16(0x1000) + be16(0x22eb) + zeros(4) + zeros(10) + Bytes{0x08, 0} + inner_ip())))
      << "ERSPAN III of IP";
  EXPECT_TRUE(finds(over_udp(4789, Bytes{8, 0, 0, 0} + zeros(4) + inner_ethernet())));
  EXPECT_TRUE(finds(over_udp(6081, Bytes{0, 0} + be16(0x6558) + zeros(4) + inner_ethernet())));
  EXPECT_TRUE(finds(over_udp(6081, Bytes{2, 0} + be16(0x0800) + zeros(4) + zeros(8) + inner_ip())));
  EXPECT_EQ(statistics_.malformed, 0U);
  EXPECT_FALSE(finds(over_udp(4789, Bytes{0, 0, 0, 0} + zeros(4) + inner_ethernet()))) << "no VXLAN network";
  EXPECT_FALSE(finds(over_udp(4790, Bytes{8, 0, 0, 0} + zeros(4) + inner_ethernet())));
}

TEST_F(LayersTest, R36_StopsAfterSoManyEncapsulations) {
  Bytes packet = inner_ip();
  for (unsigned i = 0; i < Layers::kMaxEncapsulations; ++i) packet = ip4(1, 2, 4, packet);
  EXPECT_TRUE(finds(packet, link_type::kRaw));
  EXPECT_EQ(statistics_.too_nested, 0U);
  EXPECT_FALSE(finds(ip4(1, 2, 4, packet), link_type::kRaw));
  EXPECT_EQ(statistics_.too_nested, 1U);
  Bytes headers = inner_tcp();
  for (unsigned i = 0; i < 100; ++i) headers = Bytes{static_cast<std::uint8_t>(i == 0 ? 6 : 60), 0, 0, 0, 0, 0, 0, 0} + headers;
  EXPECT_FALSE(finds(ip6(1, 2, 60, headers), link_type::kRaw));
  EXPECT_EQ(statistics_.too_nested, 2U);
}

TEST_F(LayersTest, ReadsOptionsAndExtensionHeaders) {
  EXPECT_TRUE(finds(ip4(kClientIp, kServerIp, 6, inner_tcp(), 0, 7, Bytes{1, 1, 1, 1}), link_type::kRaw));
  const auto extension = [](std::uint8_t next, std::size_t eights) {
    return Bytes{next, static_cast<std::uint8_t>(eights)} + zeros(6 + eights * 8);
  };
  EXPECT_TRUE(finds(ip6(1, 2, 0, extension(43, 1) + extension(60, 0) + extension(6, 2) + inner_tcp()), link_type::kRaw));
  EXPECT_TRUE(finds(ip6(1, 2, 51, Bytes{6, 4} + zeros(22) + inner_tcp()), link_type::kRaw))
      << "an authentication header counts in fours";
  EXPECT_TRUE(finds(ip6(1, 2, 44, Bytes{6, 0, 0, 0} + zeros(4) + inner_tcp()), link_type::kRaw)) << "an atomic fragment";
  EXPECT_FALSE(finds(ip6(1, 2, 50, zeros(8) + inner_tcp()), link_type::kRaw)) << "ESP is sealed";
}

TEST_F(LayersTest, PaddingIsNoPayloadAndAnOffloadedLengthIsTheWholePacket) {
  EXPECT_TRUE(finds(inner_ethernet() + zeros(6)));
  Bytes offloaded = inner_ethernet();
  offloaded[16] = offloaded[17] = 0;
  EXPECT_TRUE(finds(offloaded));
}

TEST_F(LayersTest, SaysHowMuchOfTheSegmentTheCaptureCut) {
  Bytes cut = inner_ethernet();
  cut.resize(cut.size() - 3);
  const Transport found = look(cut, link_type::kEthernet, 3);
  EXPECT_EQ(as_text(found.payload), "he");
  EXPECT_EQ(found.missing, 3U);
  cut.resize(14 + 20 + 19);
  EXPECT_EQ(look(cut).kind, Transport::Kind::none) << "not even the TCP header";
}

TEST_F(LayersTest, R36_EveryCutOfEveryWrappingStaysInsideThePacket) {
  const Bytes vxlan = ethernet(0x0800, ip4(1, 2, 17, udp(1, 4789, Bytes{8, 0, 0, 0} + zeros(4) + inner_ethernet())));
  const Bytes erspan =
      ethernet(0x8100, be16(1) + be16(0x0800) + ip4(1, 2, 47, be16(0x1000) + be16(0x22eb) + zeros(24) + inner_ethernet()));
  const Bytes mpls = ethernet(0x8847, be32(0x00010040) + be32(0x00011140) + inner_ip6());
  for (const Bytes& packet : {vxlan, erspan, mpls}) {
    for (std::size_t size = 0; size < packet.size(); ++size) {
      const Bytes cut{packet.begin(),
                      packet.begin() + static_cast<std::ptrdiff_t>(size)};  // its own allocation, so that ASan sees past its end
      const Transport found = look(cut);
      if (found.kind == Transport::Kind::tcp) {
        EXPECT_LE(found.payload.size(), 5U);
      }
    }
  }
}

TEST_F(LayersTest, R36_ImpossibleHeadersAreCountedNotFollowed) {
  const auto changed = [](std::size_t place, std::uint8_t value) {
    Bytes packet = inner_ip();
    packet[place] = value;
    return packet;
  };
  EXPECT_FALSE(finds(changed(0, 0x44), link_type::kRaw)) << "a header of 16 bytes";
  EXPECT_FALSE(finds(changed(0, 0x4f), link_type::kRaw)) << "a header of 60 bytes in a packet of 45";
  EXPECT_FALSE(finds(changed(0, 0x55), link_type::kRaw)) << "version 5";
  EXPECT_FALSE(finds(changed(3, 19), link_type::kRaw)) << "a packet shorter than its header";
  EXPECT_FALSE(finds(changed(20 + 12, 0x40), link_type::kRaw)) << "a TCP header of 16 bytes";
  EXPECT_FALSE(finds(changed(20 + 12, 0xf0), link_type::kRaw)) << "a TCP header longer than the packet";
  EXPECT_EQ(statistics_.malformed, 6U);
}

TEST_F(LayersTest, PutsFragmentsTogetherInAnyOrder) {
  const Bytes whole = tcp(40'000, 9'999, 1, 0, tcp_flag::kAck, text("hello"));  // 25 bytes: 8, 8, 9
  const auto part = [&](std::size_t from, std::size_t to) {
    return Bytes(whole.begin() + static_cast<std::ptrdiff_t>(from), whole.begin() + static_cast<std::ptrdiff_t>(to));
  };
  const auto four = [&](std::uint16_t field, std::size_t from, std::size_t to) {
    return ip4(kClientIp, kServerIp, 6, part(from, to), field);
  };
  const auto six = [&](std::uint16_t field, std::size_t from, std::size_t to) {
    return ip6(1, 2, 44, Bytes{6, 0} + be16(field) + be32(99) + part(from, to));
  };
  EXPECT_FALSE(finds(four(0x2000, 0, 8), link_type::kRaw));
  EXPECT_FALSE(finds(four(0x2001, 8, 16), link_type::kRaw));
  EXPECT_TRUE(finds(four(0x0002, 16, 25), link_type::kRaw));
  EXPECT_FALSE(finds(six(16, 16, 25), link_type::kRaw));
  EXPECT_FALSE(finds(six(1, 0, 8), link_type::kRaw));
  EXPECT_FALSE(finds(six(1, 0, 8), link_type::kRaw)) << "the same again";
  EXPECT_TRUE(finds(six(8 | 1, 8, 16), link_type::kRaw));
  EXPECT_EQ(statistics_.datagrams_put_together, 2U);
  EXPECT_EQ(fragments_.held_bytes(), 0U);
  EXPECT_FALSE(finds(four(0x2000, 0, 8), link_type::kRaw));
  EXPECT_FALSE(finds(ip4(kClientIp, kServerIp, 6, part(8, 25), 0x0001, 8), link_type::kRaw)) << "a fragment of another datagram";
}

TEST_F(LayersTest, R36_FragmentsThatNeverCompleteStayWithinTheirBoundAndAreCounted) {
  const Bytes piece = zeros(1'024);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    (void)look(ip4(i, kServerIp, 6, piece, 0x2000, static_cast<std::uint16_t>(i)), link_type::kRaw);
    ASSERT_LE(fragments_.held_bytes(), Fragments::kMaxBytes);
  }
  EXPECT_GE(statistics_.fragments_given_up, 20'000U - Fragments::kMaxDatagrams);
  fragments_.clear();
  EXPECT_EQ(statistics_.fragments_given_up, 20'000U);
  EXPECT_EQ(fragments_.held_bytes(), 0U);
}

TEST_F(LayersTest, R36_AFragmentPastTheLargestDatagramIsRefused) {
  EXPECT_FALSE(finds(ip4(kClientIp, kServerIp, 6, zeros(16), 0x1fff), link_type::kRaw));
  EXPECT_EQ(statistics_.fragments_given_up, 1U);
  // Small pieces without end: one datagram may not have more than so many.
  for (std::uint16_t i = 0; i < 1'000; ++i) {
    const auto field = static_cast<std::uint16_t>(0x2000 | (i * 2 + 1));
    (void)look(ip4(kClientIp, kServerIp, 6, zeros(8), field, 9), link_type::kRaw);
  }
  EXPECT_GE(statistics_.fragments_given_up, 3U);
}

}  // namespace
}  // namespace postern::observe::capture
