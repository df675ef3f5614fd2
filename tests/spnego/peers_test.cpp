#include <gtest/gtest.h>

#include "spnego/vectors.hpp"

namespace postern::spnego {
namespace {

using test::peer_token;
using test::peer_tokens;

NegTokenInit init(const std::string& name) { return std::get<NegTokenInit>(parse(peer_token(name)).value()); }
NegTokenResp resp(const std::string& name) { return std::get<NegTokenResp>(parse(peer_token(name)).value()); }

bool starts_as_ntlm(const std::optional<ByteView>& token, char type) {
  return token && token->size() > 12 && as_text(token->first(8)) == std::string_view("NTLMSSP\0", 8) &&
         (*token)[8] == static_cast<std::uint8_t>(type);
}

TEST(SpnegoPeers, EveryTokenOfMitAndSambaIsReadAndWrittenAgainByteForByte) {
  ASSERT_EQ(peer_tokens().size(), 13U);
  for (const auto& [name, bytes] : peer_tokens()) {
    const auto token = parse(bytes);
    ASSERT_TRUE(token) << name << ": " << token.error().to_line();
    const auto written = std::visit([](const auto& message) { return write(message); }, *token);
    ASSERT_TRUE(written) << name;
    EXPECT_EQ(to_hex(*written), to_hex(bytes)) << name;
  }
}

TEST(SpnegoPeers, InitiatorsOfferNtlmWithItsNegotiateInside) {
  for (const char* name : {"mit-gss-ntlmssp-initiator-0", "samba-initiator-0"}) {
    const NegTokenInit token = init(name);
    EXPECT_EQ(token.form, InitForm::rfc4178) << name;
    EXPECT_EQ(token.mech_types, std::vector<Oid>{kNtlmssp}) << name;
    EXPECT_TRUE(starts_as_ntlm(token.mech_token, 1)) << name;
    EXPECT_FALSE(token.mech_list_mic || token.req_flags || token.hint_name) << name;
    EXPECT_EQ(recognise(peer_token(name)), TokenKind::spnego_init);
  }
}

TEST(SpnegoPeers, AcceptorsChooseNtlmWithTheChallengeInside) {
  for (const char* name : {"mit-gss-ntlmssp-acceptor-0", "samba-acceptor-0"}) {
    const NegTokenResp token = resp(name);
    EXPECT_EQ(token.state, NegState::accept_incomplete) << name;
    EXPECT_EQ(token.supported_mech, kNtlmssp) << name;
    EXPECT_TRUE(starts_as_ntlm(token.response_token, 2)) << name;
    EXPECT_EQ(recognise(peer_token(name)), TokenKind::spnego_resp);
  }
}

TEST(SpnegoPeers, AuthenticateComesWithAMicListFromMitAndWithoutStateFromSamba) {
  const NegTokenResp mit = resp("mit-gss-ntlmssp-initiator-1");
  EXPECT_EQ(mit.state, NegState::accept_incomplete);
  EXPECT_TRUE(starts_as_ntlm(mit.response_token, 3));
  ASSERT_TRUE(mit.mech_list_mic);
  EXPECT_EQ(mit.mech_list_mic->size(), 16U);
  const NegTokenResp samba = resp("samba-initiator-1");
  EXPECT_FALSE(samba.state || samba.supported_mech || samba.mech_list_mic);
  EXPECT_TRUE(starts_as_ntlm(samba.response_token, 3));
}

TEST(SpnegoPeers, LastAnswerSaysCompletedWithAMicOnlyIfOneWasSent) {
  const NegTokenResp mit = resp("mit-gss-ntlmssp-acceptor-1");
  EXPECT_EQ(mit.state, NegState::accept_completed);
  ASSERT_TRUE(mit.mech_list_mic);
  EXPECT_EQ(mit.mech_list_mic->size(), 16U);
  const NegTokenResp samba = resp("samba-acceptor-1");
  EXPECT_EQ(samba.state, NegState::accept_completed);
  EXPECT_FALSE(samba.mech_list_mic || samba.response_token);
}

TEST(SpnegoPeers, HintsOfAnAcceptorThatSpeaksFirstAreNoMic) {
  for (const char* name : {"mit-hints", "samba-acceptor-hints"}) {
    const NegTokenInit token = init(name);
    EXPECT_EQ(token.form, InitForm::neg_token_init2) << name;
    ASSERT_TRUE(token.hint_name) << name;
    EXPECT_EQ(as_text(*token.hint_name), "not_defined_in_RFC4178@please_ignore") << name;
    EXPECT_FALSE(token.mech_list_mic || token.mech_token || token.hint_address) << name;
  }
}

TEST(SpnegoPeers, OptimisticTokenOfAnotherMechanismIsAnsweredWithRequestMic) {
  const NegTokenInit offer = init("optimistic");
  EXPECT_EQ(offer.mech_types, (std::vector<Oid>{kMsKerberos5, kKerberos5, kNtlmssp}));
  EXPECT_FALSE(starts_as_ntlm(offer.mech_token, 1));
  for (const char* name : {"mit-acceptor-optimistic", "samba-acceptor-optimistic"}) {
    const NegTokenResp token = resp(name);
    EXPECT_EQ(token.state, NegState::request_mic) << name;
    EXPECT_EQ(token.supported_mech, kNtlmssp) << name;
    EXPECT_FALSE(token.response_token) << name;
  }
  // What we would answer is what both of them answer.
  NegTokenResp ours;
  ours.state = NegState::request_mic;
  ours.supported_mech = kNtlmssp;
  EXPECT_EQ(write(ours).value(), peer_token("mit-acceptor-optimistic"));
}

TEST(SpnegoPeers, MechTypeListIsKeptAsReceivedWithTagAndLength) {
  const NegTokenInit token = init("optimistic");
  EXPECT_EQ(to_hex(token.mech_types_der), "302206092a864882f71201020206092a864886f712010202060a2b06010401823702020a");
  EXPECT_EQ(write_mech_type_list(token.mech_types).value(), to_bytes(token.mech_types_der));
}

}  // namespace
}  // namespace postern::spnego
