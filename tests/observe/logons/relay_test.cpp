// A relay between our own client, a man in the middle and our own server, as it would have been on the wire. The server accepts the
// logon that the man in the middle brings; the sensor, which sees the packets alone, names victim, relay host and target.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ntlm/ntlm_test_support.hpp"
#include "observe/carriers/frames.hpp"
#include "observe/logons/collector.hpp"
#include "observe/logons/wire.hpp"

namespace postern::observe {
namespace {

using namespace ntlm::testing_support;
using testing::HasSubstr;

constexpr std::uint32_t kVictim = 0x0a000011;   // 10.0.0.17
constexpr std::uint32_t kRelay = 0x0a000042;    // 10.0.0.66
constexpr std::uint32_t kTarget = 0x0a000001;   // 10.0.0.1
constexpr std::uint32_t kGateway = 0xc6336401;  // 198.51.100.1
constexpr std::uint32_t kMoreProcessing = 0xC0000016;

std::string http_request(std::string_view host, std::string_view path, const Bytes& message) {
  return "GET " + std::string{path} + " HTTP/1.1\r\nHost: " + std::string{host} + "\r\nAuthorization: NTLM " + to_base64(message) +
         "\r\n\r\n";
}
std::string http_challenge(const Bytes& message) {
  return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM " + to_base64(message) + "\r\nContent-Length: 0\r\n\r\n";
}
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// One logon between our Initiator and our Acceptor: the three messages, in the hands of whoever carries them.
class Logon {
 public:
  explicit Logon(std::uint8_t number = 1, std::string_view spn = "HTTP/web1.example.org") {
    std::array<std::uint8_t, 8> challenge{};
    challenge.fill(0x33);
    challenge[0] = number;
    ntlm::InitiatorConfig config;
    config.credentials = {std::string{kUser}, std::string{kDomain}, hash_of(kPassword)};
    config.workstation = "PC7";
    config.offered = wire::NegotiateFlags{0xe2888215};
    config.target_name = std::string{spn};
    auto start = ntlm::Initiator::start(std::move(config)).value();
    negotiate = to_bytes(start.negotiate_message());
    auto awaiting = ntlm::Acceptor::on_negotiate(negotiate, server_config(), wire::ServerChallenge{challenge}, kNow).value();
    challenge_message = to_bytes(awaiting.challenge_message());
    std::array<std::uint8_t, 8> own{};
    own.fill(number);
    own[1] = 0x77;
    auto answer =
        std::move(start)
            .on_challenge(challenge_message,
                          {ntlm::ClientChallenge{own}, fixed<ntlm::ExportedSessionKey>("101112131415161718191a1b1c1d1e1f")}, kNow)
            .value();
    authenticate = to_bytes(answer.authenticate_message());
    accepted =
        finish(std::move(awaiting), authenticate, right_hash(), {kEveryVersion, std::nullopt, {}, kBindingsWaiver}).has_value();
  }

