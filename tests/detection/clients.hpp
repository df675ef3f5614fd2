// Honest clients: those of docs/peers.md and of the table that it came from, with the flags and forms that they were seen with.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "authority/detection/observation.hpp"

namespace postern::authority::detection {

/// What a program does, on https and on http.
struct Program {
  std::string_view name;
  std::uint32_t offered_flags;
  std::size_t negotiate_bytes;
  event::NtlmVersion version;
  bool mic;
  bool binds_on_tls;        ///< sends the hash of the channel
  bool zero_binding;        ///< sends zeros where it has none
  std::string_view target;  ///< class of its target name; empty: none
  LmField lm;
  std::size_t tail;
  bool machine_id;  ///< a new one for each logon (Samba)
  bool spnego;
  bool echoes_names;
  std::string_view workstation;  ///< a fixed one; empty: the machine's
};

inline constexpr auto kV2 = event::NtlmVersion::ntlm_v2;
inline constexpr auto kV1 = event::NtlmVersion::ntlm_v1;

inline constexpr std::array kHonestPrograms{
    Program{"curl --ntlm", 0x00088206, 32, kV2, false, false, false, "", LmField::response, 4, false, false, true, "WORKSTATION"},
    Program{"wget", 0x00000202, 32, kV1, false, false, false, "", LmField::response, 0, false, false, true, ""},
    Program{"requests-ntlm", 0xE2889032, 43, kV2, true, true, false, "", LmField::zeros, 4, false, false, true, ""},
    Program{"JDK", 0x00088207, 32, kV2, false, false, false, "", LmField::response, 4, false, false, true, ""},
    Program{"Apache HttpClient", 0xA2088201, 40, kV2, false, false, false, "", LmField::response, 4, false, false, true, ""},
    Program{"go-ntlmssp", 0xA0881001, 43, kV2, false, false, false, "", LmField::response, 4, false, false, false, ""},
    Program{"httpntlm", 0xA208B207, 51, kV2, false, false, false, "", LmField::response, 4, false, false, true, ""},
    Program{"axios-ntlm", 0x00088206, 43, kV2, false, false, false, "", LmField::response, 4, false, false, true, ""},
    Program{"Authen::NTLM", 0x0000B207, 40, kV1, false, false, false, "", LmField::response, 0, false, false, true, ""},
    Program{"rubyntlm", 0xE0088237, 43, kV2, false, false, false, "", LmField::response, 4, false, false, true, ""},
    Program{"libsoup", 0x62088205, 40, kV2, false, false, false, "", LmField::response, 0, false, false, true, ""},
    Program{"Qt", 0x00088205, 32, kV2, false, false, false, "", LmField::absent, 4, false, false, true, ""},
    Program{"Samba ntlm_auth", 0x62088205, 40, kV2, false, false, true, "", LmField::zeros, 4, true, false, true, ""},
    Program{"gss-ntlmssp", 0xE2088217, 40, kV2, true, false, false, "HTTP", LmField::absent, 4, false, true, true, ""},
    Program{"Chromium", 0x00088207, 32, kV2, true, true, true, "HTTP", LmField::zeros, 4, false, false, true, ""},
    Program{"Firefox", 0x00088207, 32, kV2, false, false, false, "", LmField::response, 0, false, false, true, ""},
    Program{"cntlm", 0xA208B205, 44, kV2, false, false, false, "", LmField::response, 4, false, false, true, ""},
    Program{"smbclient", 0x62088215, 40, kV2, true, false, true, "cifs", LmField::zeros, 4, true, true, true, ""},
    Program{"rpcclient sealed", 0x62088235, 40, kV2, true, false, true, "cifs", LmField::zeros, 4, true, true, true, ""},
    Program{"WinPR", 0xE20882B7, 40, kV2, true, false, true, "TERMSRV", LmField::zeros, 8, false, false, true, ""},
};

struct Place {
  std::string network;  ///< "10.1.2.": the host's number is added
  bool one_address = false;
};

struct Machine {
  std::string name;
  std::size_t home = 0;
  unsigned host = 0;
  std::vector<std::size_t> programs;
  int logons = 0;
};

struct User {
  std::string name;
  std::vector<Machine> machines;
};

/// A company: users with machines in networks, some of them behind one address.
class Company {
 public:
  explicit Company(std::uint64_t seed, std::size_t users = 300) : random_{seed} {
    for (unsigned i = 0; i < kOffices + kElsewhere; ++i) {
      places_.push_back({"10." + std::to_string(i) + ".1.", i % 3 == 0});
    }
    for (std::size_t i = 0; i < users; ++i) {
      User user{"user" + std::to_string(i), {}};
      const std::size_t machines = 1 + below(3);
      const std::size_t office = below(kOffices);
      for (std::size_t k = 0; k < machines; ++k) user.machines.push_back(machine(i, k, office));
      users_.push_back(std::move(user));
    }
  }

