// Connectionless NTLM against gss-ntlmssp. Its client is reached through MIT's GSSAPI; its server speaks first, to an empty token,
// which MIT's GSSAPI gives to SPNEGO instead: so the mechanism is loaded by itself.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "gss_peer.hpp"

#if defined(POSTERN_HAS_GSSAPI)
namespace postern::interop {
namespace {

constexpr const char* kMechanism = "gssntlmssp/gssntlmssp.so";  // beside the system's libraries

/// The calls of the mechanism that the server needs.
struct Mechanism {
  decltype(&gss_accept_sec_context) accept = nullptr;
  decltype(&gss_delete_sec_context) remove = nullptr;
  decltype(&gss_wrap) wrap = nullptr;
  decltype(&gss_unwrap) unwrap = nullptr;
  decltype(&gss_get_mic) get_mic = nullptr;
  decltype(&gss_verify_mic) verify_mic = nullptr;
  decltype(&gss_set_sec_context_option) set_option = nullptr;

  /// Null if the file is not there.
  static const Mechanism* loaded() {
    static const Mechanism mechanism = [] {
      Mechanism found;
      Dl_info where{};
      // Beside libgssapi itself: /usr/lib/x86_64-linux-gnu, say.
      if (dladdr(reinterpret_cast<void*>(&gss_release_buffer), &where) == 0) return found;
      const auto path = std::filesystem::canonical(where.dli_fname).parent_path() / kMechanism;
      void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) return found;
      const auto load = [library](auto& call, const char* name) {
        call = reinterpret_cast<std::remove_reference_t<decltype(call)>>(dlsym(library, name));
      };
      load(found.accept, "gss_accept_sec_context");
      load(found.remove, "gss_delete_sec_context");
      load(found.wrap, "gss_wrap");
      load(found.unwrap, "gss_unwrap");
      load(found.get_mic, "gss_get_mic");
      load(found.verify_mic, "gss_verify_mic");
      load(found.set_option, "gss_set_sec_context_option");
      return found;
    }();
    return mechanism.accept == nullptr ? nullptr : &mechanism;
  }
};

class GssDatagram : public GssPeer {
 protected:
  void TearDown() override {
    remove_server();
    GssPeer::TearDown();
  }
  void remove_server() {
    OM_uint32 minor = 0;
    if (server_ != GSS_C_NO_CONTEXT) Mechanism::loaded()->remove(&minor, &server_, GSS_C_NO_BUFFER);
    server_ = GSS_C_NO_CONTEXT;
  }

