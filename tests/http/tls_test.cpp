// TLS: which certificate is served, and that the authority gets the bindings of that very one (R43).
#include <nlohmann/json.hpp>
#include <openssl/ssl.h>

#include "certificates.hpp"
#include "edge/binding/binding.hpp"
#include "gateway_fixture.hpp"
#include "scripted_upstream.hpp"

namespace postern::test {
namespace {

/// Runs a shell command and returns what it prints: the independent judge below.
std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  char bytes[256];
  while (const std::size_t got = std::fread(bytes, 1, sizeof bytes, pipe)) out.append(bytes, got);
  pclose(pipe);
  return out;
}

/// tls-server-end-point by the openssl command line and python's hashlib, with none of our code.
std::string independent_bindings(const std::string& pem, const std::string& hash) {
  return output_of("openssl x509 -in " + pem +
                   " -outform DER | python3 -c \"import sys,hashlib,struct;"
                   "d=b'tls-server-end-point:'+hashlib." +
                   hash +
                   "(sys.stdin.buffer.read()).digest();"
                   "print(hashlib.md5(bytes(16)+struct.pack('<I',len(d))+d).hexdigest(),end='')\"");
}

std::string hex(const ntlm::ChannelBindingHash& hash) { return to_hex(hash.bytes()); }

TEST(ChannelBindings, EmptyStructHasTheWellKnownMd5) {
  // The MD5 of a gss_channel_bindings_struct that is all zero; also what Windows computes for an empty one.
  const auto hash = binding::channel_binding_hash({});
  ASSERT_TRUE(hash);
  EXPECT_EQ(hex(*hash), output_of("python3 -c \"import hashlib;print(hashlib.md5(bytes(20)).hexdigest(),end='')\""));
  EXPECT_EQ(hex(*hash), "441018525208457705bf09a8ee3c1093");
}

class Certificates : public GatewayTest {
 protected:
  [[nodiscard]] std::string certificate_section(const std::string& file, const std::string& names = "") const {
    return "[[tls.certificate]]\nfile = \"" + directory + "/" + file + ".pem\"\nkey = \"" + directory + "/" + file + ".key\"\n" +
           (names.empty() ? "" : "names = [" + names + "]\n");
  }
  void start_tls(const std::string& sections) { start(sections, "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n"); }
  /// Logs on over TLS and returns the bindings that the authority was given.
  std::vector<std::string> bindings_of_logon(const TlsOptions& options = {}) {
    RawClient client{port()};
    if (!client.start_tls(options)) return {"no TLS"};
    const auto answer = log_on(client);
    if (!answer || answer->status != 200) return {"no logon"};
    std::vector<std::string> found;
    const ntlm::FinishRequest finish = authority->seen_finishes().back();
    for (const auto& hash : finish.channel_bindings) found.push_back(hex(hash));
    return found;
  }
};

TEST_F(Certificates, R43_TheHashIsTheSignaturesOwn) {
  struct Case {
    CertificateSpec spec;
    std::string hash;
  };
  const std::vector<Case> cases{
      {{"localhost", KeyKind::rsa, "SHA256", false}, "sha256"},     {{"localhost", KeyKind::rsa, "SHA384", false}, "sha384"},
      {{"localhost", KeyKind::ec_p384, "SHA384", false}, "sha384"}, {{"localhost", KeyKind::rsa, "SHA512", true}, "sha512"},
      {{"localhost", KeyKind::rsa, "SHA1", false}, "sha256"},       {{"localhost", KeyKind::rsa, "MD5", false}, "sha256"},
      {{"localhost", KeyKind::ec_p256, "SHA512", false}, "sha512"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string file = "c" + std::to_string(i);
    const auto certificate = make_certificate(directory + "/" + file, cases[i].spec);
    const auto hash = binding::bindings_of(certificate.get());
    ASSERT_TRUE(hash) << i;
    EXPECT_EQ(hex(*hash), independent_bindings(directory + "/" + file + ".pem", cases[i].hash)) << i;
  }
}

TEST_F(Certificates, R43_Ed25519CannotBeBoundAndIsSaidToBeSo) {
  const auto certificate = make_certificate(directory + "/ed", {"localhost", KeyKind::ed25519, "", false});
  EXPECT_EQ(binding::bindings_of(certificate.get()).error().code, ErrorCode::unsupported);
  const std::string text = config_text(certificate_section("ed"), "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n");
  const auto notes = http::check(parsed(text));
  ASSERT_TRUE(notes);
  ASSERT_EQ(notes->size(), 1U);
  EXPECT_NE(notes->front().find("ed.pem"), std::string::npos);
  start_tls(certificate_section("ed"));
  EXPECT_EQ(bindings_of_logon(), std::vector<std::string>{}) << "no bindings are sent";

  make_certificate(directory + "/rsa", {});
  const auto quiet = http::check(parsed(config_text(certificate_section("rsa"))));
  ASSERT_TRUE(quiet);
  EXPECT_TRUE(quiet->empty());
}

TEST_F(Certificates, R43_EachConnectionIsBoundToTheCertificateServedOnIt) {
  make_certificate(directory + "/rsa", {"one.test", KeyKind::rsa, "SHA256", false});
  make_certificate(directory + "/ecdsa", {"one.test", KeyKind::ec_p384, "SHA384", false});
  make_certificate(directory + "/two", {"two.test", KeyKind::rsa, "SHA384", false});
  start_tls(certificate_section("rsa") + certificate_section("ecdsa") + certificate_section("two"));
  const std::string rsa = independent_bindings(directory + "/rsa.pem", "sha256");
  const std::string ecdsa = independent_bindings(directory + "/ecdsa.pem", "sha384");
  const std::string two = independent_bindings(directory + "/two.pem", "sha384");
  EXPECT_EQ(bindings_of_logon({"one.test", "", "rsa_pss_rsae_sha256"}), std::vector<std::string>{rsa});
  EXPECT_EQ(bindings_of_logon({"one.test", "", "ecdsa_secp384r1_sha384"}), std::vector<std::string>{ecdsa});
  EXPECT_EQ(bindings_of_logon({"TWO.test", "", ""}), std::vector<std::string>{two});
  EXPECT_EQ(bindings_of_logon({"", "", "rsa_pss_rsae_sha256"}), std::vector<std::string>{rsa}) << "without SNI the first one";
  EXPECT_EQ(bindings_of_logon({"unknown.test", "", "rsa_pss_rsae_sha256"}), std::vector<std::string>{rsa});
}

TEST_F(Certificates, R43_ReloadServesAndBindsTheNewCertificateAndOldConnectionsKeepTheirs) {
  make_certificate(directory + "/a", {});
  start_tls(certificate_section("a"));
  const std::string before = independent_bindings(directory + "/a.pem", "sha256");
  RawClient kept{port()};
  ASSERT_TRUE(kept.start_tls());
  make_certificate(directory + "/a", {"localhost", KeyKind::ec_p256, "SHA256", false});
  const std::string after = independent_bindings(directory + "/a.pem", "sha256");
  const std::string text = config_text(certificate_section("a"), "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = true\n");
  ASSERT_TRUE(gateway->reload(parsed(text)));
  EXPECT_EQ(bindings_of_logon(), std::vector<std::string>{after});
  ASSERT_EQ(log_on(kept)->status, 200);
  EXPECT_EQ(hex(authority->seen_finishes().back().channel_bindings.at(0)), before);
}

TEST_F(Certificates, R43_HashesOfATerminatorInFrontAreAcceptedBesideOurs) {
  make_certificate(directory + "/own", {});
  make_certificate(directory + "/front", {"front.test", KeyKind::rsa, "SHA512", false});
  start_tls("[authentication]\nextra_binding_certificates = [\"" + directory + "/front.pem\"]\n" + certificate_section("own"));
  EXPECT_EQ(bindings_of_logon(), (std::vector<std::string>{independent_bindings(directory + "/own.pem", "sha256"),
                                                           independent_bindings(directory + "/front.pem", "sha512")}));
}

TEST_F(Certificates, R43_ResumedSessionsWouldServeNoCertificateSoThereAreNone) {
  make_certificate(directory + "/a", {});
  start_tls(certificate_section("a"));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawClient client{port()};
    ASSERT_TRUE(client.start_tls());
    ASSERT_EQ(client.ask(get())->status, 401);
    SSL_SESSION* session = SSL_get1_session(client.ssl());
    EXPECT_FALSE(SSL_SESSION_has_ticket(session)) << version;
    EXPECT_EQ(SSL_SESSION_is_resumable(session), 0) << version;
    SSL_SESSION_free(session);
  }
}

TEST_F(Certificates, AlpnSelectsHttp11AndNeverH2) {
  make_certificate(directory + "/a", {});
  start_tls(certificate_section("a"));
  const auto selected = [&](const std::string& offered) {
    RawClient client{port()};
    EXPECT_TRUE(client.start_tls({"", offered, ""}));
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &name, &size);
    return std::string{reinterpret_cast<const char*>(name), size};
  };
  EXPECT_EQ(selected("\x02h2\x08http/1.1"), "http/1.1");
  EXPECT_EQ(selected("\x02h2"), "");
}

