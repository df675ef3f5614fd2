#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "observe/capture/packets.hpp"

namespace postern::observe::capture {
namespace {

using namespace test;
using Ending = CaptureReader::Ending;

struct Read {
  std::vector<std::string> packets{};
  std::vector<FileTime> times{};
  std::vector<std::uint16_t> links{};
  std::vector<std::uint32_t> originals{};
  Ending ending = Ending::none;
  Error error{};
};

Read read_all(const Bytes& file) {
  Read read;
  auto reader = CaptureReader::open(input_of_bytes(file));
  if (!reader) {
    read.error = reader.error();
    return read;
  }
  for (auto batch = (*reader)->next(); !batch.empty(); batch = (*reader)->next()) {
    for (const Packet& packet : batch) {
      read.packets.emplace_back(as_text(packet.bytes));
      read.times.push_back(packet.time);
      read.links.push_back(packet.link);
      read.originals.push_back(packet.original);
    }
  }
  read.ending = (*reader)->ending();
  read.error = (*reader)->error();
  return read;
}

const std::vector<std::string> kTwo{"one", "second"};

Bytes put16(bool big, std::uint32_t v) { return big ? be16(v) : le16(v); }
Bytes put32(bool big, std::uint32_t v) { return big ? be32(v) : le32(v); }

Bytes pcap(bool big, std::uint32_t magic, std::uint32_t fraction, std::size_t extra = 0) {
  Bytes file = put32(big, magic) + put16(big, 2) + put16(big, 4) + zeros(8) + put32(big, 65'535) + put32(big, 101);
  for (const std::string& packet : kTwo) {
    const auto size = static_cast<std::uint32_t>(packet.size());
    file = std::move(file) + put32(big, 1'700'000'000) + put32(big, fraction) + put32(big, size) + put32(big, size + 5) +
           zeros(extra) + text(packet);
  }
  return file;
}

Bytes block(bool big, std::uint32_t type, Bytes body) {
  while (body.size() % 4 != 0) body.push_back(0);
  const auto total = static_cast<std::uint32_t>(body.size() + 12);
  return put32(big, type) + put32(big, total) + body + put32(big, total);
}
Bytes section(bool big) {
  return block(big, 0x0a0d0d0a, put32(big, 0x1a2b3c4d) + put16(big, 1) + put16(big, 0) + put32(big, ~0U) + put32(big, ~0U));
}
Bytes interface(bool big, std::uint32_t link, Bytes options = {}, std::uint32_t snapshot = 0) {
  return block(big, 1, put16(big, link) + zeros(2) + put32(big, snapshot) + options);
}
Bytes enhanced(bool big, std::uint32_t number, std::uint64_t stamp, std::string_view packet) {
  const auto size = static_cast<std::uint32_t>(packet.size());
  return block(big, 6,
               put32(big, number) + put32(big, static_cast<std::uint32_t>(stamp >> 32)) +
                   put32(big, static_cast<std::uint32_t>(stamp)) + put32(big, size) + put32(big, size) + text(packet));
}

TEST(CaptureReader, ReadsPcapOfBothByteOrdersInMicroAndNanoseconds) {
  for (const bool big : {false, true}) {
    const Read micro = read_all(pcap(big, 0xa1b2c3d4, 250'000));
    EXPECT_EQ(micro.packets, kTwo);
    EXPECT_EQ(micro.times[0].to_rfc3339(), "2023-11-14T22:13:20.250000Z");
    EXPECT_EQ(micro.links[0], link_type::kRaw);
    EXPECT_EQ(micro.originals[1], 11U);
    EXPECT_EQ(micro.ending, Ending::complete);
    const Read nano = read_all(pcap(big, 0xa1b23c4d, 250'000));
    EXPECT_EQ(nano.packets, kTwo);
    EXPECT_EQ(nano.times[1].to_rfc3339(), "2023-11-14T22:13:20.000250Z");
    const Read patched = read_all(pcap(big, 0xa1b2cd34, 0, 8));
    EXPECT_EQ(patched.packets, kTwo);
  }
}

TEST(CaptureReader, ReadsPcapngOfBothByteOrdersWithSeveralSectionsAndInterfaces) {
  for (const bool big : {false, true}) {
    const Bytes nanoseconds = put16(big, 9) + put16(big, 1) + Bytes{9, 0, 0, 0} + zeros(4);
    const Bytes offset = put16(big, 14) + put16(big, 8) + (big ? be32(0) + be32(3600) : le32(3600) + le32(0)) + zeros(4);
    const Bytes file = section(big) + interface(big, 1) + block(big, 0xbad, text("unknown")) + interface(big, 101, nanoseconds) +
                       enhanced(big, 0, 1'700'000'000'250'000, "one") + enhanced(big, 1, 1'700'000'000'250'000'000, "second") +
                       section(!big) + interface(!big, 228) + enhanced(!big, 0, 0, "third");
    const Read read = read_all(file);
    EXPECT_EQ(read.packets, (std::vector<std::string>{"one", "second", "third"}));
    EXPECT_EQ(read.times[0].to_rfc3339(), "2023-11-14T22:13:20.250000Z");
    EXPECT_EQ(read.times[1], read.times[0]);
    EXPECT_EQ(read.links, (std::vector<std::uint16_t>{1, 101, 228}));
    EXPECT_EQ(read.ending, Ending::complete);
    const Read later = read_all(section(big) + interface(big, 1, offset) + enhanced(big, 0, 1'700'000'000'250'000, "x"));
    EXPECT_EQ(later.times.at(0).to_rfc3339(), "2023-11-14T23:13:20.250000Z");
  }
}

TEST(CaptureReader, ReadsSimpleAndObsoletePacketBlocks) {
  const Bytes obsolete = block(false, 2, le16(0) + le16(9) + le32(0x00060a24) + le32(0x181e4000) + le32(3) + le32(8) + text("one"));
  const Bytes simple = block(false, 3, le32(100) + text("second--"));
  const Read read = read_all(section(false) + interface(false, 1, {}, 6) + obsolete + simple);
  EXPECT_EQ(read.packets, kTwo) << "a simple packet is as long as its interface's snapshot length lets it be";
  EXPECT_EQ(read.originals, (std::vector<std::uint32_t>{8, 100}));
  EXPECT_EQ(read.times[1], read.times[0]);
}

TEST(CaptureReader, RefusesWhatIsNoCapture) {
  EXPECT_EQ(read_all({}).error.code, ErrorCode::truncated);
  EXPECT_EQ(read_all(text("abc")).error.code, ErrorCode::unsupported);
  EXPECT_EQ(read_all(text("#!/bin/sh and a whole script that is longer than any header\n")).error.code, ErrorCode::unsupported);
  EXPECT_EQ(read_all(Bytes(100, 0)).error.code, ErrorCode::unsupported);
}

TEST(CaptureReader, R36_StopsAtDamageAndSaysWhere) {
  Bytes file = pcap(false, 0xa1b2c3d4, 0);
  file[24 + 16 + 3 + 8 + 3] = 0x7f;  // the second record's captured length
  const Read read = read_all(file);
  EXPECT_EQ(read.packets, std::vector<std::string>{"one"});
  EXPECT_EQ(read.ending, Ending::damaged);
  EXPECT_EQ(read.error.offset, 24U + 16 + 3);
  const Read unknown_interface =
      read_all(section(false) + interface(false, 1) + enhanced(false, 0, 1, "one") + enhanced(false, 1, 1, "x"));
  EXPECT_EQ(unknown_interface.packets, std::vector<std::string>{"one"});
  EXPECT_EQ(unknown_interface.ending, Ending::damaged);
  EXPECT_EQ(unknown_interface.error.field, "packet.interface");
}

TEST(CaptureReader, R36_GivesWhatLiesBeforeTheCutWhereverAFileIsCut) {
  const Bytes png = section(false) + interface(false, 1) + enhanced(false, 0, 1, "one") + block(false, 77, text("between")) +
                    enhanced(false, 0, 1, "second");
  for (const Bytes& file : {pcap(false, 0xa1b2c3d4, 0), png}) {
    std::size_t before = 0;
    for (std::size_t size = 1; size <= file.size(); ++size) {
      const Read read = read_all(Bytes{file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)});
      EXPECT_GE(read.packets.size(), before) << size;
      EXPECT_NE(read.ending, Ending::damaged) << size;
      before = read.packets.size();
      for (std::size_t i = 0; i < before; ++i) EXPECT_EQ(read.packets[i], kTwo[i]);
    }
    EXPECT_EQ(before, 2U);
  }
}

TEST(CaptureReader, R36_SkipsABlockThatClaimsFourGigabytesWithoutKeepingIt) {
  const Bytes bomb = le32(0x12345678) + le32(0xfffffff0) + zeros(3'000'000);
  const Read read = read_all(section(false) + interface(false, 1) + enhanced(false, 0, 1, "one") + bomb);
  EXPECT_EQ(read.packets, std::vector<std::string>{"one"});
  EXPECT_EQ(read.ending, Ending::truncated);
  // The same length on a block that must be read whole is refused at once.
  EXPECT_EQ(read_all(section(false) + le32(1) + le32(0xfffffff0) + zeros(64)).ending, Ending::damaged);
  EXPECT_EQ(read_all(le32(0x0a0d0d0a) + le32(0xfffffff0) + le32(0x1a2b3c4d) + zeros(64)).ending, Ending::damaged);
  EXPECT_EQ(read_all(section(false) + le32(5) + le32(4) + zeros(64)).ending, Ending::damaged)
      << "a block shorter than its head never ends";
}

TEST(CaptureReader, R36_RefusesInterfacesWithoutEnd) {
  Bytes file = section(false);
  const Bytes one = interface(false, 1);
  for (std::size_t i = 0; i <= CaptureReader::kMaxInterfaces; ++i) file.insert(file.end(), one.begin(), one.end());
  EXPECT_EQ(read_all(file).ending, Ending::damaged);
}

Bytes gzip(ByteView bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&stream, bytes.size()) + 64);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}
Bytes zstd(ByteView bytes) {
  Bytes out(ZSTD_compressBound(bytes.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

TEST(CaptureReader, ReadsWhatGzipAndZstdPacked) {
  const Bytes file = pcap(false, 0xa1b2c3d4, 0);
  for (const Bytes& packed : {gzip(file), zstd(file)}) {
    const Read read = read_all(packed);
    EXPECT_EQ(read.packets, kTwo);
    EXPECT_EQ(read.ending, Ending::complete);
    // In two members, as `cat a.gz b.gz` makes them.
    const ByteView first = ByteView{file}.first(30);
    const ByteView second = ByteView{file}.subspan(30);
    const Bytes two = packed[0] == 0x1f ? gzip(first) + gzip(second) : zstd(first) + zstd(second);
    EXPECT_EQ(read_all(two).packets, kTwo);
    const Read cut = read_all(Bytes{packed.begin(), packed.end() - 5});
    EXPECT_TRUE(cut.ending == Ending::truncated || cut.error.code == ErrorCode::truncated)
        << "zstd gives nothing of a block that is cut";
    EXPECT_LE(cut.packets.size(), 2U);
  }
}

TEST(CaptureReader, R36_AGzipBombTakesNoMoreMemoryThanAnyFile) {
  // 200 MB of zeros behind a packet: a record of 0 bytes each, read batch by batch in the one window.
  Bytes head = pcap(false, 0xa1b2c3d4, 0);
  Bytes block(std::size_t{8} << 20);
  Bytes packed = gzip(head);
  const Bytes zero = gzip(block);
  for (int i = 0; i < 25; ++i) packed.insert(packed.end(), zero.begin(), zero.end());
  EXPECT_LT(packed.size(), 250'000U);
  auto reader = CaptureReader::open(input_of_bytes(packed));
  ASSERT_TRUE(reader.has_value());
  std::size_t count = 0;
  for (auto batch = (*reader)->next(); !batch.empty(); batch = (*reader)->next()) count += batch.size();
  EXPECT_EQ(count, 2 + 25 * block.size() / 16);
  EXPECT_EQ((*reader)->ending(), Ending::complete);
}

TEST(CaptureReader, R36_RefusesAZstdWindowThatIsLargerThanTheLimit) {
  const Bytes file = pcap(false, 0xa1b2c3d4, 0) + Bytes(std::size_t{64} << 20);
  for (const int window : {25, 27}) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window);
    ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1);
    Bytes out(ZSTD_compressBound(file.size()));
    ZSTD_inBuffer in{file.data(), file.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    while (ZSTD_compressStream2(context, &to, &in, ZSTD_e_end) != 0) {
    }
    out.resize(to.pos);
    ZSTD_freeCCtx(context);
    auto reader = CaptureReader::open(input_of_bytes(out));
    EXPECT_EQ(reader.has_value(), window == 25) << window;
  }
}

}  // namespace
}  // namespace postern::observe::capture
