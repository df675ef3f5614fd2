// Logons through the C interface: both sides against each other, what is refused, and what the caller learns.
#include <array>

#include "api_support.hpp"
#include "wire/messages.hpp"

namespace postern::api_tests {
namespace {

TEST(ApiHandshake, TheRightPasswordLogsOnAndBothSidesShareTheKey) {
  for (const std::uint32_t options : {0u, POSTERN_OPTION_SPNEGO}) {
    SCOPED_TRACE(options);
    Accounts accounts;
    auto client_side = client_options();
    auto server_side = server_options(accounts);
    client_side.options = server_side.options = options;
    const Context client = client_of(client_side);
    const Context server = server_of(server_side);
    const Ended ended = run(client, server);
    EXPECT_EQ(ended.client, POSTERN_OK) << ended.error.message;
    EXPECT_EQ(ended.server, POSTERN_OK) << ended.error.message;
    EXPECT_EQ(ended.tokens, options == 0 ? 3 : 4);
    std::uint8_t client_key[POSTERN_KEY_SIZE] = {};
    std::uint8_t server_key[POSTERN_KEY_SIZE] = {};
    ASSERT_EQ(postern_context_session_key(client.get(), client_key, nullptr), POSTERN_OK);
    ASSERT_EQ(postern_context_session_key(server.get(), server_key, nullptr), POSTERN_OK);
    EXPECT_EQ(to_hex(client_key), to_hex(server_key));
    EXPECT_NE(to_hex(server_key), std::string(32, '0'));
  }
}

TEST(ApiHandshake, TheServerLearnsWhoLoggedOnAndHow) {
  Accounts accounts;
  auto client_side = client_options();
  std::uint8_t bindings[POSTERN_KEY_SIZE];
  ASSERT_EQ(postern_channel_bindings("tls-server-end-point:abc", 24, bindings, nullptr), POSTERN_OK);
  client_side.channel_bindings = bindings;
  auto server_side = server_options(accounts);
  server_side.accepted_bindings = bindings;
  server_side.accepted_binding_count = 1;
  server_side.accepted_target_names = &kTarget;
  server_side.accepted_target_name_count = 1;
  server_side.require = POSTERN_REQUIRE_MIC | POSTERN_REQUIRE_BINDINGS | POSTERN_REQUIRE_TARGET_NAME | POSTERN_REQUIRE_SIGN |
                        POSTERN_REQUIRE_128 | POSTERN_REQUIRE_ESS;
  const Context client = client_of(client_side);
  const Context server = server_of(server_side);
  const Ended ended = run(client, server);
  ASSERT_EQ(ended.server, POSTERN_OK) << ended.error.message;
  const postern_logon logon = logon_of(server);
  EXPECT_STREQ(logon.user, "alice");
  EXPECT_STREQ(logon.domain, "EXAMPLE");
  EXPECT_STREQ(logon.workstation, "PC7");
  EXPECT_STREQ(logon.target_name, kTarget);
  EXPECT_STREQ(logon.sid, "");
  EXPECT_EQ(logon.version, POSTERN_VERSION_NTLMV2);
  EXPECT_EQ(logon.mic, POSTERN_MIC_VERIFIED);
  EXPECT_EQ(logon.channel_binding, POSTERN_BINDING_MATCHED);
  EXPECT_EQ(logon.standing, POSTERN_STANDING_PROVED);
  EXPECT_EQ(logon.group_count, 0u);
  EXPECT_NE(logon.negotiate_flags & 0x10u, 0u);
  EXPECT_EQ(logon_of(client).mic, POSTERN_MIC_SENT);
  EXPECT_EQ(accounts.asked, 1);
  EXPECT_EQ(accounts.user, "alice");
}

/// Runs one logon and gives the server's verdict.
postern_status verdict_of(const postern_client_options& client_side, const postern_server_options& server_side,
                          std::uint32_t danger_allowed = 0, const Alter& alter = {}) {
  return run(client_of(client_side), server_of(server_side, danger_allowed), alter).server;
}

TEST(ApiHandshake, R28_TheCausesOfARefusalStayApart) {
  Accounts accounts;
  EXPECT_EQ(verdict_of(client_options(), server_options(accounts)), POSTERN_OK);
  EXPECT_EQ(verdict_of(client_options(kWrongPassword), server_options(accounts)), POSTERN_WRONG_PASSWORD);
  accounts.answer = POSTERN_LOOKUP_NOT_FOUND;
  EXPECT_EQ(verdict_of(client_options(), server_options(accounts)), POSTERN_WRONG_PASSWORD);
  accounts.answer = POSTERN_LOOKUP_UNAVAILABLE;
  EXPECT_EQ(verdict_of(client_options(), server_options(accounts)), POSTERN_NO_AUTHORITY);
  accounts.answer = 99;
  EXPECT_EQ(verdict_of(client_options(), server_options(accounts)), POSTERN_NO_AUTHORITY);
  accounts.answer = POSTERN_LOOKUP_BLOCKED;
  EXPECT_EQ(verdict_of(client_options(), server_options(accounts)), POSTERN_ACCOUNT_STATE);
  EXPECT_EQ(verdict_of(client_options(kWrongPassword), server_options(accounts)), POSTERN_WRONG_PASSWORD);
}

TEST(ApiHandshake, ATokenThatWasTouchedOnItsWayIsRefused) {
  Accounts accounts;
  const auto server_side = server_options(accounts);
  for (const int token : {0, 1, 2}) {
    const auto touch = [token](Bytes& bytes, int number) {
      // The last bytes of each message are its payload; the first token's flags say SIGN.
      if (number == token) bytes[number == 0 ? 12 : bytes.size() - 3] ^= number == 0 ? 0x10 : 0x01;
    };
    const postern_status verdict = verdict_of(client_options(), server_side, 0, touch);
    EXPECT_NE(verdict, POSTERN_OK) << token;
    EXPECT_EQ(verdict, token == 1 ? POSTERN_CONTINUE : verdict) << "the client itself refuses a broken challenge";
  }
  const auto cut = [](Bytes& bytes, int number) {
    if (number == 2) bytes.resize(40);
  };
  EXPECT_EQ(postern_status_kind(verdict_of(client_options(), server_side, 0, cut)), POSTERN_KIND_PEER);
}

TEST(ApiHandshake, BindingsOfAnotherChannelAreRefusedAndMissingOnesWhereRequired) {
  Accounts accounts;
  std::uint8_t ours[POSTERN_KEY_SIZE];
  std::uint8_t theirs[POSTERN_KEY_SIZE];
  postern_channel_bindings("tls-server-end-point:a", 22, ours, nullptr);
  postern_channel_bindings("tls-server-end-point:b", 22, theirs, nullptr);
  auto server_side = server_options(accounts);
  server_side.accepted_bindings = ours;
  server_side.accepted_binding_count = 1;
  auto client_side = client_options();
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK) << "none are sent, and none are required";
  client_side.channel_bindings = theirs;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_BINDINGS_WRONG);
  client_side.channel_bindings = ours;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  server_side.require = POSTERN_REQUIRE_BINDINGS;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  client_side.channel_bindings = nullptr;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_BINDINGS_WRONG);
}

