// Client: one connection through its whole life, advanced whenever its socket has news.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_answer.hpp"
#include "messages.hpp"
#include "options.hpp"

namespace postern::load {

using Clock = std::chrono::steady_clock;

/// What all connections share.
struct Shared {
  const Options& options;
  const Who* who = nullptr;  ///< null: no logon
  SSL_CTX* tls = nullptr;    ///< null: plain
  sockaddr_in target{};
  std::string host{};
  std::optional<ntlm::ChannelBindingHash> bindings{};  ///< of the server's certificate, once one connection has seen it
  std::uint32_t sources = 0;                           ///< connections opened so far: the next one's source address follows from it
  int epoll = -1;
};

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class Client {
 public:
  enum class Purpose : std::uint8_t { worker, half_open };
  enum class State : std::uint8_t { connecting, shaking, asked_challenge, asked_logon, asked_again, half_open, held, done, failed };

  Client(Shared& shared, Purpose purpose, Fault fault) : shared_{shared}, purpose_{purpose}, fault_{fault} {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Opens the socket and adds it to epoll with `tag`.
  void open(std::uint64_t tag);
  /// Does all that can be done now. `keep_asking` is false once the time of a run of requests is over.
  void advance(bool keep_asking);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool ended() const { return state_ == State::done || state_ == State::failed; }
  [[nodiscard]] int status() const { return status_; }                  ///< of the last answer
  [[nodiscard]] const std::string& why() const { return why_; }         ///< of a failure
  [[nodiscard]] Clock::time_point started() const { return started_; }  ///< of the connection, or of the request under way
  [[nodiscard]] Clock::time_point answered() const { return answered_; }
  [[nodiscard]] std::string source() const;  ///< "address:port" of this end
  /// A mark for the owner, who counts a connection once.
  [[nodiscard]] bool counted() const { return counted_; }
  void set_counted() { counted_ = true; }
  void give_up(std::string why) { fail(std::move(why)); }
  /// Requests answered since the last call, each with how long it took.
  [[nodiscard]] std::vector<std::chrono::nanoseconds> take_latencies() { return std::exchange(latencies_, {}); }
  /// Asks for the next answer, on a connection that is held.
  void ask_again();

 private:
  enum class Io : std::uint8_t { done, blocked, failed };
  void fail(std::string why);
  [[nodiscard]] bool goes_apart() const { return purpose_ == Purpose::half_open && shared_.options.half_open_port != 0; }
  void shaken();
  void ask(std::string_view authorization, State next);
  Io flush();
  Io receive();
  void on_answer(const AnswerReader::Answer& answer, bool keep_asking);
  void close();

  Shared& shared_;
  const Purpose purpose_;
  const Fault fault_;
  int socket_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_{};
  State state_ = State::connecting;
  std::optional<ntlm::AwaitingChallenge> awaiting_{};
  std::string out_{};
  std::size_t sent_ = 0;
  AnswerReader in_{};
  int status_ = 0;
  std::string why_{};
  Clock::time_point started_{};
  Clock::time_point answered_{};
  std::vector<std::chrono::nanoseconds> latencies_{};
  bool counted_ = false;
};

}  // namespace postern::load
