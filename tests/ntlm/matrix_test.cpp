// R7, R8, R12: every kind of response under every policy, MIC, key exchange and password, against one sentence of what is right.
#include <gtest/gtest.h>

#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlag;
using wire::NegotiateFlags;
using wire::ResponseVersion;

/// What the client sends. `lm_shape` is an LM response that is no LMv2; `nt_in_lm` the NTLMv1 response in the LM field as well
/// (peers.md: wget); `empty` a user with no response at all.
enum class Kind { ntlm_v2, ntlm_v2_and_lmv2, ntlm_v1, nt_in_lm, ntlm_v1_ess, lm_v2, lm_shape, anonymous, empty };
constexpr Kind kKinds[] = {Kind::ntlm_v2, Kind::ntlm_v2_and_lmv2, Kind::ntlm_v1,   Kind::nt_in_lm, Kind::ntlm_v1_ess,
                           Kind::lm_v2,   Kind::lm_shape,         Kind::anonymous, Kind::empty};

enum class Proof { right, wrong_password, zero, one_bit_off };
constexpr Proof kProofs[] = {Proof::right, Proof::wrong_password, Proof::zero, Proof::one_bit_off};

enum class MicCase {
  absent,
  not_announced_but_there,
  right,
  wrong,
  zero,
  no_room,
  other_flag_bits_and_right,
  other_flag_bits_and_wrong
};
constexpr MicCase kMics[] = {MicCase::absent,
                             MicCase::not_announced_but_there,
                             MicCase::right,
                             MicCase::wrong,
                             MicCase::zero,
                             MicCase::no_room,
                             MicCase::other_flag_bits_and_right,
                             MicCase::other_flag_bits_and_wrong};

struct NamedPolicy {
  const char* name;
  VersionSet versions;
};
const NamedPolicy kPolicies[] = {{"none", {}},
                                 {"NTLMv2", kNtlmv2Only},
                                 {"NTLMv1", {ResponseVersion::ntlm_v1}},
                                 {"NTLMv1-ESS", {ResponseVersion::ntlm_v1_ess}},
                                 {"LMv2", {ResponseVersion::lm_v2}},
                                 {"LM", {ResponseVersion::lm}},
                                 {"all", kEveryVersion}};

constexpr NegotiateFlags kOffers[] = {NegotiateFlags{0xe2888217}, NegotiateFlags{0xa2088205}, NegotiateFlags{0xe2880215},
                                      NegotiateFlags{0x00088206}, NegotiateFlags{0x00000202}, NegotiateFlags{0x40000201}};

bool is_v2(Kind kind) { return kind == Kind::ntlm_v2 || kind == Kind::ntlm_v2_and_lmv2; }

/// The kind that a right comparison turns the response into; nothing where no password can be proved at all.
std::optional<ResponseVersion> proves(Kind kind) {
  switch (kind) {
    case Kind::ntlm_v2:
    case Kind::ntlm_v2_and_lmv2: return ResponseVersion::ntlm_v2;
    case Kind::ntlm_v1:
    case Kind::nt_in_lm: return ResponseVersion::ntlm_v1;
    case Kind::ntlm_v1_ess: return ResponseVersion::ntlm_v1_ess;
    case Kind::lm_v2: return ResponseVersion::lm_v2;
    default: return std::nullopt;
  }
}

std::uint32_t av_flags_of(MicCase mic) {
  switch (mic) {
    case MicCase::absent:
    case MicCase::not_announced_but_there: return 0;
    case MicCase::other_flag_bits_and_right:
    case MicCase::other_flag_bits_and_wrong: return 0xffff'ffff;  // a reader that asks for == 2 would miss the MIC
    default: return 2;
  }
}

struct Sent {
  Bytes message;
  std::optional<ExportedSessionKey> exported{};
};

class Client {
 public:
  Client(Kind kind, Proof proof, MicCase mic, bool with_key) : kind_{kind}, proof_{proof}, mic_{mic}, with_key_{with_key} {}