TEST(ApiHandshake, ATargetNameOfAnotherServerIsRefusedAndAMissingOneWhereRequired) {
  Accounts accounts;
  const char* accepted[] = {"HTTP/www", "HTTP/www.example.org"};
  auto server_side = server_options(accounts);
  server_side.accepted_target_names = accepted;
  server_side.accepted_target_name_count = 2;
  auto client_side = client_options();
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  client_side.target_name = "http/WWW";
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  client_side.target_name = "cifs/www";
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_TARGET_NAME_WRONG);
  client_side.target_name = nullptr;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  server_side.require = POSTERN_REQUIRE_TARGET_NAME;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_TARGET_NAME_WRONG);
  client_side.target_name = "HTTP/www";
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  const char* const hosts[] = {"www"};
  client_side.allowed_hosts = hosts;  // a name from elsewhere needs a list
  client_side.allowed_host_count = 1;
  client_side.options = POSTERN_OPTION_UNTRUSTED_TARGET;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_TARGET_NAME_WRONG);
}

TEST(ApiHandshake, WhatOneSideRequiresAndTheOtherLacksFails) {
  Accounts accounts;
  auto server_side = server_options(accounts);
  server_side.require = POSTERN_REQUIRE_SEAL;
  EXPECT_EQ(verdict_of(client_options(), server_side), POSTERN_POLICY) << "the client does not offer SEAL";
  auto client_side = client_options();
  client_side.options = POSTERN_OPTION_OFFER_SEAL;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);

  client_side.require = POSTERN_REQUIRE_SEAL;
  const auto no_seal = [](Bytes& bytes, int number) {
    if (number == 1) bytes[20] &= 0xdf;  // SEAL in the CHALLENGE's flags
  };
  const Ended ended = run(client_of(client_side), server_of(server_side), no_seal);
  EXPECT_EQ(ended.client, POSTERN_POLICY);
  EXPECT_STREQ(ended.error.field, "CHALLENGE.NegotiateFlags");
}