  /// One logon, `seconds` after the last. The views are good until the next call.
  Observation next(std::uint64_t seconds) {
    now_ += seconds * FileTime::kTicksPerSecond;
    const std::size_t index = below(users_.size());
    User& user = users_[index];
    if (below(2'000) == 0) user.machines.push_back(machine(index, user.machines.size(), user.machines.front().home));
    Machine& machine = user.machines[below(user.machines.size())];
    if (below(500) == 0 && is_modern(machine.programs.front())) machine.programs.push_back(modern_program());
    const Program& program = kHonestPrograms[machine.programs[below(machine.programs.size())]];
    // A machine travels now and then, once it has been used at its office: a new one at a new place is the false alarm of
    // new-network.
    const bool travels = ++machine.logons > kLogonsAtOffice && below(50) == 0;
    const Place& place = places_[travels ? kOffices + below(kElsewhere) : machine.home];
    return observe(user, machine, program, place);
  }

  std::size_t below(std::size_t limit) { return random_() % limit; }
  void bytes(std::span<std::uint8_t> out) {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random_());
  }

 private:
  static constexpr unsigned kOffices = 20;
  static constexpr unsigned kElsewhere = 12;
  static constexpr int kLogonsAtOffice = 20;

  static bool is_modern(std::size_t program) { return kHonestPrograms[program].version == kV2; }
  std::size_t modern_program() {
    for (;;) {
      const std::size_t program = below(kHonestPrograms.size());
      if (is_modern(program)) return program;
    }
  }
  Machine machine(std::size_t user, std::size_t number, std::size_t home) {
    Machine machine{"WS" + std::to_string(user) + "-" + std::to_string(number), home, static_cast<unsigned>(1 + below(250)), {}, 0};
    // Who still has a program that knows NTLMv1 only has no other on that machine: that is the false alarm of downgrade-version.
    const std::size_t first = below(kHonestPrograms.size());
    machine.programs.push_back(first);
    if (!is_modern(first)) return machine;
    for (std::size_t more = below(3); more > 0; --more) machine.programs.push_back(modern_program());
    return machine;
  }

  Observation observe(const User& user, const Machine& machine, const Program& program, const Place& place) {
    Observation seen;
    seen.now = FileTime{now_};
    seen.proof = below(50) == 0 ? Proof::wrong : Proof::verified;
    seen.domain = "DEMO";
    seen.account = user.name;
    address_ = place.network + std::to_string(place.one_address ? 1U : machine.host);
    seen.address = address_;
    seen.workstation = program.workstation.empty() ? std::string_view{machine.name} : program.workstation;
    const bool http = program.target.empty() || program.target == "HTTP";
    seen.service_kind = http ? event::Service::http : program.target == "cifs" ? event::Service::smb : event::Service::rdp;
    seen.service = http ? "web" : program.target == "cifs" ? "files" : "desktop";
    seen.server_address = "192.0.2.1";
    seen.own_name = "SRV1";
    seen.tls = http && below(2) == 0;
    seen.spnego = program.spnego;
    seen.version = program.version;
    seen.offered_flags = program.offered_flags;
    seen.negotiate_bytes = program.negotiate_bytes;
    seen.negotiated_flags = program.offered_flags | 0x0082'0200;
    seen.lm_field = program.lm;
    seen.version_field = (program.offered_flags & 0x0200'0000) != 0 ? VersionField::usual : VersionField::absent;
    std::array<std::uint8_t, 8> challenge{};
    bytes(challenge);
    const bool text = std::ranges::all_of(challenge, [](std::uint8_t byte) { return byte < 0x80 && std::isalnum(byte) != 0; });
    seen.challenge_shape = text ? ChallengeShape::letters_and_digits : ChallengeShape::ordinary;
    if (program.version != kV2) return seen;
    seen.client_challenge_digest = random_();
    seen.proof_digest = random_();
    seen.mic = program.mic ? event::Mic::verified : event::Mic::absent;
    if (seen.proof != Proof::verified && program.mic) seen.mic = event::Mic::present;
    seen.channel_binding = program.binds_on_tls && seen.tls ? event::ChannelBinding::matched
                           : program.zero_binding           ? event::ChannelBinding::zero
                                                            : event::ChannelBinding::absent;
    if (!program.target.empty()) {
      target_ = std::string{program.target} + "/srv1.demo.example.org";
      seen.target_name = target_;
      seen.target_check = event::SpnCheck::accepted;
    }
    seen.blob_tail_bytes = program.tail;
    seen.names = program.echoes_names ? Echo::ours : Echo::absent;
    seen.server_time = program.echoes_names ? Echo::ours : Echo::absent;
    if (program.machine_id) {
      bytes(machine_id_);
      seen.machine_id = machine_id_;
    }
    return seen;
  }

  std::mt19937_64 random_;
  std::uint64_t now_ = 134'000'000'000'000'000ULL;
  std::vector<Place> places_{};
  std::vector<User> users_{};
  std::string address_{};
  std::string target_{};
  std::array<std::uint8_t, 32> machine_id_{};
};

}  // namespace postern::authority::detection
