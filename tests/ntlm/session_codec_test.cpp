// A session that is handed to another process: it goes on where it was, and nothing but what was exported comes in.
#include "ntlm/session_codec.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "crypto/hmac_md5.hpp"
#include "crypto/rc4.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

/// Leaves the bytes readable, so that a test can alter what an AEAD would protect.
class OpenAead : public SessionAead {
 public:
  Result<Bytes> seal(ByteView, ByteView plain) override { return to_bytes(plain); }
  Result<SecretBytes> open(ByteView, ByteView sealed) override { return SecretBytes{sealed}; }
};

/// RC4 and HMAC-MD5 under one key: enough to be altered and to notice it.
class TestAead : public SessionAead {
 public:
  explicit TestAead(std::string_view key) : key_{as_bytes(key).begin(), as_bytes(key).end()} {}
  Result<Bytes> seal(ByteView associated_data, ByteView plain) override {
    Bytes out(plain.size());
    crypto::Rc4{key_}.apply(plain, out);
    const auto mac = crypto::hmac_md5(key_, {associated_data, out});
    out.insert(out.end(), mac.begin(), mac.end());
    return out;
  }
  Result<SecretBytes> open(ByteView associated_data, ByteView sealed) override {
    if (sealed.size() < 16) return fail(ErrorCode::denied, "too short for this AEAD");
    const ByteView text = sealed.first(sealed.size() - 16);
    if (!constant_time_equal(crypto::hmac_md5(key_, {associated_data, text}), sealed.last(16))) {
      return fail(ErrorCode::denied, "not what was sealed");
    }
    Bytes out(text.size());
    crypto::Rc4{key_}.apply(text, out);
    return SecretBytes{out};
  }

 private:
  Bytes key_;
};

SessionSecurity session_of(NegotiateFlags flags, Role role) {
  return SessionSecurity{flags, fixed<ExportedSessionKey>("000102030405060708090a0b0c0d0e0f"), role};
}