TEST(ApiHandshake, EveryFormOfAUserNameAndANtHashLogOn) {
  Accounts accounts;
  const auto server_side = server_options(accounts);
  for (const auto& [user, seen_user, seen_domain] :
       {std::array{"alice", "alice", ""}, std::array{"EXAMPLE\\alice", "alice", "EXAMPLE"},
        std::array{"alice@example.org", "alice@example.org", ""}}) {
    auto client_side = client_options();
    client_side.user = user;
    client_side.domain = nullptr;
    EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK) << user;
    EXPECT_EQ(accounts.user, seen_user);
    EXPECT_EQ(accounts.domain, seen_domain);
  }
  std::uint8_t nt_hash[POSTERN_KEY_SIZE];
  ASSERT_EQ(postern_nt_hash(kPassword.data(), kPassword.size(), nt_hash, nullptr), POSTERN_OK);
  auto client_side = client_options();
  client_side.password = nullptr;
  client_side.nt_hash = nt_hash;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_OK);
  nt_hash[0] ^= 1;
  EXPECT_EQ(verdict_of(client_side, server_side), POSTERN_WRONG_PASSWORD);
}

TEST(ApiHandshake, ASpnegoServerTakesRawTokensAndARawServerNoSpnego) {
  Accounts accounts;
  auto server_side = server_options(accounts);
  server_side.options = POSTERN_OPTION_SPNEGO;
  EXPECT_EQ(verdict_of(client_options(), server_side), POSTERN_OK);
  auto client_side = client_options();
  client_side.options = POSTERN_OPTION_SPNEGO;
  server_side.options = 0;
  EXPECT_EQ(postern_status_kind(verdict_of(client_side, server_side)), POSTERN_KIND_PEER);
}

TEST(ApiHandshake, ARefusalReachesTheSpnegoClientAsAToken) {
  Accounts accounts;
  auto client_side = client_options(kWrongPassword);
  auto server_side = server_options(accounts);
  client_side.options = server_side.options = POSTERN_OPTION_SPNEGO;
  const Ended ended = run(client_of(client_side), server_of(server_side));
  EXPECT_EQ(ended.server, POSTERN_WRONG_PASSWORD);
  EXPECT_EQ(ended.client, POSTERN_DENIED);
}

TEST(ApiHandshake, AServerThatDoesNotKnowTheKeyCannotFakeItsLastSpnegoToken) {
  Accounts accounts;
  auto client_side = client_options();
  auto server_side = server_options(accounts);
  client_side.options = server_side.options = POSTERN_OPTION_SPNEGO;
  const auto touch = [](Bytes& bytes, int number) {
    if (number == 3) bytes.back() ^= 1;  // in mechListMIC
  };
  const Ended ended = run(client_of(client_side), server_of(server_side), touch);
  EXPECT_EQ(ended.server, POSTERN_OK);
  EXPECT_EQ(ended.client, POSTERN_MIC_WRONG);
}

// ---- dangerous: each is refused by default
// ---------------------------------------------------------------------------------------

struct DangerCase {
  postern_danger_response response;
  std::uint32_t allowed;
  postern_response_version version;
};

