// Writes the kept corpus of the ntlm room's targets: messages of our own client, and of clients that lay them out otherwise.
// Usage: make_ntlm_corpus fuzz/corpus
#include <filesystem>
#include <fstream>

#include "../tests/ntlm/ntlm_test_support.hpp"
#include "ntlm/session_codec.hpp"

namespace {

using namespace postern;
using namespace postern::ntlm;
using namespace postern::ntlm::testing_support;

std::filesystem::path g_root;

void write(const char* target, const char* name, ByteView bytes) {
  std::filesystem::create_directories(g_root / target);
  std::ofstream{g_root / target / name, std::ios::binary} << as_text(bytes);
}
void write_exchange(const char* name, ByteView negotiate, ByteView authenticate) {
  Writer out;
  out.u16(static_cast<std::uint16_t>(negotiate.size()));
  out.bytes(negotiate);
  out.bytes(authenticate);
  write("acceptor", name, out.view());
  write("acceptor_raw", name, out.view());
}

void write_own(const char* name, wire::NegotiateFlags offered) {
  InitiatorConfig config;
  config.credentials = {"alice", "EXAMPLE", right_hash().duplicate()};
  config.target_name = "HTTP/www.example.org";
  config.offered = offered;
  auto start = Initiator::start(std::move(config)).value();
  auto server = Acceptor::on_negotiate(start.negotiate_message(), server_config(), server_challenge(), kNow).value();
  const Bytes negotiate = to_bytes(start.negotiate_message());
  const auto done = std::move(start).on_challenge(server.challenge_message(), {}, kNow).value();
  write_exchange(name, negotiate, done.authenticate_message());
}

void write_laid_out(const char* name, wire::NegotiateFlags offered, std::size_t payload_offset, ByteView av_pairs,
                    std::size_t tail) {
  RawAuthenticate message;
  message.flags = offered;
  message.payload_offset = payload_offset;
  message.user = offered.has(wire::NegotiateFlag::unicode) ? utf16("alice") : to_bytes(as_bytes("alice"));
  message.lm = Bytes(24, 0);
  message.nt = v2_response(response_key(right_hash(), "alice", ""), v2_blob(av_pairs, tail)).response;
  write_exchange(name, negotiate_of(offered), message.write());
}

void write_v1(const char* name, bool ess) {
  RawAuthenticate message;
  message.flags = wire::NegotiateFlags{0x00080201};
  message.user = utf16("alice");
  message.nt = to_bytes(desl(right_hash().reveal(), server_challenge().bytes()));
  if (ess) {
    message.lm = to_bytes(client_challenge().bytes());
    message.lm.resize(24);
  }
  write_exchange(name, negotiate_of(message.flags), message.write());
}

template <typename Message>
void write_frame(const char* target, const char* name, Message message, std::uint8_t version = kProtocolVersion) {
  const Bytes frame = encode(fixed<RequestNonce>("000102030405060708090a0b0c0d0e0f"), std::move(message), version).value();
  write(target, name, ByteView{frame}.subspan(4));
}

/// What fuzz/session_import.cpp takes: no AEAD around it.
class IdentityAead : public SessionAead {
 public:
  Result<Bytes> seal(ByteView, ByteView plain) override { return to_bytes(plain); }
  Result<SecretBytes> open(ByteView, ByteView sealed) override { return SecretBytes{sealed}; }
};

void write_session(const char* name, wire::NegotiateFlags flags, int messages_before) {
  SessionSecurity session{flags, fixed<ExportedSessionKey>("000102030405060708090a0b0c0d0e0f"), Role::client};
  Bytes text(9);
  for (int i = 0; i < messages_before; ++i) static_cast<void>(session.seal(text, text).value());
  IdentityAead aead;
  write("session_import", name, SessionCodec::export_session(session, aead).value());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  g_root = argv[1];
  write_own("own-unicode", InitiatorConfig::kDefaultOffer);
  write_own("own-oem", wire::NegotiateFlags{0xe2888216});
  write_own("own-no-key-exchange", wire::NegotiateFlags{0xa2088205});
  const Bytes empty = wire::AvPairsBuilder{}.finish();
  write_laid_out("firefox-no-tail", wire::NegotiateFlags{0x00088207}, 64, empty, 0);
  write_laid_out("curl-oem", wire::NegotiateFlags{0x00088206}, 64, empty, 4);
  wire::AvPairsBuilder announced;
  announced.add_flags(2).add(wire::AvId::channel_bindings, Bytes(16, 9)).add(wire::AvId::target_name, utf16("HTTP/x"));
  const Bytes with_mic = std::move(announced).finish();
  write_laid_out("chromium-mic", wire::NegotiateFlags{0x00088207}, 88, with_mic, 4);
  write_laid_out("mic-dropped", wire::NegotiateFlags{0x00088207}, 72, with_mic, 12);
  write_v1("ntlmv1", false);
  write_v1("ntlmv1-ess", true);

  write_frame(
      "authority_request", "begin",
      Request{BeginRequest{"gateway", Carrier::negotiate, {{"127.0.0.1", 40000}, {"::1", 443}, true}, hex("4e544c4d53535000")}});
  write_frame("authority_request", "finish",
              Request{FinishRequest{{}, hex("a10b3009"), {ChannelBindingHash{}}, {"HTTP/www.example.org", "HTTP/www"}, true}});
  write_frame("authority_request", "cancel", Request{CancelRequest{}});
  write_frame("authority_reply", "continue", Reply{Continue{{}, hex("4e544c4d53535000")}});
  Verdict verdict;
  verdict.status = NtStatus::success;
  verdict.identity = {"EXAMPLE", "alice", "S-1-5-21-1-2-3-1000", AccountKind::domain};
  verdict.groups = {"staff", "S-1-5-32-545"};
  verdict.facts = {"NTLM", "NTLMv2", "verified", "matched", "HTTP/www.example.org", "accepted", "PC7"};
  verdict.session_key.emplace();
  write_frame("authority_reply", "verdict", Reply{std::move(verdict)});
  write_frame("authority_reply", "denied", Reply{Verdict{}});
  write_frame("authority_reply", "denied-version-1", Reply{Verdict{}}, 1);
  Verdict explained;
  explained.status = NtStatus::bad_bindings;
  explained.decided = {DenialPoint::account_dc, DenialStage::verified, "AccountNetworks", "false", "not from there", "Ask."};
  explained.told = {
      DenialPoint::server, DenialStage::response, "ExtendedProtection", "always", "no channel bindings came", "Bind."};
  write_frame("authority_reply", "explained", Reply{std::move(explained)});
  write_frame("authority_request", "begin-version-1", Request{BeginRequest{"gateway", Carrier::ntlm, {}, hex("4e544c4d53535000")}},
              1);

  write_session("untouched", wire::NegotiateFlags{0x60080231}, 0);
  write_session("under-way", wire::NegotiateFlags{0x60080231}, 3);
  write_session("one-stream", wire::NegotiateFlags{0x00000231}, 2);
  write_session("lm-key-40", wire::NegotiateFlags{0x000002b1}, 1);
  write_session("connectionless", wire::NegotiateFlags{0x60080271}, 1);
  return 0;
}
