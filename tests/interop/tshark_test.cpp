// tshark, given the password, opens what Postern sealed: an independent reading of the keys and of the key stream. It knows how to
// unseal NTLM within DCE/RPC, so a session is written down as such a capture: bind, bind_ack, auth3, then requests and responses
// at privacy level (MS-RPCE 2.2.2.11, C706 12.6).
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

#include "interop_support.hpp"
#include "ntlm/session_security.hpp"
#include "traffic.hpp"

namespace postern::interop {
namespace {

using enum NegotiateFlag;

constexpr const char* kTshark = "/usr/bin/tshark";

/// A capture of one TCP connection: classic pcap, Ethernet, IPv4.
class Capture {
 public:
  Capture() {
    out_.u32(0xa1b2'c3d4);
    out_.u16(2);
    out_.u16(4);
    out_.zeros(8);
    out_.u32(262'144);
    out_.u32(1);  // Ethernet
  }
  enum class From : std::uint8_t { client, server };
  void add(From from, ByteView payload) {
    std::uint32_t& sent = from == From::client ? client_sent_ : server_sent_;
    const std::uint32_t acknowledged = from == From::client ? server_sent_ : client_sent_;
    Writer packet;
    packet.zeros(12);
    packet.u16(0x0008);  // IPv4, in network order
    const auto big = [&packet](std::uint32_t value, unsigned bytes) {
      for (unsigned i = bytes; i-- > 0;) packet.u8(static_cast<std::uint8_t>(value >> 8 * i));
    };
    big(0x4500, 2);
    big(static_cast<std::uint32_t>(40 + payload.size()), 2);
    big(0, 4);
    big(0x4006'0000, 4);  // TTL 64, TCP, no checksum
    big(from == From::client ? kClient : kServer, 4);
    big(from == From::client ? kServer : kClient, 4);
    big(from == From::client ? kClientPort : kServerPort, 2);
    big(from == From::client ? kServerPort : kClientPort, 2);
    big(1 + sent, 4);
    big(1 + acknowledged, 4);
    big(0x5018, 2);  // 20 bytes, PSH and ACK
    big(0xffff, 2);
    big(0, 4);
    packet.bytes(payload);
    sent += static_cast<std::uint32_t>(payload.size());
    out_.u32(1'700'000'000);
    out_.u32(++number_);
    out_.u32(static_cast<std::uint32_t>(packet.size()));
    out_.u32(static_cast<std::uint32_t>(packet.size()));
    out_.bytes(packet.view());
  }
  void write(const std::filesystem::path& path) const {
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(out_.view().data()),
                                                static_cast<std::streamsize>(out_.size()));
  }

 private:
  static constexpr std::uint32_t kClient = 0x7f00'0001, kServer = 0x7f00'0002, kClientPort = 40'000, kServerPort = 135;
  Writer out_{};
  std::uint32_t client_sent_ = 0, server_sent_ = 0, number_ = 0;
};

// ---- DCE/RPC -----------------------------------------------------------------------------------------------------------------

enum class Pdu : std::uint8_t { request = 0, response = 2, bind = 11, bind_ack = 12, auth3 = 16 };
constexpr std::size_t kHeaderBytes = 16, kTrailerBytes = 8;
constexpr std::uint8_t kNtlmSsp = 10, kPrivacy = 6;

void put_interface(Writer& out, std::string_view uuid_bytes, std::uint32_t version) {
  out.bytes(hex(uuid_bytes));
  out.u32(version);
}
constexpr std::string_view kNdr = "045d888aeb1cc9119fe808002b104860";
constexpr std::string_view kSomeInterface = "00112233445566778899aabbccddeeff";  // nobody's: its stubs stay bytes

/// A PDU with everything but its auth value: header, `body`, padding, trailer.
Bytes pdu_of(Pdu type, std::uint32_t call, ByteView body, std::size_t auth_bytes) {
  const std::size_t padding = (16 - body.size() % 16) % 16;
  Writer out;
  out.u8(5);
  out.u8(0);
  out.u8(static_cast<std::uint8_t>(type));
  out.u8(3);  // first and last fragment
  out.u32(0x10);
  out.u16(static_cast<std::uint16_t>(kHeaderBytes + body.size() + padding + kTrailerBytes + auth_bytes));
  out.u16(static_cast<std::uint16_t>(auth_bytes));
  out.u32(call);
  out.bytes(body);
  out.zeros(padding);
  out.u8(kNtlmSsp);
  out.u8(kPrivacy);
  out.u8(static_cast<std::uint8_t>(padding));
  out.u8(0);
  out.u32(1);
  return std::move(out).take();
}
Bytes with_token(Bytes pdu, ByteView token) {
  pdu.insert(pdu.end(), token.begin(), token.end());
  return pdu;
}

Bytes bind_of(ByteView negotiate) {
  Writer body;
  body.u16(5840);
  body.u16(5840);
  body.u32(0);
  body.u32(1);  // one context
  body.u16(0);
  body.u16(1);
  put_interface(body, kSomeInterface, 1);
  put_interface(body, kNdr, 2);
  return with_token(pdu_of(Pdu::bind, 1, body.view(), negotiate.size()), negotiate);
}
Bytes bind_ack_of(ByteView challenge) {
  Writer body;
  body.u16(5840);
  body.u16(5840);
  body.u32(1);
  body.u16(4);
  body.bytes(as_bytes(std::string_view{"135\0\0\0", 6}));  // the port, and to the next multiple of four
  body.u32(1);                                             // one result
  body.u32(0);                                             // acceptance
  put_interface(body, kNdr, 2);
  return with_token(pdu_of(Pdu::bind_ack, 1, body.view(), challenge.size()), challenge);
}
Bytes auth3_of(ByteView authenticate) { return with_token(pdu_of(Pdu::auth3, 1, Bytes(4), authenticate.size()), authenticate); }
/// A request or a response whose stub is sealed in place; header and trailer are signed with it.
Bytes sealed_pdu(SessionSecurity& from, Pdu type, std::uint32_t call, ByteView stub) {
  constexpr std::size_t kFixedBytes = 8;  // alloc_hint, context, and opnum or cancel count
  Writer body;
  body.u32(static_cast<std::uint32_t>(stub.size()));
  body.u32(0);
  body.bytes(stub);
  Bytes pdu = pdu_of(type, call, body.view(), kSignatureBytes);
  const MutableByteView all{pdu};
  const std::size_t clear = kHeaderBytes + kFixedBytes, sealed = pdu.size() - clear - kTrailerBytes;
  const Segment segments[] = {Segment::signed_only(all.first(clear)), Segment::sealed_in_place(all.subspan(clear, sealed)),
                              Segment::signed_only(all.last(kTrailerBytes))};
  const auto signature = from.seal(segments);
  EXPECT_TRUE(signature) << signature.error().to_line();
  return with_token(std::move(pdu), signature->bytes());
}

// ---- the session ---------------------------------------------------------------------------------------------------------------

/// Of growing size, up to some kilobytes.
std::vector<std::string> stubs() {
  std::vector<std::string> texts;
  for (int i = 0; i < 12; ++i)
    texts.push_back("Message " + std::to_string(i) + " " + std::string(static_cast<std::size_t>(32 * i * i), 'm'));
  for (std::string& text : texts) text.resize((text.size() + 15) / 16 * 16 + 8, '.');  // no padding, so that stub and text are one
  return texts;
}

class Tshark : public testing::Test {
 protected:
  void SetUp() override {
    if (access(kTshark, X_OK) != 0) GTEST_SKIP() << "tshark is not installed (apt-get install tshark)";
    path_ = std::filesystem::path{testing::TempDir()} / ("postern-tshark-" + std::to_string(getpid()) + ".pcap");
  }
  void TearDown() override { std::filesystem::remove(path_); }

  /// Our client and our server in one process, and the capture of what they would have sent.
  void record(const OurForm& form) {
    auto client = our_client(kPassword, form);
    auto server = our_server(client.negotiate_message(), form.lm_keys);
    ASSERT_TRUE(server);
    Capture capture;
    capture.add(Capture::From::client, bind_of(client.negotiate_message()));
    capture.add(Capture::From::server, bind_ack_of(server->challenge_message()));
    const auto answered = answer(std::move(client), server->challenge_message());
    ASSERT_TRUE(answered) << answered.error().to_line();
    capture.add(Capture::From::client, auth3_of(answered->authenticate_message()));
    const auto accepted = finish_any(std::move(*server), answered->authenticate_message(), kPassword);
    ASSERT_TRUE(accepted) << accepted.error().to_line();
    ASSERT_EQ(session_bits(accepted->negotiated()).to_hex(), session_bits(form.offered).to_hex());
    SessionSecurity ours{answered->negotiated(), answered->exported_session_key(), Role::client};
    SessionSecurity theirs{accepted->negotiated(), accepted->exported_session_key(), Role::server};
    std::uint32_t call = 2;
    for (const std::string& stub : stubs()) {
      const bool request = call % 2 == 0;
      const Bytes pdu = request ? sealed_pdu(ours, Pdu::request, call / 2 + 1, as_bytes(stub))
                                : sealed_pdu(theirs, Pdu::response, call / 2 + 1, as_bytes(stub));
      capture.add(request ? Capture::From::client : Capture::From::server, pdu);
      ++call;
    }
    capture.write(path_);
  }
  /// What tshark unseals, one stub an element, in hex.
  std::vector<std::string> unsealed_with(const std::string& password) const {
    const std::string command =
        std::string{"XDG_CONFIG_HOME="} + testing::TempDir() + " " + kTshark + " -n -r " + path_.string() +
        " -o ntlmssp.nt_password:" + password +
        " -T fields -E occurrence=f -e dcerpc.decrypted_stub_data -Y dcerpc.decrypted_stub_data 2>/dev/null";
    std::vector<std::string> lines;
    std::FILE* const pipe = popen(command.c_str(), "r");
    char* line = nullptr;
    std::size_t capacity = 0;
    while (getline(&line, &capacity, pipe) > 0) {
      std::string text{line};
      std::erase_if(text, [](char letter) { return letter == '\n' || letter == ':'; });
      lines.push_back(std::move(text));
    }
    std::free(line);
    EXPECT_EQ(pclose(pipe), 0) << command;
    return lines;
  }
  static std::vector<std::string> expected() {
    std::vector<std::string> lines;
    for (const std::string& stub : stubs()) lines.push_back(to_hex(as_bytes(stub)));
    return lines;
  }

  std::filesystem::path path_{};
};

constexpr NegotiateFlags kSealing = InitiatorConfig::kDefaultOffer.with(seal);

/// What tshark 4.0 unseals: sessions with ESS and an exchanged key of 128 bit (docs/peers.md).
const std::pair<const char*, OurForm> kForms[] = {
    {"NTLMv2", {kSealing}},
    {"NTLMv2, OEM text", {kSealing.without(unicode)}},
    {"NTLMv2, no 56 bit", {kSealing.without(key_56)}},
    {"NTLMv1 with ESS", {kSealing, ResponseKind::danger_ntlm_v1}},
};

TEST_F(Tshark, UnsealsWithThePasswordWhatBothSidesSealed) {
  for (const auto& [name, form] : kForms) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(record(form));
    EXPECT_EQ(unsealed_with(kPassword), expected());
  }
}

TEST_F(Tshark, UnsealsNothingWithAnotherPassword) {
  for (const auto& [name, form] : kForms) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(record(form));
    for (const std::string& stub : unsealed_with(kWrongPassword)) {
      for (const std::string& plain : expected()) EXPECT_NE(stub, plain);
    }
  }
}

}  // namespace
}  // namespace postern::interop