Context danger_client(postern_danger_response response, std::string_view password) {
  auto options = client_options(password);
  options.options = POSTERN_OPTION_LOCAL_CALL;
  if (response == POSTERN_DANGER_RESPONSE_ANONYMOUS) {
    options.user = options.domain = options.password = nullptr;
    options.password_size = 0;
  }
  std::uint8_t lm_hash[POSTERN_KEY_SIZE];
  const bool needs_lm = response == POSTERN_DANGER_RESPONSE_LM || response == POSTERN_DANGER_RESPONSE_NTLMV1_LM;
  if (needs_lm) {
    EXPECT_EQ(postern_danger_lm_hash("SHORT", 5, lm_hash, nullptr), POSTERN_OK);
  }
  postern_context* context = nullptr;
  postern_error error;
  EXPECT_EQ(postern_danger_client_create(&options, response, needs_lm ? lm_hash : nullptr, &context, &error), POSTERN_OK)
      << error.message;
  return {context, &postern_context_destroy};
}

TEST(ApiDanger, R12_WeakResponsesAreRefusedUnlessTheServerNamesThem) {
  constexpr DangerCase kCases[] = {
      {POSTERN_DANGER_RESPONSE_ANONYMOUS, POSTERN_DANGER_ALLOW_ANONYMOUS, POSTERN_VERSION_ANONYMOUS},
      {POSTERN_DANGER_RESPONSE_LMV2, POSTERN_DANGER_ALLOW_LMV2, POSTERN_VERSION_LMV2},
      {POSTERN_DANGER_RESPONSE_NTLMV1, POSTERN_DANGER_ALLOW_NTLMV1, POSTERN_VERSION_NTLMV1_ESS},
      {POSTERN_DANGER_RESPONSE_NTLMV1_LM, POSTERN_DANGER_ALLOW_NTLMV1, POSTERN_VERSION_NTLMV1},
  };
  for (const DangerCase& danger : kCases) {
    SCOPED_TRACE(danger.response);
    Accounts accounts;
    const auto server_side = server_options(accounts);
    EXPECT_EQ(run(danger_client(danger.response, kPassword), server_of(server_side)).server, POSTERN_POLICY);
    const Context server = server_of(server_side, danger.allowed);
    const Ended ended = run(danger_client(danger.response, kPassword), server);
    ASSERT_EQ(ended.server, POSTERN_OK) << ended.error.message;
    EXPECT_EQ(logon_of(server).version, danger.version);
    if (danger.response == POSTERN_DANGER_RESPONSE_ANONYMOUS) {
      EXPECT_EQ(logon_of(server).standing, POSTERN_STANDING_DANGER_ANONYMOUS);
      EXPECT_EQ(accounts.asked, 0);
      continue;
    }
    EXPECT_EQ(logon_of(server).standing, POSTERN_STANDING_PROVED);
    EXPECT_EQ(run(danger_client(danger.response, kWrongPassword), server_of(server_side, danger.allowed)).server,
              POSTERN_WRONG_PASSWORD);
  }
}

/// The LM hash of "SHORT", which danger_client answers with; or of another word.
int lm_hash_of_short(void*, const char*, const char*, std::uint8_t* lm_hash) {
  postern_danger_lm_hash("SHORT", 5, lm_hash, nullptr);
  return POSTERN_LOOKUP_FOUND;
}
int lm_hash_of_another(void*, const char*, const char*, std::uint8_t* lm_hash) {
  postern_danger_lm_hash("SHORE", 5, lm_hash, nullptr);
  return POSTERN_LOOKUP_FOUND;
}
int no_lm_hash(void*, const char*, const char*, std::uint8_t*) { return POSTERN_LOOKUP_NOT_FOUND; }
int lm_hashes_away(void*, const char*, const char*, std::uint8_t*) { return POSTERN_LOOKUP_UNAVAILABLE; }

