// Signed and sealed messages in both directions between our session security and another program's.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <span>
#include <string>

#include "interop_support.hpp"
#include "ntlm/session_security.hpp"

namespace postern::interop {

/// The other program's end of a session. Nothing comes back where it refuses.
struct PeerTraffic {
  std::function<std::optional<Bytes>(ByteView text)> wrap{};     ///< the signature, then the sealed text
  std::function<std::optional<Bytes>(ByteView token)> unwrap{};  ///< of such a token
  std::function<std::optional<Bytes>(ByteView text)> sign{};
  std::function<bool(ByteView text, ByteView signature)> verify{};
  /// Connectionless: sets the number of the next message.
  std::function<void(std::uint32_t number)> set_number{};
};

enum class Kind : std::uint8_t { sealed, signed_only };

inline constexpr std::size_t kKibibyte = 1024;
inline constexpr std::size_t kUsualSizes[] = {1, 64, kKibibyte, 64 * kKibibyte};
inline constexpr std::size_t kEverySize[] = {1, 64, kKibibyte, 64 * kKibibyte, 4096 * kKibibyte};
inline constexpr std::uint32_t kManyMessages = 4000;  ///< in each direction, in a row

inline Bytes text_of(std::size_t size, std::uint32_t number) {
  Bytes text(size);
  std::uint32_t state = number * 2'654'435'761u + 1;
  for (std::uint8_t& byte : text) {
    state = state * 1'664'525u + 1'013'904'223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return text;
}

/// A session under test: both ends, and the number of the next message.
struct Session {
  SessionSecurity ours;
  PeerTraffic peer;
  std::uint32_t number = 0;

  void next_number() {
    if (!ours.is_datagram()) return;
    // Neither from zero nor one after the other: the caller counts.
    number += 7;
    ASSERT_TRUE(ours.set_sequence_numbers({number, number}));
    peer.set_number(number);
  }
};

inline Bytes wrapped_by_us(Session& session, ByteView text) {
  Bytes token(text.size() + kSignatureBytes);
  const auto outcome = session.ours.wrap(text, token);
  EXPECT_TRUE(outcome) << outcome.error().to_line();
  return token;
}

/// One message to the peer, and one from it.
inline void expect_message(Session& session, Kind kind, std::size_t size) {
  const Bytes text = text_of(size, session.number + static_cast<std::uint32_t>(size));
  session.next_number();
  if (kind == Kind::sealed) {
    const Bytes token = wrapped_by_us(session, text);
    ASSERT_TRUE(size < 8 || !std::ranges::equal(ByteView{token}.subspan(kSignatureBytes), text));
    const auto opened = session.peer.unwrap(token);
    ASSERT_TRUE(opened) << "the peer refuses what we sealed";
    ASSERT_TRUE(*opened == text) << "the peer unseals something else";
    session.next_number();
    const auto theirs = session.peer.wrap(text);
    ASSERT_TRUE(theirs && theirs->size() == size + kSignatureBytes) << "the peer does not seal";
    Bytes back(size);
    ASSERT_EQ(code_of(session.ours.unwrap(*theirs, back)), "accepted");
    ASSERT_TRUE(back == text);
  } else {
    const auto signature = session.ours.sign(text);
    ASSERT_TRUE(signature) << signature.error().to_line();
    ASSERT_TRUE(session.peer.verify(text, signature->bytes())) << "the peer refuses what we signed";
    session.next_number();
    const auto theirs = session.peer.sign(text);
    ASSERT_TRUE(theirs) << "the peer does not sign";
    ASSERT_EQ(code_of(session.ours.verify(text, *theirs)), "accepted");
  }
}

inline void expect_messages(Session& session, std::initializer_list<Kind> kinds, std::span<const std::size_t> sizes) {
  for (const std::size_t size : sizes) {
    for (const Kind kind : kinds) {
      SCOPED_TRACE(std::to_string(size) + (kind == Kind::sealed ? " bytes sealed" : " bytes signed"));
      ASSERT_NO_FATAL_FAILURE(expect_message(session, kind, size));
    }
  }
}

/// `count` short messages in each direction, of changing size, one after the other without a fault.
inline void expect_many_messages(Session& session, std::initializer_list<Kind> kinds, std::uint32_t count = kManyMessages) {
  for (std::uint32_t i = 0; i < count; ++i) {
    for (const Kind kind : kinds) {
      SCOPED_TRACE(i);
      ASSERT_NO_FATAL_FAILURE(expect_message(session, kind, 1 + i % 97));
    }
  }
}

/// What the peer sent is refused here with any one bit flipped, in the order of its bytes, and taken as it was.
inline void expect_we_refuse_flipped_bits(Session& session, Kind kind) {
  const Bytes text = text_of(33, session.number);
  session.next_number();
  const auto sent = kind == Kind::sealed ? session.peer.wrap(text) : session.peer.sign(text);
  ASSERT_TRUE(sent);
  const auto outcome = [&](ByteView message) {
    if (kind == Kind::signed_only) return code_of(session.ours.verify(text, message));
    Bytes back(text.size());
    return code_of(session.ours.unwrap(message, back));
  };
  // Without extended session security four bytes of a signature are a pad that carries nothing (MS-NLMP 3.4.4.1).
  const bool has_pad = !session.ours.negotiated().has(wire::NegotiateFlag::extended_session_security);
  for (std::size_t bit = 0; bit < sent->size() * 8; ++bit) {
    if (has_pad && bit / 8 >= 4 && bit / 8 < 8) continue;
    Bytes flipped = *sent;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1u << bit % 8));
    ASSERT_NE(outcome(flipped), "accepted") << "bit " << bit;
  }
  ASSERT_EQ(outcome(*sent), "accepted") << "the genuine message can still come";
}

/// The peer refuses a message of ours with one bit flipped. Its key stream is out of step after that: the session's last message.
inline void expect_the_peer_refuses_a_flipped_bit(Session& session, Kind kind) {
  Bytes text = text_of(64, session.number);
  session.next_number();
  if (kind == Kind::sealed) {
    Bytes token = wrapped_by_us(session, text);
    token.back() = static_cast<std::uint8_t>(token.back() ^ 0x10);
    EXPECT_FALSE(session.peer.unwrap(token));
  } else {
    const auto signature = session.ours.sign(text);
    ASSERT_TRUE(signature);
    text.front() = static_cast<std::uint8_t>(text.front() ^ 0x10);
    EXPECT_FALSE(session.peer.verify(text, signature->bytes()));
  }
}

}  // namespace postern::interop
