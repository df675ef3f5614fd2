// NTLM messages for the conversations of the tests: written by the wire room, with no secret behind them.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "spnego/token.hpp"
#include "wire/av_pairs.hpp"
#include "wire/messages.hpp"

namespace postern::observe {

inline Bytes utf16(std::string_view text) { return utf8_to_utf16le(text, "test").value(); }

inline Bytes negotiate_message() {
  wire::NegotiateMessage message;
  message.flags = wire::NegotiateFlags{0xe2888215};
  return message.write().value();
}

inline Bytes challenge_message(std::uint64_t challenge = 0x0102'0304'0506'0709) {
  wire::ChallengeMessage message;
  message.flags = wire::NegotiateFlags{0xe28a8215};
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(challenge >> (8 * i));
  message.server_challenge = wire::ServerChallenge{bytes};
  const Bytes target = utf16("LAB");
  message.target_name = target;
  wire::AvPairsBuilder pairs;
  pairs.add(wire::AvId::nb_domain_name, utf16("LAB"));
  pairs.add(wire::AvId::nb_computer_name, utf16("FS1"));
  pairs.add_timestamp(FileTime{0x01d9'0000'0000'0000});
  const Bytes info = std::move(pairs).finish();
  message.target_info = info;
  return message.write().value();
}

inline Bytes authenticate_message(std::string_view user = "alice") {
  wire::AuthenticateMessage message;
  message.flags = wire::NegotiateFlags{0xe2888215};
  const Bytes name = utf16(user);
  const Bytes domain = utf16("LAB");
  const Bytes workstation = utf16("WS17");
  message.user_name = name;
  message.domain_name = domain;
  message.workstation = workstation;
  Bytes response(16, 0x5a);
  const Bytes head = from_hex("0101000000000000000000000000d901a1a2a3a4a5a6a7a800000000").value();
  response.insert(response.end(), head.begin(), head.end());
  wire::AvPairsBuilder pairs;
  pairs.add(wire::AvId::nb_domain_name, utf16("LAB"));
  pairs.add(wire::AvId::nb_computer_name, utf16("FS1"));
  pairs.add_flags(2);
  pairs.add(wire::AvId::target_name, utf16("cifs/fs1.lab.test"));
  const Bytes list = std::move(pairs).finish();
  response.insert(response.end(), list.begin(), list.end());
  response.insert(response.end(), 4, 0);
  message.nt_response = response;
  const Bytes lm(24, 0);
  message.lm_response = lm;
  message.mic = wire::Mic{};
  Bytes out = message.write().value();
  for (std::size_t i = 0; i < wire::kMicBytes; ++i)
    out[wire::AuthenticateMessage::kMicOffset + i] = static_cast<std::uint8_t>(i + 1);
  return out;
}

inline Bytes spnego_init(ByteView token) {
  spnego::NegTokenInit init;
  init.mech_types = {spnego::kNtlmssp};
  init.mech_token = token;
  return spnego::write(init).value();
}
inline Bytes spnego_resp(ByteView token, spnego::NegState state = spnego::NegState::accept_incomplete) {
  spnego::NegTokenResp resp;
  resp.state = state;
  if (!token.empty()) resp.response_token = token;
  return spnego::write(resp).value();
}

}  // namespace postern::observe