  Sent answer(ByteView negotiate, const AwaitingAuthenticate& server) const {
    const auto challenge = wire::ChallengeMessage::parse(server.challenge_message()).value();
    const bool unicode = challenge.flags.has(NegotiateFlag::unicode);
    RawAuthenticate message;
    message.flags = challenge.flags;
    if (kind_ != Kind::anonymous) {
      message.user = unicode ? utf16(kUser) : to_bytes(as_bytes(kUser));
      message.domain = unicode ? utf16(kDomain) : to_bytes(as_bytes(kDomain));
    }
    message.payload_offset = mic_ == MicCase::no_room ? 80 : 88;
    std::optional<KeyExchangeKey> key_exchange_key = respond(message);
    std::optional<ExportedSessionKey> exported;
    if (key_exchange_key) exported.emplace(key_exchange_key->reveal());
    if (with_key_) {
      message.key = hex("00112233445566778899aabbccddeeff");
      if (key_exchange_key && challenge.flags.has(NegotiateFlag::key_exchange)) {
        exported = exchange_key(*key_exchange_key, message.key);
      }
    }
    Bytes bytes = message.write();
    const ExportedSessionKey mic_key = exported ? exported->duplicate() : ExportedSessionKey{};
    if (mic_ == MicCase::right || mic_ == MicCase::other_flag_bits_and_right || mic_ == MicCase::not_announced_but_there) {
      put_mic(bytes, mic_key, negotiate, server.challenge_message());
    }
    if (mic_ == MicCase::wrong || mic_ == MicCase::other_flag_bits_and_wrong) {
      put_mic(bytes, mic_key, negotiate, server.challenge_message());
      bytes[72] = static_cast<std::uint8_t>(bytes[72] ^ 1);
    }
    return {std::move(bytes), std::move(exported)};
  }

 private:
  /// Fills the two response fields; the key that a right response yields.
  std::optional<KeyExchangeKey> respond(RawAuthenticate& message) const {
    const NtHash& hash = proof_ == Proof::wrong_password ? wrong_hash() : right_hash();
    const auto assign = [](Bytes& field, ByteView bytes) { field = to_bytes(bytes); };
    std::optional<KeyExchangeKey> key;
    Bytes* proving = &message.nt;
    std::size_t proof_bytes = 24;
    switch (kind_) {
      case Kind::ntlm_v2:
      case Kind::ntlm_v2_and_lmv2: {
        wire::AvPairsBuilder builder;
        builder.add(wire::AvId::nb_domain_name, utf16(kDomain));
        if (av_flags_of(mic_) != 0) builder.add_flags(av_flags_of(mic_));
        auto response = v2_response(response_key(hash), v2_blob(std::move(builder).finish()));
        message.nt = std::move(response.response);
        key = std::move(response.key_exchange_key);
        if (kind_ == Kind::ntlm_v2_and_lmv2)
          assign(message.lm, lmv2_response(response_key(hash), server_challenge(), client_challenge()));
        proof_bytes = 16;
        break;
      }
      case Kind::ntlm_v1:
      case Kind::nt_in_lm: {
        assign(message.nt, desl(hash.reveal(), server_challenge().bytes()));
        if (kind_ == Kind::nt_in_lm) message.lm = message.nt;
        const SessionBaseKey base = session_base_key_v1(hash);
        key.emplace(base.reveal());
        break;
      }
      case Kind::ntlm_v1_ess: {
        assign(message.nt, desl(hash.reveal(), ess_challenge(server_challenge(), client_challenge().bytes())));
        assign(message.lm, client_challenge().bytes());
        message.lm.resize(24);
        key = key_exchange_key_v1_ess(session_base_key_v1(hash), server_challenge(), client_challenge().bytes());
        break;
      }
      case Kind::lm_v2: {
        const V1Response response = lmv2_response(response_key(hash), server_challenge(), client_challenge());
        assign(message.lm, response);
        const SessionBaseKey base = session_base_key_v2(response_key(hash), std::span{response}.first<16>());
        key.emplace(base.reveal());
        proving = &message.lm;
        proof_bytes = 16;
        break;
      }
      case Kind::lm_shape: {
        // The hash where an LM hash would stand: what a careless verifier that has the NT hash only might compare with.
        assign(message.lm, desl(hash.reveal(), server_challenge().bytes()));
        proving = &message.lm;
        break;
      }
      case Kind::anonymous: message.lm = {0}; return std::nullopt;
      case Kind::empty: return std::nullopt;
    }
    if (proof_ == Proof::zero) std::fill_n(proving->begin(), proof_bytes, std::uint8_t{0});
    if (proof_ == Proof::one_bit_off) proving->front() = static_cast<std::uint8_t>(proving->front() ^ 0x80);
    return key;
  }