TEST(ApiDanger, AnLmResponseIsAcceptedByItsOwnHashAlone) {
  Accounts accounts;
  auto options = server_options(accounts);
  const auto ends = [&](std::uint32_t allowed) {
    return run(danger_client(POSTERN_DANGER_RESPONSE_LM, kPassword), server_of(options, allowed)).server;
  };
  EXPECT_EQ(ends(0xf), POSTERN_WRONG_PASSWORD) << "a server that does not name LM";
  options.danger_lm_lookup = &lm_hash_of_short;
  const Context server = server_of(options, POSTERN_DANGER_ALLOW_LM);
  ASSERT_EQ(run(danger_client(POSTERN_DANGER_RESPONSE_LM, kPassword), server).server, POSTERN_OK);
  EXPECT_EQ(logon_of(server).version, POSTERN_VERSION_LM);
  EXPECT_EQ(logon_of(server).standing, POSTERN_STANDING_PROVED);
  for (const auto other : {&lm_hash_of_another, &no_lm_hash}) {
    options.danger_lm_lookup = other;
    EXPECT_EQ(ends(POSTERN_DANGER_ALLOW_LM), POSTERN_WRONG_PASSWORD);
  }
  options.danger_lm_lookup = &lm_hashes_away;
  EXPECT_EQ(ends(POSTERN_DANGER_ALLOW_LM), POSTERN_NO_AUTHORITY);
}

TEST(ApiDanger, TheLmLookupGoesWithItsPermissionOrNotAtAll) {
  Accounts accounts;
  auto options = server_options(accounts);
  postern_context* context = nullptr;
  EXPECT_EQ(postern_danger_server_create(&options, POSTERN_DANGER_ALLOW_LM, &context, nullptr), POSTERN_INVALID_INPUT);
  options.danger_lm_lookup = &lm_hash_of_short;
  EXPECT_EQ(postern_danger_server_create(&options, POSTERN_DANGER_ALLOW_NTLMV1, &context, nullptr), POSTERN_INVALID_INPUT);
}

TEST(ApiHandshake, SingleHostDataTravelsInTheResponseAsItWasGiven) {
  Accounts accounts;
  const std::string machine(48, 'M');
  auto options = client_options();
  options.single_host = reinterpret_cast<const std::uint8_t*>(machine.data());
  options.single_host_size = machine.size();
  bool seen = false;
  const Alter look = [&](Bytes& token, int number) { seen = number == 2 && as_text(token).find(machine) != std::string::npos; };
  EXPECT_EQ(run(client_of(options), server_of(server_options(accounts)), look).server, POSTERN_OK);
  EXPECT_TRUE(seen);
  EXPECT_EQ(run(client_of(client_options()), server_of(server_options(accounts)), look).server, POSTERN_OK);
  EXPECT_FALSE(seen);
  const std::string too_long(1025, 'M');
  options.single_host = reinterpret_cast<const std::uint8_t*>(too_long.data());
  options.single_host_size = too_long.size();
  postern_context* context = nullptr;
  EXPECT_EQ(postern_client_create(&options, &context, nullptr), POSTERN_TOO_LARGE);
}

