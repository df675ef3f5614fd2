// Session security: the specification's values, both ends against each other in every negotiated form, and what must be refused.
#include "ntlm/session_security.hpp"

#include <array>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

#include "base/reader.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;
using wire::NegotiateFlag;
using wire::NegotiateFlags;

// All that an established session costs its server: it keeps nothing on the heap.
static_assert(sizeof(SessionSecurity) <= 768);

const Bytes kPlaintext = utf16("Plaintext");

ExportedSessionKey key_of(std::string_view text) { return fixed<ExportedSessionKey>(text); }

struct Ends {
  SessionSecurity client;
  SessionSecurity server;
};

Ends ends_of(NegotiateFlags flags, std::string_view key = "000102030405060708090a0b0c0d0e0f") {
  return {SessionSecurity{flags, key_of(key), Role::client}, SessionSecurity{flags, key_of(key), Role::server}};
}

constexpr NegotiateFlags kEss = NegotiateFlags{}
                                    .with(NegotiateFlag::sign)
                                    .with(NegotiateFlag::seal)
                                    .with(NegotiateFlag::extended_session_security)
                                    .with(NegotiateFlag::key_128)
                                    .with(NegotiateFlag::key_exchange);
constexpr NegotiateFlags kOld = NegotiateFlags{}.with(NegotiateFlag::sign).with(NegotiateFlag::seal);

Bytes text_of(std::size_t size, std::uint8_t start = 7) {
  Bytes text(size);
  std::iota(text.begin(), text.end(), start);
  return text;
}

struct Sealed {
  Bytes text;
  Bytes signature;
};
Sealed seal(SessionSecurity& from, ByteView message) {
  Bytes out(message.size());
  const auto signature = from.seal(message, out);
  EXPECT_TRUE(signature) << signature.error().to_line();
  return {out, to_bytes(signature->bytes())};
}
std::string unseal(SessionSecurity& at, const Sealed& sealed, Bytes* message = nullptr) {
  Bytes out(sealed.text.size(), 0xee);
  const auto outcome = at.unseal(sealed.text, sealed.signature, out);
  if (message != nullptr) *message = out;
  return code_of(outcome);
}

// ---- published values --------------------------------------------------------------------------------------------------------

