// postern.hpp as its users compile it: C++17, over the shared library.
#include <gtest/gtest.h>
#include <postern/postern.hpp>
#include <type_traits>

namespace {

static_assert(!std::is_copy_constructible_v<postern::session>, "two users of one key stream give their texts away");
static_assert(!std::is_copy_constructible_v<postern::context>);
static_assert(std::is_nothrow_move_constructible_v<postern::session>);

constexpr std::string_view kPassword = "Correct.Horse.1";

postern::server_options server_options() {
  postern::server_options options;
  options.lookup = [](std::string_view user, std::string_view) -> postern::account {
    if (user != "alice") return {};
    return {POSTERN_LOOKUP_FOUND, *postern::nt_hash(kPassword)};
  };
  options.nb_computer = "WEB1";
  options.nb_domain = "EXAMPLE";
  return options;
}

postern::client_options client_options(std::string_view password = kPassword) {
  postern::client_options options;
  options.user = "EXAMPLE\\alice";
  options.password = password;
  options.require = POSTERN_REQUIRE_SEAL;
  options.options = POSTERN_OPTION_LOCAL_CALL;  // both sides are in this process
  return options;
}

/// Runs both to their end; the server's last step.
postern::stepped run(postern::context& client, postern::context& server) {
  auto at_server = postern::stepped{};
  for (auto at_client = client.step();; at_client = client.step(at_server.token)) {
    if (at_client.token.empty()) return at_server;
    at_server = server.step(at_client.token);
    if (!at_server.goes_on()) {
      if (!at_server.token.empty()) client.step(at_server.token);
      return at_server;
    }
  }
}

TEST(PosternHpp, R25_AListOfHostsBindsTheClientAndAnEmptyOneStopsIt) {
  auto client_side = client_options();
  client_side.target_name = "HTTP/www.example.org";
  client_side.allowed_hosts = {"*.example.org"};
  EXPECT_TRUE(postern::make_client(client_side));
  client_side.allowed_hosts = {"*.example.com"};
  EXPECT_EQ(postern::make_client(client_side).error().status(), POSTERN_POLICY);
  client_side.allowed_hosts.emplace();
  EXPECT_EQ(postern::make_client(client_side).error().status(), POSTERN_POLICY);
}

TEST(PosternHpp, ALogonTellsWhoAndBothEndsTalk) {
  for (const std::uint32_t form : {0u, POSTERN_OPTION_SPNEGO}) {
    auto client_side = client_options();
    auto server_side = server_options();
    server_side.options = form;
    client_side.options |= form;
    auto client = postern::make_client(client_side).value();
    auto server = postern::make_server(server_side).value();
    const auto end = run(client, server);
    ASSERT_TRUE(end.complete()) << end.error.what();
    const auto identity = server.identity().value();
    EXPECT_EQ(identity.user, "alice");
    EXPECT_EQ(identity.domain, "EXAMPLE");
    EXPECT_EQ(identity.version, POSTERN_VERSION_NTLMV2);
    EXPECT_EQ(client.session_key().value(), server.session_key().value());

    auto ours = client.take_session().value();
    auto theirs = server.take_session().value();
    EXPECT_TRUE(ours.can_seal());
    const auto token = ours.wrap("a text").value();
    EXPECT_EQ(theirs.unwrap(token).value(), (postern::bytes{'a', ' ', 't', 'e', 'x', 't'}));
    EXPECT_EQ(theirs.unwrap(token).error().status(), POSTERN_REPLAYED);
    const auto signature = theirs.sign("another").value();
    EXPECT_EQ(ours.verify("amother", signature).error().status(), POSTERN_SIGNATURE_WRONG);
    EXPECT_TRUE(ours.verify("another", signature));
    std::string in_place = "in place";
    const auto sealed = ours.seal(in_place.data(), in_place.size()).value();
    EXPECT_NE(in_place, "in place");
    EXPECT_TRUE(theirs.unseal(in_place.data(), in_place.size(), sealed));
    EXPECT_EQ(in_place, "in place");
    EXPECT_FALSE(client.take_session()) << "it was taken";
  }
}

TEST(PosternHpp, RefusalsAreValuesAndThrowOnlyWhereAsked) {
  auto client = postern::make_client(client_options("Correct.Horse.2")).value();
  auto server = postern::make_server(server_options()).value();
  const auto end = run(client, server);
  EXPECT_TRUE(end.failed());
  EXPECT_EQ(end.error.status(), POSTERN_WRONG_PASSWORD);
  EXPECT_EQ(end.error.kind(), POSTERN_KIND_DENIED);
  const auto identity = server.identity();
  EXPECT_FALSE(identity);
  EXPECT_EQ(identity.error().status(), POSTERN_MISUSE);
  try {
    static_cast<void>(server.session_key().value());
    FAIL() << "a key of a refused logon";
  } catch (const postern::error& thrown) {
    EXPECT_EQ(thrown.status(), POSTERN_MISUSE);
    EXPECT_STRNE(thrown.what(), "");
  }
}

TEST(PosternHpp, ALookupThatThrowsIsAnAuthorityThatCannotBeAsked) {
  auto options = server_options();
  options.lookup = [](std::string_view, std::string_view) -> postern::account { throw std::string{"no database"}; };
  auto client = postern::make_client(client_options()).value();
  auto server = postern::make_server(options).value();
  EXPECT_EQ(run(client, server).error.status(), POSTERN_NO_AUTHORITY);
  EXPECT_EQ(postern::make_server(postern::server_options{}).error().field(), "lookup");
}

TEST(PosternHpp, OptionsReachTheLibrary) {
  auto client_side = client_options();
  client_side.target_name = "HTTP/www";
  client_side.channel_bindings = postern::channel_bindings("tls-server-end-point:x").value();
  auto server_side = server_options();
  server_side.accepted_bindings = {postern::key{}, *client_side.channel_bindings};
  server_side.accepted_target_names = {"HTTP/other", "HTTP/www"};
  server_side.require = POSTERN_REQUIRE_BINDINGS | POSTERN_REQUIRE_TARGET_NAME | POSTERN_REQUIRE_MIC;
  auto client = postern::make_client(client_side).value();
  auto server = postern::make_server(server_side).value();
  ASSERT_TRUE(run(client, server).complete());
  EXPECT_EQ(server.identity()->channel_binding, POSTERN_BINDING_MATCHED);
  EXPECT_EQ(server.identity()->target_name, "HTTP/www");

  server_side.accepted_bindings.pop_back();
  client = postern::make_client(client_side).value();
  server = postern::make_server(server_side).value();
  EXPECT_EQ(run(client, server).error.status(), POSTERN_BINDINGS_WRONG);
  EXPECT_EQ(postern::make_authority_server({}).error().field(), "service");
}

}  // namespace