  // ---- its client at our server ----
  Result<Established> log_on_here(const char* password, OM_uint32 wanted, std::optional<NegotiateFlags> flags = std::nullopt) {
    forget();
    write_password(password);
    acquire(GSS_C_INITIATE, flags);
    Bytes nothing, authenticate;
    EXPECT_EQ(initiate({}, nothing, GSS_C_NO_CHANNEL_BINDINGS, wanted | kDatagramFlag), GSS_S_CONTINUE_NEEDED);
    EXPECT_TRUE(nothing.empty()) << "the server speaks first";
    auto server = Acceptor::start_datagram(our_server_config(), fixed<wire::ServerChallenge>("5152535455565758"), now());
    if (!server) return std::unexpected{server.error()};
    EXPECT_EQ(initiate(server->challenge_message(), authenticate, GSS_C_NO_CHANNEL_BINDINGS, wanted | kDatagramFlag),
              GSS_S_COMPLETE);
    return finish(std::move(*server), authenticate, hash_of(kPassword));
  }
  std::optional<Session> session_here(OM_uint32 wanted = kWanted, std::optional<NegotiateFlags> flags = std::nullopt) {
    const auto done = log_on_here(kPassword, wanted, flags);
    EXPECT_TRUE(done) << done.error().to_line();
    if (!done) return std::nullopt;
    EXPECT_TRUE(done->negotiated().has(NegotiateFlag::datagram));
    EXPECT_EQ(session_key(), to_hex(done->exported_session_key().reveal()));
    return Session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::server}, traffic()};
  }

  // ---- our client at its server ----
  OM_uint32 accept_directly(ByteView in, Bytes& out) {
    gss_buffer_desc token = buffer_of(in), reply{};
    OM_uint32 minor = 0;
    const OM_uint32 major = Mechanism::loaded()->accept(&minor, &server_, GSS_C_NO_CREDENTIAL, &token, GSS_C_NO_CHANNEL_BINDINGS,
                                                        nullptr, nullptr, &reply, nullptr, nullptr, nullptr);
    out = take(reply);
    return major;
  }
  std::optional<ClientEstablished> log_on_there(const char* password) {
    remove_server();
    write_password(kPassword);
    const NegotiateFlags offered = InitiatorConfig::kDefaultOffer.with(NegotiateFlag::seal);
    auto client = Initiator::start_datagram(our_client_config(password, {offered})).value();
    EXPECT_TRUE(client.negotiate_message().empty());
    Bytes challenge, nothing;
    EXPECT_EQ(accept_directly({}, challenge), GSS_S_CONTINUE_NEEDED);
    auto done = answer(std::move(client), challenge);
    EXPECT_TRUE(done) << done.error().to_line();
    if (!done || accept_directly(done->authenticate_message(), nothing) != GSS_S_COMPLETE) return std::nullopt;
    return std::move(*done);
  }
  PeerTraffic direct_traffic() {
    PeerTraffic peer;
    peer.wrap = [this](ByteView text) -> std::optional<Bytes> {
      gss_buffer_desc in = buffer_of(text), out{};
      OM_uint32 minor = 0;
      int confidential = 0;
      if (Mechanism::loaded()->wrap(&minor, server_, 1, GSS_C_QOP_DEFAULT, &in, &confidential, &out) != GSS_S_COMPLETE) return {};
      return take(out);
    };
    peer.unwrap = [this](ByteView token) -> std::optional<Bytes> {
      gss_buffer_desc in = buffer_of(token), out{};
      OM_uint32 minor = 0;
      if (Mechanism::loaded()->unwrap(&minor, server_, &in, &out, nullptr, nullptr) != GSS_S_COMPLETE) return {};
      return take(out);
    };
    peer.sign = [this](ByteView text) -> std::optional<Bytes> {
      gss_buffer_desc in = buffer_of(text), out{};
      OM_uint32 minor = 0;
      if (Mechanism::loaded()->get_mic(&minor, server_, GSS_C_QOP_DEFAULT, &in, &out) != GSS_S_COMPLETE) return {};
      return take(out);
    };
    peer.verify = [this](ByteView text, ByteView signature) {
      gss_buffer_desc in = buffer_of(text), mic = buffer_of(signature);
      OM_uint32 minor = 0;
      return Mechanism::loaded()->verify_mic(&minor, server_, &in, &mic, nullptr) == GSS_S_COMPLETE;
    };
    peer.set_number = [this](std::uint32_t number) {
      gss_buffer_desc value{sizeof number, &number};
      OM_uint32 minor = 0;
      EXPECT_EQ(Mechanism::loaded()->set_option(&minor, &server_, &set_seq_num_oid, &value), GSS_S_COMPLETE);
    };
    return peer;
  }
  std::optional<Session> session_there() {
    const auto done = log_on_there(kPassword);
    EXPECT_TRUE(done) << "refused";
    if (!done) return std::nullopt;
    EXPECT_TRUE(done->negotiated().has(NegotiateFlag::datagram));
    return Session{SessionSecurity{done->negotiated(), done->exported_session_key(), Role::client}, direct_traffic()};
  }

  gss_ctx_id_t server_ = GSS_C_NO_CONTEXT;
};