TEST(MsNlmp, Section4_2_2_4_SealsWithoutExtendedSessionSecurity) {
  SessionSecurity client{NegotiateFlags{0xe202'8233}, key_of("55555555555555555555555555555555"), Role::client};
  const Sealed sealed = seal(client, kPlaintext);
  EXPECT_EQ(to_hex(sealed.text), "56fe04d861f9319af0d7238a2e3b4d457fb8");
  EXPECT_EQ(to_hex(sealed.signature), "010000000000000009dcd1df2e459d36");
}

TEST(MsNlmp, Section4_2_2_4_TheRandomPadOfASignatureIsNotLookedAt) {
  SessionSecurity server{NegotiateFlags{0xe202'8233}, key_of("55555555555555555555555555555555"), Role::server};
  Bytes message;
  EXPECT_EQ(unseal(server, {hex("56fe04d861f9319af0d7238a2e3b4d457fb8"), hex("0100000045c844e509dcd1df2e459d36")}, &message),
            "accepted");
  EXPECT_EQ(to_hex(message), to_hex(kPlaintext));
}

TEST(MsNlmp, Section4_2_3_4_SealsWith56BitsAndNoKeyExchange) {
  SessionSecurity client{NegotiateFlags{0x820a'8233}, key_of("eb93429a8bd952f8b89c55b87f475edc"), Role::client};
  const Sealed sealed = seal(client, kPlaintext);
  EXPECT_EQ(to_hex(sealed.text), "a02372f6530273f3aa1eb90190ce5200c99d");
  EXPECT_EQ(to_hex(sealed.signature), "01000000ff2aeb52f681793a00000000");
}

TEST(MsNlmp, Section4_2_4_4_SealsWith128BitsAndKeyExchange) {
  SessionSecurity client{NegotiateFlags{0xe28a'8233}, key_of("55555555555555555555555555555555"), Role::client};
  const Sealed sealed = seal(client, kPlaintext);
  EXPECT_EQ(to_hex(sealed.text), "54e50165bf1936dc996020c1811b0f06fb5f");
  EXPECT_EQ(to_hex(sealed.signature), "010000007fb38ec5c55d497600000000");
}

// ---- both ends ---------------------------------------------------------------------------------------------------------------

TEST(SessionSecurity, BothDirectionsCarryMessagesInEveryNegotiatedForm) {
  for (const NegotiateFlags flags : every_form()) {
    SCOPED_TRACE(flags.to_hex());
    Ends ends = ends_of(flags);
    for (std::uint32_t number = 0; number < 40; ++number) {
      SessionSecurity& from = number % 3 == 0 ? ends.server : ends.client;
      SessionSecurity& to = number % 3 == 0 ? ends.client : ends.server;
      if (ends.client.is_datagram()) {
        ASSERT_TRUE(from.set_sequence_numbers({number, number}));
        ASSERT_TRUE(to.set_sequence_numbers({number, number}));
      }
      const Bytes text = text_of(number * 17, static_cast<std::uint8_t>(number));
      Bytes back;
      if (number % 2 == 0) {
        const Sealed sealed = seal(from, text);
        EXPECT_TRUE(text.size() < 8 || sealed.text != text);
        ASSERT_EQ(unseal(to, sealed, &back), "accepted");
        ASSERT_EQ(to_hex(back), to_hex(text));
      } else {
        const auto signature = from.sign(text);
        ASSERT_TRUE(signature);
        ASSERT_EQ(code_of(to.verify(text, signature->bytes())), "accepted");
      }
    }
  }
}

TEST(SessionSecurity, TheDirectionsOfExtendedSecurityHaveKeysOfTheirOwn) {
  Ends ends = ends_of(kEss);
  EXPECT_NE(to_hex(seal(ends.client, kPlaintext).text), to_hex(seal(ends.server, kPlaintext).text));
  // A message that comes back to its sender is not one of the other side.
  Ends again = ends_of(kEss);
  EXPECT_EQ(unseal(again.client, seal(again.client, kPlaintext)), "signature_wrong");
}

TEST(SessionSecurity, AWeakKeyIsWeakOnlyWhereItWasNegotiated) {
  const auto sealed_with = [](NegotiateFlags flags) {
    Ends ends = ends_of(flags);
    return to_hex(seal(ends.client, kPlaintext).text);
  };
  const NegotiateFlags strong = kEss;
  const NegotiateFlags bits_56 = kEss.without(NegotiateFlag::key_128).with(NegotiateFlag::key_56);
  const NegotiateFlags bits_40 = kEss.without(NegotiateFlag::key_128);
  EXPECT_NE(sealed_with(strong), sealed_with(bits_56));
  EXPECT_NE(sealed_with(bits_56), sealed_with(bits_40));
  EXPECT_EQ(sealed_with(strong), sealed_with(strong.with(NegotiateFlag::key_56))) << "128 wins";
}

// ---- refusals ----------------------------------------------------------------------------------------------------------------

TEST(SessionSecurity, AnyFlippedBitOfMessageOrSignatureIsRefusedAndTheGenuineOneStillCounts) {
  for (const NegotiateFlags flags : {kEss, kEss.without(NegotiateFlag::key_exchange), kOld, kEss.with(NegotiateFlag::datagram)}) {
    SCOPED_TRACE(flags.to_hex());
    Ends ends = ends_of(flags);
    for (int message = 0; message < 3; ++message) {
      if (ends.client.is_datagram()) {
        const auto number = static_cast<std::uint32_t>(message);
        ASSERT_TRUE(ends.client.set_sequence_numbers({number, number}) && ends.server.set_sequence_numbers({number, number}));
      }
      const Sealed genuine = seal(ends.client, kPlaintext);
      for (std::size_t bit = 0; bit < genuine.text.size() * 8; ++bit) {
        Sealed forged = genuine;
        forged.text[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        Bytes out;
        ASSERT_EQ(unseal(ends.server, forged, &out), "signature_wrong") << bit;
        ASSERT_EQ(to_hex(out), to_hex(Bytes(out.size()))) << "text that was not authenticated is given away";
      }
      for (std::size_t bit = 0; bit < kSignatureBytes * 8; ++bit) {
        const bool is_random_pad = !flags.has(NegotiateFlag::extended_session_security) && bit / 8 >= 4 && bit / 8 < 8;
        if (is_random_pad) continue;
        Sealed forged = genuine;
        forged.signature[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        ASSERT_NE(unseal(ends.server, forged), "accepted") << bit;
      }
      Bytes out;
      ASSERT_EQ(unseal(ends.server, genuine, &out), "accepted");
      ASSERT_EQ(to_hex(out), to_hex(kPlaintext));
    }
  }
}

TEST(SessionSecurity, ReplayedReorderedTamperedAndTruncatedMessagesAreToldApart) {
  Ends ends = ends_of(kEss);
  const Sealed first = seal(ends.client, text_of(20));
  const Sealed second = seal(ends.client, text_of(21));
  const Sealed third = seal(ends.client, text_of(22));
  EXPECT_EQ(unseal(ends.server, second), "out_of_order");
  EXPECT_EQ(unseal(ends.server, first), "accepted");
  EXPECT_EQ(unseal(ends.server, first), "replayed");
  EXPECT_EQ(unseal(ends.server, third), "out_of_order");
  Sealed cut = second;
  cut.text.pop_back();
  EXPECT_EQ(unseal(ends.server, cut), "signature_wrong");
  cut = second;
  cut.signature.pop_back();
  EXPECT_EQ(unseal(ends.server, cut), "truncated");
  EXPECT_EQ(unseal(ends.server, second), "accepted");
  EXPECT_EQ(unseal(ends.server, third), "accepted");
}

TEST(SessionSecurity, WithoutExtendedSecuritySignaturesOutOfTheirPlaceAreRefused) {
  Ends ends = ends_of(kOld);
  const auto first = ends.client.sign(kPlaintext);
  const auto second = ends.client.sign(kPlaintext);
  EXPECT_NE(code_of(ends.server.verify(kPlaintext, second->bytes())), "accepted");
  EXPECT_EQ(code_of(ends.server.verify(kPlaintext, first->bytes())), "accepted");
  EXPECT_NE(code_of(ends.server.verify(kPlaintext, first->bytes())), "accepted");
  EXPECT_EQ(code_of(ends.server.verify(kPlaintext, second->bytes())), "accepted");
}

TEST(SessionSecurity, R9_ASignatureOfAnyOtherSizeIsRefusedBeforeItIsUsed) {
  Ends ends = ends_of(kEss);
  const auto genuine = ends.client.sign(kPlaintext);
  Bytes longer = to_bytes(genuine->bytes());
  longer.push_back(0);
  for (std::size_t size = 0; size < kSignatureBytes; ++size) {
    EXPECT_EQ(code_of(ends.server.verify(kPlaintext, ByteView{longer}.first(size))), "truncated") << size;
  }
  EXPECT_EQ(code_of(ends.server.verify(kPlaintext, longer)), "malformed");
  Bytes out(3);
  EXPECT_EQ(code_of(ends.server.unwrap(ByteView{longer}.first(15), out)), "truncated");
  EXPECT_EQ(code_of(ends.server.verify(kPlaintext, genuine->bytes())), "accepted");
}

TEST(SessionSecurity, WhatWasNotNegotiatedIsNotDone) {
  Ends neither = ends_of(kEss.without(NegotiateFlag::sign).without(NegotiateFlag::seal));
  Bytes out(kPlaintext.size());
  EXPECT_EQ(code_of(neither.client.sign(kPlaintext)), "unsupported");
  EXPECT_EQ(code_of(neither.client.seal(kPlaintext, out)), "unsupported");
  EXPECT_EQ(code_of(neither.server.verify(kPlaintext, Bytes(16))), "unsupported");
  Ends only_sign = ends_of(kEss.without(NegotiateFlag::seal));
  EXPECT_EQ(code_of(only_sign.client.sign(kPlaintext)), "accepted");
  EXPECT_EQ(code_of(only_sign.client.seal(kPlaintext, out)), "unsupported");
  EXPECT_EQ(to_hex(out), to_hex(Bytes(out.size()))) << "something was written";
}

TEST(SessionSecurity, OutputsOfAnotherSizeAreRefusedAndCountNothing) {
  Ends ends = ends_of(kEss);
  Bytes shorter(kPlaintext.size() - 1), none;
  EXPECT_EQ(code_of(ends.client.seal(kPlaintext, shorter)), "invalid_input");
  EXPECT_EQ(code_of(ends.client.seal(kPlaintext, none)), "invalid_input");
  EXPECT_EQ(code_of(ends.client.wrap(kPlaintext, shorter)), "invalid_input");
  EXPECT_EQ(unseal(ends.server, seal(ends.client, kPlaintext)), "accepted");
}

// ---- forms of a call ---------------------------------------------------------------------------------------------------------

TEST(SessionSecurity, PartsAreSealedInPlaceOrApartAsOneMessage) {
  const Bytes header = text_of(24, 1), body = text_of(100, 2), trailer = text_of(7, 3);
  Ends ends = ends_of(kEss);
  Bytes sealed_body(body.size());
  Bytes in_place = trailer;
  const Segment segments[] = {Segment::signed_only(header), Segment::sealed(body, sealed_body), Segment::sealed_in_place(in_place)};
  const auto signature = ends.client.seal(segments);
  ASSERT_TRUE(signature);

  Ends whole = ends_of(kEss);
  Bytes text = body;
  text.insert(text.end(), trailer.begin(), trailer.end());
  const Sealed in_one = seal(whole.client, text);
  EXPECT_EQ(to_hex(in_one.text), to_hex(sealed_body) + to_hex(in_place)) << "one key stream runs through the parts";

  Bytes opened(body.size());
  const Segment received[] = {Segment::signed_only(header), Segment::sealed(sealed_body, opened),
                              Segment::sealed_in_place(in_place)};
  Bytes wrong_header = header;
  wrong_header[0] ^= 1;
  const Bytes before = in_place;
  const Segment altered[] = {Segment::signed_only(wrong_header), received[1], received[2]};
  EXPECT_EQ(code_of(ends.server.unseal(altered, signature->bytes())), "signature_wrong");
  EXPECT_EQ(to_hex(in_place), to_hex(before)) << "what was in place is sealed again";
  EXPECT_EQ(code_of(ends.server.unseal(received, signature->bytes())), "accepted");
  EXPECT_EQ(to_hex(opened), to_hex(body));
  EXPECT_EQ(to_hex(in_place), to_hex(trailer));
}

TEST(SessionSecurity, AWrappedTokenIsSignatureThenMessage) {
  Ends ends = ends_of(kEss), same = ends_of(kEss);
  Bytes token(kPlaintext.size() + kSignatureBytes);
  ASSERT_TRUE(ends.client.wrap(kPlaintext, token));
  const Sealed detached = seal(same.client, kPlaintext);
  EXPECT_EQ(to_hex(token), to_hex(detached.signature) + to_hex(detached.text));
  const MutableByteView in_place = MutableByteView{token}.subspan(kSignatureBytes);
  ASSERT_TRUE(ends.server.unwrap(token, in_place));
  EXPECT_EQ(to_hex(in_place), to_hex(kPlaintext));
}

TEST(SessionSecurity, AResetStartsTheKeyStreamAnewAndTheCountersOnlyIfTold) {
  Ends ends = ends_of(kEss);
  const Sealed first = seal(ends.client, kPlaintext);
  ASSERT_EQ(unseal(ends.server, first), "accepted");
  ends.client.reset_sending(Counters::keep);
  const Sealed second = seal(ends.client, kPlaintext);
  EXPECT_EQ(to_hex(second.text), to_hex(first.text)) << "the same key stream";
  EXPECT_NE(to_hex(second.signature), to_hex(first.signature)) << "but the next number";
  EXPECT_EQ(unseal(ends.server, second), "signature_wrong");
  ends.server.reset_receiving(Counters::keep);
  EXPECT_EQ(unseal(ends.server, second), "accepted");
  ends.client.reset_sending(Counters::restart);
  EXPECT_EQ(to_hex(seal(ends.client, kPlaintext).signature), to_hex(first.signature));
}

TEST(SessionSecurity, ASessionCanStartBehindTheMechListMic) {
  const ExportedSessionKey key = key_of("55555555555555555555555555555555");
  SessionSecurity from_zero{kEss, key, Role::client};
  ASSERT_TRUE(from_zero.sign(kPlaintext));
  from_zero.reset_sending(Counters::keep);
  SessionSecurity behind{kEss, key, Role::client, {1, 1}}, at_zero{kEss, key, Role::client};
  const auto second = from_zero.sign(kPlaintext);
  EXPECT_EQ(to_hex(second->bytes()), to_hex(behind.sign(kPlaintext)->bytes()));
  EXPECT_NE(to_hex(second->bytes()), to_hex(at_zero.sign(kPlaintext)->bytes()));
}

TEST(SessionSecurity, DatagramsAreCountedByTheCallerAndOthersAreNot) {
  Ends ends = ends_of(kEss.with(NegotiateFlag::datagram));
  ASSERT_TRUE(ends.client.set_sequence_numbers({77, 5}));
  ASSERT_TRUE(ends.server.set_sequence_numbers({5, 77}));
  const auto signature = ends.client.sign(kPlaintext);
  EXPECT_EQ(load_le<std::uint32_t>(signature->bytes().data() + 12), 77u);
  EXPECT_EQ(code_of(ends.server.verify(kPlaintext, signature->bytes())), "accepted");
  EXPECT_EQ(ends.server.sequence_numbers().receiving, 77u) << "the caller counts";
  ASSERT_TRUE(ends.server.set_sequence_numbers({5, 78}));
  EXPECT_EQ(code_of(ends.server.verify(kPlaintext, signature->bytes())), "replayed");
  EXPECT_EQ(code_of(ends_of(kEss).client.set_sequence_numbers({1, 1})), "invalid_input");
}

TEST(SessionSecurity, NoNumberComesTwiceUnderOneKey) {
  SessionSecurity last{kEss, key_of("55555555555555555555555555555555"), Role::client, {0xffff'ffff, 0}};
  EXPECT_EQ(code_of(last.sign(kPlaintext)), "accepted");
  EXPECT_EQ(code_of(last.sign(kPlaintext)), "too_large");
}

}  // namespace
}  // namespace postern::ntlm