TEST(ApiHandshake, OemTextIsWrittenInTheCodePageThatWasChosen) {
  wire::ChallengeMessage challenge;
  challenge.flags = wire::NegotiateFlags{0x0000'0206};  // OEM, REQUEST_TARGET, NTLM; no UNICODE
  const auto message = challenge.write();
  ASSERT_TRUE(message);
  for (const auto& [page, letter] : {std::pair{POSTERN_CODE_PAGE_850, "\x81"}, std::pair{POSTERN_CODE_PAGE_LATIN1, "\xfc"},
                                     std::pair{POSTERN_CODE_PAGE_UTF8, "\xc3\xbc"}}) {
    auto options = client_options();
    options.user = "J\xc3\xbcrgen";
    options.oem_code_page = page;
    const Context client = client_of(options);
    ASSERT_EQ(step(client, {}).status, POSTERN_CONTINUE);
    const Stepped answer = step(client, *message);
    ASSERT_EQ(answer.status, POSTERN_OK) << answer.error.message;
    EXPECT_NE(as_text(answer.token).find(std::string{"J"} + letter + "rgen"), std::string::npos) << page;
  }
  auto options = client_options();
  options.oem_code_page = static_cast<postern_code_page>(3);
  postern_context* context = nullptr;
  EXPECT_EQ(postern_client_create(&options, &context, nullptr), POSTERN_INVALID_INPUT);
  Accounts accounts;
  auto server_side = server_options(accounts);
  server_side.oem_code_page = static_cast<postern_code_page>(3);
  EXPECT_EQ(postern_server_create(&server_side, &context, nullptr), POSTERN_INVALID_INPUT);
}

TEST(ApiDanger, AGuestIsAnUnknownAccountAndHasNoSession) {
  Accounts accounts;
  accounts.answer = POSTERN_LOOKUP_NOT_FOUND;
  EXPECT_EQ(run(client_of(client_options()), server_of(server_options(accounts))).server, POSTERN_WRONG_PASSWORD);
  const Context server = server_of(server_options(accounts), POSTERN_DANGER_ALLOW_GUEST);
  ASSERT_EQ(run(client_of(client_options()), server).server, POSTERN_OK);
  EXPECT_EQ(logon_of(server).standing, POSTERN_STANDING_DANGER_GUEST);
  postern_session* session = nullptr;
  EXPECT_EQ(postern_session_take(server.get(), &session, nullptr), POSTERN_UNSUPPORTED);
  std::uint8_t key[POSTERN_KEY_SIZE];
  EXPECT_EQ(postern_context_session_key(server.get(), key, nullptr), POSTERN_UNSUPPORTED);
  accounts.answer = POSTERN_LOOKUP_FOUND;
  EXPECT_EQ(run(client_of(client_options(kWrongPassword)), server_of(server_options(accounts), POSTERN_DANGER_ALLOW_GUEST)).server,
            POSTERN_WRONG_PASSWORD)
      << "a known account with a wrong password is no guest";
}

// ---- environment
// -----------------------------------------------------------------------------------------------------------------

TEST(ApiEnvironment, RandomnessAndTimeComeFromTheCallerWhereHeGivesThem) {
  struct Given {
    int drawn = 0;
    int told = 0;
  } given;
  postern_environment environment{};
  environment.size = sizeof environment;
  environment.user_data = &given;
  environment.random = [](void* user_data, std::uint8_t* bytes, std::size_t size) {
    ++static_cast<Given*>(user_data)->drawn;
    std::memset(bytes, 0x5a, size);
    return 0;
  };
  environment.now = [](void* user_data) -> std::uint64_t {
    ++static_cast<Given*>(user_data)->told;
    return 133'000'000'000'000'000;
  };
  Accounts accounts;
  auto server_side = server_options(accounts);
  server_side.environment = &environment;
  auto client_side = client_options();
  client_side.environment = &environment;
  std::array<Bytes, 2> seen;
  for (Bytes& tokens : seen) {
    const auto keep = [&tokens](Bytes& token, int) { tokens.insert(tokens.end(), token.begin(), token.end()); };
    EXPECT_EQ(verdict_of(client_side, server_side, 0, keep), POSTERN_OK);
  }
  EXPECT_EQ(to_hex(seen[0]), to_hex(seen[1])) << "with the same random numbers and time, the same tokens";
  EXPECT_GT(given.drawn, 0);
  EXPECT_GT(given.told, 0);
  environment.random = [](void*, std::uint8_t*, std::size_t) { return -1; };
  EXPECT_EQ(verdict_of(client_options(), server_side), POSTERN_INTERNAL) << "no random numbers, no challenge";
}

TEST(ApiEnvironment, WithoutOneNoTwoChallengesAreTheSame) {
  Accounts accounts;
  std::array<Bytes, 2> challenges;
  for (Bytes& challenge : challenges) {
    const Context server = server_of(server_options(accounts));
    challenge = step(server, step(client_of(client_options()), {}).token).token;
    ASSERT_GT(challenge.size(), 32u);
  }
  EXPECT_NE(to_hex(ByteView{challenges[0]}.subspan(24, 8)), to_hex(ByteView{challenges[1]}.subspan(24, 8)));
}

}  // namespace
}  // namespace postern::api_tests