  Kind kind_;
  Proof proof_;
  MicCase mic_;
  bool with_key_;
};

bool is_right(Kind kind, Proof proof, MicCase mic, const VersionSet& policy, bool mic_waived) {
  const auto version = proves(kind);
  if (!version || proof != Proof::right || !policy.has(*version)) return false;
  if (!is_v2(kind)) return mic_waived;  // R22: such a response never has a MIC
  switch (mic) {
    case MicCase::right:
    case MicCase::other_flag_bits_and_right: return true;
    case MicCase::absent:
    case MicCase::not_announced_but_there: return mic_waived;
    default: return false;  // R20: announced and wrong, zero or not there, whatever the policy
  }
}

TEST(Matrix, R7_R12_R20_ExactlyWhatPolicyAllowsIsAcceptedAndNeverAWrongPassword) {
  int cases = 0, accepted = 0;
  for (const NegotiateFlags offered : kOffers) {
    const Bytes negotiate = negotiate_of(offered);
    for (const Kind kind : kKinds) {
      for (const Proof proof : kProofs) {
        for (const MicCase mic : kMics) {
          for (const bool with_key : {false, true}) {
            const Client client{kind, proof, mic, with_key};
            const Sent sent = client.answer(negotiate, begin(offered));
            for (const NamedPolicy& policy : kPolicies) {
              for (const bool mic_waived : {false, true}) {
                Demands demands;
                demands.versions = policy.versions;
                if (!mic_waived) demands.mic_waiver.reset();
                const auto done = finish(begin(offered), sent.message, right_hash(), demands);
                const bool expected = is_right(kind, proof, mic, policy.versions, mic_waived);
                ++cases;
                ASSERT_EQ(done.has_value(), expected)
                    << "kind " << static_cast<int>(kind) << " proof " << static_cast<int>(proof) << " mic " << static_cast<int>(mic)
                    << " key " << with_key << " policy " << policy.name << " waived " << mic_waived << " offered "
                    << offered.to_hex() << ": " << (done ? "accepted" : done.error().to_line());
                if (!done) continue;
                ++accepted;
                ASSERT_EQ(to_hex(done->exported_session_key().reveal()), to_hex(sent.exported->reveal()));
                ASSERT_EQ(done->version(), *proves(kind));
                ASSERT_EQ(done->claims().mic == MicState::verified,
                          is_v2(kind) && (mic == MicCase::right || mic == MicCase::other_flag_bits_and_right));
              }
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(cases, 6 * 9 * 4 * 8 * 2 * 7 * 2);
  EXPECT_GT(accepted, 1000);
}

// ---- R8 ----------------------------------------------------------------------------------------------------------------------

TEST(Password, R8_AnEmptyPasswordHasNoHash) {
  EXPECT_EQ(code_of(nt_hash_of_password(SecretBytes{std::string_view{}})), "invalid_input");
  EXPECT_EQ(code_of(nt_hash_of_password(SecretBytes{std::string_view{"x"}})), "accepted");
}

TEST(Password, R8_AResponseMadeWithTheEmptyPasswordOrAHashThatWasNeverReadIsRefused) {
  // MD4 of nothing (RFC 1320 A.5), which is what an account without a password has; and the zero of a moved-from hash.
  for (const char* no_password : {"31d6cfe0d16ae931b73c59d7e0c089c0", "00000000000000000000000000000000"}) {
    const NtHash hash = fixed<NtHash>(no_password);
    const auto attempt = [&](const NtHash& stored, auto&& fill) {
      RawAuthenticate message;
      message.flags = NegotiateFlags{0x00080201};
      message.user = utf16(kUser);
      message.domain = utf16(kDomain);
      fill(message, stored);
      return code_of(finish(begin(message.flags), message.write(), stored, {kEveryVersion, kMicWaiver, {}, kBindingsWaiver}));
    };
    const auto v2 = [](RawAuthenticate& message, const NtHash& made_with) {
      message.nt = v2_response(response_key(made_with), v2_blob(wire::AvPairsBuilder{}.finish())).response;
    };
    const auto v1 = [](RawAuthenticate& message, const NtHash& made_with) {
      message.nt = to_bytes(desl(made_with.reveal(), server_challenge().bytes()));
    };
    const auto ess = [](RawAuthenticate& message, const NtHash& made_with) {
      message.nt = to_bytes(desl(made_with.reveal(), ess_challenge(server_challenge(), client_challenge().bytes())));
      message.lm = to_bytes(client_challenge().bytes());
      message.lm.resize(24);
    };
    const auto lmv2 = [](RawAuthenticate& message, const NtHash& made_with) {
      message.lm = to_bytes(lmv2_response(response_key(made_with), server_challenge(), client_challenge()));
    };
    EXPECT_EQ(attempt(hash, v2), "wrong_password");
    EXPECT_EQ(attempt(hash, v1), "wrong_password");
    EXPECT_EQ(attempt(hash, ess), "wrong_password");
    EXPECT_EQ(attempt(hash, lmv2), "wrong_password");
    EXPECT_EQ(attempt(right_hash(), v2), "accepted");
    EXPECT_EQ(attempt(right_hash(), v1), "accepted");
    EXPECT_EQ(attempt(right_hash(), ess), "accepted");
    EXPECT_EQ(attempt(right_hash(), lmv2), "accepted");
  }
}

// ---- R12, one case each ------------------------------------------------------------------------------------------------------

struct Shape {
  Bytes lm{};
  Bytes nt{};
};
std::string under(const VersionSet& policy, Shape shape, NegotiateFlags offered = NegotiateFlags{0x00080201}) {
  RawAuthenticate message;
  message.flags = offered;
  message.user = utf16(kUser);
  message.domain = utf16(kDomain);
  message.lm = std::move(shape.lm);
  message.nt = std::move(shape.nt);
  return code_of(finish(begin(offered), message.write(), right_hash(), {policy, kMicWaiver, {}, kBindingsWaiver}));
}

TEST(Policy, R12_TwentyFourBytesOfNtAreNtlmV1WhateverTheFlagsSay) {
  const Shape v1{{}, to_bytes(desl(right_hash().reveal(), server_challenge().bytes()))};
  for (const std::uint32_t flags : {0x00000201u, 0x00080201u, 0xe2888215u}) {  // also with ESS agreed
    EXPECT_EQ(under(kNtlmv2Only, v1, NegotiateFlags{flags}), "policy");
    EXPECT_EQ(under({ResponseVersion::ntlm_v1_ess}, v1, NegotiateFlags{flags}), "policy");
    EXPECT_EQ(under({ResponseVersion::ntlm_v1}, v1, NegotiateFlags{flags}), "accepted");
  }
}

TEST(Policy, R12_AnNtlmV1ResponseInTheLmFieldIsNoNtlmV1) {
  const Bytes response = to_bytes(desl(right_hash().reveal(), server_challenge().bytes()));
  EXPECT_EQ(under({ResponseVersion::ntlm_v1}, {response, {}}), "policy");
  EXPECT_EQ(under(kEveryVersion, {response, {}}), "wrong_password");
}

TEST(Policy, R12_AnLmResponseAloneIsRefusedUnderEveryPolicy) {
  // MS-NLMP 4.2.2.2.2 prints the LM response of "Password"; the account has that very password here.
  RawAuthenticate message;
  message.flags = NegotiateFlags{0x00000201};
  message.user = utf16("User");
  message.domain = utf16("Domain");
  message.lm = hex("98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13");
  RecordedExchange recorded;
  recorded.server_challenge = fixed<wire::ServerChallenge>("0123456789abcdef");
  const auto attempt = [&](const VersionSet& policy) {
    return code_of(finish(danger_await_recorded(recorded).value(), message.write(), hash_of("Password"),
                          {policy, kMicWaiver, {}, kBindingsWaiver}));
  };
  EXPECT_EQ(attempt({ResponseVersion::lm}), "policy") << "no LM hash is stored, so LM is nothing that policy can allow";
  EXPECT_EQ(attempt(kEveryVersion), "wrong_password");
}

TEST(Policy, R12_LmV2AloneNeedsItsOwnPermission) {
  const Shape lmv2{to_bytes(lmv2_response(response_key(right_hash()), server_challenge(), client_challenge())), {}};
  EXPECT_EQ(under(kNtlmv2Only, lmv2), "policy");
  EXPECT_EQ(under({ResponseVersion::lm}, lmv2), "policy");
  EXPECT_EQ(under({ResponseVersion::lm_v2}, lmv2), "accepted");
}

TEST(Policy, R12_ARightLmV2BesideAWrongNtlmV2OpensNothing) {
  auto wrong = v2_response(response_key(wrong_hash()), v2_blob(wire::AvPairsBuilder{}.finish()));
  const Bytes lmv2 = to_bytes(lmv2_response(response_key(right_hash()), server_challenge(), client_challenge()));
  EXPECT_EQ(under(kEveryVersion, {lmv2, wrong.response}), "wrong_password");
}

TEST(Policy, R7_AResponseTooShortForABlobIsNoNtlmV2AndNoOtherVersion) {
  const auto whole = v2_response(response_key(right_hash()), v2_blob(wire::AvPairsBuilder{}.finish(), 0)).response;
  EXPECT_EQ(under(kEveryVersion, {{}, whole}), "accepted");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const Bytes cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
    EXPECT_NE(under(kEveryVersion, {{}, cut}), "accepted") << size;
    if (size != 24) {
      EXPECT_NE(under(kEveryVersion, {{}, cut}), "wrong_password") << size << ": was compared at all";
    }
  }
}

TEST(Policy, R7_AShortResponseWhoseProofIsRightIsStillRefused) {
  // The proof of an empty blob is easy to make for who knows the hash; for a verifier that hashes "what came" it would be right.
  const Bytes nt = v2_response(response_key(right_hash()), hex("0101000000000000000000")).response;
  EXPECT_NE(under(kEveryVersion, {{}, nt}), "accepted");
}

TEST(Verification, R13_ARequestThatNoParserMadeIsRefusedAndNotRead) {
  // What crosses a process boundary is plain data: a version that its fields do not have the size for.
  const Bytes some(64, 0x5a);
  for (const ResponseVersion version : {ResponseVersion::anonymous, ResponseVersion::lm, ResponseVersion::ntlm_v1,
                                        ResponseVersion::ntlm_v1_ess, ResponseVersion::lm_v2, ResponseVersion::ntlm_v2}) {
    for (std::size_t nt = 0; nt <= some.size(); ++nt) {
      for (const std::size_t lm : {0u, 1u, 7u, 8u, 16u, 23u, 24u, 25u, 64u}) {
        VerificationRequest request;
        request.version = version;
        request.nt_response = ByteView{some}.first(nt);
        request.lm_response = ByteView{some}.first(lm);
        EXPECT_FALSE(verify_response(request, right_hash(), kEveryVersion)) << static_cast<int>(version) << " " << nt << " " << lm;
      }
    }
  }
}

}  // namespace
}  // namespace postern::ntlm
