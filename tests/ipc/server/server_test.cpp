// The authority's two sockets: who may ask, how much at once, and what happens at the end.
#include "edge/ipc/server/server.hpp"

#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "authority/authority_fixture.hpp"

namespace postern::authority {
namespace {

constexpr std::uint32_t kNobody = 65'534;

/// A socket's client that may say anything.
class Raw {
 public:
  explicit Raw(const std::string& path) : fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const timeval patience{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() { ::close(fd_); }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }
  bool send(ByteView bytes) const {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  void send_no_more() const { ::shutdown(fd_, SHUT_WR); }
  /// The next frame without its length; nothing at the end of the stream.
  [[nodiscard]] std::optional<Bytes> read_frame() const {
    std::array<std::uint8_t, 4> length{};
    if (!read_all(length)) return std::nullopt;
    Bytes frame(load_le<std::uint32_t>(length.data()));
    if (!read_all(frame)) return std::nullopt;
    return frame;
  }
  [[nodiscard]] bool ended() const {
    std::uint8_t byte = 0;
    return ::recv(fd_, &byte, 1, 0) == 0;
  }

 private:
  bool read_all(MutableByteView out) const {
    while (!out.empty()) {
      const ssize_t got = ::recv(fd_, out.data(), out.size(), 0);
      if (got <= 0) return false;
      out = out.subspan(static_cast<std::size_t>(got));
    }
    return true;
  }
  int fd_;
  bool connected_ = false;
};

/// Tries a socket as another user, in a child that uses system calls alone. What the child saw: 'c' could not connect, 'e' the
/// stream ended, 'a' it was answered.
char ask_as(std::uint32_t uid, const std::string& path, const Bytes& request) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char seen = 'c';
    if (::setgid(uid) == 0 && ::setuid(uid) == 0) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
      if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
        char byte = 0;
        seen = ::recv(fd, &byte, 1, 0) == 1 ? 'a' : 'e';
      }
    }
    static_cast<void>(::write(pipe[1], &seen, 1));
    ::_exit(0);
  }
  ::close(pipe[1]);
  char seen = '?';
  EXPECT_EQ(::read(pipe[0], &seen, 1), 1);
  ::close(pipe[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return seen;
}

class ServerTest : public AuthorityTest {
 protected:
  void SetUp() override {
    AuthorityTest::SetUp();
    // A directory that other users may enter: what keeps them out is the socket.
    std::filesystem::permissions(sockets_.path(), std::filesystem::perms{0755});
    server_config_.socket_path = sockets_.path() / "authority.sock";
    server_config_.admin_socket_path = sockets_.path() / "admin.sock";
    server_config_.peers = {own_peer()};
  }
  void TearDown() override {
    store_->release_commits();
    stop();
    AuthorityTest::TearDown();
  }
  static Peer own_peer() {
    Peer own = peer();
    own.uid = ::getuid();
    return own;
  }
  void serve() {
    auto listening = ipc::Server::listen(server_config_, *authority_, admin_handler_);
    ASSERT_TRUE(listening) << account::line_of(listening);
    server_ = std::move(*listening);
    running_ = std::thread{[this] { server_->run(); }};
  }
  void stop() {
    if (!server_) return;
    server_->stop();
    running_.join();
    server_.reset();
  }
  [[nodiscard]] const std::string& path() const { return server_config_.socket_path; }
  [[nodiscard]] const std::string& admin_path() const { return server_config_.admin_socket_path; }

  static Bytes framed(const ntlm::Request& request, std::uint8_t nonce = 7, std::uint8_t version = ntlm::kProtocolVersion) {
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = nonce;
    return ntlm::encode(ntlm::RequestNonce{bytes}, request, version).value();
  }
  static Bytes good_begin() {
    const auto client = ntlm::Initiator::start(initiator_config({})).value();
    return framed(begin_of({}, client.negotiate_message()));
  }
  /// Its verdict has an event, so it waits for a commit.
  static Bytes malformed_begin(std::uint8_t nonce = 7) { return framed(begin_of({}, Bytes{1, 2, 3}), nonce); }
  static Bytes admin_request(std::string_view text) {
    Bytes bytes(4);
    store_le(bytes.data(), static_cast<std::uint32_t>(text.size()));
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
  }
  template <typename Condition>
  static bool soon(Condition&& holds) {
    for (int i = 0; i < 1'000; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }
  static bool is_continue(const std::optional<Bytes>& frame) {
    if (!frame) return false;
    const auto reply = ntlm::decode_reply(*frame);
    return reply && std::holds_alternative<ntlm::Continue>(reply->reply);
  }
  static std::optional<ntlm::Verdict> verdict_in(const std::optional<Bytes>& frame) {
    if (!frame) return std::nullopt;
    auto reply = ntlm::decode_reply(*frame);
    if (!reply || !std::holds_alternative<ntlm::Verdict>(reply->reply)) return std::nullopt;
    return std::get<ntlm::Verdict>(std::move(reply->reply));
  }

  account::TemporaryDirectory sockets_{};
  ipc::ServerConfig server_config_{};
  ipc::AdminHandler admin_handler_ = [](std::string_view request, const ipc::AdminPeer& peer) {
    return std::string{request} + " of " + std::to_string(peer.uid) +
           (peer.rights == ipc::AdminRights::observe ? ", observing" : "");
  };
  std::unique_ptr<ipc::Server> server_{};
  std::thread running_{};
};

TEST_F(ServerTest, ALogonGoesThroughTheSocketAndTheAnswerCarriesTheNonce) {
  serve();
  const Raw edge{path()};
  auto client = ntlm::Initiator::start(initiator_config({})).value();
  ASSERT_TRUE(edge.send(framed(begin_of({}, client.negotiate_message()), 42)));
  const auto frame = edge.read_frame();
  ASSERT_TRUE(is_continue(frame));
  const auto reply = ntlm::decode_reply(*frame).value();
  EXPECT_EQ(reply.nonce.bytes()[0], 42);
  const auto& next = std::get<ntlm::Continue>(reply.reply);
  const auto done = std::move(client).on_challenge(next.token, {}, environment_.now()).value();
  ASSERT_TRUE(edge.send(framed(finish_of({}, next.handshake, to_bytes(done.authenticate_message())))));
  const auto verdict = verdict_in(edge.read_frame());
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->status, NtStatus::success) << verdict->why;
}

TEST_F(ServerTest, AnEdgeOfAnOlderReleaseIsAnsweredInItsVersionAndOneOfTodayIsToldWhy) {
  start_with(policy::kRestrictReceivingNTLMTraffic, "2");
  serve();
  const auto client = ntlm::Initiator::start(initiator_config({})).value();
  const ntlm::Request request{begin_of({}, client.negotiate_message())};
  for (const std::uint8_t version : {ntlm::kOldestProtocolVersion, ntlm::kProtocolVersion}) {
    const Raw edge{path()};
    ASSERT_TRUE(edge.send(framed(request, 7, version)));
    const auto frame = edge.read_frame();
    ASSERT_TRUE(frame);
    const auto reply = ntlm::decode_reply(*frame).value();
    EXPECT_EQ(reply.version, version);
    const auto& verdict = std::get<ntlm::Verdict>(reply.reply);
    EXPECT_EQ(verdict.status, NtStatus::not_supported);
    EXPECT_EQ(verdict.told.has_value(), version == ntlm::kProtocolVersion);
  }
}

TEST_F(ServerTest, R31_AProcessOfAUidThatIsNoPeerIsTurnedAway) {
  server_config_.peers[0].uid = ::getuid() + 1;
  serve();
  const Raw edge{path()};
  static_cast<void>(edge.send(good_begin()));
  EXPECT_FALSE(edge.read_frame());
  EXPECT_EQ(authority_->counters().begun, 0U);
}

TEST_F(ServerTest, R31_TheSocketKnowsItsPeersByTheirUid) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  server_config_.socket_mode = 0666;
  Peer nobody = peer();
  nobody.uid = kNobody;
  server_config_.peers = {nobody};
  serve();
  EXPECT_EQ(ask_as(kNobody, path(), good_begin()), 'a');
  EXPECT_EQ(ask_as(kNobody - 1, path(), good_begin()), 'e');
  EXPECT_EQ(authority_->counters().begun, 1U);
  stop();
  server_config_.socket_mode = 0660;
  serve();
  EXPECT_EQ(ask_as(kNobody, path(), good_begin()), 'c') << "the mode keeps out who is not of the group";
}

TEST_F(ServerTest, R31_TheAdminSocketIsForAdmins) {
  serve();
  const Raw own{admin_path()};
  ASSERT_TRUE(own.send(admin_request("hello")));
  EXPECT_EQ(as_text(own.read_frame().value_or(Bytes{})), "hello of " + std::to_string(::getuid()));
  if (::getuid() != 0) return;
  EXPECT_EQ(ask_as(kNobody, admin_path(), admin_request("hello")), 'c');
  server_->set_peers(server_config_.peers, {kNobody}, {});
  EXPECT_TRUE(soon([&] { return ask_as(kNobody, admin_path(), admin_request("hello")) == 'a'; })) << "a configured admin";
  EXPECT_EQ(ask_as(kNobody - 1, admin_path(), admin_request("hello")), 'e') << "may connect, and is nobody";
}

TEST_F(ServerTest, R31_AnObserverIsToldToTheHandlerAsOne) {
  server_config_.observer_uids = {::getuid() == 0 ? kNobody : ::getuid()};
  serve();
  if (::getuid() == 0) {
    EXPECT_EQ(ask_as(kNobody, admin_path(), admin_request("hello")), 'a') << "may connect and ask";
    EXPECT_EQ(ask_as(kNobody - 1, admin_path(), admin_request("hello")), 'e');
    server_->set_peers(server_config_.peers, {}, {});
    EXPECT_TRUE(soon([&] { return ask_as(kNobody, admin_path(), admin_request("hello")) != 'a'; })) << "no observer any more";
  } else {
    const Raw own{admin_path()};
    ASSERT_TRUE(own.send(admin_request("hello")));
    EXPECT_TRUE(as_text(own.read_frame().value_or(Bytes{})).ends_with(", observing"));
  }
}

TEST_F(ServerTest, R31_FramesThatAreNoneEndTheirConnectionAndNoOther) {
  serve();
  const Raw other{path()};
  std::vector<Bytes> wrong;
  wrong.push_back({0xFF, 0xFF, 0xFF, 0x7F});  // oversize
  Bytes too_long(4);
  store_le(too_long.data(), static_cast<std::uint32_t>(ntlm::kMaxFrameBytes + 1));
  wrong.push_back(too_long);
  wrong.push_back({0, 0, 0, 0});                 // nothing
  wrong.push_back({5, 0, 0, 0, 1, 2, 3, 4, 5});  // garbage
  Bytes other_version = good_begin();
  other_version[4] = 9;
  wrong.push_back(other_version);
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const Raw edge{path()};
    ASSERT_TRUE(edge.send(wrong[i]));
    EXPECT_TRUE(edge.ended()) << i;
  }
  ASSERT_TRUE(other.send(good_begin()));
  EXPECT_TRUE(is_continue(other.read_frame()));
  EXPECT_EQ(authority_->counters().begun, 1U);
}

