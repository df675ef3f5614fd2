// Frames of the binary carriers, laid out byte by byte by their specifications.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "base/writer.hpp"

namespace postern::observe {

inline Bytes joined(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}
/// Big-endian number of `count` bytes.
inline Bytes big(std::uint64_t value, unsigned count) {
  Bytes out;
  while (count-- != 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * count)));
  return out;
}
inline Bytes nbss(ByteView message) { return joined({big(message.size(), 4), message}); }

// ---- SMB2 (MS-SMB2 2.2) ------------------------------------------------------------------------------------------------------

struct Smb2Header {
  std::uint16_t command = 0;
  bool answer = false;
  std::uint32_t status = 0;
  std::uint64_t message = 1;
  std::uint64_t session = 0;
  std::uint32_t tree = 1;
  std::uint32_t next = 0;
};
inline Bytes smb2(const Smb2Header& header, ByteView body) {
  Writer out;
  out.bytes(as_bytes("\xfeSMB"));
  out.u16(64);
  out.u16(1);
  out.u32(header.status);
  out.u16(header.command);
  out.u16(1);
  out.u32(header.answer ? 1 : 0);
  out.u32(header.next);
  out.u64(header.message);
  out.u32(0xfeff);
  out.u32(header.tree);
  out.u64(header.session);
  out.zeros(16);
  out.bytes(body);
  return std::move(out).take();
}
inline Bytes smb2_setup_request(ByteView token, std::uint64_t message, std::uint64_t session) {
  Writer body;
  body.u16(25);
  body.u8(0);
  body.u8(1);
  body.u32(0);
  body.u32(0);
  body.u16(64 + 24);
  body.u16(static_cast<std::uint16_t>(token.size()));
  body.u64(0);
  body.bytes(token);
  return nbss(smb2({1, false, 0, message, session}, std::move(body).take()));
}
inline Bytes smb2_setup_answer(ByteView token, std::uint32_t status, std::uint64_t message, std::uint64_t session,
                               std::uint16_t flags = 0) {
  Writer body;
  body.u16(9);
  body.u16(flags);
  body.u16(64 + 8);
  body.u16(static_cast<std::uint16_t>(token.size()));
  body.bytes(token);
  return nbss(smb2({1, true, status, message, session}, std::move(body).take()));
}
inline Bytes smb2_negotiate_answer(ByteView token, std::uint16_t security_mode) {
  Writer body;
  body.u16(65);
  body.u16(security_mode);
  body.u16(0x0311);
  body.zeros(2 + 16 + 4 + 12 + 16);
  body.u16(64 + 64);
  body.u16(static_cast<std::uint16_t>(token.size()));
  body.zeros(4);
  body.bytes(token);
  return nbss(smb2({0, true}, std::move(body).take()));
}
inline Bytes smb2_tree_connect(std::string_view path, std::uint64_t message, std::uint64_t session) {
  const Bytes text = utf8_to_utf16le(path, "test").value();
  Writer body;
  body.u16(9);
  body.u16(0);
  body.u16(64 + 8);
  body.u16(static_cast<std::uint16_t>(text.size()));
  body.bytes(text);
  return nbss(smb2({3, false, 0, message, session}, std::move(body).take()));
}
inline Bytes smb2_write(ByteView data, std::uint8_t file, std::uint64_t message, std::uint64_t session) {
  Writer body;
  body.u16(49);
  body.u16(64 + 48);
  body.u32(static_cast<std::uint32_t>(data.size()));
  body.u64(0);
  body.u8(file);
  body.zeros(15);
  body.zeros(16);
  body.bytes(data);
  return nbss(smb2({9, false, 0, message, session}, std::move(body).take()));
}
inline Bytes smb2_read(std::uint8_t file, std::uint64_t message, std::uint64_t session) {
  Writer body;
  body.u16(49);
  body.u16(0);
  body.u32(4096);
  body.u64(0);
  body.u8(file);
  body.zeros(15);
  body.zeros(17);
  return nbss(smb2({8, false, 0, message, session}, std::move(body).take()));
}
inline Bytes smb2_read_answer(ByteView data, std::uint64_t message, std::uint64_t session, std::uint32_t status = 0) {
  Writer body;
  body.u16(17);
  body.u8(64 + 16);
  body.u8(0);
  body.u32(static_cast<std::uint32_t>(data.size()));
  body.zeros(8);
  body.bytes(data);
  return nbss(smb2({8, true, status, message, session}, std::move(body).take()));
}
/// FSCTL_PIPE_TRANSCEIVE.
inline Bytes smb2_transceive(ByteView data, std::uint8_t file, std::uint64_t message, std::uint64_t session, bool answer) {
  Writer body;
  body.u16(answer ? 49 : 57);
  body.u16(0);
  body.u32(0x0011C017);
  body.u8(file);
  body.zeros(15);
  const std::uint32_t offset = 64 + (answer ? 48 : 56);
  const auto size = static_cast<std::uint32_t>(data.size());
  body.u32(offset);
  body.u32(answer ? 0 : size);
  if (!answer) body.u32(0);
  body.u32(answer ? offset : 0);
  body.u32(answer ? size : 0);
  body.zeros(answer ? 8 : 12);
  body.bytes(data);
  return nbss(smb2({11, answer, 0, message, session}, std::move(body).take()));
}