constexpr NegotiateFlags kUsual{0x6008'0231};  // KEY_EXCH, 128, ESS, NTLM, SEAL, SIGN, UNICODE

/// One message each way.
testing::AssertionResult talk(SessionSecurity& a, SessionSecurity& b, std::string_view text) {
  for (const auto& [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    Bytes token(text.size() + kSignatureBytes);
    if (const auto sent = from->wrap(as_bytes(text), token); !sent) return testing::AssertionFailure() << sent.error().to_line();
    Bytes read(text.size());
    if (const auto got = to->unwrap(token, read); !got) return testing::AssertionFailure() << got.error().to_line();
    if (as_text(read) != text) return testing::AssertionFailure() << "another text";
  }
  return testing::AssertionSuccess();
}

TEST(SessionCodec, ASessionGoesOnWhereItWasInEveryForm) {
  TestAead aead{"key"};
  for (const NegotiateFlags flags : every_form()) {
    SCOPED_TRACE(flags.to_hex());
    for (const int messages_before : {0, 1, 7}) {
      SessionSecurity client = session_of(flags, Role::client);
      SessionSecurity server = session_of(flags, Role::server);
      for (int i = 0; i < messages_before; ++i) ASSERT_TRUE(talk(client, server, "before"));
      auto client_here = SessionCodec::import_session(SessionCodec::export_session(client, aead).value(), aead);
      auto server_here = SessionCodec::import_session(SessionCodec::export_session(server, aead).value(), aead);
      ASSERT_TRUE(client_here) << client_here.error().to_line();
      ASSERT_TRUE(server_here) << server_here.error().to_line();
      EXPECT_TRUE(talk(*client_here, server, "one end moved"));
      EXPECT_EQ(client_here->negotiated(), flags);
    }
    SessionSecurity client = session_of(flags, Role::client);
    SessionSecurity server = session_of(flags, Role::server);
    ASSERT_TRUE(talk(client, server, "before"));
    auto server_here = SessionCodec::import_session(SessionCodec::export_session(server, aead).value(), aead);
    ASSERT_TRUE(server_here);
    EXPECT_TRUE(talk(client, *server_here, "the other end moved"));
  }
}

TEST(SessionCodec, AReplayFromBeforeTheMoveIsStillRefused) {
  TestAead aead{"key"};
  SessionSecurity client = session_of(kUsual, Role::client);
  SessionSecurity server = session_of(kUsual, Role::server);
  const Bytes message = to_bytes(as_bytes("pay 10"));
  const auto signature = client.sign(message).value();
  ASSERT_TRUE(server.verify(message, signature.bytes()));
  auto moved = SessionCodec::import_session(SessionCodec::export_session(server, aead).value(), aead);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->verify(message, signature.bytes()).error().code, ErrorCode::replayed);
}

TEST(SessionCodec, TheExportShowsNoKeyAndAnotherKeyDoesNotOpenIt) {
  TestAead aead{"key"};
  TestAead other{"kex"};
  const auto exported = SessionCodec::export_session(session_of(kUsual, Role::client), aead).value();
  OpenAead open;
  const auto plain = SessionCodec::export_session(session_of(kUsual, Role::client), open).value();
  constexpr std::size_t kKeyOffset = 8 + 4 + 1 + 1;
  EXPECT_TRUE(std::ranges::search(exported, ByteView{plain}.subspan(kKeyOffset, 16)).empty());
  EXPECT_FALSE(std::ranges::search(plain, ByteView{plain}.subspan(kKeyOffset, 16)).empty());
  EXPECT_EQ(SessionCodec::import_session(exported, other).error().code, ErrorCode::denied);
}

TEST(SessionCodec, RefusesEveryAlteredByte) {
  TestAead aead{"key"};
  const auto exported = SessionCodec::export_session(session_of(kUsual, Role::client), aead).value();
  ASSERT_TRUE(SessionCodec::import_session(exported, aead));
  for (std::size_t at = 0; at < exported.size(); ++at) {
    Bytes altered = exported;
    altered[at] ^= 0x10;
    EXPECT_FALSE(SessionCodec::import_session(altered, aead)) << at;
  }
}

TEST(SessionCodec, RefusesTruncationAtEveryByteAndBytesBehindTheEnd) {
  OpenAead open;
  SessionSecurity session = session_of(kUsual, Role::client);
  Bytes text(5);
  ASSERT_TRUE(session.seal(text, text));
  const auto exported = SessionCodec::export_session(session, open).value();
  ASSERT_TRUE(SessionCodec::import_session(exported, open));
  for (std::size_t size = 0; size < exported.size(); ++size) {
    const auto outcome = SessionCodec::import_session(ByteView{exported}.first(size), open);
    ASSERT_FALSE(outcome) << size;
    EXPECT_EQ(outcome.error().code, ErrorCode::truncated) << size;
  }
  Bytes longer = exported;
  longer.push_back(0);
  EXPECT_EQ(SessionCodec::import_session(longer, open).error().code, ErrorCode::malformed);
  longer.resize(kMaxExportedSessionBytes + 1);
  EXPECT_EQ(SessionCodec::import_session(longer, open).error().code, ErrorCode::too_large);
}

TEST(SessionCodec, RefusesAnotherVersionOfTheFormAndOtherFiles) {
  OpenAead open;
  auto exported = SessionCodec::export_session(session_of(kUsual, Role::client), open).value();
  exported[4] = 2;
  EXPECT_EQ(SessionCodec::import_session(exported, open).error().code, ErrorCode::unsupported);
  exported[4] = 0;
  EXPECT_EQ(SessionCodec::import_session(exported, open).error().code, ErrorCode::unsupported);
  exported[4] = 1;
  ASSERT_TRUE(SessionCodec::import_session(exported, open));
  exported[6] = 1;
  EXPECT_EQ(SessionCodec::import_session(exported, open).error().code, ErrorCode::malformed);
  exported[6] = 0;
  exported[0] = 'Q';
  EXPECT_EQ(SessionCodec::import_session(exported, open).error().code, ErrorCode::malformed);
}

/// What an AEAD opened is checked all the same: flags against keys, and key streams against what RC4 can be in.
TEST(SessionCodec, RefusesWhatNoSessionCanBe) {
  OpenAead open;
  SessionSecurity session = session_of(kUsual, Role::client);
  Bytes text(5);
  ASSERT_TRUE(session.seal(text, text));
  const auto exported = SessionCodec::export_session(session, open).value();
  const auto code_with = [&](std::size_t at, std::uint8_t value) {
    Bytes altered = exported;
    altered[at] = value;
    const auto outcome = SessionCodec::import_session(altered, open);
    return outcome ? std::string{"accepted"} : std::string{name_of(outcome.error().code)};
  };
  EXPECT_EQ(code_with(12, 1), "malformed") << "one stream with extended session security";
  EXPECT_EQ(code_with(13, 8), "malformed") << "half a sealing key";
  EXPECT_EQ(code_with(14 + 16 + 32 + 4, 2), "malformed") << "a mark that is neither yes nor no";
  const std::size_t cells = 14 + 16 + 32 + 4 + 2;
  EXPECT_EQ(code_with(cells, exported[cells + 1]), "malformed") << "a cell twice";
  EXPECT_EQ(code_with(cells + 256, 9), "accepted") << "any place in the stream can be";

  constexpr NegotiateFlags kOneStream{0x0000'0231};
  auto old = SessionCodec::export_session(session_of(kOneStream, Role::client), open).value();
  ASSERT_TRUE(SessionCodec::import_session(old, open));
  old[8] |= 0x80;  // LM_KEY has a sealing key of 8 bytes, not 16
  EXPECT_EQ(SessionCodec::import_session(old, open).error().code, ErrorCode::malformed);
}

TEST(SessionCodec, RefusesAnAeadThatAddsTooMuch) {
  class Inflating : public OpenAead {
   public:
    Result<Bytes> seal(ByteView, ByteView) override { return Bytes(kMaxExportedSessionBytes); }
  } inflating;
  EXPECT_EQ(SessionCodec::export_session(session_of(kUsual, Role::client), inflating).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace postern::ntlm
