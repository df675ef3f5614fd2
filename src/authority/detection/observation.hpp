// Observation: what detection is told of one logon. A plain value of views and digests: no challenge, no response, no key (R29).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_time.hpp"
#include "event/names.hpp"

namespace postern::authority::detection {

/// How far the response was compared with the account's key.
enum class Proof : std::uint8_t { not_compared, wrong, verified };

/// MsvAvTimestamp or the server's names in the response, beside those of our CHALLENGE.
enum class Echo : std::uint8_t { absent, ours, others };

/// What the client's eight random bytes look like.
enum class ChallengeShape : std::uint8_t { ordinary, letters_and_digits, all_equal };

/// The LM field beside an NTLMv2 response.
enum class LmField : std::uint8_t { absent, zeros, response };

/// The VERSION field of the AUTHENTICATE.
enum class VersionField : std::uint8_t { absent, zeros, usual, odd };

/// Views: what they point to outlives the call that gets the Observation. Texts are UTF-8 and may be empty.
struct Observation {
  FileTime now{};
  event::Package package = event::Package::ntlm;
  Proof proof = Proof::not_compared;

  // The account: as the store has it if it is known, as claimed if not.
  std::string_view domain{};
  std::string_view account{};
  bool machine_account = false;
  bool protected_user = false;
  bool canary = false;  ///< a decoy: nobody has its password

  // The client.
  std::string_view address{};
  std::string_view workstation{};

  // What it wants.
  std::string_view service{};
  event::Service service_kind = event::Service::other;
  std::string_view server_address{};
  std::string_view own_name{};  ///< MsvAvNbComputerName of our CHALLENGE
  bool tls = false;

  // The exchange.
  bool spnego = false;
  event::NtlmVersion version = event::NtlmVersion::ntlm_v2;
  event::Mic mic = event::Mic::not_applicable;
  event::ChannelBinding channel_binding = event::ChannelBinding::not_applicable;
  std::string_view target_name{};  ///< MsvAvTargetName; empty: none
  std::optional<event::SpnCheck> target_check{};
  std::uint32_t offered_flags = 0;     ///< of the NEGOTIATE
  std::size_t negotiate_bytes = 0;     ///< its length
  std::uint32_t negotiated_flags = 0;  ///< of the CHALLENGE
  LmField lm_field = LmField::absent;
  VersionField version_field = VersionField::absent;
  std::array<std::uint8_t, 8> version_bytes{};  ///< zeros if there is none
  std::size_t blob_tail_bytes = 0;              ///< behind MsvAvEOL (peers.md S11)
  Echo names = Echo::absent;
  std::string foreign_names{};  ///< those that are not ours, for a person
  Echo server_time = Echo::absent;
  std::uint64_t echoed_time = 0;  ///< MsvAvTimestamp of the response
  ByteView machine_id{};          ///< of MsvAvSingleHost; empty: none
  ChallengeShape challenge_shape = ChallengeShape::ordinary;
  std::optional<std::uint64_t> client_challenge_digest{};
  std::optional<std::uint64_t> proof_digest{};
};

/// What an administrator may say about detection.
enum class Switch : bool { off, on };
struct Settings {
  Switch detection = Switch::on;
  std::vector<std::string>
      own_machine_ids{};  ///< 64 hexadecimal digits each: what this machine's own clients send in MsvAvSingleHost
  std::vector<std::string> own_addresses{};  ///< beside the address that a connection came in on
  bool operator==(const Settings&) const = default;
};

}  // namespace postern::authority::detection