// ---- DCE/RPC (C706 12.6, MS-RPCE 2.2.2) --------------------------------------------------------------------------------------

/// The MS-EFSR interface, as on the wire.
inline Bytes efsr_uuid() { return from_hex("88d481c650d8d0118c5200c04fd90f7e").value(); }

inline Bytes rpc(std::uint8_t type, std::uint32_t call, ByteView body, ByteView token = {}, std::uint8_t auth_type = 10,
                 std::uint8_t level = 6, std::uint32_t auth_context = 77, std::uint8_t flags = 3) {
  Writer out;
  out.u8(5);
  out.u8(0);
  out.u8(type);
  out.u8(flags);
  out.u32(0x10);
  const std::size_t trailer = token.empty() ? 0 : 8 + token.size();
  out.u16(static_cast<std::uint16_t>(16 + body.size() + trailer));
  out.u16(static_cast<std::uint16_t>(token.size()));
  out.u32(call);
  out.bytes(body);
  if (!token.empty()) {
    out.u8(auth_type);
    out.u8(level);
    out.u16(0);
    out.u32(auth_context);
    out.bytes(token);
  }
  return std::move(out).take();
}
inline Bytes rpc_bind(std::uint32_t call, ByteView uuid, ByteView token, std::uint8_t auth_type = 10,
                      std::uint32_t auth_context = 77) {
  Writer body;
  body.u16(4280);
  body.u16(4280);
  body.u32(0);
  body.u32(1);
  body.u16(0);
  body.u16(1);
  body.bytes(uuid);
  body.u32(1);
  body.zeros(20);
  return rpc(11, call, std::move(body).take(), token, auth_type, 6, auth_context);
}
inline Bytes rpc_request(std::uint32_t call, std::uint16_t opnum, ByteView token = as_bytes("0123456789abcdef")) {
  Writer body;
  body.u32(0);
  body.u16(0);
  body.u16(opnum);
  body.zeros(24);
  return rpc(0, call, std::move(body).take(), token);
}
inline Bytes rpc_response(std::uint32_t call) { return rpc(2, call, Bytes(24), as_bytes("0123456789abcdef")); }
inline Bytes rpc_fault(std::uint32_t call, std::uint32_t status) {
  Writer body;
  body.zeros(8);
  body.u32(status);
  body.u32(0);
  return rpc(3, call, std::move(body).take());
}

// ---- DER ---------------------------------------------------------------------------------------------------------------------

inline Bytes der(std::uint8_t tag, ByteView content) {
  Bytes head{tag};
  if (content.size() < 0x80) {
    head.push_back(static_cast<std::uint8_t>(content.size()));
  } else {
    head.push_back(0x82);
    head.push_back(static_cast<std::uint8_t>(content.size() >> 8));
    head.push_back(static_cast<std::uint8_t>(content.size()));
  }
  return joined({head, content});
}
inline Bytes der(std::uint8_t tag, std::string_view content) { return der(tag, as_bytes(content)); }
inline Bytes der(std::uint8_t tag, std::initializer_list<ByteView> parts) { return der(tag, joined(parts)); }
inline Bytes der_number(std::uint8_t tag, std::uint8_t value) { return Bytes{tag, 1, value}; }

