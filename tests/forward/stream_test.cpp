// syslog over TCP and TLS: receivers that stall, close, refuse, lie about who they are, and come back.
#include <openssl/ssl.h>

#include "edge/forward/forwarder.hpp"
#include "forward_support.hpp"
#include "http/certificates.hpp"

namespace postern::forward {
namespace {

using namespace test;

/// A syslog server over TCP that keeps every whole message it read (octet counting), and does as it is told.
class Receiver {
 public:
  explicit Receiver(std::uint16_t port = 0, SSL_CTX* tls = nullptr) : tls_{tls} {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listening_, 16) != 0) std::abort();
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }
  ~Receiver() {
    stopping_ = true;
    reads_ = true;
    ::shutdown(listening_, SHUT_RDWR);
    if (const int client = client_; client >= 0) ::shutdown(client, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void stall() { reads_ = false; }
  void go_on() { reads_ = true; }
  /// Closes the connection after so many more messages, with what was not read unread.
  void close_after(std::size_t messages) { close_after_ = messages; }
  /// Closes each connection after so many messages and a while.
  void close_each_after(std::size_t messages) { close_each_after_ = messages; }
  [[nodiscard]] std::vector<std::string> messages() const {
    const std::lock_guard lock{mutex_};
    return messages_;
  }
  [[nodiscard]] std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all;
    for (const std::string& message : messages()) {
      for (const std::uint64_t number : numbers_in(message)) all.push_back(number);
    }
    return all;
  }
  std::atomic<int> connections{0};
  std::atomic<int> handshakes_failed{0};

 private:
  void run() {
    while (!stopping_) {
      const int client = ::accept(listening_, nullptr, nullptr);
      if (client < 0) return;
      client_ = client;
      ++connections;
      SSL* ssl = tls_ != nullptr ? SSL_new(tls_) : nullptr;
      if (ssl != nullptr) {
        SSL_set_fd(ssl, client);
        if (SSL_accept(ssl) == 1) {
          read(client, ssl);
        } else {
          ++handshakes_failed;
        }
        SSL_free(ssl);
      } else {
        read(client, nullptr);
      }
      client_ = -1;
      ::close(client);
    }
  }
  void read(int client, SSL* ssl) {
    std::string buffer;
    std::size_t in_this_connection = 0;
    char piece[500];
    while (!stopping_) {
      if (!reads_) {
        std::this_thread::sleep_for(2ms);
        continue;
      }
      const auto received =
          ssl != nullptr ? SSL_read(ssl, piece, sizeof piece) : static_cast<int>(::recv(client, piece, sizeof piece, 0));
      if (received <= 0) return;
      buffer.append(piece, static_cast<std::size_t>(received));
      while (true) {
        const std::size_t space = buffer.find(' ');
        if (space == std::string::npos) break;
        const std::size_t length = std::stoul(buffer.substr(0, space));
        if (buffer.size() < space + 1 + length) break;
        {
          const std::lock_guard lock{mutex_};
          messages_.push_back(buffer.substr(space + 1, length));
        }
        buffer.erase(0, space + 1 + length);
        if (close_after_ > 0 && --close_after_ == 0) return;
        if (++in_this_connection == close_each_after_) {
          std::this_thread::sleep_for(50ms);  // idle: the delivery is over
          return;
        }
      }
    }
  }

  SSL_CTX* tls_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> client_{-1};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reads_{true};
  std::atomic<std::size_t> close_after_{0};
  std::atomic<std::size_t> close_each_after_{0};
  mutable std::mutex mutex_{};
  std::vector<std::string> messages_{};
  std::thread thread_{};
};

class StreamTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_ / "state"); }
  ForwardConfig config(std::uint16_t port, Transport transport = Transport::tcp) {
    SinkConfig sink;
    sink.name = "siem";
    sink.kind = SinkKind::syslog;
    sink.transport = transport;
    sink.host = "localhost";
    sink.port = port;
    sink.resend = 30;
    sink.timeout = 2s;
    sink.max_pause = 50ms;
    ForwardConfig config;
    config.socket = folder_ / "admin";
    config.state_directory = folder_ / "state";
    config.poll = 5ms;
    config.batch = 10;
    config.sinks = {sink};
    return config;
  }
  /// Each number once at least, and where one came again, the last `resend` and a batch at most did.
  static void expect_all_in_order(const std::vector<std::uint64_t>& numbers, std::uint64_t last, std::size_t breaks) {
    EXPECT_EQ(set_of(numbers), set_of(all_up_to(last)));
    std::uint64_t highest = 0;
    for (const std::uint64_t number : numbers) {
      if (number > highest) {
        EXPECT_EQ(number, highest + 1) << "a gap, or out of order";
        highest = number;
      }
    }
    EXPECT_LE(numbers.size(), last + breaks * (30 + 10));
  }

  Folder folder_{};
  FakeAuthority authority_{folder_ / "admin"};
};

