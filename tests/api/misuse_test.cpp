// What a caller does wrong gives a status, never a crash: NULL arguments, calls in the wrong order, structs of another size.
#include <cstddef>

#include "api_support.hpp"

namespace postern::api_tests {
namespace {

TEST(ApiMisuse, NullArgumentsAreInvalidInput) {
  postern_error error;
  postern_context* context = nullptr;
  postern_session* session = nullptr;
  postern_buffer buffer{};
  postern_logon logon = POSTERN_LOGON_INIT;
  std::uint8_t bytes[POSTERN_KEY_SIZE] = {};
  std::size_t size = 0;
  const auto client_side = client_options();
  Accounts accounts;
  const auto server_side = server_options(accounts);
  postern_authority_options authority_side = POSTERN_AUTHORITY_OPTIONS_INIT;
  authority_side.service = "test";
  const Context client = client_of(client_side);
  const postern_status got[] = {
      postern_client_create(nullptr, &context, &error),
      postern_client_create(&client_side, nullptr, &error),
      postern_server_create(nullptr, &context, &error),
      postern_server_create(&server_side, nullptr, &error),
      postern_authority_server_create(nullptr, &context, &error),
      postern_authority_server_create(&authority_side, nullptr, &error),
      postern_danger_client_create(nullptr, POSTERN_DANGER_RESPONSE_NTLMV1, nullptr, &context, &error),
      postern_danger_server_create(nullptr, 0, &context, &error),
      postern_context_step(nullptr, nullptr, 0, &buffer, &error),
      postern_context_step(client.get(), nullptr, 0, nullptr, &error),
      postern_context_step(client.get(), nullptr, 1, &buffer, &error),
      postern_context_logon(nullptr, &logon, &error),
      postern_context_logon(client.get(), nullptr, &error),
      postern_context_session_key(nullptr, bytes, &error),
      postern_context_session_key(client.get(), nullptr, &error),
      postern_session_take(nullptr, &session, &error),
      postern_session_take(client.get(), nullptr, &error),
      postern_nt_hash(nullptr, 3, bytes, &error),
      postern_nt_hash("abc", 3, nullptr, &error),
      postern_danger_lm_hash("abc", 3, nullptr, &error),
      postern_channel_bindings(nullptr, 3, bytes, &error),
      postern_channel_bindings("abc", 3, nullptr, &error),
      postern_session_sign(nullptr, "abc", 3, bytes, &error),
      postern_session_verify(nullptr, "abc", 3, bytes, sizeof bytes, &error),
      postern_session_seal(nullptr, "abc", bytes, 3, bytes, &error),
      postern_session_unseal(nullptr, "abc", bytes, 3, bytes, sizeof bytes, &error),
      postern_session_sign_iov(nullptr, nullptr, 0, bytes, &error),
      postern_session_verify_iov(nullptr, nullptr, 0, bytes, sizeof bytes, &error),
      postern_session_seal_iov(nullptr, nullptr, 0, bytes, &error),
      postern_session_unseal_iov(nullptr, nullptr, 0, bytes, sizeof bytes, &error),
      postern_session_wrap(nullptr, "abc", 3, bytes, &size, &error),
      postern_session_unwrap(nullptr, bytes, sizeof bytes, bytes, &size, &error),
      postern_session_reset(nullptr, POSTERN_SENDING, 0, &error),
      postern_session_set_numbers(nullptr, 0, 0, &error),
      postern_session_numbers(nullptr, nullptr, nullptr, &error),
      postern_session_export(nullptr, nullptr, &buffer, &error),
      postern_session_export(&session, nullptr, &buffer, &error),
      postern_session_import(bytes, sizeof bytes, nullptr, &session, &error),
      postern_session_import(bytes, sizeof bytes, nullptr, nullptr, &error),
  };
  for (std::size_t i = 0; i < std::size(got); ++i) EXPECT_EQ(got[i], POSTERN_INVALID_INPUT) << "call " << i;
  EXPECT_EQ(context, nullptr);
  EXPECT_EQ(error.status, POSTERN_INVALID_INPUT);
  EXPECT_STRNE(error.message, "");
  postern_context_destroy(nullptr);
  postern_session_destroy(nullptr);
  postern_buffer_free(nullptr);
  postern_buffer_free(&buffer);
  EXPECT_EQ(postern_session_flags(nullptr), 0u);
}

TEST(ApiMisuse, NullPointersOfALivingSessionAreInvalidInputAndHarmIsNone) {
  const Ends ends = sealed_ends();
  std::uint8_t signature[POSTERN_SIGNATURE_SIZE];
  std::uint8_t out[8];
  postern_session* const session = ends.client.get();
  EXPECT_EQ(postern_session_sign(session, nullptr, 3, signature, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_sign(session, "abc", 3, nullptr, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_seal(session, nullptr, out, 3, signature, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_seal(session, "abc", nullptr, 3, signature, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_seal(session, "abc", out, 3, nullptr, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_verify(session, "abc", 3, nullptr, 16, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_wrap(session, "abc", 3, out, nullptr, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_sign_iov(session, nullptr, 2, signature, nullptr), POSTERN_INVALID_INPUT);
  const postern_iov broken{nullptr, nullptr, 3};
  EXPECT_EQ(postern_session_seal_iov(session, &broken, 1, signature, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_reset(session, 0, 0, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_reset(session, 8, 0, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_session_set_numbers(session, 1, 1, nullptr), POSTERN_INVALID_INPUT) << "not a datagram session";
  ASSERT_EQ(postern_session_sign(session, "abc", 3, signature, nullptr), POSTERN_OK);
  EXPECT_EQ(postern_session_verify(ends.server.get(), "abc", 3, signature, sizeof signature, nullptr), POSTERN_OK)
      << "the refused calls have counted as no message";
}

TEST(ApiMisuse, NothingIsToldBeforeTheEndAndNoStepFollowsIt) {
  Accounts accounts;
  const Context client = client_of(client_options());
  const Context server = server_of(server_options(accounts));
  postern_logon logon = POSTERN_LOGON_INIT;
  postern_session* session = nullptr;
  std::uint8_t key[POSTERN_KEY_SIZE];
  EXPECT_EQ(postern_context_logon(server.get(), &logon, nullptr), POSTERN_MISUSE);
  EXPECT_EQ(postern_context_session_key(server.get(), key, nullptr), POSTERN_MISUSE);
  EXPECT_EQ(postern_session_take(server.get(), &session, nullptr), POSTERN_MISUSE);
  EXPECT_EQ(session, nullptr);
  ASSERT_EQ(run(client, server).server, POSTERN_OK);
  EXPECT_EQ(step(server, {}).status, POSTERN_MISUSE);
  EXPECT_EQ(step(client, {}).status, POSTERN_MISUSE);
  ASSERT_EQ(postern_session_take(server.get(), &session, nullptr), POSTERN_OK);
  postern_session_destroy(session);
  EXPECT_EQ(postern_session_take(server.get(), &session, nullptr), POSTERN_MISUSE) << "two sessions would share key streams";
}

TEST(ApiMisuse, AnErrorEndsTheLogon) {
  Accounts accounts;
  const Context server = server_of(server_options(accounts));
  EXPECT_EQ(postern_status_kind(step(server, Bytes(40, 7)).status), POSTERN_KIND_PEER);
  const Bytes negotiate = step(client_of(client_options()), {}).token;
  EXPECT_EQ(step(server, negotiate).status, POSTERN_MISUSE);
  EXPECT_EQ(step(server_of(server_options(accounts)), negotiate).status, POSTERN_CONTINUE);
  EXPECT_EQ(step(client_of(client_options()), negotiate).status, POSTERN_INVALID_INPUT) << "a client speaks first";
  EXPECT_EQ(step(server_of(server_options(accounts)), Bytes(64 * 1024 + 1)).status, POSTERN_TOO_LARGE);
}

TEST(ApiMisuse, OptionsThatContradictThemselvesAreRefusedWithTheFieldsName) {
  const auto field_of = [](const postern_client_options& options) {
    postern_context* context = nullptr;
    postern_error error;
    EXPECT_NE(postern_client_create(&options, &context, &error), POSTERN_OK);
    EXPECT_EQ(context, nullptr);
    return std::string{error.field};
  };
  auto options = client_options();
  options.user = "";
  EXPECT_EQ(field_of(options), "user");
  options = client_options();
  options.password = nullptr;
  EXPECT_EQ(field_of(options), "password");
  options = client_options();
  options.password_size = 0;
  EXPECT_EQ(field_of(options), "password") << "an empty password (R8)";
  options = client_options();
  const std::uint8_t hash[POSTERN_KEY_SIZE] = {1};
  options.nt_hash = hash;
  EXPECT_EQ(field_of(options), "password") << "both";
  options = client_options();
  options.require = 0x8000;
  EXPECT_EQ(field_of(options), "require");
  options = client_options();
  options.options = POSTERN_OPTION_SPNEGO | POSTERN_OPTION_DATAGRAM;
  EXPECT_EQ(field_of(options), "options");
  options = client_options();
  const std::string long_name(1025, 'x');
  options.target_name = long_name.c_str();
  EXPECT_EQ(field_of(options), "target_name");
  options = client_options();
  options.workstation = "\xff";
  EXPECT_EQ(field_of(options), "workstation");
}

TEST(ApiMisuse, AServerNeedsALookupANameAndBindingsIfItRequiresThem) {
  Accounts accounts;
  const auto field_of = [](const postern_server_options& options) {
    postern_context* context = nullptr;
    postern_error error;
    EXPECT_EQ(postern_server_create(&options, &context, &error), POSTERN_INVALID_INPUT);
    return std::string{error.field};
  };
  auto options = server_options(accounts);
  options.lookup = nullptr;
  EXPECT_EQ(field_of(options), "lookup");
  options = server_options(accounts);
  options.nb_computer = nullptr;
  EXPECT_EQ(field_of(options), "nb_computer");
  options = server_options(accounts);
  options.require = POSTERN_REQUIRE_BINDINGS;
  EXPECT_EQ(field_of(options), "accepted_bindings");
  options = server_options(accounts);
  options.require = POSTERN_REQUIRE_TARGET_NAME;
  EXPECT_EQ(field_of(options), "accepted_target_names");
  options = server_options(accounts);
  options.accepted_target_name_count = 1;
  EXPECT_EQ(field_of(options), "accepted_target_names");
}

/// A program that was built with an older header gives a shorter struct; one of a newer header a longer one.
TEST(ApiMisuse, StructsOfOtherVersionsAreReadAsFarAsBothKnowThem) {
  postern_context* context = nullptr;
  auto older = client_options();
  older.size = offsetof(postern_client_options, workstation);
  older.workstation = reinterpret_cast<const char*>(1);  // behind the end of what an older caller has
  ASSERT_EQ(postern_client_create(&older, &context, nullptr), POSTERN_OK);
  postern_context_destroy(context);

  struct Newer {
    postern_client_options known;
    std::uint64_t unknown;
  } newer{client_options(), 0};
  newer.known.size = sizeof newer;
  ASSERT_EQ(postern_client_create(&newer.known, &context, nullptr), POSTERN_OK);
  postern_context_destroy(context);
  newer.unknown = 1;
  EXPECT_EQ(postern_client_create(&newer.known, &context, nullptr), POSTERN_UNSUPPORTED);
  auto unset = client_options();
  unset.size = 0;
  EXPECT_EQ(postern_client_create(&unset, &context, nullptr), POSTERN_INVALID_INPUT);
}

TEST(ApiMisuse, NobodyAtTheAuthoritysSocketIsNoAuthority) {
  postern_authority_options options = POSTERN_AUTHORITY_OPTIONS_INIT;
  options.socket_path = "/nonexistent/postern.sock";
  options.service = "test";
  postern_context* made = nullptr;
  ASSERT_EQ(postern_authority_server_create(&options, &made, nullptr), POSTERN_OK);
  const Context server{made, &postern_context_destroy};
  EXPECT_EQ(step(server, step(client_of(client_options()), {}).token).status, POSTERN_NO_AUTHORITY);
  options.service = nullptr;
  EXPECT_EQ(postern_authority_server_create(&options, &made, nullptr), POSTERN_INVALID_INPUT);
}

TEST(ApiStatus, EveryStatusHasANameAndAKind) {
  EXPECT_EQ(postern_abi_version(), static_cast<unsigned>(POSTERN_ABI_VERSION));
  EXPECT_STREQ(postern_status_name(POSTERN_OK), "ok");
  EXPECT_STREQ(postern_status_name(POSTERN_WRONG_PASSWORD), "wrong_password");
  EXPECT_STREQ(postern_status_name(static_cast<postern_status>(9999)), "unknown");
  EXPECT_EQ(postern_status_kind(POSTERN_OK), POSTERN_KIND_DONE);
  EXPECT_EQ(postern_status_kind(POSTERN_CONTINUE), POSTERN_KIND_CONTINUE);
  EXPECT_EQ(postern_status_kind(POSTERN_TRUNCATED), POSTERN_KIND_PEER);
  EXPECT_EQ(postern_status_kind(POSTERN_ACCOUNT_STATE), POSTERN_KIND_DENIED);
  EXPECT_EQ(postern_status_kind(POSTERN_REPLAYED), POSTERN_KIND_MESSAGE);
  EXPECT_EQ(postern_status_kind(POSTERN_NO_AUTHORITY), POSTERN_KIND_FAULT);
  EXPECT_EQ(postern_status_kind(static_cast<postern_status>(9999)), POSTERN_KIND_FAULT);
}

/// RFC 5929's form over a certificate hash of 32 zero bytes; the value is Python's hashlib.md5 of the struct of RFC 4121 4.1.1.2.
TEST(ApiHelpers, ChannelBindingsAreTheMd5OfTheGssStruct) {
  std::string data = "tls-server-end-point:" + std::string(32, '\0');
  std::uint8_t bindings[POSTERN_KEY_SIZE];
  ASSERT_EQ(postern_channel_bindings(data.data(), data.size(), bindings, nullptr), POSTERN_OK);
  EXPECT_EQ(to_hex(bindings), "c9ec5cb29e8f57f7ee6429cde733efeb");
  EXPECT_EQ(postern_channel_bindings(data.data(), 0, bindings, nullptr), POSTERN_INVALID_INPUT);
}

/// MS-NLMP 4.2.2.1.2 and 4.2.2.1.1: the hashes of "Password".
TEST(ApiHelpers, HashesAreThoseOfTheSpecification) {
  std::uint8_t hash[POSTERN_KEY_SIZE];
  ASSERT_EQ(postern_nt_hash("Password", 8, hash, nullptr), POSTERN_OK);
  EXPECT_EQ(to_hex(hash), "a4f49c406510bdcab6824ee7c30fd852");
  ASSERT_EQ(postern_danger_lm_hash("Password", 8, hash, nullptr), POSTERN_OK);
  EXPECT_EQ(to_hex(hash), "e52cac67419a9a224a3b108f3fa6cb6d");
  EXPECT_EQ(postern_nt_hash("", 0, hash, nullptr), POSTERN_INVALID_INPUT);
  EXPECT_EQ(postern_danger_lm_hash("FifteenLetters!", 15, hash, nullptr), POSTERN_INVALID_INPUT);
}

}  // namespace
}  // namespace postern::api_tests