// ---- LDAP (RFC 4511), Kerberos (RFC 4120), CredSSP (MS-CSSP) -------------------------------------------------------------------

inline Bytes ldap_sasl_bind(std::uint8_t id, std::string_view mechanism, ByteView token) {
  return der(0x30, {der_number(2, id), der(0x60, {der_number(2, 3), der(4, ""), der(0xa3, {der(4, mechanism), der(4, token)})})});
}
inline Bytes ldap_sicily_bind(std::uint8_t id, std::uint8_t choice, ByteView token) {
  return der(0x30, {der_number(2, id), der(0x60, {der_number(2, 3), der(4, choice == 0x8a ? "NTLM" : ""), der(choice, token)})});
}
inline Bytes ldap_bind_answer(std::uint8_t id, std::uint8_t result, ByteView token, std::string_view text = "",
                              ByteView matched = {}) {
  const Bytes credentials = token.empty() ? Bytes{} : der(0x87, token);
  return der(0x30, {der_number(2, id), der(0x61, {der_number(0x0a, result), der(4, matched), der(4, text), credentials})});
}

inline Bytes krb_name(std::string_view first, std::string_view second) {
  return der(0x30,
             {der(0xa0, der_number(2, 2)), der(0xa1, der(0x30, {der(0x1b, first), second.empty() ? Bytes{} : der(0x1b, second)}))});
}
inline Bytes krb_tgs_request(std::string_view service, std::string_view host) {
  const Bytes body = der(
      0x30, {der(0xa0, Bytes{3, 5, 0, 0x40, 0x81, 0, 0}), der(0xa2, der(0x1b, "LAB.TEST")), der(0xa3, krb_name(service, host))});
  return der(0x6c, der(0x30, {der(0xa1, der_number(2, 5)), der(0xa2, der_number(2, 12)), der(0xa4, body)}));
}
inline Bytes krb_error(std::uint8_t code, std::string_view service, std::string_view host) {
  return der(0x7e, der(0x30, {der(0xa0, der_number(2, 5)), der(0xa1, der_number(2, 30)), der(0xa4, der(0x18, "20261122100000Z")),
                              der(0xa5, der_number(2, 1)), der(0xa6, der_number(2, code)), der(0xa9, der(0x1b, "LAB.TEST")),
                              der(0xaa, krb_name(service, host))}));
}

inline Bytes ts_request(ByteView token) {
  const Bytes tokens = token.empty() ? Bytes{} : der(0xa1, der(0x30, der(0x30, der(0xa0, der(4, token)))));
  return der(0x30, {der(0xa0, der_number(2, 6)), tokens});
}
inline Bytes ts_key_proof() { return der(0x30, {der(0xa0, der_number(2, 6)), der(0xa3, der(4, "sealed key"))}); }
inline Bytes ts_error(std::uint32_t status) { return der(0x30, {der(0xa0, der_number(2, 6)), der(0xa4, der(2, big(status, 5)))}); }

// ---- TDS (MS-TDS 2.2) ----------------------------------------------------------------------------------------------------------

inline Bytes tds(std::uint8_t type, ByteView payload, std::uint8_t status = 1) {
  return joined({Bytes{type, status}, big(8 + payload.size(), 2), Bytes{0, 0, 1, 0}, payload});
}
inline Bytes tds_login7(ByteView token, std::string_view server) {
  const Bytes name = utf8_to_utf16le(server, "test").value();
  Writer out;
  out.u32(static_cast<std::uint32_t>(94 + name.size() + token.size()));
  out.zeros(48);
  out.u16(94);
  out.u16(static_cast<std::uint16_t>(server.size()));
  out.zeros(22);
  out.u16(static_cast<std::uint16_t>(94 + name.size()));
  out.u16(static_cast<std::uint16_t>(token.size()));
  out.zeros(12);
  out.bytes(name);
  out.bytes(token);
  return std::move(out).take();
}
inline Bytes tds_token(std::uint8_t token, ByteView content) {
  return joined({Bytes{token, static_cast<std::uint8_t>(content.size()), static_cast<std::uint8_t>(content.size() >> 8)}, content});
}

}  // namespace postern::observe