TEST_F(StreamTest, AServerThatReadsGetsEachEventOnceAndInOrder) {
  const Receiver receiver;
  authority_.add(200);
  auto forwarder = Forwarder::start(config(receiver.port()));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return receiver.messages().size() == 200; }));
  EXPECT_EQ(receiver.numbers(), all_up_to(200));
  EXPECT_EQ(receiver.connections, 1);
  const std::string first = receiver.messages().front();
  EXPECT_TRUE(first.starts_with("<86>1 2025-")) << first;  // 10 * 8 + 6
  EXPECT_TRUE(first.contains(" door.example.org postern - logon - {\"schema\":1")) << first;
}

TEST_F(StreamTest, AServerThatClosesInTheMiddleAgainAndAgainMissesNothing) {
  Receiver receiver;
  receiver.close_after(35);
  authority_.add(100);
  auto forwarder = Forwarder::start(config(receiver.port()));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return receiver.messages().size() >= 35; }));
  receiver.close_after(57);
  EXPECT_TRUE(soon([&] { return set_of(receiver.numbers()).size() == 100; }));
  expect_all_in_order(receiver.numbers(), 100, static_cast<std::size_t>(receiver.connections));
}

TEST_F(StreamTest, AServerThatIsAwayRefusesAndComesBackUnderTheSamePort) {
  std::uint16_t port = 0;
  std::vector<std::uint64_t> before;
  authority_.add(20);
  std::unique_ptr<Forwarder> forwarder;
  {
    const Receiver receiver;
    port = receiver.port();
    forwarder = std::move(Forwarder::start(config(port)).value());
    EXPECT_TRUE(soon([&] { return receiver.messages().size() == 20; }));
    before = receiver.numbers();
  }
  authority_.add(20);
  std::this_thread::sleep_for(100ms);
  const Receiver again{port};
  EXPECT_TRUE(soon([&] { return set_of(again.numbers()).contains(40); }));
  auto all = before;
  for (const std::uint64_t number : again.numbers()) all.push_back(number);
  expect_all_in_order(all, 40, 1);
}

TEST_F(StreamTest, AServerThatStallsIsGivenUpAndWhatItDidNotReadComesAgain) {
  Receiver receiver;
  receiver.stall();
  authority_.add(25);  // fewer than are sent again: all in its kernel, none read
  auto forwarder = Forwarder::start(config(receiver.port()));
  ASSERT_TRUE(forwarder);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(receiver.messages().size(), 0U);
  receiver.close_after(1);
  receiver.go_on();  // reads one, and closes
  authority_.add(1);
  EXPECT_TRUE(soon([&] { return set_of(receiver.numbers()).size() == 26; }));
  expect_all_in_order(receiver.numbers(), 26, static_cast<std::size_t>(receiver.connections));
}