TEST_F(Certificates, PageShowsTls) {
  make_certificate(directory + "/a", {});
  start_tls(certificate_section("a"));
  RawClient client{port()};
  ASSERT_TRUE(client.start_tls());
  const auto answer = log_on(client, "alice", "right", "/", "Accept: application/json\r\n");
  const auto json = nlohmann::json::parse(answer->body);
  EXPECT_EQ(json["tls"], true);
  EXPECT_EQ(json["tls_version"], "TLSv1.3");
  EXPECT_TRUE(authority->seen_begins()[0].connection.tls);
}

TEST_F(Certificates, TwoCertificatesOfOneKeyTypeForOneNameAreAnError) {
  make_certificate(directory + "/a", {});
  make_certificate(directory + "/b", {});
  const auto checked = http::check(parsed(config_text(certificate_section("a") + certificate_section("b"))));
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("b.pem"), std::string::npos) << checked.error().message;
}

TEST_F(Certificates, AMissingOrForeignKeyIsNamed) {
  make_certificate(directory + "/a", {});
  make_certificate(directory + "/b", {});
  std::filesystem::copy_file(directory + "/b.key", directory + "/a.key", std::filesystem::copy_options::overwrite_existing);
  const auto wrong = http::check(parsed(config_text(certificate_section("a"))));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("a.key"), std::string::npos) << wrong.error().message;
  const auto missing = http::check(parsed(config_text(certificate_section("none"))));
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("none.pem"), std::string::npos);
}