  Bytes negotiate;
  Bytes challenge_message;
  Bytes authenticate;
  bool accepted = false;
};

/// The time at which our two ends play, so that clocks on the wire and in the messages agree.
constexpr std::uint32_t kWireSeconds = kNow.ticks() / FileTime::kTicksPerSecond - 11'644'473'600;
struct LogonWire : Wire {
  LogonWire() { seconds = kWireSeconds; }
};

/// A victim's browser on one side, HTTP or SMB2 to the target on the other.
void relay_to_http(Wire& wire, const Logon& logon, std::uint32_t victim = kVictim, std::uint16_t port = 50'000,
                   std::string_view victims_host = "intranet", std::string_view victims_path = "/") {
  Conversation v{wire, {{victim, kRelay, port, 80}}};
  v.client(http_request(victims_host, victims_path, logon.negotiate));
  Conversation t{wire, {{kRelay, kTarget, port, 80}}};
  t.client(http_request("web1.example.org", "/", logon.negotiate));
  t.server(http_challenge(logon.challenge_message));
  v.server(http_challenge(logon.challenge_message));
  v.client(http_request(victims_host, victims_path, logon.authenticate));
  t.client(http_request("web1.example.org", "/", logon.authenticate));
  t.server(kOk);
  v.server(kOk);
  t.close();
  v.close();
}

void relay_to_smb(Wire& wire, const Logon& logon) {
  Conversation v{wire, {{kVictim, kRelay, 50'000, 80}}};
  v.client(http_request("intranet", "/", logon.negotiate));
  Conversation t{wire, {{kRelay, kTarget, 50'001, 445}}};
  t.client(smb2_setup_request(logon.negotiate, 1, 0));
  t.server(smb2_setup_answer(logon.challenge_message, kMoreProcessing, 1, 9));
  v.server(http_challenge(logon.challenge_message));
  v.client(http_request("intranet", "/", logon.authenticate));
  t.client(smb2_setup_request(logon.authenticate, 2, 9));
  t.server(smb2_setup_answer({}, 0, 2, 9));
  v.server(kOk);
  t.close();
  v.close();
}

void straight(Wire& wire, const Logon& logon, std::vector<Conversation::Ends> seen_at) {
  Conversation c{wire, std::move(seen_at)};
  c.client(http_request("web1.example.org", "/", logon.negotiate));
  c.server(http_challenge(logon.challenge_message));
  c.client(http_request("web1.example.org", "/", logon.authenticate));
  c.server(kOk);
  c.close();
}

struct Seen {
  std::vector<MessageObject> objects;
  std::vector<event::LogonEvent> events;
};
Seen seen(const Wire& wire, LogonTrackerConfig config = test_config()) {
  Collector collector;
  LogonTracker tracker{std::move(config), collector};
  EXPECT_TRUE(run_capture(capture::input_of_bytes(wire.bytes()), tracker));
  tracker.finish();
  return {std::move(collector.objects), std::move(collector.events)};
}

const event::Finding* finding(const event::LogonEvent& event, std::string_view id) {
  for (const event::Finding& found : event.findings) {
    if (found.id == id) return &found;
  }
  return nullptr;
}
std::size_t relays_in(const Seen& collector) {
  return static_cast<std::size_t>(
      std::ranges::count_if(collector.events, [](const auto& e) { return finding(e, "relay") != nullptr; }));
}

void expect_named(const Seen& collector) {
  ASSERT_EQ(collector.events.size(), 2U);
  for (const event::LogonEvent& event : collector.events) {
    const event::Finding* relay = finding(event, "relay");
    ASSERT_NE(relay, nullptr);
    EXPECT_EQ(relay->severity, event::Severity::alarm);
    EXPECT_THAT(relay->text, HasSubstr("victim 10.0.0.17 (EXAMPLE\\alice)"));
    EXPECT_THAT(relay->text, HasSubstr("relay host 10.0.0.66"));
    EXPECT_THAT(relay->text, HasSubstr("target 10.0.0.1 (web1.example.org)"));
    EXPECT_THAT(*relay->evidence, HasSubstr("frames "));
  }
}

TEST(Relay, NamesVictimRelayHostAndTargetOverHttp) {
  const Logon logon;
  ASSERT_TRUE(logon.accepted) << "the target lets the relayed logon in";
  LogonWire wire;
  relay_to_http(wire, logon);
  expect_named(seen(wire));
}

TEST(Relay, NamesThemFromHttpToSmb) {
  LogonWire wire;
  relay_to_smb(wire, Logon{});
  const Seen collector = seen(wire);
  expect_named(collector);
  const event::LogonEvent& target =
      collector.events[0].server.service == event::Service::smb ? collector.events[0] : collector.events[1];
  EXPECT_NE(finding(target, "relay-target-class"), nullptr) << "the client meant HTTP/web1, and SMB got it";
}

TEST(Relay, IsSeenByTheResponseAloneWhereNoChallengeWas) {
  const Logon logon;
  LogonWire wire;
  Conversation v{wire, {{kVictim, kRelay, 50'000, 80}}};
  v.client(http_request("intranet", "/", logon.authenticate));
  Conversation t{wire, {{kRelay, kTarget, 50'001, 445}}};
  t.client(smb2_setup_request(logon.authenticate, 2, 9));
  t.server(smb2_setup_answer({}, 0, 2, 9));
  v.server(kOk);
  t.close();
  v.close();
  const Seen collector = seen(wire);
  ASSERT_EQ(collector.events.size(), 2U);
  EXPECT_EQ(relays_in(collector), 2U);
}

TEST(Relay, R29_NeitherChallengeNorResponseLeavesTheSensor) {
  const Logon logon;
  LogonWire wire;
  relay_to_http(wire, logon);
  const Seen collector = seen(wire);
  const std::string challenge = to_hex(ByteView{logon.challenge_message}.subspan(24, 8));
  const auto response = wire::AuthenticateMessage::parse(logon.authenticate).value().nt_response;
  std::string all;
  for (const auto& event : collector.events) all += event::to_json(event);
  for (const auto& object : collector.objects) all += to_json(object);
  EXPECT_EQ(all.find(challenge), std::string::npos);
  EXPECT_EQ(all.find(to_hex(response.first(8))), std::string::npos);
  ASSERT_TRUE(collector.events[0].correlation.challenge_digest);
  EXPECT_EQ(collector.events[0].correlation.challenge_digest, collector.events[1].correlation.challenge_digest);
  EXPECT_EQ(collector.events[0].correlation.proof_digest, collector.events[1].correlation.proof_digest);
}

TEST(Relay, RaisesNothingForTheSameTrafficWithoutARelay) {
  LogonWire wire;
  straight(wire, Logon{1}, {{kVictim, kTarget, 50'000, 80}});
  straight(wire, Logon{2}, {{kVictim, kTarget, 50'001, 80}});
  const Seen collector = seen(wire);
  ASSERT_EQ(collector.events.size(), 2U);
  for (const auto& event : collector.events) EXPECT_THAT(event.findings, testing::IsEmpty()) << event::to_json(event);
}

TEST(Relay, RaisesNothingOnBothSidesOfAnAddressTranslation) {
  LogonWire source;  // the client's address is another behind the gateway
  straight(source, Logon{}, {{kVictim, kTarget, 50'000, 80}, {kGateway, kTarget, 61'000, 80}});
  EXPECT_EQ(seen(source).events.size(), 2U);
  EXPECT_EQ(relays_in(seen(source)), 0U);
  LogonWire destination;  // the server's address is another behind the gateway
  straight(destination, Logon{}, {{kVictim, kGateway, 50'000, 80}, {kVictim, kTarget, 50'000, 80}});
  EXPECT_EQ(relays_in(seen(destination)), 0U);
}

TEST(Relay, RaisesNothingWhereATranslationChangesBothEndsOfAConnection) {
  Wire wire;
  straight(wire, Logon{}, {{kVictim, kGateway, 50'000, 80}, {kRelay, kTarget, 61'000, 8'080}});
  const Seen collector = seen(wire);
  EXPECT_EQ(collector.events.size(), 2U);
  EXPECT_EQ(relays_in(collector), 0U) << "the packets of one TCP connection, under two names";
}

/// What the victim says to `v` goes on to `t`, byte for byte, and back.
void forward(Conversation& v, Conversation& t, const Logon& logon) {
  for (Conversation* c : {&v, &t}) c->client(http_request("web1.example.org", "/", logon.negotiate));
  for (Conversation* c : {&t, &v}) c->server(http_challenge(logon.challenge_message));
  for (Conversation* c : {&v, &t}) c->client(http_request("web1.example.org", "/", logon.authenticate));
  for (Conversation* c : {&t, &v}) c->server(kOk);
  t.close();
  v.close();
}

TEST(Relay, IsSeenWhereThatHostEndsTheConnectionAndBeginsAnother) {
  const Logon logon;
  Wire wire;  // the same bytes between the same ends as above, in two connections
  Conversation v{wire, {{kVictim, kGateway, 50'000, 80}}};
  Conversation t{wire, {{kRelay, kTarget, 61'000, 8'080}}};
  forward(v, t, logon);
  EXPECT_EQ(relays_in(seen(wire)), 2U);
}

TEST(Relay, IsSeenWhereOneSidesNumbersWereCopiedOrAnotherProtocolCarriesIt) {
  const Logon logon;
  Wire copied;  // the client's numbers are the same, and the server's are not
  const std::uint32_t victims = copied.client_numbers;
  Conversation v{copied, {{kVictim, kGateway, 50'000, 80}}};
  copied.client_numbers = victims;
  Conversation t{copied, {{kRelay, kTarget, 61'000, 8'080}}};
  forward(v, t, logon);
  EXPECT_EQ(relays_in(seen(copied)), 2U);
  Wire crossed;  // both numbers, from HTTP to SMB: no packet was forwarded there
  crossed.numbers_step = 0;
  relay_to_smb(crossed, logon);
  EXPECT_EQ(relays_in(seen(crossed)), 2U);
}

TEST(Relay, RaisesNothingForATapThatSeesEverythingTwice) {
  LogonWire wire;
  wire.tapped_twice = true;
  straight(wire, Logon{}, {{kVictim, kTarget, 50'000, 80}});
  const Seen collector = seen(wire);
  ASSERT_EQ(collector.events.size(), 1U);
  EXPECT_THAT(collector.events[0].findings, testing::IsEmpty());
}

TEST(Relay, IsSeenAlsoWhereEverythingIsSeenTwice) {
  LogonWire wire;
  wire.tapped_twice = true;
  relay_to_http(wire, Logon{});
  expect_named(seen(wire));
}

TEST(Relay, RaisesNothingThroughAConfiguredProxy) {
  LogonWire wire;
  relay_to_http(wire, Logon{});
  LogonTrackerConfig config = test_config();
  config.proxies = {Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0x42}}};
  EXPECT_EQ(relays_in(seen(wire, std::move(config))), 0U);
}

TEST(Relay, RaisesNothingWhereTheClientItselfAsksTheProxyToForward) {
  LogonWire asked;
  relay_to_http(asked, Logon{}, kVictim, 50'000, "proxy", "http://web1.example.org/");
  EXPECT_EQ(relays_in(seen(asked)), 0U);
  LogonWire elsewhere;
  relay_to_http(elsewhere, Logon{}, kVictim, 50'000, "proxy", "http://another.example.org/");
  EXPECT_EQ(relays_in(seen(elsewhere)), 2U) << "asked for one host, and brought to another";
}

TEST(Relay, RaisesNothingForATunnelThatTheClientAskedFor) {
  const auto through = [](bool asked) {
    const Logon logon;
    LogonWire wire;
    Conversation v{wire, {{kVictim, kRelay, 50'000, 3128}}};
    if (asked) {
      v.client("CONNECT web1.example.org:80 HTTP/1.1\r\nHost: web1.example.org:80\r\n\r\n");
      v.server("HTTP/1.1 200 Connection established\r\n\r\n");
    }
    Conversation t{wire, {{kRelay, kTarget, 50'001, 80}}};
    for (Conversation* c : {&v, &t}) c->client(http_request("web1.example.org", "/", logon.negotiate));
    for (Conversation* c : {&t, &v}) c->server(http_challenge(logon.challenge_message));
    for (Conversation* c : {&v, &t}) c->client(http_request("web1.example.org", "/", logon.authenticate));
    for (Conversation* c : {&t, &v}) c->server(kOk);
    t.close();
    v.close();
    return seen(wire);
  };
  EXPECT_EQ(through(true).events.size(), 2U);
  EXPECT_EQ(relays_in(through(true)), 0U);
  EXPECT_EQ(relays_in(through(false)), 2U);
}

TEST(Relay, LearnsAReverseProxyFromManyClientsAndOneTarget) {
  const auto proxied = [](std::string_view host) {
    LogonWire wire;
    for (std::uint8_t i = 1; i <= 7; ++i) {
      relay_to_http(wire, Logon{i}, kVictim + i, static_cast<std::uint16_t>(50'000 + i), host);
      wire.seconds += 200;
    }
    return seen(wire);
  };
  const Seen honest = proxied("web1.example.org");
  ASSERT_EQ(honest.events.size(), 14U);
  EXPECT_EQ(finding(honest.events[13], "relay"), nullptr) << "the host is known by now";
  ASSERT_NE(finding(honest.events[0], "relay"), nullptr) << "nothing was known then";
  EXPECT_EQ(finding(honest.events[0], "relay")->severity, event::Severity::warning) << "it goes where the client wanted to";
  const Seen relay = proxied("intranet");
  EXPECT_EQ(finding(relay.events[0], "relay")->severity, event::Severity::alarm);
  EXPECT_EQ(relays_in(relay), 14U) << "a host that passes on another name than it was called by is no reverse proxy";
}

TEST(Relay, IsNoProxyWhereLearningIsSwitchedOff) {
  LogonWire wire;
  for (std::uint8_t i = 1; i <= 7; ++i) {
    relay_to_http(wire, Logon{i}, kVictim + i, static_cast<std::uint16_t>(50'000 + i), "web1.example.org");
    wire.seconds += 200;
  }
  LogonTrackerConfig config = test_config();
  config.learn_proxies = LogonTrackerConfig::LearnProxies::no;
  EXPECT_EQ(relays_in(seen(wire, std::move(config))), 14U);
}

TEST(Relay, CallsAServerThatRepeatsItsChallengeNoRelay) {
  const Logon logon;
  LogonWire wire;
  straight(wire, logon, {{kVictim, kTarget, 50'000, 80}});
  Conversation c{wire, {{kVictim, kTarget, 50'001, 80}}};
  c.client(http_request("web1.example.org", "/", logon.negotiate));
  c.server(http_challenge(logon.challenge_message));
  c.client(http_request("web1.example.org", "/", Logon{9}.authenticate));
  c.server(kOk);
  c.close();
  const Seen collector = seen(wire);
  ASSERT_EQ(collector.events.size(), 2U);
  EXPECT_EQ(relays_in(collector), 0U);
  EXPECT_NE(finding(collector.events[1], "challenge-repeated"), nullptr);
  EXPECT_EQ(finding(collector.events[0], "challenge-repeated"), nullptr);
}

}  // namespace
}  // namespace postern::observe