TEST_F(StreamTest, AServerThatDiesAfterTheLastEventGetsWhatItDidNotReadWithoutAnother) {
  Receiver receiver;
  receiver.stall();
  authority_.add(25);
  auto forwarder = Forwarder::start(config(receiver.port()));
  ASSERT_TRUE(forwarder);
  ASSERT_TRUE(soon([&] { return forwarder.value()->metrics_text().contains("postern_forward_events_total{sink=\"siem\"} 25"); }));
  receiver.close_after(1);
  receiver.go_on();
  EXPECT_TRUE(soon([&] { return set_of(receiver.numbers()).size() == 25; }));
  expect_all_in_order(receiver.numbers(), 25, static_cast<std::size_t>(receiver.connections));
}

TEST_F(StreamTest, AServerThatClosesWhateverIsIdleIsNotSentTheSameForEver) {
  Receiver receiver;
  receiver.close_each_after(10);
  authority_.add(10);
  auto forwarder = Forwarder::start(config(receiver.port()));
  ASSERT_TRUE(forwarder);
  EXPECT_TRUE(soon([&] { return receiver.messages().size() == 20; }));
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(receiver.messages().size(), 20U) << "once for each place in the store";
  receiver.close_each_after(0);
  authority_.add(1);
  EXPECT_TRUE(soon([&] { return set_of(receiver.numbers()).contains(11); }));
  expect_all_in_order(receiver.numbers(), 11, static_cast<std::size_t>(receiver.connections));
}

class TlsStreamTest : public StreamTest {
 protected:
  SSL_CTX* server(const std::string& name) {
    const std::string file = folder_ / name;
    postern::test::make_certificate(file, {.name = name});
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context, (file + ".pem").c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, (file + ".key").c_str(), SSL_FILETYPE_PEM), 1);
    return context;
  }
};

TEST_F(TlsStreamTest, AServerOfTheRightNameAndCaGetsEachEventOnce) {
  SSL_CTX* context = server("localhost");
  {
    const Receiver receiver{0, context};
    authority_.add(50);
    auto wanted = config(receiver.port(), Transport::tls);
    wanted.sinks[0].ca_file = folder_ / "localhost.pem";
    auto forwarder = Forwarder::start(wanted);
    ASSERT_TRUE(forwarder);
    EXPECT_TRUE(soon([&] { return receiver.messages().size() == 50; }));
    EXPECT_EQ(receiver.numbers(), all_up_to(50));
  }
  SSL_CTX_free(context);
}

TEST_F(TlsStreamTest, AServerOfAnotherNameOrOfAnotherCaGetsNothing) {
  SSL_CTX* context = server("localhost");
  SSL_CTX* other = server("other.example.org");
  {
    const Receiver receiver{0, context};
    authority_.add(5);
    auto wrong_name = config(receiver.port(), Transport::tls);
    wrong_name.sinks[0].ca_file = folder_ / "localhost.pem";
    wrong_name.sinks[0].server_name = "logs.example.org";
    auto forwarder = Forwarder::start(wrong_name);
    ASSERT_TRUE(forwarder);
    EXPECT_TRUE(soon([&] { return receiver.handshakes_failed >= 2; }));
    auto wrong_ca = config(receiver.port(), Transport::tls);
    wrong_ca.sinks[0].ca_file = folder_ / "other.example.org.pem";
    const int before = receiver.handshakes_failed;
    static_cast<void>((*forwarder)->reload(wrong_ca));
    EXPECT_TRUE(soon([&] { return receiver.handshakes_failed >= before + 2; }));
    EXPECT_EQ(receiver.messages().size(), 0U);
    auto right = config(receiver.port(), Transport::tls);
    right.sinks[0].ca_file = folder_ / "localhost.pem";
    static_cast<void>((*forwarder)->reload(right));
    EXPECT_TRUE(soon([&] { return receiver.messages().size() == 5; })) << "the twin";
  }
  SSL_CTX_free(context);
  SSL_CTX_free(other);
}

}  // namespace
}  // namespace postern::forward