#define REQUIRE_THE_MECHANISM() \
  if (Mechanism::loaded() == nullptr) GTEST_SKIP() << kMechanism << " is not beside MIT's GSSAPI (apt-get install gss-ntlmssp)"

/// Sealed and signed, in any order, each under its own number.
template <typename MakeSession>
void expect_datagrams(const MakeSession& make) {
  const std::initializer_list<Kind> both{Kind::sealed, Kind::signed_only};
  std::optional<Session> session = make();
  ASSERT_TRUE(session && session->ours.is_datagram());
  ASSERT_NO_FATAL_FAILURE(expect_messages(*session, both, kUsualSizes));
  ASSERT_NO_FATAL_FAILURE(expect_many_messages(*session, both, 500));
  ASSERT_NO_FATAL_FAILURE(expect_messages(*session, both, kEverySize));
  session->number = 0x8000'0000;
  ASSERT_NO_FATAL_FAILURE(expect_many_messages(*session, both, 20));
  for (const Kind kind : both) {
    std::optional<Session> again = make();
    ASSERT_TRUE(again);
    ASSERT_NO_FATAL_FAILURE(expect_we_refuse_flipped_bits(*again, kind));
    ASSERT_NO_FATAL_FAILURE(expect_message(*again, kind, 64));
    ASSERT_NO_FATAL_FAILURE(expect_the_peer_refuses_a_flipped_bit(*again, kind));
  }
}

TEST_F(GssDatagram, ItsClientLogsOnHereAndDatagramsGoBothWays) {
  expect_datagrams([this] { return session_here(); });
}

TEST_F(GssDatagram, ItsClientChoosesTheStrengthOfTheKeyFromOurOffer) {
  constexpr NegotiateFlags kTheirOffer{0xa200'8207};
  for (const NegotiateFlags flags :
       {kTheirOffer.without(NegotiateFlag::key_128), kTheirOffer.without(NegotiateFlag::key_128).without(NegotiateFlag::key_56)}) {
    SCOPED_TRACE(flags.to_hex());
    std::optional<Session> session = session_here(kWanted, flags);
    ASSERT_TRUE(session);
    EXPECT_FALSE(session->ours.negotiated().has(NegotiateFlag::key_128));
    EXPECT_EQ(session->ours.negotiated().has(NegotiateFlag::key_56), flags.has(NegotiateFlag::key_56));
    ASSERT_NO_FATAL_FAILURE(expect_messages(*session, {Kind::sealed, Kind::signed_only}, kUsualSizes));
  }
}

TEST_F(GssDatagram, ItsClientIsRefusedHereWithAnotherPassword) {
  EXPECT_EQ(code_of(log_on_here(kWrongPassword, kWanted)), "wrong_password");
}

TEST_F(GssDatagram, OurClientLogsOnThereAndDatagramsGoBothWays) {
  REQUIRE_THE_MECHANISM();
  expect_datagrams([this] { return session_there(); });
}

TEST_F(GssDatagram, OurClientIsRefusedThereWithAnotherPassword) {
  REQUIRE_THE_MECHANISM();
  EXPECT_FALSE(log_on_there(kWrongPassword));
}

TEST_F(GssDatagram, AMessageUnderAnotherNumberIsRefusedOnBothSides) {
  std::optional<Session> session = session_here();
  ASSERT_TRUE(session);
  const Bytes text = text_of(64, 1);
  ASSERT_TRUE(session->ours.set_sequence_numbers({5, 5}));
  session->peer.set_number(6);
  const auto theirs = session->peer.sign(text);
  ASSERT_TRUE(theirs);
  EXPECT_EQ(code_of(session->ours.verify(text, *theirs)), "out_of_order");
  const auto ours = session->ours.sign(text);
  EXPECT_FALSE(session->peer.verify(text, ours->bytes()));
  session->peer.set_number(5);
  EXPECT_TRUE(session->peer.verify(text, ours->bytes()));
}

}  // namespace
}  // namespace postern::interop
#endif