TEST_F(ServerTest, R31_AFrameCutAnywhereAsksForNothing) {
  serve();
  const Bytes whole = good_begin();
  for (const std::size_t length : {std::size_t{1}, std::size_t{3}, std::size_t{4}, std::size_t{20}, whole.size() - 1}) {
    const Raw edge{path()};
    ASSERT_TRUE(edge.send(ByteView{whole}.first(length)));
    edge.send_no_more();
    EXPECT_TRUE(edge.ended()) << length;
  }
  EXPECT_EQ(authority_->counters().begun, 0U);
}

TEST_F(ServerTest, R31_MoreRequestsThanMayBeOutstandingWaitAndOtherConnectionsDoNot) {
  server_config_.peers[0].max_outstanding = 2;
  serve();
  store_->hold_commits();
  const Raw greedy{path()};
  for (std::uint8_t i = 0; i < 6; ++i) ASSERT_TRUE(greedy.send(malformed_begin(i)));
  EXPECT_TRUE(soon([&] { return authority_->counters().begun == 2; }));
  const Raw other{path()};
  ASSERT_TRUE(other.send(good_begin()));
  EXPECT_TRUE(is_continue(other.read_frame()));
  std::this_thread::sleep_for(std::chrono::milliseconds{100});
  EXPECT_EQ(authority_->counters().begun, 3U) << "two of the greedy one, one of the other";
  store_->release_commits();
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(verdict_in(greedy.read_frame())) << i;
}

