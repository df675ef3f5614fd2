// Bytes lost in the middle of a stream, for every carrier: the next logon on the connection is found, or the connection is given up
// and says so; and no logon is made of the messages of two.
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "observe/carriers/frames.hpp"
#include "observe/carriers/recorder.hpp"
#include "observe/carriers/talks.hpp"

namespace postern::observe {
namespace {

using testing::Contains;
using testing::Not;

enum class Behind : std::uint8_t { next_is_found, given_up };

/// Two logons on one connection, in turns; the outcome that each one ends with.
struct GapCase {
  std::string name;
  std::uint16_t port;
  Talk opening;  ///< before the first logon
  std::function<Talk(unsigned)> logon;
  Behind behind = Behind::next_is_found;
};

Bytes line(std::string_view before, const Bytes& token) {
  return to_bytes(as_bytes(std::string{before} + to_base64(token) + "\r\n"));
}

Bytes telnet_option(std::uint8_t what, ByteView rest) {
  Bytes escaped;
  for (const std::uint8_t byte : rest) {
    escaped.push_back(byte);
    if (byte == 0xff) escaped.push_back(0xff);
  }
  return joined({Bytes{0xff, 0xfa, 37, what, 15, 0}, escaped, Bytes{0xff, 0xf0}});
}

Talk text_logon(std::string start, std::string_view go_on, std::string end) {
  return {client_says(start + "\r\n"),
          server_says(std::string{go_on} + "\r\n"),
          client_says(line("", negotiate_message())),
          server_says(line(go_on, challenge_message())),
          client_says(line("", authenticate_message())),
          server_says(end + "\r\n")};
}

std::string authorization(const Bytes& token) {
  return "GET / HTTP/1.1\r\nHost: web\r\nAuthorization: NTLM " + to_base64(token) + "\r\n\r\n";
}

/// Every logon but the last is refused, so that another may follow on the same connection.
std::vector<GapCase> gap_cases() {
  std::vector<GapCase> cases;
  cases.push_back({"http", 80, {}, [](unsigned) {
                     return Talk{client_says(authorization(negotiate_message())),
                                 server_says("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM " + to_base64(challenge_message()) +
                                             "\r\nContent-Length: 0\r\n\r\n"),
                                 client_says(authorization(authenticate_message())),
                                 server_says("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")};
                   }});
  cases.push_back({"smb2", 445, {}, [](unsigned n) {
                     const std::uint64_t m = 4 * n + 1;
                     const std::uint64_t session = 0x4000 + n;
                     return Talk{client_says(smb2_setup_request(negotiate_message(), m, 0)),
                                 server_says(smb2_setup_answer(challenge_message(), 0xC0000016, m, session)),
                                 client_says(smb2_setup_request(authenticate_message(), m + 1, session)),
                                 server_says(smb2_setup_answer({}, 0xC000006D, m + 1, session))};
                   }});
  cases.push_back({"dcerpc", 135, {}, [](unsigned n) {
                     const std::uint32_t call = 4 * n + 1;
                     return Talk{client_says(rpc_bind(call, efsr_uuid(), negotiate_message())),
                                 server_says(rpc(12, call, Bytes(24), challenge_message())),
                                 client_says(rpc(16, call, Bytes(4), authenticate_message())),
                                 client_says(rpc_request(call + 1, 1)), server_says(rpc_fault(call + 1, 5))};
                   }});
  cases.push_back({"ldap", 389, {}, [](unsigned n) {
                     const auto id = static_cast<std::uint8_t>(4 * n + 1);
                     const auto next = static_cast<std::uint8_t>(id + 1);
                     return Talk{client_says(ldap_sasl_bind(id, "GSS-SPNEGO", spnego_init(negotiate_message()))),
                                 server_says(ldap_bind_answer(id, 14, spnego_resp(challenge_message()))),
                                 client_says(ldap_sasl_bind(next, "GSS-SPNEGO", spnego_resp(authenticate_message()))),
                                 server_says(ldap_bind_answer(next, 49, {}))};
                   }});
  cases.push_back({"mssql", 1433, {client_says(tds(0x12, Bytes(20)))}, [](unsigned) {
                     // SQL Server ends the connection behind a refusal, so a second login follows only what was lost.
                     return Talk{client_says(tds(0x10, tds_login7(spnego_init(negotiate_message()), "sql1"))),
                                 server_says(tds(0x04, tds_token(0xed, spnego_resp(challenge_message())))),
                                 client_says(tds(0x11, spnego_resp(authenticate_message()))),
                                 server_says(tds(0x04, tds_token(0xe3, Bytes(10))))};
                   }});
  cases.push_back(
      {"smtp", 25, {server_says("220 mx\r\n"), client_says("EHLO pc\r\n"), server_says("250 AUTH NTLM\r\n")}, [](unsigned) {
         return text_logon("AUTH NTLM", "334 ", "535 no");
       }});
  cases.push_back({"imap", 143, {server_says("* OK\r\n")}, [](unsigned n) {
                     const std::string tag = "a" + std::to_string(n);
                     return text_logon(tag + " AUTHENTICATE NTLM", "+ ", tag + " NO no");
                   }});
  cases.push_back({"pop3", 110, {server_says("+OK ready\r\n")}, [](unsigned) { return text_logon("AUTH NTLM", "+ ", "-ERR no"); }});
  cases.push_back(
      {"nntp", 119, {server_says("200 news\r\n"), client_says("MODE READER\r\n"), server_says("200 ok\r\n")}, [](unsigned) {
         return text_logon("AUTHINFO SASL NTLM", "383 ", "481 no");
       }});
  cases.push_back({"telnet", 23, {server_says(Bytes{0xff, 0xfd, 37}), client_says(Bytes{0xff, 0xfb, 37})}, [](unsigned) {
                     const Bytes head(9, 0);
                     return Talk{client_says(telnet_option(0, joined({head, negotiate_message()}))),
                                 server_says(telnet_option(2, joined({head, challenge_message()}))),
                                 client_says(telnet_option(0, joined({head, authenticate_message()}))),
                                 server_says(telnet_option(2, Bytes{4}))};
                   }});
  cases.push_back({"rdp",
                   3389,
                   {},
                   [](unsigned) {
                     return Talk{client_says(ts_request(spnego_init(negotiate_message()))),
                                 server_says(ts_request(spnego_resp(challenge_message()))),
                                 client_says(ts_request(spnego_resp(authenticate_message()))), server_says(ts_error(0xC000006D))};
                   },
                   Behind::given_up});
  return cases;
}

/// Plays `talk` without the bytes from `from` to `to` of turn `turn`.
void play_with_hole(Player& player, const Talk& talk, std::size_t turn, std::size_t from, std::size_t to) {
  for (std::size_t i = 0; i < talk.size(); ++i) {
    if (i != turn) {
      player.play(talk[i], {});
      continue;
    }
    const ByteView bytes{talk[i].bytes};
    if (from > 0) player.packet(talk[i].from, bytes.first(from));
    player.gap(talk[i].from, to - from);
    if (to < bytes.size()) player.packet(talk[i].from, bytes.subspan(to));
  }
}

/// The exchanges' messages: which types each has.
std::map<std::string, std::string> types_by_exchange(const std::vector<std::string>& lines) {
  std::map<std::string, std::string> types;
  for (const std::string& line : lines) {
    if (!line.starts_with("message ")) continue;
    const std::string number = line.substr(8, line.find(' ', 8) - 8);
    types[number] += line[line.find(" type ") + 6];
  }
  return types;
}

TEST(Gaps, LoseOneLogonAndNotTheNextWhateverTheCarrier) {
  for (const GapCase& c : gap_cases()) {
    if (c.behind != Behind::next_is_found) continue;
    const Talk first = c.logon(0);
    for (std::size_t turn = 0; turn < first.size(); ++turn) {
      const std::size_t size = first[turn].bytes.size();
      for (const auto& [from, to] : {std::pair{size / 4, size / 2}, std::pair{std::size_t{0}, size}, std::pair{size / 2, size}}) {
        Recorder recorder;
        Player player{connection_to(c.port), recorder};
        // One logon in peace, so that the carrier is known.
        for (const Turn& said : c.opening) player.play(said, {});
        for (const Turn& said : c.logon(1)) player.play(said, {});
        play_with_hole(player, first, turn, from, to);
        for (const Turn& said : c.logon(2)) player.play(said, {});
        const std::string where = c.name + " turn " + std::to_string(turn) + " from " + std::to_string(from);
        ASSERT_GE(recorder.messages.size(), 3U) << where;
        EXPECT_EQ(recorder.messages.back(), authenticate_message()) << where;
        const auto types = types_by_exchange(recorder.lines);
        EXPECT_EQ(std::ranges::count_if(types, [](const auto& entry) { return entry.second == "123"; }) >= 2, true) << where;
        for (const auto& [number, seen] : types) {
          EXPECT_TRUE(std::ranges::is_sorted(seen) && std::ranges::adjacent_find(seen) == seen.end()) << where << ": " << seen;
        }
        EXPECT_THAT(recorder.lines, Not(Contains(testing::HasSubstr("given-up")))) << where;
      }
    }
  }
}

TEST(Gaps, EndAConnectionWhoseRecordsCannotBeFoundAgainAndSaySo) {
  for (const GapCase& c : gap_cases()) {
    if (c.behind != Behind::given_up) continue;
    Recorder recorder;
    Player player{connection_to(c.port), recorder};
    play_with_hole(player, c.logon(0), 1, 10, 60);
    EXPECT_EQ(player.interest, Interest::done) << c.name;
    EXPECT_EQ(recorder.messages.size(), 1U) << c.name;
    EXPECT_THAT(recorder.lines, Contains("note given-up server 0 ")) << c.name;
    Recorder whole;
    Player unhurt{connection_to(c.port), whole};
    for (const Turn& said : c.logon(0)) unhurt.play(said, {});
    EXPECT_EQ(whole.messages.size(), 3U) << c.name;
    EXPECT_THAT(whole.lines, Not(Contains(testing::HasSubstr("given-up")))) << c.name;
  }
}

TEST(Gaps, EndAKerberosConnectionAndSaySo) {
  const Bytes request = krb_tgs_request("cifs", "fs1.lab.test");
  const Bytes error = krb_error(7, "cifs", "fs1.lab.test");
  const Talk talk{client_says(joined({big(request.size(), 4), request})), server_says(joined({big(error.size(), 4), error}))};
  Recorder recorder;
  Player player{connection_to(88), recorder};
  play_with_hole(player, talk, 1, 20, 40);
  EXPECT_EQ(player.interest, Interest::done);
  EXPECT_THAT(recorder.lines, testing::ElementsAre("note tgs-request client 0 cifs/fs1.lab.test", "note given-up server 0 "));
}

TEST(Gaps, NeverMakeOneLogonOfTwo) {
  // The CHALLENGE, the AUTHENTICATE and the next NEGOTIATE are lost: what follows is another logon than the one that began.
  for (const GapCase& c : gap_cases()) {
    if (c.behind != Behind::next_is_found) continue;
    Recorder recorder;
    Player player{connection_to(c.port), recorder};
    for (const Turn& said : c.opening) player.play(said, {});
    const Talk lost = c.logon(1);
    const Talk next = c.logon(2);
    const auto is_negotiate = [](const Turn& turn) { return turn.from == Side::client && turn.bytes.size() > 30; };
    std::size_t begun = 0;
    while (!is_negotiate(lost[begun])) player.play(lost[begun++], {});
    player.play(lost[begun], {});
    player.gap(Side::server, 300);
    player.gap(Side::client, 500);
    std::size_t at = 0;
    while (!is_negotiate(next[at])) ++at;
    for (++at; at < next.size(); ++at) player.play(next[at], {});
    for (const auto& [number, seen] : types_by_exchange(recorder.lines)) EXPECT_NE(seen, "123") << c.name;
  }
}

TEST(Gaps, AtAnyPlaceLeaveOnlyWholeMessages) {
  std::mt19937 random{11};  // NOLINT(bugprone-random-generator-seed): a test repeats itself
  const Bytes whole[] = {negotiate_message(), challenge_message(), authenticate_message()};
  for (const GapCase& c : gap_cases()) {
    for (int round = 0; round < 200; ++round) {
      Recorder recorder;
      Player player{connection_to(c.port), recorder};
      for (const Turn& said : c.opening) player.play(said, {});
      for (unsigned n = 0; n < 3; ++n) {
        const Talk talk = c.logon(n);
        const std::size_t turn = random() % talk.size();
        const std::size_t from = random() % talk[turn].bytes.size();
        play_with_hole(player, talk, turn, from, from + 1 + random() % (talk[turn].bytes.size() - from));
      }
      for (const Bytes& message : recorder.messages) {
        EXPECT_THAT(whole, Contains(message)) << c.name << ": a message with a hole in it";
      }
    }
  }
}

}  // namespace
}  // namespace postern::observe
