// Against Samba's GENSEC through its Python bindings: sealed and signed traffic, which ntlm_auth has not. Samba's server lets in
// nobody but anonymous without a domain's database, so that is the logon by which its server side seals.
#include <gtest/gtest.h>

#include "line_process.hpp"
#include "support/paths.hpp"
#include "traffic.hpp"

namespace postern::interop {
namespace {

using enum NegotiateFlag;

constexpr const char* kPython = "/usr/bin/python3";

class Gensec : public LineProcess {
 public:
  Gensec(const char* role, const char* feature, const char* password, const std::vector<const char*>& options = {})
      : LineProcess{arguments(role, feature, password, options)} {}

  PeerTraffic traffic() {
    PeerTraffic peer;
    peer.wrap = [this](ByteView text) { return ask_or_refused("WR " + to_base64(text)); };
    peer.unwrap = [this](ByteView token) { return ask_or_refused("UW " + to_base64(token)); };
    peer.sign = [this](ByteView text) { return ask_or_refused("SI " + to_base64(text)); };
    peer.verify = [this](ByteView text, ByteView signature) {
      return ask_or_refused("VE " + to_base64(text) + " " + to_base64(signature)).has_value();
    };
    return peer;
  }

 private:
  std::optional<Bytes> ask_or_refused(const std::string& line) {
    const std::string reply = ask(line);
    if (reply.substr(0, 3) == "NO ") return std::nullopt;
    EXPECT_EQ(reply.substr(0, 2), line.substr(0, 2));
    return from_base64(reply.substr(std::min<std::size_t>(3, reply.size()))).value_or(Bytes{});
  }
  static std::vector<std::string> arguments(const char* role, const char* feature, const char* password,
                                            const std::vector<const char*>& options) {
    setenv("GENSEC_PASSWORD", password, 1);
    std::vector<std::string> all{kPython, std::string{POSTERN_SOURCE_DIR} + "/tests/interop/gensec_peer.py", role, feature};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }
};

bool is_installed() {
  static const bool found = std::system((std::string{kPython} + " -c 'import samba.gensec' 2>/dev/null").c_str()) == 0;
  return found;
}
#define REQUIRE_GENSEC() \
  if (!is_installed()) GTEST_SKIP() << "Samba's Python bindings are not installed (apt-get install python3-samba)"

struct Form {
  const char* name;
  const char* feature;
  std::vector<const char*> options;  // smb.conf
  NegotiateFlags session;            // what is agreed of the bits that session security hangs on
};

constexpr NegotiateFlags set(std::initializer_list<NegotiateFlag> flags) {
  NegotiateFlags result;
  for (const NegotiateFlag flag : flags) result = result.with(flag);
  return result;
}
constexpr NegotiateFlags kModern = set({sign, seal, extended_session_security, key_exchange, key_128});
constexpr NegotiateFlags kOld = kModern.without(extended_session_security);

/// No LM_KEY: what Samba 4.17 seals under it opens with no key of MS-NLMP 3.4.5.3 (docs/peers.md).
const Form kForms[] = {
    {"NTLMv2", "seal", {}, kModern},
    {"NTLMv2, signing alone", "sign", {}, kModern.without(seal)},
    {"NTLMv2, 56 bit", "seal", {"ntlmssp_client:128bit=no", "ntlmssp_client:56bit=yes"}, kModern.without(key_128).with(key_56)},
    {"NTLMv2, 40 bit", "seal", {"ntlmssp_client:128bit=no"}, kModern.without(key_128)},
    {"NTLMv2, no key exchange", "seal", {"ntlmssp_client:keyexchange=no"}, kModern.without(key_exchange)},
    {"NTLMv1 with ESS", "seal", {"client ntlmv2 auth=no"}, kModern},
    {"NTLMv1", "seal", {"client ntlmv2 auth=no", "ntlmssp_client:ntlm2=no"}, kOld},
    {"NTLMv1, no key exchange",
     "seal",
     {"client ntlmv2 auth=no", "ntlmssp_client:ntlm2=no", "ntlmssp_client:keyexchange=no"},
     kOld.without(key_exchange)},
};

/// Samba's client at our acceptor.
Result<Established> log_on_here(Gensec& client) {
  auto server = our_server(client.ask_for("UP", "TT"));
  if (!server) return std::unexpected{server.error()};
  const Bytes authenticate = client.ask_for("UP " + to_base64(server->challenge_message()), "OK");
  return finish_any(std::move(*server), authenticate, kPassword);
}

void expect_session_here(const Form& form, const std::function<void(Session&)>& use) {
  Gensec client{"client", form.feature, kPassword, form.options};
  const auto done = log_on_here(client);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(session_bits(done->negotiated()).to_hex(), form.session.to_hex());
  EXPECT_EQ(to_hex(client.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal()));
  Session session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::server}, client.traffic()};
  use(session);
}

TEST(SambaGensec, ItsClientLogsOnHereInEveryVariantAndTrafficGoesBothWays) {
  REQUIRE_GENSEC();
  for (const Form& form : kForms) {
    SCOPED_TRACE(form.name);
    const bool seals = form.session.has(seal);
    ASSERT_NO_FATAL_FAILURE(expect_session_here(form, [seals](Session& session) {
      const std::initializer_list<Kind> both{Kind::sealed, Kind::signed_only}, one{Kind::signed_only};
      ASSERT_NO_FATAL_FAILURE(expect_messages(session, seals ? both : one, kUsualSizes));
      for (const Kind kind : seals ? both : one) ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(session, kind));
      ASSERT_NO_FATAL_FAILURE(expect_the_peer_refuses_a_flipped_bit(session, seals ? Kind::sealed : Kind::signed_only));
    }));
  }
}

