// The codec of the authority protocol: what is written is read back, and nothing else is.
#include <gtest/gtest.h>
#include <random>

#include "base/reader.hpp"
#include "ntlm_test_support.hpp"

namespace postern::ntlm {
namespace {

using namespace testing_support;

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kNonceOffset = 2;  // behind version and kind, in a frame without its length

/// Random messages from one seed, so that a failure can be repeated.
class Source {
 public:
  explicit Source(std::uint32_t seed) : random_{seed} {}

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }
  bool flag() { return below(2) == 1; }
  Bytes bytes(std::size_t most) {
    Bytes bytes(below(most + 1));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(below(256));
    return bytes;
  }
  std::string text() {
    static const char* const kTexts[] = {"", "alice", "EXAMPLE", "j\xc3\xbcrgen", "HTTP/www.example.org:8443", "\xf0\x9f\x94\x91"};
    return kTexts[below(std::size(kTexts))];
  }
  template <typename Fixed>
  Fixed fixed() {
    std::array<std::uint8_t, Fixed::kSize> bytes{};
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(below(256));
    return Fixed{std::span<const std::uint8_t, Fixed::kSize>{bytes}};
  }
  Endpoint endpoint() { return {text(), static_cast<std::uint16_t>(below(65'536))}; }

  Request request(std::size_t kind) {
    if (kind == 0) {
      return BeginRequest{text(), flag() ? Carrier::ntlm : Carrier::negotiate, {endpoint(), endpoint(), flag()}, bytes(300)};
    }
    if (kind == 1) {
      FinishRequest finish{fixed<HandshakeId>(), bytes(300), {}, {}, flag()};
      for (std::size_t i = below(kMaxBindings + 1); i > 0; --i) finish.channel_bindings.push_back(fixed<ChannelBindingHash>());
      for (std::size_t i = below(5); i > 0; --i) finish.target_names.push_back(text());
      return finish;
    }
    return CancelRequest{fixed<HandshakeId>()};
  }
  Explanation explanation(std::size_t stages) {
    return {static_cast<DenialPoint>(below(4)), static_cast<DenialStage>(below(stages)), text(), text(), text(), text()};
  }
  Reply reply(std::size_t kind) {
    if (kind == 0) return Continue{fixed<HandshakeId>(), bytes(300)};
    Verdict verdict;
    verdict.status = flag() ? NtStatus::success : static_cast<NtStatus>(below(1u << 31));
    verdict.token = bytes(100);
    verdict.identity = {text(), text(), text(), static_cast<AccountKind>(below(6))};
    for (std::size_t i = below(4); i > 0; --i) verdict.groups.push_back(text());
    verdict.facts = {text(), text(), text(), text(), text(), text(), text()};
    verdict.event_id = text();
    verdict.why = text();
    if (!verdict.allowed() && flag()) verdict.decided = explanation(3);
    if (!verdict.allowed() && flag()) verdict.told = explanation(2);
    if (flag()) verdict.session_key.emplace(fixed<ExportedSessionKey>());
    return verdict;
  }

 private:
  std::mt19937 random_;
};

ByteView body_of(const Bytes& frame) { return ByteView{frame}.subspan(kLengthBytes); }

void expect_equal(const Reply& a, const Reply& b) {
  ASSERT_EQ(a.index(), b.index());
  if (const auto* continue_a = std::get_if<Continue>(&a)) {
    const auto& continue_b = std::get<Continue>(b);
    EXPECT_EQ(continue_a->handshake, continue_b.handshake);
    EXPECT_EQ(continue_a->token, continue_b.token);
    return;
  }
  const auto& verdict_a = std::get<Verdict>(a);
  const auto& verdict_b = std::get<Verdict>(b);
  EXPECT_EQ(verdict_a.status, verdict_b.status);
  EXPECT_EQ(verdict_a.allowed(), verdict_b.allowed());
  EXPECT_EQ(verdict_a.token, verdict_b.token);
  EXPECT_EQ(verdict_a.identity, verdict_b.identity);
  EXPECT_EQ(verdict_a.groups, verdict_b.groups);
  EXPECT_EQ(verdict_a.facts, verdict_b.facts);
  EXPECT_EQ(verdict_a.event_id, verdict_b.event_id);
  EXPECT_EQ(verdict_a.why, verdict_b.why);
  EXPECT_EQ(verdict_a.decided, verdict_b.decided);
  EXPECT_EQ(verdict_a.told, verdict_b.told);
  ASSERT_EQ(verdict_a.session_key.has_value(), verdict_b.session_key.has_value());
  if (verdict_a.session_key) {
    EXPECT_EQ(to_hex(verdict_a.session_key->reveal()), to_hex(verdict_b.session_key->reveal()));
  }
}

TEST(Codec, EveryRequestComesBackAsItWasSentWithItsNonce) {
  Source source{1};
  for (int i = 0; i < 600; ++i) {
    const auto nonce = source.fixed<RequestNonce>();
    const Request request = source.request(static_cast<std::size_t>(i % 3));
    const Bytes frame = encode(nonce, request).value();
    EXPECT_EQ(frame_length(frame).value(), frame.size() - kLengthBytes);
    const auto decoded = decode_request(body_of(frame));
    ASSERT_TRUE(decoded) << decoded.error().to_line();
    EXPECT_EQ(decoded->nonce, nonce);
    EXPECT_EQ(decoded->request, request);
    EXPECT_EQ(encode(decoded->nonce, decoded->request).value(), frame) << "one message has one form";
  }
}

TEST(Codec, EveryReplyComesBackAsItWasSentWithItsNonce) {
  Source source{2};
  for (int i = 0; i < 600; ++i) {
    const auto nonce = source.fixed<RequestNonce>();
    const Reply reply = source.reply(static_cast<std::size_t>(i % 2));
    const Bytes frame = encode(nonce, reply).value();
    const auto decoded = decode_reply(body_of(frame));
    ASSERT_TRUE(decoded) << decoded.error().to_line();
    EXPECT_EQ(decoded->nonce, nonce);
    expect_equal(decoded->reply, reply);
    EXPECT_EQ(encode(decoded->nonce, decoded->reply).value(), frame);
  }
}

/// A copy of exactly that size on the heap, so that a read past the end is seen by the sanitizer.
Bytes exact(ByteView bytes) {
  Bytes copy(bytes.begin(), bytes.end());
  copy.shrink_to_fit();
  return copy;
}

TEST(Codec, R6_AFrameCutAnywhereOrWithAByteTooManyIsRefused) {
  Source source{3};
  for (std::size_t kind = 0; kind < 5; ++kind) {
    const auto nonce = source.fixed<RequestNonce>();
    const Bytes frame = kind < 3 ? encode(nonce, source.request(kind)).value() : encode(nonce, source.reply(kind - 3)).value();
    const ByteView body = body_of(frame);
    const auto refused = [&](ByteView bytes) {
      const Bytes copy = exact(bytes);
      return kind < 3 ? !decode_request(copy) : !decode_reply(copy);
    };
    EXPECT_FALSE(refused(body));
    for (std::size_t size = 0; size < body.size(); ++size) EXPECT_TRUE(refused(body.first(size))) << kind << " cut at " << size;
    Bytes longer = to_bytes(body);
    longer.push_back(0);
    EXPECT_TRUE(refused(longer)) << kind;
  }
}

TEST(Codec, ABitFlippedAnywhereIsRefusedOrIsAnotherMessage) {
  Source source{4};
  for (std::size_t kind = 0; kind < 5; ++kind) {
    const auto nonce = source.fixed<RequestNonce>();
    const Bytes frame = kind < 3 ? encode(nonce, source.request(kind)).value() : encode(nonce, source.reply(kind - 3)).value();
    const Bytes body = to_bytes(body_of(frame));
    for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {
      Bytes flipped = exact(body);
      flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
      std::optional<Bytes> again;
      if (const auto request = decode_request(flipped)) again = encode(request->nonce, request->request, request->version).value();
      if (const auto reply = decode_reply(flipped)) {
        ASSERT_FALSE(again) << "read as a request and as a reply";
        again = encode(reply->nonce, reply->reply, reply->version).value();
      }
      // What is accepted means exactly the bytes that came: no field is read over or made up.
      if (again) {
        EXPECT_EQ(to_bytes(body_of(*again)), flipped) << kind << " bit " << bit;
      }
    }
  }
}

TEST(Codec, ARequestIsNoReplyAndAReplyNoRequest) {
  Source source{5};
  const auto nonce = source.fixed<RequestNonce>();
  for (std::size_t kind = 0; kind < 3; ++kind) EXPECT_FALSE(decode_reply(body_of(encode(nonce, source.request(kind)).value())));
  for (std::size_t kind = 0; kind < 2; ++kind) EXPECT_FALSE(decode_request(body_of(encode(nonce, source.reply(kind)).value())));
}

TEST(Codec, AnotherVersionAndAnUnknownKindAreRefusedByName) {
  Source source{6};
  Bytes frame = encode(source.fixed<RequestNonce>(), source.request(2)).value();
  Bytes other_version = to_bytes(body_of(frame));
  other_version[0] = kProtocolVersion + 1;
  EXPECT_EQ(code_of(decode_request(other_version)), "unsupported");
  for (unsigned kind = 0; kind < 256; ++kind) {
    Bytes unknown = to_bytes(body_of(frame));
    unknown[1] = static_cast<std::uint8_t>(kind);
    EXPECT_EQ(decode_request(unknown).has_value(), kind == 3) << kind;
  }
}

// ---- versions: an edge of an older release ------------------------------------------------------------------------------------

Verdict explained() {
  Verdict verdict;
  verdict.status = NtStatus::bad_bindings;
  verdict.decided = {DenialPoint::server, DenialStage::response, "ExtendedProtection", "always", "no channel bindings came", "x"};
  verdict.told = verdict.decided;
  return verdict;
}

TEST(Codec, AnOlderEdgeAsksAndIsAnsweredInItsOwnVersionWithoutExplanations) {
  const Bytes request = encode(RequestNonce{}, Request{CancelRequest{}}, 1).value();
  EXPECT_EQ(body_of(request)[0], 1);
  EXPECT_EQ(decode_request(body_of(request)).value().version, 1);
  EXPECT_EQ(decode_request(body_of(encode(RequestNonce{}, Request{CancelRequest{}}).value())).value().version, kProtocolVersion);

  const Bytes old_reply = encode(RequestNonce{}, Reply{explained()}, 1).value();
  Verdict plain = explained();
  plain.decided.reset();
  plain.told.reset();
  EXPECT_EQ(old_reply, encode(RequestNonce{}, Reply{std::move(plain)}, 1).value()) << "the bytes that it has always read";
  const FramedReply read = decode_reply(body_of(old_reply)).value();
  EXPECT_EQ(read.version, 1);
  EXPECT_FALSE(std::get<Verdict>(read.reply).told);
  // The twin: the same verdict in our version.
  const FramedReply now = decode_reply(body_of(encode(RequestNonce{}, Reply{explained()}).value())).value();
  EXPECT_EQ(std::get<Verdict>(now.reply).told, explained().told);
  EXPECT_EQ(std::get<Verdict>(now.reply).decided, explained().decided);
}

TEST(Codec, AVerdictOfOneVersionUnderTheNumberOfTheOtherIsRefused) {
  Bytes old_as_new = to_bytes(body_of(encode(RequestNonce{}, Reply{explained()}, 1).value()));
  old_as_new[0] = 2;
  EXPECT_FALSE(decode_reply(old_as_new));
  Bytes new_as_old = to_bytes(body_of(encode(RequestNonce{}, Reply{explained()}).value()));
  new_as_old[0] = 1;
  EXPECT_FALSE(decode_reply(new_as_old));
}

TEST(Codec, NoVersionBelowTheOldestAndNoneAboveOursIsWrittenOrRead) {
  for (const std::uint8_t version : {std::uint8_t{0}, static_cast<std::uint8_t>(kProtocolVersion + 1), std::uint8_t{255}}) {
    EXPECT_EQ(code_of(encode(RequestNonce{}, Request{CancelRequest{}}, version)), "unsupported");
    Bytes frame = to_bytes(body_of(encode(RequestNonce{}, Reply{Continue{}}).value()));
    frame[0] = version;
    EXPECT_EQ(code_of(decode_reply(frame)), "unsupported");
  }
}

TEST(Codec, R37_AnExplanationIsOfADenialAndTellsNothingThatCameAfterTheComparison) {
  Verdict allowed = explained();
  allowed.status = NtStatus::success;
  EXPECT_EQ(code_of(decode_reply(body_of(encode(RequestNonce{}, Reply{std::move(allowed)}).value()))), "malformed");
  Verdict verified = explained();
  verified.told->stage = DenialStage::verified;
  EXPECT_EQ(code_of(decode_reply(body_of(encode(RequestNonce{}, Reply{std::move(verified)}).value()))), "malformed");
  Verdict decided = explained();
  decided.decided->stage = DenialStage::verified;
  EXPECT_EQ(code_of(decode_reply(body_of(encode(RequestNonce{}, Reply{std::move(decided)}).value()))), "accepted");
}

TEST(Codec, R26_TheTextsOfAnExplanationEndAtTheirLimit) {
  const auto with_cure = [](std::size_t size) {
    Verdict verdict = explained();
    verdict.told->cure = std::string(size, 'c');
    return encode(RequestNonce{}, Reply{std::move(verdict)});
  };
  EXPECT_EQ(code_of(with_cure(kMaxExplanationBytes + 1)), "too_large");
  const Bytes frame = with_cure(kMaxExplanationBytes).value();
  ASSERT_TRUE(decode_reply(body_of(frame)));
  // One byte more, by somebody without our limits: behind the cure stand the groups' count and the flag of the key.
  Bytes grown = to_bytes(body_of(frame));
  const std::size_t end = grown.size() - 5;
  store_le(&grown[end - kMaxExplanationBytes - 4], static_cast<std::uint32_t>(kMaxExplanationBytes + 1));
  grown.insert(grown.begin() + static_cast<std::ptrdiff_t>(end), 'c');
  EXPECT_EQ(code_of(decode_reply(grown)), "too_large");
}

TEST(Codec, R31_TheNonceStandsInTheFrameAndComesBackUnchanged) {
  const auto nonce = fixed<RequestNonce>("000102030405060708090a0b0c0d0e0f");
  const Bytes request = encode(nonce, Request{CancelRequest{}}).value();
  EXPECT_EQ(to_hex(body_of(request).subspan(kNonceOffset, RequestNonce::kSize)), "000102030405060708090a0b0c0d0e0f");
  const auto other = fixed<RequestNonce>("000102030405060708090a0b0c0d0eff");
  const Bytes reply = encode(other, Reply{Continue{}}).value();
  EXPECT_NE(decode_reply(body_of(reply)).value().nonce, nonce);
}

// ---- R26: limits on both sides -----------------------------------------------------------------------------------------------

TEST(Codec, R26_ATokenOfTheLimitPassesAndOneByteMoreIsRefusedByBothEnds) {
  const RequestNonce nonce{};
  BeginRequest begin;
  begin.token = Bytes(kMaxTokenBytes, 7);
  const Bytes frame = encode(nonce, Request{begin}).value();
  EXPECT_EQ(std::get<BeginRequest>(decode_request(body_of(frame)).value().request).token.size(), kMaxTokenBytes);
  begin.token.push_back(7);
  EXPECT_EQ(code_of(encode(nonce, Request{begin})), "too_large");
  // The same frame written by somebody without our limits: length field and byte added by hand.
  Bytes grown = to_bytes(body_of(frame));
  store_le(&grown[grown.size() - kMaxTokenBytes - 4], static_cast<std::uint32_t>(kMaxTokenBytes + 1));
  grown.push_back(7);
  EXPECT_EQ(code_of(decode_request(grown)), "too_large");

  EXPECT_EQ(code_of(encode(nonce, Reply{Continue{{}, Bytes(kMaxTokenBytes, 7)}})), "accepted");
  EXPECT_EQ(code_of(encode(nonce, Reply{Continue{{}, Bytes(kMaxTokenBytes + 1, 7)}})), "too_large");
}

TEST(Codec, R26_NamesBindingsTargetNamesAndGroupsEndAtTheirLimits) {
  const RequestNonce nonce{};
  const auto begin = [&](std::size_t size) {
    BeginRequest request;
    request.service = std::string(size, 's');
    return code_of(encode(nonce, Request{request}));
  };
  EXPECT_EQ(begin(kMaxNameBytes), "accepted");
  EXPECT_EQ(begin(kMaxNameBytes + 1), "too_large");
  const auto finish = [&](std::size_t bindings, std::size_t names) {
    FinishRequest request;
    request.channel_bindings.resize(bindings);
    request.target_names.resize(names);
    const auto frame = encode(nonce, Request{request});
    if (frame) {
      EXPECT_EQ(std::get<FinishRequest>(decode_request(body_of(*frame)).value().request), request);
    }
    return code_of(frame);
  };
  EXPECT_EQ(finish(kMaxBindings, kMaxTargetNames), "accepted");
  EXPECT_EQ(finish(kMaxBindings + 1, 0), "too_large");
  EXPECT_EQ(finish(0, kMaxTargetNames + 1), "too_large");
  const auto groups = [&](std::size_t count) {
    Verdict verdict;
    verdict.groups.resize(count);
    return code_of(encode(nonce, Reply{std::move(verdict)}));
  };
  EXPECT_EQ(groups(kMaxGroups), "accepted");
  EXPECT_EQ(groups(kMaxGroups + 1), "too_large");
}

TEST(Codec, R26_AFrameOfManyLegalPartsIsRefusedWhenItIsTooLongAsAWhole) {
  FinishRequest request;
  request.target_names.assign(kMaxTargetNames, std::string(kMaxNameBytes, 'n'));
  EXPECT_EQ(code_of(encode(RequestNonce{}, Request{request})), "too_large");
  request.target_names.resize(kMaxTargetNames / 2);
  EXPECT_EQ(code_of(encode(RequestNonce{}, Request{request})), "accepted");
}

TEST(Codec, R5_CountsAreCheckedBeforeAnythingIsAllocatedForThem) {
  // A verdict that says it has 4 billion groups, in a frame of 100 bytes.
  const Bytes frame = encode(RequestNonce{}, Reply{Verdict{}}).value();
  Bytes body = to_bytes(body_of(frame));
  store_le(&body[body.size() - 5], std::uint32_t{0xffff'ffff});
  EXPECT_EQ(code_of(decode_reply(body)), "too_large");
  store_le(&body[body.size() - 5], static_cast<std::uint32_t>(kMaxGroups));
  EXPECT_EQ(code_of(decode_reply(body)), "truncated");
}

TEST(Codec, FrameLengthWaitsForItsFourBytesAndRefusesMoreThanTheLimit) {
  Bytes buffer(4);
  for (std::size_t size = 0; size < 4; ++size) {
    const auto length = frame_length(ByteView{buffer}.first(size));
    ASSERT_TRUE(length);
    EXPECT_FALSE(length->has_value()) << size;
  }
  store_le(buffer.data(), static_cast<std::uint32_t>(kMaxFrameBytes));
  EXPECT_EQ(frame_length(buffer).value(), kMaxFrameBytes);
  store_le(buffer.data(), static_cast<std::uint32_t>(kMaxFrameBytes + 1));
  EXPECT_EQ(code_of(frame_length(buffer)), "too_large");
}

TEST(Codec, TextThatIsNotUtf8AndAFlagThatIsNeitherZeroNorOneAreRefused) {
  BeginRequest request;
  request.service = "\xff";
  const Bytes frame = encode(RequestNonce{}, Request{request}).value();
  EXPECT_EQ(code_of(decode_request(body_of(frame))), "malformed");
  Bytes finish = encode(RequestNonce{}, Request{FinishRequest{}}).value();
  EXPECT_TRUE(decode_request(body_of(finish)));
  finish.back() = 2;  // wants_session_key
  EXPECT_EQ(code_of(decode_request(body_of(finish))), "malformed");
}

}  // namespace
}  // namespace postern::ntlm
