// Sessions through the C interface: signing and sealing in every form, what is refused, the heap left alone, and the move to
// another process.
#include <array>
#include <cstdlib>
#include <new>
#include <thread>

#include "api_support.hpp"

namespace {

/// Counts what this thread takes from the heap.
thread_local std::size_t g_allocations = 0;

void* counted(std::size_t size) {
  ++g_allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace postern::api_tests {
namespace {

constexpr std::string_view kText = "attack at dawn";

struct Sealed {
  Bytes text;
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
};
Sealed seal(const Session& from, std::string_view text) {
  Sealed sealed{Bytes(text.size()), {}};
  EXPECT_EQ(postern_session_seal(from.get(), text.data(), sealed.text.data(), text.size(), sealed.signature, nullptr), POSTERN_OK);
  return sealed;
}
postern_status unseal(const Session& at, const Sealed& sealed, std::string* text = nullptr) {
  std::string out(sealed.text.size(), 'x');
  const postern_status status = postern_session_unseal(at.get(), sealed.text.data(), out.data(), out.size(), sealed.signature,
                                                       sizeof sealed.signature, nullptr);
  if (text != nullptr) *text = out;
  return status;
}

TEST(ApiSession, WhatOneEndSealsTheOtherReads) {
  for (const std::uint32_t options : {0u, POSTERN_OPTION_SPNEGO, POSTERN_OPTION_DATAGRAM}) {
    SCOPED_TRACE(options);
    const Ends ends = sealed_ends(options);
    for (std::uint32_t i = 0; i < 3; ++i) {
      if (options == POSTERN_OPTION_DATAGRAM) {
        ASSERT_EQ(postern_session_set_numbers(ends.client.get(), 7u + i, 3u + i, nullptr), POSTERN_OK);
        ASSERT_EQ(postern_session_set_numbers(ends.server.get(), 3u + i, 7u + i, nullptr), POSTERN_OK);
      }
      for (const auto& [from, to] : {std::pair{&ends.client, &ends.server}, std::pair{&ends.server, &ends.client}}) {
        const Sealed sealed = seal(*from, kText);
        EXPECT_NE(to_hex(sealed.text), to_hex(as_bytes(kText)));
        std::string text;
        EXPECT_EQ(unseal(*to, sealed, &text), POSTERN_OK);
        EXPECT_EQ(text, kText);
      }
    }
  }
}

/// SPNEGO's mechListMICs were signatures 0 of both directions (MS-SPNG 3.3.5.1).
TEST(ApiSession, AfterSpnegoTheNumbersGoOnFromOne) {
  std::uint32_t sending = 9, receiving = 9;
  const Ends raw = sealed_ends();
  ASSERT_EQ(postern_session_numbers(raw.client.get(), &sending, &receiving, nullptr), POSTERN_OK);
  EXPECT_EQ(sending, 0u);
  EXPECT_EQ(receiving, 0u);
  const Ends spnego = sealed_ends(POSTERN_OPTION_SPNEGO);
  for (const Session* session : {&spnego.client, &spnego.server}) {
    ASSERT_EQ(postern_session_numbers(session->get(), &sending, &receiving, nullptr), POSTERN_OK);
    EXPECT_EQ(sending, 1u);
    EXPECT_EQ(receiving, 1u);
  }
}

TEST(ApiSession, TamperedReplayedReorderedAndTruncatedAreToldApart) {
  const Ends ends = sealed_ends();
  const Sealed first = seal(ends.client, kText);
  const Sealed second = seal(ends.client, "second");
  EXPECT_EQ(unseal(ends.server, second), POSTERN_OUT_OF_ORDER);
  Sealed tampered = first;
  tampered.text[0] ^= 1;
  std::string text;
  EXPECT_EQ(unseal(ends.server, tampered, &text), POSTERN_SIGNATURE_WRONG);
  EXPECT_EQ(text, std::string(kText.size(), '\0')) << "nothing unverified is given away";
  std::string out(kText.size(), 'x');
  EXPECT_EQ(postern_session_unseal(ends.server.get(), first.text.data(), out.data(), out.size(), first.signature, 15, nullptr),
            POSTERN_TRUNCATED);
  EXPECT_EQ(unseal(ends.server, first), POSTERN_OK) << "the genuine one still comes in";
  EXPECT_EQ(unseal(ends.server, first), POSTERN_REPLAYED);
  EXPECT_EQ(unseal(ends.server, second), POSTERN_OK);
}

TEST(ApiSession, AnErrorSaysWhereAndWhy) {
  const Ends ends = sealed_ends();
  postern_error error;
  EXPECT_EQ(postern_session_verify(ends.server.get(), "abc", 3, "short", 5, &error), POSTERN_TRUNCATED);
  EXPECT_EQ(error.status, POSTERN_TRUNCATED);
  EXPECT_STREQ(error.field, "MessageSignature");
  EXPECT_EQ(error.offset, 5u);
  EXPECT_STRNE(error.message, "");
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
  EXPECT_EQ(postern_session_sign(ends.client.get(), "abc", 3, signature, &error), POSTERN_OK);
  EXPECT_EQ(error.status, POSTERN_OK);
  EXPECT_EQ(error.offset, POSTERN_NO_OFFSET);
  EXPECT_STREQ(error.message, "");
}

TEST(ApiSession, SealingNeedsSeal) {
  Accounts accounts;
  const Context client = client_of(client_options());
  const Context server = server_of(server_options(accounts));
  ASSERT_EQ(run(client, server).server, POSTERN_OK);
  const Session session = session_of(client);
  EXPECT_EQ(postern_session_flags(session.get()) & 0x30u, 0x10u);
  std::uint8_t out[3];
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
  EXPECT_EQ(postern_session_seal(session.get(), "abc", out, 3, signature, nullptr), POSTERN_UNSUPPORTED);
  EXPECT_EQ(postern_session_sign(session.get(), "abc", 3, signature, nullptr), POSTERN_OK);
  EXPECT_EQ(postern_session_verify(session_of(server).get(), "abc", 3, signature, sizeof signature, nullptr), POSTERN_OK);
}

TEST(ApiSession, PartsAreSignedInOrderAndAHeaderStaysReadable) {
  const Ends ends = sealed_ends();
  std::string header = "HEAD", body = "body in place", apart = "elsewhere";
  std::string sealed_apart(apart.size(), 0);
  const postern_iov out[] = {{header.data(), nullptr, header.size()},
                             {body.data(), body.data(), body.size()},
                             {apart.data(), sealed_apart.data(), apart.size()}};
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
  ASSERT_EQ(postern_session_seal_iov(ends.client.get(), out, 3, signature, nullptr), POSTERN_OK);
  EXPECT_EQ(header, "HEAD");
  EXPECT_NE(body, "body in place");
  EXPECT_NE(sealed_apart, apart);
  const postern_iov in[] = {{header.data(), nullptr, header.size()},
                            {body.data(), body.data(), body.size()},
                            {sealed_apart.data(), sealed_apart.data(), sealed_apart.size()}};
  header[0] = 'h';
  EXPECT_EQ(postern_session_unseal_iov(ends.server.get(), in, 3, signature, sizeof signature, nullptr), POSTERN_SIGNATURE_WRONG);
  header[0] = 'H';
  ASSERT_EQ(postern_session_unseal_iov(ends.server.get(), in, 3, signature, sizeof signature, nullptr), POSTERN_OK);
  EXPECT_EQ(body, "body in place");
  EXPECT_EQ(sealed_apart, "elsewhere");
  ASSERT_EQ(postern_session_sign_iov(ends.client.get(), in, 3, signature, nullptr), POSTERN_OK);
  const std::string whole = header + body + sealed_apart;
  EXPECT_EQ(postern_session_verify(ends.server.get(), whole.data(), whole.size(), signature, sizeof signature, nullptr),
            POSTERN_OK);
  const std::vector<postern_iov> many(POSTERN_IOV_COUNT_MAX + 1);
  EXPECT_EQ(postern_session_sign_iov(ends.client.get(), many.data(), many.size(), signature, nullptr), POSTERN_TOO_LARGE);
  EXPECT_EQ(postern_session_sign_iov(ends.client.get(), many.data(), many.size() - 1, signature, nullptr), POSTERN_OK);
}

TEST(ApiSession, PlacesThatOverlapInPartAreRefused) {
  const Ends ends = sealed_ends();
  std::array<std::uint8_t, 40> bytes{};
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
  EXPECT_EQ(postern_session_seal(ends.client.get(), bytes.data(), bytes.data() + 1, 20, signature, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_seal(ends.client.get(), bytes.data(), bytes.data() + 20, 20, signature, nullptr), POSTERN_OK);
  std::size_t size = bytes.size();
  EXPECT_EQ(postern_session_wrap(ends.client.get(), bytes.data() + 10, 20, bytes.data(), &size, nullptr), POSTERN_INVALID_INPUT);
}

TEST(ApiSession, WrapTellsTheSizeItNeedsAndSealsNothingThen) {
  const Ends ends = sealed_ends();
  std::size_t size = 0;
  EXPECT_EQ(postern_session_wrap(ends.client.get(), kText.data(), kText.size(), nullptr, &size, nullptr), POSTERN_BUFFER_TOO_SMALL);
  ASSERT_EQ(size, kText.size() + POSTERN_SIGNATURE_SIZE);
  Bytes token(size);
  size = token.size() - 1;
  EXPECT_EQ(postern_session_wrap(ends.client.get(), kText.data(), kText.size(), token.data(), &size, nullptr),
            POSTERN_BUFFER_TOO_SMALL);
  size = token.size();
  ASSERT_EQ(postern_session_wrap(ends.client.get(), kText.data(), kText.size(), token.data(), &size, nullptr), POSTERN_OK);
  std::string text(kText.size(), 'x');
  size = 3;
  EXPECT_EQ(postern_session_unwrap(ends.server.get(), token.data(), token.size(), text.data(), &size, nullptr),
            POSTERN_BUFFER_TOO_SMALL);
  EXPECT_EQ(size, kText.size());
  ASSERT_EQ(postern_session_unwrap(ends.server.get(), token.data(), token.size(), text.data(), &size, nullptr), POSTERN_OK);
  EXPECT_EQ(text, kText);
  EXPECT_EQ(postern_session_unwrap(ends.server.get(), token.data(), 15, text.data(), &size, nullptr), POSTERN_TRUNCATED);
}

TEST(ApiSession, WrapAndUnwrapWorkInOnePlace) {
  const Ends ends = sealed_ends();
  Bytes place(POSTERN_SIGNATURE_SIZE + kText.size());
  std::ranges::copy(as_bytes(kText), place.begin() + POSTERN_SIGNATURE_SIZE);
  std::size_t size = place.size();
  ASSERT_EQ(
      postern_session_wrap(ends.client.get(), place.data() + POSTERN_SIGNATURE_SIZE, kText.size(), place.data(), &size, nullptr),
      POSTERN_OK);
  size = kText.size();
  ASSERT_EQ(
      postern_session_unwrap(ends.server.get(), place.data(), place.size(), place.data() + POSTERN_SIGNATURE_SIZE, &size, nullptr),
      POSTERN_OK);
  EXPECT_EQ(as_text(ByteView{place}.subspan(POSTERN_SIGNATURE_SIZE)), kText);
}

TEST(ApiSession, AResetOnBothSidesStartsTheKeyStreamAnew) {
  const Ends ends = sealed_ends();
  const Sealed before = seal(ends.client, kText);
  ASSERT_EQ(unseal(ends.server, before), POSTERN_OK);
  ASSERT_EQ(postern_session_reset(ends.client.get(), POSTERN_SENDING, 1, nullptr), POSTERN_OK);
  const Sealed again = seal(ends.client, kText);
  EXPECT_EQ(to_hex(again.text), to_hex(before.text));
  EXPECT_EQ(unseal(ends.server, again), POSTERN_REPLAYED);
  ASSERT_EQ(postern_session_reset(ends.server.get(), POSTERN_RECEIVING, 1, nullptr), POSTERN_OK);
  EXPECT_EQ(unseal(ends.server, again), POSTERN_OK);
}

TEST(ApiSession, NoMessageTakesAnythingFromTheHeap) {
  const Ends ends = sealed_ends();
  std::array<std::uint8_t, 1024> message{};
  std::array<std::uint8_t, 1024> out{};
  std::array<std::uint8_t, 1024 + POSTERN_SIGNATURE_SIZE> token{};
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
  postern_error error;
  const std::size_t before = g_allocations;
  bool good = true;
  for (int i = 0; i < 100; ++i) {
    good &= postern_session_sign(ends.client.get(), message.data(), message.size(), signature, &error) == POSTERN_OK;
    good &= postern_session_verify(ends.server.get(), message.data(), message.size(), signature, 16, &error) == POSTERN_OK;
    good &= postern_session_seal(ends.client.get(), message.data(), out.data(), message.size(), signature, &error) == POSTERN_OK;
    good &= postern_session_unseal(ends.server.get(), out.data(), out.data(), message.size(), signature, 16, &error) == POSTERN_OK;
    const postern_iov parts[] = {{message.data(), nullptr, 100}, {message.data() + 100, out.data(), 900}};
    good &= postern_session_seal_iov(ends.client.get(), parts, 2, signature, &error) == POSTERN_OK;
    const postern_iov back[] = {{message.data(), nullptr, 100}, {out.data(), out.data(), 900}};
    good &= postern_session_unseal_iov(ends.server.get(), back, 2, signature, 16, &error) == POSTERN_OK;
    std::size_t size = token.size();
    good &= postern_session_wrap(ends.client.get(), message.data(), message.size(), token.data(), &size, &error) == POSTERN_OK;
    std::size_t text_size = out.size();
    good &= postern_session_unwrap(ends.server.get(), token.data(), size, out.data(), &text_size, &error) == POSTERN_OK;
  }
  EXPECT_EQ(g_allocations, before);
  EXPECT_TRUE(good);
  EXPECT_EQ(postern_session_verify(ends.server.get(), message.data(), 9, signature, 3, nullptr), POSTERN_TRUNCATED);
  EXPECT_GT(g_allocations, before) << "the counter counts: the text of an error is made";
}

TEST(ApiSession, OneThreadSendsWhileAnotherReceives) {
  const Ends ends = sealed_ends();
  constexpr int kMessages = 300;
  std::vector<Sealed> to_server, to_client;
  for (int i = 0; i < kMessages; ++i) to_client.push_back(seal(ends.server, kText));
  int received = 0;
  std::thread receiver{[&] {
    for (const Sealed& sealed : to_client) received += unseal(ends.client, sealed) == POSTERN_OK ? 1 : 0;
  }};
  for (int i = 0; i < kMessages; ++i) to_server.push_back(seal(ends.client, kText));
  receiver.join();
  EXPECT_EQ(received, kMessages);
  for (const Sealed& sealed : to_server) EXPECT_EQ(unseal(ends.server, sealed), POSTERN_OK);
}

// ---- to another process
// ----------------------------------------------------------------------------------------------------------

/// Not an AEAD: exclusive-or with a byte, and a sum at the end. Enough to see what the interface does with one.
struct ToyAead {
  std::uint8_t key = 0x5a;
  bool fails = false;

  static std::uint8_t sum(const std::uint8_t* ad, std::size_t ad_size, const std::uint8_t* bytes, std::size_t size) {
    unsigned total = 1;
    for (std::size_t i = 0; i < ad_size; ++i) total = total * 31 + ad[i];
    for (std::size_t i = 0; i < size; ++i) total = total * 31 + bytes[i];
    return static_cast<std::uint8_t>(total);
  }
  static int seal(void* self, const std::uint8_t* ad, std::size_t ad_size, const std::uint8_t* plain, std::size_t size,
                  std::uint8_t* sealed, std::size_t capacity, std::size_t* sealed_size) {
    const auto& toy = *static_cast<const ToyAead*>(self);
    if (toy.fails || capacity < size + 1) return -1;
    for (std::size_t i = 0; i < size; ++i) sealed[i] = plain[i] ^ toy.key;
    sealed[size] = static_cast<std::uint8_t>(sum(ad, ad_size, plain, size) ^ toy.key);
    *sealed_size = size + 1;
    return 0;
  }
  static int open(void* self, const std::uint8_t* ad, std::size_t ad_size, const std::uint8_t* sealed, std::size_t size,
                  std::uint8_t* plain, std::size_t capacity, std::size_t* plain_size) {
    const auto& toy = *static_cast<const ToyAead*>(self);
    if (toy.fails || size == 0 || capacity < size - 1) return -1;
    for (std::size_t i = 0; i + 1 < size; ++i) plain[i] = sealed[i] ^ toy.key;
    *plain_size = size - 1;
    return sealed[size - 1] == (sum(ad, ad_size, plain, size - 1) ^ toy.key) ? 0 : -1;
  }
  postern_aead functions() { return {sizeof(postern_aead), this, 1, &seal, &open}; }
};

TEST(ApiTransfer, ASessionGoesOnInAnotherProcessAndEndsHere) {
  Ends ends = sealed_ends();
  ASSERT_EQ(unseal(ends.server, seal(ends.client, kText)), POSTERN_OK);
  ToyAead toy;
  const postern_aead aead = toy.functions();
  postern_buffer exported{};
  postern_session* moving = ends.server.release();
  postern_error error;
  ASSERT_EQ(postern_session_export(&moving, &aead, &exported, &error), POSTERN_OK) << error.message;
  EXPECT_EQ(moving, nullptr);
  postern_session* arrived = nullptr;
  ASSERT_EQ(postern_session_import(exported.data, exported.size, &aead, &arrived, &error), POSTERN_OK) << error.message;
  const Session server{arrived, &postern_session_destroy};
  std::string text;
  EXPECT_EQ(unseal(server, seal(ends.client, kText), &text), POSTERN_OK);
  EXPECT_EQ(text, kText);
  EXPECT_EQ(unseal(ends.client, seal(server, kText)), POSTERN_OK);

  exported.data[exported.size / 2] ^= 1;
  EXPECT_EQ(postern_session_import(exported.data, exported.size, &aead, &arrived, nullptr), POSTERN_DENIED);
  EXPECT_EQ(arrived, nullptr);
  exported.data[exported.size / 2] ^= 1;
  exported.data[4] = 9;
  EXPECT_EQ(postern_session_import(exported.data, exported.size, &aead, &arrived, nullptr), POSTERN_UNSUPPORTED);
  EXPECT_EQ(postern_session_import(exported.data, 5, &aead, &arrived, nullptr), POSTERN_TRUNCATED);
  postern_buffer_free(&exported);
  EXPECT_EQ(exported.data, nullptr);
}

TEST(ApiTransfer, AnAeadThatFailsLeavesTheSessionHere) {
  Ends ends = sealed_ends();
  ToyAead toy;
  toy.fails = true;
  const postern_aead aead = toy.functions();
  postern_session* session = ends.client.get();
  postern_buffer exported{};
  EXPECT_EQ(postern_session_export(&session, &aead, &exported, nullptr), POSTERN_INTERNAL);
  ASSERT_EQ(session, ends.client.get());
  EXPECT_EQ(exported.data, nullptr);
  EXPECT_EQ(unseal(ends.server, seal(ends.client, kText)), POSTERN_OK);
  postern_aead without_open = aead;
  without_open.open = nullptr;
  EXPECT_EQ(postern_session_export(&session, &without_open, &exported, nullptr), POSTERN_INVALID_INPUT);
}

}  // namespace
}  // namespace postern::api_tests