TEST_F(Certificates, AnHttpsUpstreamMustProveItsName) {
  make_certificate(directory + "/up", {"upstream.test", KeyKind::rsa, "SHA256", false});
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  ASSERT_EQ(SSL_CTX_use_certificate_file(context, (directory + "/up.pem").c_str(), SSL_FILETYPE_PEM), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context, (directory + "/up.key").c_str(), SSL_FILETYPE_PEM), 1);
  {
    ScriptedUpstream upstream{{}, context};
    const std::string url = "[upstream]\nurl = \"https://127.0.0.1:" + std::to_string(upstream.port) + "\"\n";
    const std::string trusted = "ca_file = \"" + directory + "/up.pem\"\n";
    start(url + trusted + "server_name = \"upstream.test\"\n");
    RawClient client{port()};
    EXPECT_EQ(log_on(client)->body, "upstream");
    EXPECT_EQ(client.ask(get("/again"))->body, "upstream");
    EXPECT_EQ(upstream.connections, 1) << "kept";
    gateway.reset();
    start(url + trusted + "server_name = \"other.test\"\n");
    RawClient wrong_name{port()};
    EXPECT_EQ(log_on(wrong_name)->status, 502);
    gateway.reset();
    start(url + "server_name = \"upstream.test\"\n");
    RawClient untrusted{port()};
    EXPECT_EQ(log_on(untrusted)->status, 502);
    gateway.reset();
  }
  SSL_CTX_free(context);
}

}  // namespace
}  // namespace postern::test
