// Writes the kept corpora of the observe targets: make_observe_corpus fuzz/corpus
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "observe/carriers/frames.hpp"
#include "observe/carriers/talks.hpp"

namespace {

using namespace postern;
using namespace postern::observe;

constexpr std::uint8_t kClient = 0;
constexpr std::uint8_t kServer = 1;
constexpr std::uint8_t kGap = 2;
constexpr std::uint32_t kMoreProcessing = 0xC0000016;

/// A packet as observe_carrier.hpp reads it.
Bytes packet(std::uint8_t from, ByteView bytes) {
  return joined({Bytes{from, static_cast<std::uint8_t>(bytes.size()), static_cast<std::uint8_t>(bytes.size() >> 8)}, bytes});
}
Bytes packet(std::uint8_t from, std::string_view text) { return packet(from, as_bytes(text)); }

void write(const std::filesystem::path& folder, const std::string& target, const std::string& name, ByteView input) {
  const std::filesystem::path path = folder / ("observe_" + target);
  std::filesystem::create_directories(path);
  std::ofstream out{path / name, std::ios::binary};
  out.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
}

Bytes text_logon(std::uint8_t choice, std::string_view start, std::string_view go_on, std::string_view end) {
  const auto line = [](std::string_view before, const Bytes& token) { return std::string{before} + to_base64(token) + "\r\n"; };
  return joined({Bytes{choice}, packet(kClient, start), packet(kServer, std::string{go_on} + "\r\n"),
                 packet(kClient, line("", negotiate_message())), packet(kServer, line(go_on, challenge_message())),
                 packet(kClient, line("", authenticate_message())), packet(kServer, end)});
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const std::filesystem::path folder{arguments[1]};
  const std::string host = "Host: fs1\r\n";
  const auto authorization = [&](const Bytes& token) {
    return "GET /wsman HTTP/1.1\r\n" + host + "Authorization: NTLM " + to_base64(token) + "\r\n\r\n";
  };
  write(folder, "http", "logon",
        joined({Bytes{0}, packet(kClient, authorization(negotiate_message())),
                packet(kServer, "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM " + to_base64(challenge_message()) +
                                    "\r\nContent-Length: 3\r\n\r\nabc"),
                packet(kClient, authorization(authenticate_message())),
                packet(kServer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")}));
  const Bytes error_token =
      der(0x60, {der(0x06, from_hex("2a864886f712010202").value()), Bytes{3, 0}, krb_error(41, "HTTP", "web")});
  write(folder, "http", "kerberos-error",
        joined({Bytes{0}, packet(kClient, "GET / HTTP/1.1\r\nForwarded: for=a;proto=https\r\n\r\n"),
                packet(kServer, "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate " + to_base64(spnego_resp(error_token)) +
                                    "\r\nContent-Length: 0\r\n\r\n")}));
  write(folder, "http", "gap",
        joined({Bytes{0}, packet(kServer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), Bytes{kServer | kGap, 9, 0},
                packet(kServer, "HTTP/1.1 401 No\r\n\r\n")}));
  const Bytes smb =
      joined({Bytes{0}, packet(kClient, smb2_setup_request(spnego_init(negotiate_message()), 1, 0)),
              packet(kServer, smb2_setup_answer(spnego_resp(challenge_message()), kMoreProcessing, 1, 9)),
              packet(kClient, smb2_setup_request(spnego_resp(authenticate_message()), 2, 9)),
              packet(kServer, smb2_setup_answer({}, 0, 2, 9)), packet(kClient, smb2_tree_connect("\\\\fs1\\ipc$", 3, 9))});
  write(folder, "smb", "logon", smb);
  write(folder, "smb", "pipe",
        joined({smb, packet(kClient, smb2_write(rpc_bind(1, efsr_uuid(), negotiate_message()), 5, 4, 9)),
                packet(kClient, smb2_read(5, 5, 9)),
                packet(kServer, smb2_read_answer(rpc(12, 1, Bytes(24), challenge_message()), 5, 9)),
                packet(kClient, smb2_transceive(rpc_request(2, 0), 5, 6, 9, false)),
                packet(kServer, smb2_transceive(rpc_fault(2, 5), 5, 6, 9, true)), Bytes{kServer | kGap, 40, 0},
                packet(kServer, smb2_setup_answer({}, 0, 7, 9))}));
  write(folder, "rpc", "logon",
        joined({Bytes{0}, packet(kClient, rpc_bind(1, efsr_uuid(), negotiate_message())),
                packet(kServer, rpc(12, 1, Bytes(24), challenge_message())),
                packet(kClient, rpc(16, 1, Bytes(4), authenticate_message())), packet(kClient, rpc_request(2, 4)),
                packet(kServer, rpc_response(2))}));
  const Bytes token = negotiate_message();
  const ByteView parts{token};
  write(folder, "rpc", "fragments",
        joined({Bytes{0}, packet(kClient, rpc(11, 1, Bytes(12), parts.first(20), 10, 6, 77, 1)),
                packet(kClient, rpc(11, 1, Bytes(12), {}, 10, 6, 77, 0)),
                packet(kClient, rpc(11, 1, Bytes(12), parts.subspan(20), 10, 6, 77, 2)),
                packet(kServer, rpc(12, 1, Bytes(24), challenge_message(), 10, 6, 77, 1)), Bytes{kClient | kGap, 40, 0},
                packet(kClient, rpc(16, 1, Bytes(4), authenticate_message()))}));
  const Bytes bind = rpc_bind(1, efsr_uuid(), negotiate_message());
  const ByteView pieces{bind};
  write(folder, "smb", "pipe-pieces",
        joined({smb, packet(kClient, smb2_write(pieces.first(10), 5, 4, 9)),
                packet(kClient, smb2_write(pieces.subspan(10, 50), 5, 5, 9)),
                packet(kClient, smb2_write(joined({pieces.subspan(60), ByteView{rpc_request(2, 4)}.first(20)}), 5, 6, 9)),
                packet(kClient, smb2_write(ByteView{rpc_request(2, 4)}.subspan(20), 5, 7, 9)), packet(kClient, smb2_read(5, 8, 9)),
                packet(kServer, smb2_read_answer({}, 8, 9, 0x103)), packet(kServer, smb2_read_answer(rpc_response(2), 8, 9))}));
  write(folder, "ldap", "logon",
        joined({Bytes{0}, packet(kClient, ldap_sasl_bind(1, "GSS-SPNEGO", spnego_init(negotiate_message()))),
                packet(kServer, ldap_bind_answer(1, 14, spnego_resp(challenge_message()))),
                packet(kClient, ldap_sasl_bind(2, "GSS-SPNEGO", spnego_resp(authenticate_message()))),
                packet(kServer, ldap_bind_answer(2, 49, {}, "data 52e,"))}));
  write(folder, "ldap", "sicily",
        joined({Bytes{0}, packet(kClient, ldap_sicily_bind(2, 0x8a, negotiate_message())),
                packet(kServer, ldap_bind_answer(2, 0, {}, "", challenge_message())),
                packet(kClient, ldap_sicily_bind(3, 0x8b, authenticate_message())), packet(kServer, ldap_bind_answer(3, 0, {}))}));
  write(folder, "tds", "logon",
        joined({Bytes{0}, packet(kClient, tds(0x10, tds_login7(negotiate_message(), "sql1"))),
                packet(kServer, tds(0x04, tds_token(0xed, challenge_message()))),
                packet(kClient, tds(0x11, authenticate_message())), packet(kServer, tds(0x04, tds_token(0xad, Bytes(10))))}));
  const Bytes login = tds_login7(negotiate_message(), "sql1");
  write(folder, "tds", "packets",
        joined({Bytes{0}, packet(kClient, tds(0x10, ByteView{login}.first(100), 0)),
                packet(kClient, tds(0x10, ByteView{login}.subspan(100))), Bytes{kServer | kGap, 30, 0},
                packet(kServer, tds(0x04, tds_token(0xed, challenge_message()))),
                packet(kClient, tds(0x11, authenticate_message()))}));
  write(
      folder, "text", "gap",
      joined({text_logon(0, "AUTH NTLM\r\n", "334 ", "535 no\r\n"), Bytes{kClient | kGap, 30, 0}, packet(kClient, "AUTH NTLM\r\n"),
              packet(kServer, "334 \r\n"), packet(kClient, to_base64(negotiate_message()) + "\r\n")}));
  write(folder, "text", "smtp", text_logon(0, "AUTH NTLM\r\n", "334 ", "235 ok\r\n"));
  write(folder, "text", "imap", text_logon(1, "a AUTHENTICATE NTLM\r\n", "+ ", "a NO no\r\n"));
  write(folder, "text", "pop3", text_logon(2, "AUTH NTLM\r\n", "+ ", "+OK\r\n"));
  write(folder, "text", "nntp", text_logon(3, "AUTHINFO SASL NTLM\r\n", "383 ", "281 ok\r\n"));
  const auto option = [](std::uint8_t what, ByteView rest) {
    return joined({Bytes{0xff, 0xfa, 37, what, 15, 0}, rest, Bytes{0xff, 0xf0}});
  };
  write(folder, "telnet", "logon",
        joined({Bytes{0}, packet(kClient, option(0, negotiate_message())), packet(kServer, option(2, challenge_message())),
                packet(kServer, option(2, Bytes{3}))}));
  write(folder, "rdp", "logon",
        joined({Bytes{0}, packet(kClient, ts_request(spnego_init(negotiate_message()))),
                packet(kServer, ts_request(spnego_resp(challenge_message()))),
                packet(kClient, ts_request(spnego_resp(authenticate_message()))), packet(kServer, ts_error(0xC000006D))}));
  write(folder, "rdp", "gap",
        joined({Bytes{0}, packet(kClient, ts_request(spnego_init(negotiate_message()))), Bytes{kServer | kGap, 9, 0},
                packet(kServer, ts_request(spnego_resp(challenge_message())))}));
  const Bytes request = krb_tgs_request("cifs", "fs1");
  const Bytes error = krb_error(7, "cifs", "fs1");
  write(folder, "kerberos", "error",
        joined({Bytes{0}, packet(kClient, joined({big(request.size(), 4), request})),
                packet(kServer, joined({big(error.size(), 4), error}))}));
  for (const std::string_view start : {"GET / HTTP/1.1\r\n", "220 mx\r\nEHLO a\r\n", "* OK\r\na1 AUTHENTICATE NTLM\r\n"}) {
    write(folder, "recognise", "words-" + std::to_string(start.size()), as_bytes(start));
  }
  write(folder, "recognise", "smb", joined({Bytes{0xbd, 1}, smb2_setup_request(negotiate_message(), 1, 0)}));
  return 0;
}
