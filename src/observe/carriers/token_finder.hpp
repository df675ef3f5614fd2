// What a security token in a carrier holds: NTLM by itself or in SPNEGO, Kerberos, or what SPNEGO offers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "observe/stream.hpp"
#include "spnego/token.hpp"
#include "wire/messages.hpp"

namespace postern::observe {

/// Where a token was seen.
struct Place {
  const Connection& connection;
  ExchangeKey exchange = 0;
  Moment moment{};
  Side from = Side::client;
  Carrier carrier = Carrier::http;
  std::string_view target{};
  bool winrm = false;
  bool asks_proxy = false;
  bool ended_tls = false;
};

struct TokenContent {
  std::optional<wire::MessageType> ntlm{};  ///< the NTLM message in it, by its type field
  bool has_ntlm = false;                    ///< also where the type is none of the three
  std::optional<spnego::NegState> state{};
  bool kerberos = false;
};

/// Looks into a token without telling anybody: for what must be known before the exchange is.
[[nodiscard]] TokenContent peek_token(ByteView token);

/// Tells the witness of the NTLM message in `token`, of Kerberos in it, and of the mechanisms that it offers. A token that breaks
/// SPNEGO's rules is searched for the signature of NTLM all the same.
TokenContent report_token(const Place& place, ByteView token, Witness& witness);

/// The code of the KRB-ERROR in a token of Kerberos by GSS-API (RFC 4121 4.1, TOK_ID 03 00); nothing if there is none.
[[nodiscard]] std::optional<std::uint32_t> kerberos_error_in(ByteView token);

/// RFC 4648 section 4, as the peers' readers take it: ends at the first character that is none of the alphabet; padding optional.
[[nodiscard]] Bytes decode_base64(std::string_view text);

/// Position of `needle` in `bytes`, or npos.
[[nodiscard]] inline std::size_t find_text(ByteView bytes, std::string_view needle) { return as_text(bytes).find(needle); }

[[nodiscard]] inline bool starts_with(ByteView bytes, std::string_view text) { return as_text(bytes).starts_with(text); }
/// ASCII letters of either case are equal.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);
[[nodiscard]] bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);

}  // namespace postern::observe