TEST(SambaGensec, R7_ItsClientIsRefusedHereInEveryVariantWithAnotherPassword) {
  REQUIRE_GENSEC();
  for (const Form& form : kForms) {
    Gensec client{"client", form.feature, kWrongPassword, form.options};
    EXPECT_EQ(code_of(log_on_here(client)), "wrong_password") << form.name;
  }
}

TEST(SambaGensec, MessagesOfUpTo4MiBAndThousandsInARowGoBothWays) {
  REQUIRE_GENSEC();
  for (const Form& form : {kForms[0], kForms[6]}) {
    SCOPED_TRACE(form.name);
    ASSERT_NO_FATAL_FAILURE(expect_session_here(form, [](Session& session) {
      ASSERT_NO_FATAL_FAILURE(expect_messages(session, {Kind::sealed, Kind::signed_only}, kEverySize));
      ASSERT_NO_FATAL_FAILURE(expect_many_messages(session, {Kind::sealed, Kind::signed_only}, 2000));
    }));
  }
}

/// What Samba's server sees is our client without a user; what it proves is its server side of the traffic.
TEST(SambaGensec, OurAnonymousClientLogsOnThereAndTrafficGoesBothWays) {
  REQUIRE_GENSEC();
  for (const NegotiateFlags offered :
       {InitiatorConfig::kDefaultOffer.with(seal), InitiatorConfig::kDefaultOffer.with(seal).without(extended_session_security)}) {
    SCOPED_TRACE(offered.to_hex());
    Gensec server{"server", "seal", ""};
    auto client = our_client("", OurForm{offered, ResponseKind::anonymous});
    const Bytes challenge = server.ask_for("UP " + to_base64(client.negotiate_message()), "TT");
    const auto done = answer(std::move(client), challenge);
    ASSERT_TRUE(done) << done.error().to_line();
    server.ask_for("UP " + to_base64(done->authenticate_message()), "OK");
    EXPECT_EQ(to_hex(server.ask_for("GK", "GK")), to_hex(done->exported_session_key().reveal()));
    Session session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::client}, server.traffic()};
    ASSERT_NO_FATAL_FAILURE(expect_messages(session, {Kind::sealed, Kind::signed_only}, kEverySize));
    ASSERT_NO_FATAL_FAILURE(expect_many_messages(session, {Kind::sealed, Kind::signed_only}, 500));
    ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(session, Kind::sealed));
    ASSERT_NO_FATAL_FAILURE(expect_the_peer_refuses_a_flipped_bit(session, Kind::sealed));
  }
}

/// Its anonymous client, which no verification lets in and the dangerous call does. It takes ESS back in its AUTHENTICATE, and
/// Postern keeps what the CHALLENGE chose (docs/peers.md), so it is told not to offer that.
TEST(SambaGensec, R7_ItsAnonymousClientIsLetInHereByTheDangerousCallAlone) {
  REQUIRE_GENSEC();
  Gensec refused{"anonymous", "seal", ""};
  EXPECT_EQ(code_of(log_on_here(refused)), "wrong_password");
  Gensec client{"anonymous", "seal", "", {"ntlmssp_client:ntlm2=no"}};
  auto server = our_server(client.ask_for("UP", "TT"));
  ASSERT_TRUE(server);
  auto pending = std::move(*server).on_authenticate(client.ask_for("UP " + to_base64(server->challenge_message()), "OK"));
  ASSERT_TRUE(pending) << pending.error().to_line();
  auto nobody = danger_accept_anonymous(pending->request());
  ASSERT_TRUE(nobody);
  auto mic = pending->prove_mic(*nobody, ntlm::testing_support::kMicWaiver);
  auto bindings = pending->prove_bindings({}, ntlm::testing_support::kBindingsWaiver);
  ASSERT_TRUE(mic && bindings);
  const Established done =
      std::move(*pending).establish(std::move(*nobody), std::move(*mic), std::move(*bindings),
                                    TargetNameNotRequired{ntlm::testing_support::kTargetNameWaiver}, LogonAllowed{"test"});
  EXPECT_EQ(done.standing(), Standing::danger_anonymous);
  EXPECT_EQ(to_hex(client.ask_for("GK", "GK")), to_hex(done.exported_session_key().reveal()));
  Session session{SessionSecurity{done.negotiated(), done.exported_session_key(), Role::server}, client.traffic()};
  expect_messages(session, {Kind::sealed, Kind::signed_only}, kUsualSizes);
}

TEST(SambaGensec, ItsAnonymousClientTakesBackTheExtendedSecurityThatWasChosen) {
  REQUIRE_GENSEC();
  Gensec client{"anonymous", "seal", ""};
  const auto server = our_server(client.ask_for("UP", "TT"));
  ASSERT_TRUE(server);
  const Bytes authenticate = client.ask_for("UP " + to_base64(server->challenge_message()), "OK");
  EXPECT_TRUE(wire::ChallengeMessage::parse(server->challenge_message())->flags.has(extended_session_security));
  EXPECT_FALSE(wire::AuthenticateMessage::parse(authenticate)->flags.has(extended_session_security));
}

TEST(SambaGensec, OurClientWithAUserIsNotAnonymousThere) {
  REQUIRE_GENSEC();
  Gensec server{"server", "seal", ""};
  auto client = our_client(kPassword, InitiatorConfig::kDefaultOffer.with(seal));
  const Bytes challenge = server.ask_for("UP " + to_base64(client.negotiate_message()), "TT");
  const auto done = answer(std::move(client), challenge);
  ASSERT_TRUE(done) << done.error().to_line();
  EXPECT_EQ(server.ask("UP " + to_base64(done->authenticate_message())).substr(0, 2), "NO");
}

}  // namespace
}  // namespace postern::interop