TEST_F(ServerTest, R31_APeerThatDoesNotReadItsAnswersIsNotReadFurther) {
  server_config_.peers[0].max_outstanding = 10;
  serve();
  const Raw deaf{path()};
  const timeval patience{1, 0};
  ::setsockopt(deaf.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const Bytes request = good_begin();
  constexpr int kMany = 15'000;
  int sent = 0;
  while (sent < kMany && deaf.send(request)) ++sent;
  EXPECT_LT(sent, kMany) << "its answers would fill the memory";
  const Raw other{path()};
  ASSERT_TRUE(other.send(good_begin()));
  EXPECT_TRUE(is_continue(other.read_frame()));
}

TEST_F(ServerTest, R31_ConnectionsOfAPeerAreLimited) {
  server_config_.max_connections_per_peer = 2;
  serve();
  auto first = std::make_unique<const Raw>(path());
  const Raw second{path()};
  for (const Raw* edge : {first.get(), &second}) {
    ASSERT_TRUE(edge->send(good_begin()));
    EXPECT_TRUE(is_continue(edge->read_frame()));
  }
  EXPECT_TRUE(Raw{path()}.ended());
  first.reset();
  EXPECT_TRUE(soon([&] {
    const Raw third{path()};
    return third.send(good_begin()) && is_continue(third.read_frame());
  }));
}

TEST_F(ServerTest, R34_WhatAClosedConnectionBeganIsForgottenAlsoIfItWasStillBeingJudged) {
  serve();
  const Bytes request = good_begin();
  for (int i = 0; i < 30; ++i) {
    const Raw edge{path()};
    for (int j = 0; j < 20; ++j) static_cast<void>(edge.send(request));
  }
  std::uint64_t begun = 0;
  EXPECT_TRUE(soon([&] { return std::exchange(begun, authority_->counters().begun) > 0 && authority_->half_open() == 0; }));
  std::this_thread::sleep_for(std::chrono::milliseconds{100});
  EXPECT_EQ(authority_->half_open(), 0U);
}

TEST_F(ServerTest, APeerThatClosedItsDirectionIsStillAnswered) {
  serve();
  const Raw edge{path()};
  ASSERT_TRUE(edge.send(malformed_begin()));
  edge.send_no_more();
  EXPECT_TRUE(verdict_in(edge.read_frame()));
  EXPECT_TRUE(edge.ended());
}

TEST_F(ServerTest, StopAnswersWhatWasAskedAndRemovesTheSockets) {
  serve();
  const Raw edge{path()};
  store_->hold_commits();
  ASSERT_TRUE(edge.send(malformed_begin()));
  store_->wait_for_a_held_commit();
  server_->stop();
  EXPECT_TRUE(soon([&] { return !std::filesystem::exists(path()); }));
  EXPECT_FALSE(std::filesystem::exists(admin_path()));
  EXPECT_FALSE(Raw{path()}.connected());
  store_->release_commits();
  EXPECT_TRUE(verdict_in(edge.read_frame()));
  EXPECT_TRUE(edge.ended());
  running_.join();
  server_.reset();
}

TEST_F(ServerTest, R33_AStoreThatHangsOverTheStopCrashesNothing) {
  serve();
  const Raw edge{path()};
  store_->hold_commits();
  ASSERT_TRUE(edge.send(malformed_begin()));
  store_->wait_for_a_held_commit();
  server_->stop();
  std::this_thread::sleep_for(std::chrono::milliseconds{5'500});  // longer than stop() waits
  EXPECT_TRUE(edge.ended());
  store_->release_commits();
  running_.join();
  server_.reset();
  authority_.reset();
  EXPECT_EQ(stored().size(), 1U) << "what was asked is on record";
}

TEST_F(ServerTest, AnIdleAdminDoesNotHoldUpTheStop) {
  serve();
  const Raw admin{admin_path()};
  ASSERT_TRUE(admin.send(admin_request("hello")));
  ASSERT_TRUE(admin.read_frame());
  const auto start = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{4});
  EXPECT_TRUE(admin.ended());
}

TEST_F(ServerTest, AnAdminRequestThatTakesItsTimeHoldsUpNoEdge) {
  server_config_.workers = 2;
  std::promise<void> entered;
  std::promise<void> release;
  admin_handler_ = [&](std::string_view, const ipc::AdminPeer&) {
    entered.set_value();
    release.get_future().wait();
    return std::string{"done"};
  };
  serve();
  const Raw admin{admin_path()};
  ASSERT_TRUE(admin.send(admin_request("slow")));
  entered.get_future().wait();
  const Raw edge{path()};
  EXPECT_TRUE(edge.send(good_begin()));
  timeval patience{3, 0};
  ::setsockopt(edge.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  EXPECT_TRUE(is_continue(edge.read_frame()));
  release.set_value();
  EXPECT_EQ(as_text(admin.read_frame().value_or(Bytes{})), "done");
}

TEST_F(ServerTest, AnAdminRequestOverTheLimitEndsTheConnection) {
  serve();
  const Raw admin{admin_path()};
  Bytes length(4);
  store_le(length.data(), static_cast<std::uint32_t>(ipc::kMaxAdminRequestBytes + 1));
  ASSERT_TRUE(admin.send(length));
  EXPECT_TRUE(admin.ended());
}

TEST_F(ServerTest, R31_AReloadTakesRightsFromConnectionsThatAreThere) {
  serve();
  const Raw edge{path()};
  ASSERT_TRUE(edge.send(good_begin()));
  ASSERT_TRUE(is_continue(edge.read_frame()));
  Peer less = own_peer();
  less.services = {"ldap"};
  server_->set_peers({less}, {}, {});
  EXPECT_TRUE(soon([&] {
    EXPECT_TRUE(edge.send(good_begin()));
    const auto verdict = verdict_in(edge.read_frame());
    return verdict && verdict->status == NtStatus::access_denied;
  }));
  server_->set_peers({}, {}, {});
  EXPECT_TRUE(edge.ended()) << "no peer any more";
}

TEST_F(ServerTest, ALiveServersSocketIsAConflictAndAStaleOneIsReplaced) {
  serve();
  auto second = ipc::Server::listen(server_config_, *authority_, admin_handler_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_TRUE(Raw{path()}.connected()) << "the live one was left alone";
  stop();
  for (const std::string& stale : {path(), admin_path()}) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, stale.c_str(), stale.size() + 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  serve();
  const Raw edge{path()};
  ASSERT_TRUE(edge.send(good_begin()));
  EXPECT_TRUE(is_continue(edge.read_frame()));
}

TEST_F(ServerTest, AFileThatIsNoSocketIsNotRemoved) {
  std::ofstream{path()} << "somebody's";
  const auto listening = ipc::Server::listen(server_config_, *authority_, admin_handler_);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, ErrorCode::conflict);
  EXPECT_EQ(account::content_of(path()), "somebody's");
}

TEST_F(ServerTest, TheSocketsHaveTheirModesFromTheFirstMoment) {
  serve();
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U);
  ASSERT_EQ(::stat(admin_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace postern::authority
