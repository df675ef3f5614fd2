// DCE/RPC over TCP, LDAP, TDS, mail and news, Telnet, RDP, Kerberos; and what is none of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/carriers/frames.hpp"
#include "observe/carriers/recorder.hpp"
#include "observe/carriers/talks.hpp"

namespace postern::observe {
namespace {

using testing::Contains;
using testing::ElementsAre;

/// The three messages of `carrier`, then its outcome.
void expect_logon(const std::vector<std::string>& lines, const std::string& carrier, const std::string& outcome) {
  std::vector<std::string> messages;
  for (const std::string& line : lines) {
    if (line.starts_with("message")) messages.push_back(line.substr(0, line.find(" type") + 7));
  }
  EXPECT_THAT(messages, ElementsAre("message 1 client " + carrier + " type 1", "message 1 server " + carrier + " type 2",
                                    "message 1 client " + carrier + " type 3"));
  EXPECT_THAT(lines, Contains("outcome 1 " + outcome));
}

// ---- DCE/RPC -----------------------------------------------------------------------------------------------------------------

Talk rpc_logon(const Bytes& last) {
  return {client_says(rpc_bind(1, efsr_uuid(), negotiate_message())), server_says(rpc(12, 1, Bytes(24), challenge_message())),
          client_says(rpc(16, 1, Bytes(4), authenticate_message())), client_says(rpc_request(2, 0)), server_says(last)};
}

TEST(RpcCarrier, SeesBindAndAuth3AndTellsByTheFirstCallHowItWent) {
  const auto lines = seen_in(connection_to(49'155), rpc_logon(rpc_response(2)));
  expect_logon(lines, "dcerpc", "success response");
  EXPECT_THAT(lines, Contains("note rpc-level client 6 "));
  expect_logon(seen_in(connection_to(49'155), rpc_logon(rpc_fault(2, 0x721))), "dcerpc", "failure fault 0x00000721");
}

TEST(RpcCarrier, KeepsAuthenticationContextsApart) {
  const Talk talk{client_says(rpc_bind(1, Bytes(16, 3), negotiate_message())),
                  server_says(rpc(12, 1, Bytes(24), challenge_message())),
                  client_says(rpc(14, 2, Bytes(8), negotiate_message(), 10, 6, 78)),
                  server_says(rpc(15, 2, Bytes(24), challenge_message(2), 10, 6, 78)),
                  client_says(rpc(16, 1, Bytes(4), authenticate_message()))};
  EXPECT_THAT(seen_in(connection_to(135), talk), Contains("message 2 server dcerpc type 2"));
  EXPECT_EQ(seen_in(connection_to(135), talk).back(), "message 1 client dcerpc type 3");
}

constexpr std::uint8_t kFirst = 1, kMiddle = 0, kLast = 2;

/// A bind of NEGOTIATE in three fragments, with the auth trailer on the last one, or a part of the token on each.
enum class Trailer : std::uint8_t { on_last, on_each };
std::vector<Bytes> bind_fragments(Trailer trailer, std::uint8_t type = 11, std::uint32_t call = 1) {
  const Bytes token = negotiate_message();
  const Bytes body = to_bytes(ByteView{rpc_bind(call, efsr_uuid(), {})}.subspan(16));
  const auto part = [&](std::size_t from, std::size_t to) {
    return trailer == Trailer::on_each ? to_bytes(ByteView{token}.subspan(from, to - from)) : Bytes{};
  };
  const Bytes rest = trailer == Trailer::on_each ? part(20, token.size()) : token;
  return {rpc(type, call, body, part(0, 10), 10, 6, 77, kFirst), rpc(type, call, Bytes(8), part(10, 20), 10, 6, 77, kMiddle),
          rpc(type, call, Bytes(8), rest, 10, 6, 77, kLast)};
}

TEST(RpcCarrier, PutsABindTogetherThatComesInSeveralFragments) {
  for (const Trailer trailer : {Trailer::on_last, Trailer::on_each}) {
    const std::vector<Bytes> fragments = bind_fragments(trailer);
    Talk talk;
    for (const Bytes& fragment : fragments) talk.push_back(client_says(fragment));
    Talk rest = rpc_logon(rpc_response(2));
    talk.insert(talk.end(), std::next(rest.begin()), rest.end());
    expect_logon(seen_in(connection_to(49'155), talk), "dcerpc", "success response");
    EXPECT_THAT(seen_in(connection_to(49'155), talk), Contains("note rpc-call client 0 MS-EFSR"))
        << "the first one names the interface";
    expect_same_however_cut(connection_to(49'155), talk);
  }
}

TEST(RpcCarrier, PutsAnAuth3TogetherAndTellsItsLastFrame) {
  const Bytes token = authenticate_message();
  const ByteView all{token};
  Recorder recorder;
  Player player{connection_to(135), recorder};
  player.play(client_says(rpc_bind(1, Bytes(16, 3), negotiate_message())), {});
  player.play(server_says(rpc(12, 1, Bytes(24), challenge_message())), {});
  player.play(client_says(rpc(16, 1, Bytes(4), all.first(30), 10, 6, 77, kFirst)), {});
  EXPECT_EQ(recorder.messages.size(), 2U) << "not before it is whole";
  player.play(client_says(rpc(16, 1, Bytes(4), all.subspan(30), 10, 6, 77, kLast)), {});
  ASSERT_EQ(recorder.messages.size(), 3U);
  EXPECT_EQ(recorder.messages[2], token);
  EXPECT_EQ(recorder.frames[2], 4U);
}

TEST(RpcCarrier, TellsNothingOfATokenWhoseFragmentIsMissing) {
  const std::vector<Bytes> fragments = bind_fragments(Trailer::on_each);
  const auto messages = [&](std::vector<Bytes> sent) {
    Recorder recorder;
    Player player{connection_to(135), recorder};
    for (const Bytes& fragment : sent) player.play(client_says(fragment), {});
    return recorder.messages.size();
  };
  EXPECT_EQ(messages({fragments[0], fragments[1], fragments[2]}), 1U);
  EXPECT_EQ(messages({fragments[1], fragments[2]}), 0U) << "no beginning";
  EXPECT_EQ(messages({fragments[0], fragments[1]}), 0U) << "no end";
  EXPECT_EQ(messages({fragments[0], bind_fragments(Trailer::on_each, 11, 2)[2]}), 0U) << "the end of another call";
  EXPECT_EQ(messages({fragments[0], bind_fragments(Trailer::on_each, 14)[2]}), 0U) << "the end of another PDU";
}

TEST(RpcCarrier, R36_KeepsLittleOfFragmentsThatNeverEnd) {
  Recorder recorder;
  Player player{connection_to(135), recorder};
  player.play(client_says(rpc(11, 1, Bytes(12), Bytes(40'000), 10, 6, 77, kFirst)), {});
  for (int i = 0; i < 20; ++i) player.play(client_says(rpc(11, 1, Bytes(12), Bytes(40'000), 10, 6, 77, kMiddle)), {});
  EXPECT_LE(player.most_held, Analyzer::kMaxHeldBytes);
}

TEST(RpcCarrier, CallsABindThatIsNotAcknowledgedAFailure) {
  const Talk talk{client_says(rpc(16, 1, Bytes(4), authenticate_message())), server_says(rpc(13, 1, Bytes(8)))};
  EXPECT_EQ(seen_in(connection_to(135), talk).back(), "outcome 1 failure bind_nak");
}

TEST(RpcCarrier, SeesTheSameHoweverTheStreamIsCut) { expect_same_however_cut(connection_to(135), rpc_logon(rpc_response(2))); }

// ---- LDAP --------------------------------------------------------------------------------------------------------------------

Talk ldap_logon(std::uint8_t result, std::string_view text = "") {
  return {client_says(ldap_sasl_bind(1, "GSS-SPNEGO", spnego_init(negotiate_message()))),
          server_says(ldap_bind_answer(1, 14, spnego_resp(challenge_message()))),
          client_says(ldap_sasl_bind(2, "GSS-SPNEGO", spnego_resp(authenticate_message()))),
          server_says(ldap_bind_answer(2, result, {}, text))};
}

TEST(LdapCarrier, SeesSaslBindsAndTheirResult) {
  expect_logon(seen_in(connection_to(389), ldap_logon(0)), "ldap", "success success (0)");
  expect_logon(
      seen_in(connection_to(389), ldap_logon(49, "80090308: LdapErr: comment: AcceptSecurityContext error, data 52e, v4563")),
      "ldap", "failure invalidCredentials (49)");
}

TEST(LdapCarrier, SeesSicilyBindsWhoseChallengeStandsInTheMatchedDn) {
  const Talk talk{client_says(ldap_sicily_bind(1, 0x89, {})),
                  server_says(ldap_bind_answer(1, 0, {}, "", as_bytes("NTLM"))),
                  client_says(ldap_sicily_bind(2, 0x8a, negotiate_message())),
                  server_says(ldap_bind_answer(2, 0, {}, "", challenge_message())),
                  client_says(ldap_sicily_bind(3, 0x8b, authenticate_message())),
                  server_says(ldap_bind_answer(3, 0, {}))};
  const auto lines = seen_in(connection_to(389), talk);
  expect_logon(lines, "ldap", "success success (0)");
  EXPECT_EQ(std::ranges::count_if(lines, [](const std::string& line) { return line.starts_with("outcome"); }), 1)
      << "the success that carries the challenge is none";
}

TEST(LdapCarrier, StopsWhereSealedBuffersBegin) {
  Talk talk = ldap_logon(0);
  talk.push_back(client_says(joined({big(40, 4), Bytes(40)})));
  EXPECT_EQ(seen_in(connection_to(389), talk).back(), "note encrypted client 0 ");
}

TEST(LdapCarrier, SaysThatTheServerRequiresSigning) {
  EXPECT_THAT(seen_in(connection_to(389), ldap_logon(8)), Contains("note signing-required server 0 "));
}

TEST(LdapCarrier, SeesTheSameHoweverTheStreamIsCut) { expect_same_however_cut(connection_to(389), ldap_logon(0)); }

// ---- TDS ---------------------------------------------------------------------------------------------------------------------

Talk tds_logon(const Bytes& last) {
  return {client_says(tds(0x12, Bytes(20))), client_says(tds(0x10, tds_login7(spnego_init(negotiate_message()), "sql1"))),
          server_says(tds(0x04, tds_token(0xed, spnego_resp(challenge_message())))),
          client_says(tds(0x11, spnego_resp(authenticate_message()))), server_says(tds(0x04, last))};
}

TEST(TdsCarrier, SeesTheLoginsSspiAndItsEnd) {
  const auto lines = seen_in(connection_to(1433), tds_logon(tds_token(0xad, Bytes(10))));
  expect_logon(lines, "mssql", "success LOGINACK");
  EXPECT_THAT(lines, Contains("message 1 client mssql type 1 spnego 1.3.6.1.4.1.311.2.2.10 target sql1"));
  expect_logon(seen_in(connection_to(1433), tds_logon(tds_token(0xaa, from_hex("184800000000").value()))), "mssql",
               "failure ERROR 18456");
}

TEST(TdsCarrier, PutsALoginTogetherThatCameInTwoPackets) {
  const Bytes login = tds_login7(negotiate_message(), "sql1");
  const Talk talk{client_says(tds(0x10, ByteView{login}.first(100), 0)), client_says(tds(0x10, ByteView{login}.subspan(100)))};
  EXPECT_THAT(seen_in(connection_to(1433), talk), ElementsAre("message 1 client mssql type 1 target sql1"));
}

TEST(TdsCarrier, TellsNothingOfALoginThatSaysAnotherLengthThanItHas) {
  const Bytes login = tds_login7(negotiate_message(), "sql1");
  const auto with = [&](ByteView bytes) { return seen_in(connection_to(1433), {client_says(tds(0x10, bytes))}).size(); };
  EXPECT_EQ(with(login), 1U);
  EXPECT_EQ(with(ByteView{login}.first(login.size() - 8)), 0U) << "the end of one that began in a gap has its fields elsewhere";
}

TEST(TdsCarrier, SaysThatALoginInsideTlsCannotBeRead) {
  const Talk talk{client_says(tds(0x12, Bytes(20))), client_says(tds(0x12, Bytes{0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0}))};
  EXPECT_THAT(seen_in(connection_to(1433), talk), ElementsAre("note encrypted client 0 "));
}

TEST(TdsCarrier, SeesTheSameHoweverTheStreamIsCut) {
  expect_same_however_cut(connection_to(1433), tds_logon(tds_token(0xad, Bytes(10))));
}

// ---- mail and news -----------------------------------------------------------------------------------------------------------

struct TextCase {
  Carrier carrier;
  std::uint16_t port;
  std::vector<std::string> before;  ///< server, client, server, …
  std::string start, initial_ready, goes_on, success, failure;
};
const TextCase kTextCases[] = {
    {Carrier::smtp,
     25,
     {"220 mx ESMTP", "EHLO pc", "250 AUTH NTLM"},
     "AUTH NTLM",
     "334 ntlm supported",
     "334 ",
     "235 2.7.0 ok",
     "535 5.7.3 no"},
    {Carrier::imap,
     143,
     {"* OK ready", "a1 CAPABILITY", "a1 OK"},
     "a2 AUTHENTICATE NTLM",
     "+ ",
     "+ ",
     "a2 OK done",
     "a2 NO failed"},
    {Carrier::pop3, 110, {"+OK ready", "AUTH", "+OK", ".", "."}, "AUTH NTLM", "+ ", "+ ", "+OK in", "-ERR out"},
    {Carrier::nntp, 119, {"200 news", "MODE READER", "200 ok"}, "AUTHINFO SASL NTLM", "383 ", "383 ", "281 in", "481 out"},
};
Talk text_logon(const TextCase& c, bool success) {
  Talk talk;
  for (std::size_t i = 0; i < c.before.size(); ++i)
    talk.push_back({i % 2 == 0 ? Side::server : Side::client, to_bytes(as_bytes(c.before[i] + "\r\n"))});
  talk.push_back(client_says(c.start + "\r\n"));
  talk.push_back(server_says(c.initial_ready + "\r\n"));
  talk.push_back(client_says(to_base64(negotiate_message()) + "\r\n"));
  talk.push_back(server_says(c.goes_on + to_base64(challenge_message()) + "\r\n"));
  talk.push_back(client_says(to_base64(authenticate_message()) + "\r\n"));
  talk.push_back(server_says((success ? c.success : c.failure) + "\r\n"));
  return talk;
}

TEST(TextCarriers, SeeAuthNtlmAndItsEnd) {
  for (const TextCase& c : kTextCases) {
    const std::string name{name_of(c.carrier)};
    for (const bool success : {true, false}) {
      const auto lines = seen_in(connection_to(c.port), text_logon(c, success));
      const std::string& line = success ? c.success : c.failure;
      std::string text = line.substr(0, line.find(' '));
      if (c.carrier == Carrier::imap) text = success ? "OK" : "NO";
      expect_logon(lines, name, (success ? "success " : "failure ") + text);
    }
    expect_same_however_cut(connection_to(c.port), text_logon(c, true));
  }
}

TEST(TextCarriers, TakeTheFirstMessageWithTheCommand) {
  const Talk talk{server_says("220 mx\r\n"), client_says("EHLO pc\r\n"),
                  client_says("AUTH NTLM " + to_base64(negotiate_message()) + "\r\n")};
  EXPECT_THAT(seen_in(connection_to(25), talk), ElementsAre("message 1 client smtp type 1"));
}

TEST(TextCarriers, StopAtTlsAndAtMailWithoutALogon) {
  const Talk tls{server_says("220 mx\r\n"), client_says("EHLO pc\r\n"), client_says("STARTTLS\r\n"), server_says("220 go\r\n"),
                 client_says(Bytes{0x16, 3, 1, 0, 1, 0})};
  EXPECT_THAT(seen_in(connection_to(25), tls), ElementsAre("note encrypted client 0 "));
  Recorder recorder;
  Player player{connection_to(25), recorder};
  player.play(server_says("220 mx\r\n"), {});
  player.play(client_says("EHLO pc\r\nMAIL FROM:<a@b>\r\n"), {});
  EXPECT_EQ(player.interest, Interest::done);
  EXPECT_TRUE(recorder.lines.empty());
}

// ---- Telnet, RDP -------------------------------------------------------------------------------------------------------------

Bytes telnet(std::uint8_t what, ByteView rest) {
  Bytes escaped;
  for (const std::uint8_t byte : rest) {
    escaped.push_back(byte);
    if (byte == 0xff) escaped.push_back(0xff);
  }
  return joined({Bytes{0xff, 0xfa, 37, what, 15, 0}, escaped, Bytes{0xff, 0xf0}});
}
Talk telnet_logon(std::uint8_t end) {
  const Bytes head(9, 0xff);
  return {server_says(Bytes{0xff, 0xfd, 37}),
          client_says(Bytes{0xff, 0xfb, 37}),
          server_says(Bytes{0xff, 0xfa, 37, 1, 15, 0, 0xff, 0xf0}),
          client_says(telnet(0, joined({head, negotiate_message()}))),
          server_says(telnet(2, joined({head, challenge_message(0xffff'ff00'ffff'0102)}))),
          client_says(telnet(0, joined({head, authenticate_message()}))),
          server_says(telnet(2, Bytes{end}))};
}

TEST(TelnetCarrier, SeesTheOptionsMessagesAndItsEnd) {
  expect_logon(seen_in(connection_to(23), telnet_logon(3)), "telnet", "success ACCEPT");
  expect_logon(seen_in(connection_to(23), telnet_logon(4)), "telnet", "failure REJECT");
  expect_same_however_cut(connection_to(23), telnet_logon(3));
}

Talk rdp_logon(const Bytes& last) {
  return {client_says(Bytes{3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0}),
          server_says(Bytes{3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 2, 0, 8, 0, 2, 0, 0, 0}),
          client_says(ts_request(spnego_init(negotiate_message()))),
          server_says(ts_request(spnego_resp(challenge_message()))),
          client_says(ts_request(spnego_resp(authenticate_message()))),
          server_says(last)};
}

TEST(RdpCarrier, SeesCredSspOutsideTls) {
  expect_logon(seen_in(connection_to(3389), rdp_logon(ts_key_proof())), "rdp", "success pubKeyAuth");
  expect_logon(seen_in(connection_to(3389), rdp_logon(ts_error(0xC000006D))), "rdp", "failure 0xC000006D");
  expect_same_however_cut(connection_to(3389), rdp_logon(ts_key_proof()));
}

TEST(RdpCarrier, SaysThatCredSspInsideTlsCannotBeRead) {
  Talk talk = rdp_logon({});
  talk.resize(2);
  talk.push_back(client_says(Bytes{0x16, 3, 1, 0, 1, 0}));
  EXPECT_THAT(seen_in(connection_to(3389), talk), ElementsAre("note encrypted client 0 "));
}

// ---- Kerberos ----------------------------------------------------------------------------------------------------------------

TEST(KerberosCarrier, SaysWhatWasAskedForAndWhatTheKdcAnswered) {
  const Bytes request = krb_tgs_request("cifs", "fs1.lab.test");
  const Bytes error = krb_error(7, "cifs", "fs1.lab.test");
  const Talk talk{client_says(joined({big(request.size(), 4), request})), server_says(joined({big(error.size(), 4), error}))};
  EXPECT_THAT(seen_in(connection_to(88), talk),
              ElementsAre("note tgs-request client 0 cifs/fs1.lab.test", "note kdc-error server 7 cifs/fs1.lab.test"));
  expect_same_however_cut(connection_to(88), talk);
  Recorder recorder;
  observe_kerberos_datagram(connection_to(88), Side::server, error, {}, recorder);
  EXPECT_THAT(recorder.lines, ElementsAre("note kdc-error server 7 cifs/fs1.lab.test"));
}

// ---- what is none ------------------------------------------------------------------------------------------------------------

TEST(Recognise, CountsTlsAndSocksAndDropsTheRest) {
  const auto kind = [](Bytes client, Bytes server = {}) { return recognise(connection_to(8080), client, server).kind; };
  EXPECT_EQ(kind(Bytes{0x16, 3, 1, 2, 0}), Recognition::Kind::tls);
  EXPECT_EQ(kind(Bytes{5, 2, 0, 2}), Recognition::Kind::socks);
  EXPECT_EQ(kind(to_bytes(as_bytes("SSH-2.0-OpenSSH_9.2\r\n"))), Recognition::Kind::nothing);
  EXPECT_EQ(kind(Bytes(40, 0x80)), Recognition::Kind::nothing);
  EXPECT_EQ(kind({}), Recognition::Kind::undecided);
  EXPECT_EQ(kind(to_bytes(as_bytes("GE"))), Recognition::Kind::undecided);
  EXPECT_EQ(kind(to_bytes(as_bytes("GET /"))), Recognition::Kind::carrier);
}

TEST(Recognise, WaitsForTheClientWhereTheServersGreetingIsManyProtocols) {
  const Bytes greeting = to_bytes(as_bytes("220 ready\r\n"));
  const auto kind = [&](std::string_view client) { return recognise(connection_to(21), as_bytes(client), greeting).kind; };
  EXPECT_EQ(kind(""), Recognition::Kind::undecided);
  EXPECT_EQ(kind("EHLO pc\r\n"), Recognition::Kind::carrier);
  EXPECT_EQ(kind("USER anonymous\r\n"), Recognition::Kind::nothing) << "FTP";
}

TEST(Analyzers, HoldLittleWhateverComes) {
  // Records that promise much and never end, for each carrier.
  const Bytes starts[] = {to_bytes(as_bytes("GET / HTTP/1.1\r\nCookie: ")),
                          from_hex("00fffffffe534d424000").value(),
                          from_hex("05000b0310000000ffff0000").value(),
                          from_hex("3084ffffff00020101600000").value(),
                          from_hex("10010fff00000100").value(),
                          to_bytes(as_bytes("AUTH NTLM ")),
                          from_hex("fffa2500").value(),
                          from_hex("3084ffff0000a0030201066a").value()};
  for (const Bytes& start : starts) {
    Recorder recorder;
    Player player{connection_to(445), recorder};
    player.play(client_says(start), {});
    for (int i = 0; i < 400; ++i) player.play(client_says(Bytes(1460, 'A')), {});
    EXPECT_LE(player.most_held, Analyzer::kMaxHeldBytes / 2);
  }
}

}  // namespace
}  // namespace postern::observe
