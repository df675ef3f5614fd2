// Shared by the tests of the C interface: an account, options for both sides, and a handshake run to its end.
#pragma once

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <postern/postern.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace postern::api_tests {

inline constexpr const char* kUser = "alice";
inline constexpr const char* kDomain = "EXAMPLE";
inline constexpr std::string_view kPassword = "Correct.Horse.1";
inline constexpr std::string_view kWrongPassword = "Correct.Horse.2";
inline constexpr const char* kTarget = "HTTP/www.example.org";

using Context = std::unique_ptr<postern_context, decltype(&postern_context_destroy)>;
using Session = std::unique_ptr<postern_session, decltype(&postern_session_destroy)>;

/// Knows alice. What it says instead, and how often it was asked, can be seen and set.
struct Accounts {
  int answer = POSTERN_LOOKUP_FOUND;
  int asked = 0;
  std::string user{};
  std::string domain{};

  static int lookup(void* user_data, const char* user, const char* domain, std::uint8_t* nt_hash) {
    auto& self = *static_cast<Accounts*>(user_data);
    ++self.asked;
    self.user = user;
    self.domain = domain;
    if (self.answer == POSTERN_LOOKUP_FOUND || self.answer == POSTERN_LOOKUP_BLOCKED) {
      postern_nt_hash(kPassword.data(), kPassword.size(), nt_hash, nullptr);
    }
    return self.answer;
  }
};

inline postern_client_options client_options(std::string_view password = kPassword) {
  postern_client_options options = POSTERN_CLIENT_OPTIONS_INIT;
  options.user = kUser;
  options.domain = kDomain;
  options.password = password.data();
  options.password_size = password.size();
  options.workstation = "PC7";
  options.target_name = kTarget;
  return options;
}

inline postern_server_options server_options(Accounts& accounts) {
  postern_server_options options = POSTERN_SERVER_OPTIONS_INIT;
  options.lookup = &Accounts::lookup;
  options.user_data = &accounts;
  options.nb_computer = "WEB1";
  options.nb_domain = kDomain;
  options.dns_computer = "web1.example.org";
  options.dns_domain = "example.org";
  return options;
}

/// The tests have both sides in one process, on purpose.
inline Context client_of(postern_client_options options) {
  options.options |= POSTERN_OPTION_LOCAL_CALL;
  postern_context* context = nullptr;
  postern_error error;
  EXPECT_EQ(postern_client_create(&options, &context, &error), POSTERN_OK) << error.field << ": " << error.message;
  return {context, &postern_context_destroy};
}
inline Context server_of(const postern_server_options& options, std::uint32_t danger_allowed = 0) {
  postern_context* context = nullptr;
  postern_error error;
  EXPECT_EQ(postern_danger_server_create(&options, danger_allowed, &context, &error), POSTERN_OK)
      << error.field << ": " << error.message;
  return {context, &postern_context_destroy};
}

struct Stepped {
  postern_status status = POSTERN_INTERNAL;
  Bytes token{};
  postern_error error{};
};
inline Stepped step(const Context& context, const Bytes& input) {
  Stepped stepped;
  postern_buffer output{};
  stepped.status = postern_context_step(context.get(), input.data(), input.size(), &output, &stepped.error);
  if (output.size != 0) stepped.token.assign(output.data, output.data + output.size);
  postern_buffer_free(&output);
  EXPECT_EQ(stepped.error.status, stepped.status);
  return stepped;
}

/// How the two ended. `alter` sees each token on its way, with its number.
struct Ended {
  postern_status client = POSTERN_CONTINUE;
  postern_status server = POSTERN_CONTINUE;
  postern_error error{};  ///< of the side that ended it
  int tokens = 0;
};
using Alter = std::function<void(Bytes&, int)>;
inline Ended run(const Context& client, const Context& server, const Alter& alter = {}, bool server_first = false) {
  Ended ended;
  bool at_client = !server_first;
  Bytes token;
  for (;;) {
    postern_status& mine = at_client ? ended.client : ended.server;
    if (mine != POSTERN_CONTINUE) return ended;
    Stepped stepped = step(at_client ? client : server, token);
    mine = stepped.status;
    if (mine != POSTERN_OK && mine != POSTERN_CONTINUE) ended.error = stepped.error;
    if (stepped.token.empty()) return ended;
    token = std::move(stepped.token);
    if (alter) alter(token, ended.tokens);
    ++ended.tokens;
    at_client = !at_client;
  }
}

inline postern_logon logon_of(const Context& context) {
  postern_logon logon = POSTERN_LOGON_INIT;
  EXPECT_EQ(postern_context_logon(context.get(), &logon, nullptr), POSTERN_OK);
  return logon;
}
inline Session session_of(const Context& context) {
  postern_session* session = nullptr;
  postern_error error;
  EXPECT_EQ(postern_session_take(context.get(), &session, &error), POSTERN_OK) << error.message;
  return {session, &postern_session_destroy};
}

/// Two ends of a session that signs and seals.
struct Ends {
  Session client;
  Session server;
};
inline Ends sealed_ends(std::uint32_t options = 0) {
  Accounts accounts;
  auto client_side = client_options();
  client_side.require = POSTERN_REQUIRE_SEAL;
  client_side.options = options;
  auto server_side = server_options(accounts);
  server_side.options = options;
  const Context client = client_of(client_side);
  const Context server = server_of(server_side);
  const Ended ended = run(client, server, {}, (options & POSTERN_OPTION_DATAGRAM) != 0);
  EXPECT_EQ(ended.client, POSTERN_OK) << ended.error.message;
  EXPECT_EQ(ended.server, POSTERN_OK) << ended.error.message;
  return {session_of(client), session_of(server)};
}

}  // namespace postern::api_tests
