// The tokens of tests/vectors/spnego_peers.vec by name, and small encoders for tokens that no sane peer sends.
#pragma once

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "spnego/token.hpp"
#include "support/paths.hpp"

namespace postern::spnego::test {

inline const std::map<std::string, Bytes>& peer_tokens() {
  static const std::map<std::string, Bytes> tokens = [] {
    std::map<std::string, Bytes> read;
    std::ifstream file{POSTERN_SOURCE_DIR "/tests/vectors/spnego_peers.vec"};
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.front() == '#') continue;
      const std::size_t equals = line.find(" = ");
      const auto bytes = equals == std::string::npos ? std::nullopt : from_hex(line.substr(equals + 3));
      if (!bytes || !read.emplace(line.substr(0, equals), *bytes).second) throw std::runtime_error{"bad vector: " + line};
    }
    return read;
  }();
  return tokens;
}

inline const Bytes& peer_token(const std::string& name) { return peer_tokens().at(name); }

inline Bytes hex(std::string_view text) {
  const auto bytes = from_hex(text);
  if (!bytes) throw std::runtime_error{"bad hexadecimal"};
  return *bytes;
}

/// Tag, length in its shortest form, and the parts; written apart from the code under test.
inline Bytes tlv(std::uint8_t tag, std::initializer_list<Bytes> parts) {
  Bytes content;
  for (const Bytes& part : parts) content.insert(content.end(), part.begin(), part.end());
  Bytes out{tag};
  if (content.size() < 128) {
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(content.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(content.size()));
  }
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

inline const Bytes kNtlmOid = hex("060a2b06010401823702020a");
/// [0] MechTypeList with NTLM alone.
inline Bytes ntlm_only() { return tlv(0xa0, {tlv(0x30, {kNtlmOid})}); }
/// A framed NegTokenInit of these fields.
inline Bytes init_of(std::initializer_list<Bytes> fields) {
  return tlv(0x60, {hex("06062b0601050502"), tlv(0xa0, {tlv(0x30, fields)})});
}
inline Bytes resp_of(std::initializer_list<Bytes> fields) { return tlv(0xa1, {tlv(0x30, fields)}); }

}  // namespace postern::spnego::test
