// An NTLM message as the sensor keeps it: text decoded, secrets as keyed digests (R29).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/keyed_digest.hpp"
#include "event/logon_event.hpp"
#include "observe/logons/message_object.hpp"
#include "observe/stream.hpp"
#include "wire/flags.hpp"
#include "wire/messages.hpp"

namespace postern::observe {

/// What the tracker and the findings know of one message. What does not belong to its type is unset.
struct DecodedMessage {
  MessageObject object{};  ///< as `watch --messages` prints it
  std::optional<wire::MessageType> type{};
  bool readable = false;  ///< the message was parsed; else only its type is known

  std::optional<wire::NegotiateFlags> flags{};
  std::string os_version{};  ///< of VERSION, "10.0.19041"

  // CHALLENGE
  std::optional<KeyedDigest> challenge_digest{};
  bool challenge_is_pattern = false;  ///< a value that no random source gives: 1122334455667788, eight equal bytes
  event::ServerNames names{};
  std::optional<FileTime> server_time{};
  bool has_target_info = false;

  // AUTHENTICATE
  std::optional<event::NtlmVersion> version{};
  std::optional<event::Mic> mic{};
  std::optional<event::ChannelBinding> channel_binding{};
  bool spn_untrusted = false;
  std::optional<FileTime> client_time{};
  std::string machine_id{};
  std::optional<KeyedDigest> proof_digest{};
  event::ServerNames meant_names{};  ///< the server's names as the client's NTLMv2 response repeats them
  bool has_session_key = false;
  bool lm_response_beside = false;  ///< a real LM response went along with an NT response
};

/// Reads `seen`. `negotiated`: the flags of the exchange's CHALLENGE, which decide the charset of an AUTHENTICATE (peers.md S3).
[[nodiscard]] DecodedMessage decode_message(const Connection& connection, const MessageSeen& seen,
                                            std::optional<wire::NegotiateFlags> negotiated, const DigestKey& key);

/// Version and proof of a pair of responses outside NTLMSSP.
void decode_responses(const ClassicLogonSeen& seen, const DigestKey& key, DecodedMessage& decoded);

/// True for server challenges that capture tools and tests use and no random source gives.
[[nodiscard]] bool is_pattern_challenge(ByteView challenge);

}  // namespace postern::observe
