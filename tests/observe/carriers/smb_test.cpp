#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reader.hpp"
#include "observe/carriers/frames.hpp"
#include "observe/carriers/recorder.hpp"
#include "observe/carriers/talks.hpp"

namespace postern::observe {
namespace {

using testing::Contains;
using testing::ElementsAre;

constexpr std::uint32_t kMoreProcessing = 0xC0000016;
constexpr std::uint32_t kPending = 0x00000103;
constexpr std::uint32_t kBufferOverflow = 0x80000005;
constexpr std::uint32_t kLogonFailure = 0xC000006D;

Talk smb2_logon(std::uint32_t last_status = 0, std::uint16_t flags = 0) {
  return {client_says(smb2_setup_request(spnego_init(negotiate_message()), 1, 0)),
          server_says(smb2_setup_answer(spnego_resp(challenge_message()), kMoreProcessing, 1, 0x4000)),
          client_says(smb2_setup_request(spnego_resp(authenticate_message()), 2, 0x4000)),
          server_says(smb2_setup_answer({}, last_status, 2, 0x4000, flags)),
          client_says(smb2_tree_connect("\\\\fs1.lab.test\\share", 3, 0x4000))};
}

/// SMB1's SESSION_SETUP_ANDX with extended security, raw NTLM in its blob.
Bytes smb1(std::uint8_t command, bool answer, std::uint32_t status, std::uint16_t uid, std::uint16_t mid, ByteView rest) {
  Writer out;
  out.bytes(as_bytes("\xffSMB"));
  out.u8(command);
  out.u32(status);
  out.u8(answer ? 0x88 : 0x08);
  out.u16(0xc801);
  out.zeros(12);
  out.u16(1);
  out.u16(2);
  out.u16(uid);
  out.u16(mid);
  out.bytes(rest);
  return nbss(std::move(out).take());
}
Bytes smb1_setup(ByteView token, std::uint16_t uid, std::uint16_t mid) {
  Writer out;
  out.u8(12);
  out.zeros(14);
  out.u16(static_cast<std::uint16_t>(token.size()));
  out.zeros(8);
  out.u16(static_cast<std::uint16_t>(token.size() + 1));
  out.bytes(token);
  out.u8(0);
  return smb1(0x73, false, 0, uid, mid, std::move(out).take());
}
Bytes smb1_setup_answer(ByteView token, std::uint32_t status, std::uint16_t uid, std::uint16_t mid, std::uint16_t action = 0) {
  Writer out;
  out.u8(4);
  out.zeros(4);
  out.u16(action);
  out.u16(static_cast<std::uint16_t>(token.size()));
  out.u16(static_cast<std::uint16_t>(token.size()));
  out.bytes(token);
  return smb1(0x73, true, status, uid, mid, std::move(out).take());
}
Bytes smb1_negotiate_answer(ByteView challenge) {
  Writer out;
  out.u8(17);
  out.u16(0);
  out.u8(3);
  out.zeros(16);
  out.u32(0);
  out.zeros(10);
  out.u8(static_cast<std::uint8_t>(challenge.size()));
  out.u16(static_cast<std::uint16_t>(challenge.size()));
  out.bytes(challenge);
  return smb1(0x72, true, 0, 0, 1, std::move(out).take());
}
Bytes smb1_classic_setup(std::uint16_t mid) {
  const Bytes user = utf16("bob");
  const Bytes domain = utf16("LAB");
  Writer names;
  names.u8(0);  // the texts start at an even place
  names.bytes(user);
  names.u16(0);
  names.bytes(domain);
  names.u16(0);
  const Bytes text = std::move(names).take();
  Writer out;
  out.u8(13);
  out.zeros(14);
  out.u16(24);
  out.u16(24);
  out.zeros(8);
  out.u16(static_cast<std::uint16_t>(48 + text.size()));
  out.bytes(Bytes(24, 0x11));
  out.bytes(Bytes(24, 0x22));
  out.bytes(text);
  return smb1(0x73, false, 0, 0, mid, std::move(out).take());
}

Talk pipe_logon(const Bytes& last) {
  Talk talk = smb2_logon();
  const Bytes bind = rpc_bind(1, efsr_uuid(), negotiate_message());
  talk.push_back(client_says(smb2_write(bind, 5, 10, 0x4000)));
  talk.push_back(client_says(smb2_read(5, 11, 0x4000)));
  talk.push_back(server_says(smb2_read_answer(rpc(12, 1, Bytes(24), challenge_message()), 11, 0x4000)));
  talk.push_back(client_says(smb2_write(rpc(16, 1, Bytes(4), authenticate_message()), 5, 12, 0x4000)));
  talk.push_back(client_says(smb2_transceive(rpc_request(2, 0), 5, 13, 0x4000, false)));
  talk.push_back(server_says(smb2_transceive(last, 5, 13, 0x4000, true)));
  return talk;
}

TEST(SmbCarrier, SeesASessionSetupItsOutcomeAndTheNameOfTheServer) {
  EXPECT_THAT(seen_in(connection_to(445), smb2_logon()),
              ElementsAre("note mechs-offered client 0 1.3.6.1.4.1.311.2.2.10",
                          "message 1 client smb2 type 1 spnego 1.3.6.1.4.1.311.2.2.10", "message 1 server smb2 type 2 spnego",
                          "message 1 client smb2 type 3 spnego", "outcome 1 success STATUS_SUCCESS",
                          "note target-named client 0 fs1.lab.test"));
}

TEST(SmbCarrier, SaysWithWhichStatusALogonFailed) {
  EXPECT_THAT(seen_in(connection_to(445), smb2_logon(kLogonFailure)), Contains("outcome 1 failure STATUS_LOGON_FAILURE"));
}

TEST(SmbCarrier, TellsGuestsFromNullSessions) {
  EXPECT_THAT(seen_in(connection_to(445), smb2_logon(0, 1)), Contains("outcome 1 success guest STATUS_SUCCESS"));
  EXPECT_THAT(seen_in(connection_to(445), smb2_logon(0, 2)), Contains("outcome 1 success anonymous STATUS_SUCCESS"));
}

TEST(SmbCarrier, SaysWhetherTheServerRequiresSigning) {
  EXPECT_THAT(seen_in(connection_to(445), {server_says(smb2_negotiate_answer({}, 3))}),
              ElementsAre("note signing-required server 0 "));
  EXPECT_THAT(seen_in(connection_to(445), {server_says(smb2_negotiate_answer({}, 1))}),
              ElementsAre("note signing-not-required server 0 "));
}

TEST(SmbCarrier, KeepsTwoSessionsOfOneConnectionApart) {
  const Talk talk{client_says(smb2_setup_request(negotiate_message(), 1, 0)),
                  client_says(smb2_setup_request(negotiate_message(), 2, 0)),
                  server_says(smb2_setup_answer(challenge_message(5), kMoreProcessing, 2, 0x20)),
                  server_says(smb2_setup_answer(challenge_message(6), kMoreProcessing, 1, 0x10)),
                  client_says(smb2_setup_request(authenticate_message(), 3, 0x10)),
                  server_says(smb2_setup_answer({}, 0, 3, 0x10)),
                  client_says(smb2_setup_request(authenticate_message(), 4, 0x20)),
                  server_says(smb2_setup_answer({}, kLogonFailure, 4, 0x20))};
  EXPECT_THAT(seen_in(connection_to(445), talk),
              ElementsAre("message 1 client smb2 type 1", "message 2 client smb2 type 1", "message 2 server smb2 type 2",
                          "message 1 server smb2 type 2", "message 1 client smb2 type 3", "outcome 1 success STATUS_SUCCESS",
                          "message 2 client smb2 type 3", "outcome 2 failure STATUS_LOGON_FAILURE"));
}

TEST(SmbCarrier, ReadsEachMessageOfACompound) {
  const Bytes first = smb2_setup_request(negotiate_message(), 1, 0);
  Bytes head = to_bytes(ByteView{first}.subspan(4));
  head.resize((head.size() + 7) / 8 * 8);
  store_le(&head[20], static_cast<std::uint32_t>(head.size()));
  const Bytes second = smb2_tree_connect("\\\\fs1\\ipc$", 2, 0);
  const Talk talk{client_says(nbss(joined({head, ByteView{second}.subspan(4)})))};
  EXPECT_THAT(seen_in(connection_to(445), talk), ElementsAre("message 1 client smb2 type 1", "note target-named client 0 fs1"));
  expect_same_however_cut(connection_to(445), talk);
}

TEST(SmbCarrier, ReadsRpcInAPipeAndTheCallThatCoerces) {
  const auto lines = seen_in(connection_to(445), pipe_logon(rpc_response(2)));
  EXPECT_THAT(lines, Contains("message 2 client dcerpc type 1 target fs1.lab.test"));
  EXPECT_THAT(lines, Contains("message 2 server dcerpc type 2 target fs1.lab.test"));
  EXPECT_THAT(lines, Contains("message 2 client dcerpc type 3 target fs1.lab.test"));
  EXPECT_THAT(lines, Contains("note rpc-call client 0 MS-EFSR"));
  EXPECT_EQ(lines.back(), "outcome 2 success response");
  EXPECT_EQ(seen_in(connection_to(445), pipe_logon(rpc_fault(2, 5))).back(), "outcome 2 failure fault 0x00000005");
}

/// A logon in a pipe whose bind comes in pieces of `piece` bytes, one write each, and whose answer is read so as well.
Talk pipe_logon_in_pieces(std::size_t piece, std::size_t writes = SIZE_MAX) {
  Talk talk = smb2_logon();
  std::uint64_t message = 10;
  const auto pieces = [piece](ByteView bytes, auto&& each) {
    for (std::size_t at = 0, i = 0; at < bytes.size(); at += piece, ++i)
      each(i, bytes.subspan(at, std::min(piece, bytes.size() - at)));
  };
  const Bytes bind = rpc_bind(1, efsr_uuid(), negotiate_message());
  pieces(bind, [&](std::size_t i, ByteView part) {
    if (i < writes) talk.push_back(client_says(smb2_write(part, 5, message++, 0x4000)));
  });
  const Bytes answer = rpc(12, 1, Bytes(24), challenge_message());
  pieces(answer, [&](std::size_t, ByteView part) {
    talk.push_back(client_says(smb2_read(5, message, 0x4000)));
    talk.push_back(server_says(smb2_read_answer({}, message, 0x4000, kPending)));
    talk.push_back(server_says(smb2_read_answer(part, message++, 0x4000, kBufferOverflow)));
  });
  pieces(joined({rpc(16, 1, Bytes(4), authenticate_message()), rpc_request(2, 4)}),
         [&](std::size_t, ByteView part) { talk.push_back(client_says(smb2_write(part, 5, message++, 0x4000))); });
  talk.push_back(client_says(smb2_read(5, message, 0x4000)));
  talk.push_back(server_says(smb2_read_answer(rpc_response(2), message, 0x4000)));
  return talk;
}

TEST(SmbCarrier, PutsPdusTogetherThatComeInSeveralWritesAndReads) {
  const auto whole = seen_in(connection_to(445), pipe_logon_in_pieces(SIZE_MAX));
  ASSERT_THAT(whole, Contains("message 2 client dcerpc type 1 target fs1.lab.test"));
  ASSERT_THAT(whole, Contains("message 2 server dcerpc type 2 target fs1.lab.test"));
  ASSERT_THAT(whole, Contains("message 2 client dcerpc type 3 target fs1.lab.test"));
  ASSERT_THAT(whole, Contains("note rpc-call client 4 MS-EFSR"));
  ASSERT_EQ(whole.back(), "outcome 2 success response");
  for (const std::size_t piece : {5U, 16U, 17U, 28U, 60U, 100U}) {
    EXPECT_EQ(seen_in(connection_to(445), pipe_logon_in_pieces(piece)), whole) << piece;
  }
  expect_same_however_cut(connection_to(445), pipe_logon_in_pieces(60));
}

TEST(SmbCarrier, TellsNothingOfAPduWhoseRestNeverCame) {
  // One write of the bind is missing, and what follows is not taken for it.
  for (const std::string& line : seen_in(connection_to(445), pipe_logon_in_pieces(60, 1))) {
    EXPECT_EQ(line.find("client dcerpc type 1"), std::string::npos) << line;
  }
  const Talk another{client_says(smb2_write(ByteView{rpc_bind(1, efsr_uuid(), negotiate_message())}.first(60), 5, 10, 0x4000)),
                     client_says(smb2_write(rpc_bind(2, efsr_uuid(), negotiate_message()), 5, 11, 0x4000))};
  EXPECT_THAT(seen_in(connection_to(445), another), ElementsAre("note rpc-level client 6 ", "message 1 client dcerpc type 1"))
      << "a whole bind is no rest of another";
}

TEST(SmbCarrier, R36_KeepsLittleOfPdusThatNeverEnd) {
  Recorder recorder;
  Player player{connection_to(445), recorder};
  for (const Turn& turn : smb2_logon()) player.play(turn, {});
  Bytes start = rpc_bind(1, efsr_uuid(), negotiate_message());
  start[8] = start[9] = 0xff;  // a fragment of 65,535 bytes
  for (std::uint8_t file = 1; file < 200; ++file) {
    player.play(client_says(smb2_write(start, file, 10, 0x4000)), {});
    player.play(client_says(smb2_write(Bytes(4000, 'x'), file, 11, 0x4000)), {});
  }
  EXPECT_LE(player.most_held, Analyzer::kMaxHeldBytes);
}

TEST(SmbCarrier, SkipsTheDataOfFilesWithoutHoldingIt) {
  Recorder recorder;
  Player player{connection_to(445), recorder};
  player.play(client_says(smb2_write(Bytes(60'000, 'x'), 5, 9, 1)), {1000});
  EXPECT_LT(player.most_held, 4096U);
  for (const Turn& turn : smb2_logon()) player.play(turn, {});
  EXPECT_EQ(recorder.messages.size(), 3U);
}

TEST(SmbCarrier, GoesOnBehindAGap) {
  Recorder recorder;
  Player player{connection_to(445), recorder};
  const Talk talk = smb2_logon();
  player.play(talk[0], {});
  player.gap(Side::server, 300);
  player.play(server_says("the rest of something"), {});
  for (const Turn& turn : smb2_logon()) player.play(turn, {});
  EXPECT_EQ(recorder.messages.size(), 4U);
  EXPECT_THAT(recorder.lines, Contains("outcome 2 success STATUS_SUCCESS"));
}

TEST(SmbCarrier, SeesRawNtlmInSmb1) {
  const Talk talk{client_says(smb1_setup(negotiate_message(), 0, 1)),
                  server_says(smb1_setup_answer(challenge_message(), kMoreProcessing, 100, 1)),
                  client_says(smb1_setup(authenticate_message(), 100, 2)), server_says(smb1_setup_answer({}, 0, 100, 2, 1))};
  EXPECT_THAT(seen_in(connection_to(445), talk),
              ElementsAre("message 1 client smb1 type 1", "message 1 server smb1 type 2", "message 1 client smb1 type 3",
                          "outcome 1 success guest STATUS_SUCCESS"));
  expect_same_however_cut(connection_to(445), talk);
}

TEST(SmbCarrier, SeesSmb1LogonsWithoutNtlmsspAsLogonsAndNotAsMessages) {
  const Talk talk{server_says(smb1_negotiate_answer(as_bytes("8letters"))), client_says(smb1_classic_setup(2)),
                  server_says(smb1_setup_answer({}, kLogonFailure, 0, 2))};
  EXPECT_THAT(seen_in(connection_to(139), talk),
              ElementsAre("note signing-not-required server 0 ", "classic 1 LAB\\bob lm 24 nt 24 challenge 8",
                          "outcome 1 failure STATUS_LOGON_FAILURE"));
  expect_same_however_cut(connection_to(139), talk);
}

TEST(SmbCarrier, SaysOnceThatSealedMessagesCannotBeRead) {
  const Bytes sealed = nbss(joined({as_bytes("\xfdSMB"), Bytes(80)}));
  const Talk talk{client_says(smb2_setup_request(negotiate_message(), 1, 0)), client_says(sealed), server_says(sealed)};
  EXPECT_THAT(seen_in(connection_to(445), talk), ElementsAre("message 1 client smb2 type 1", "note encrypted client 0 "));
}

TEST(SmbCarrier, SeesTheSameHoweverTheStreamIsCut) {
  expect_same_however_cut(connection_to(445), smb2_logon());
  expect_same_however_cut(connection_to(445), pipe_logon(rpc_fault(2, 0x721)));
}

}  // namespace
}  // namespace postern::observe
