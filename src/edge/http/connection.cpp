#include "edge/http/connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <utility>

#include "edge/http/authority_link.hpp"
#include "edge/http/body.hpp"
#include "edge/http/client_side.hpp"
#include "edge/http/log.hpp"
#include "edge/http/rate_budget.hpp"
#include "edge/http/registry.hpp"
#include "edge/http/request_guard.hpp"
#include "edge/http/upstream.hpp"

namespace postern::http {
namespace {

constexpr seconds kLinger{2};  ///< for a client that still sends after our last word
constexpr std::size_t kLingerBytes = 256 * 1024;
constexpr std::string_view kRetryAfterSeconds = "2";

constexpr std::string_view kUnauthorizedText =
    "This address asks who you are. Log on with Negotiate or NTLM; if you just did, the account or its password was not accepted.";
constexpr std::string_view kRefusedHereText = "This service takes no NTLM here.";
constexpr std::string_view kForbiddenReason =
    "NTLM over plain HTTP can be read and relayed by anyone on the way, so this gateway offers it only over HTTPS";
constexpr std::string_view kForbiddenCure =
    "Use the HTTPS address of this site. plain_http = \"always\" in the gateway's configuration offers NTLM without TLS.";
constexpr std::string_view kMultiplexedText =
    "NTLM and Negotiate log a connection on, not a request. A front end that puts several clients on one connection must not be "
    "used here "
    "unless the gateway is configured to trust it.";

FileTime now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

/// The gateway's own denial: its `plain_http`, as a client without TLS meets it.
Denial plain_http_denial(PlainHttp setting) {
  ntlm::Explanation why;
  why.setting = "plain_http";
  why.value = setting == PlainHttp::never ? "never" : "loopback";
  why.reason = kForbiddenReason;
  why.cure = kForbiddenCure;
  return {std::move(why), {}};
}

ntlm::Endpoint endpoint_of(const asio::ip::tcp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return {address.to_string(), endpoint.port()};
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, Security security, Services& services)
      : services_{services}, authenticator_{services}, upstream_{services} {
    boost::system::error_code ignored;
    client_.facts.ends.client = endpoint_of(socket.remote_endpoint(ignored));
    client_.facts.ends.server = endpoint_of(socket.local_endpoint(ignored));
    client_.facts.ends.tls = security == Security::tls;
    client_.security = security;
    client_.stream = Stream::make(std::move(socket));
    client_.settings = services.settings();
    tls_ = client_.settings->tls;
    ++services_.connections;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --services_.connections; }

  void start() {
    const auto close = [weak = weak_from_this(), executor = client_.stream->socket().get_executor()] {
      asio::post(executor, [weak] {
        if (const auto self = weak.lock()) self->give_way();
      });
    };
    ticket_ = services_.registry.admit(client_.facts.ends.client.address, limits(), close);
    if (!ticket_) return client_.stream->close();
    asio::co_spawn(client_.stream->socket().get_executor(), run(shared_from_this()), asio::detached);
  }

 private:
  [[nodiscard]] const LimitsConfig& limits() const { return client_.settings->config.limits; }

  /// Told to close: at once, unless a request is under way and the gateway only stops.
  void give_way() {
    if (services_.stopping && in_request_ && !force_) {
      force_ = true;  // the second call means it
      return;
    }
    client_.stream->abort();
    upstream_.abort();
  }

  static Task<void> run(std::shared_ptr<Connection> self) {
    try {
      co_await self->serve();
    } catch (const std::exception& wrong) {
      log::error(std::string{"connection given up: "} + wrong.what());
    }
    self->authenticator_.end();
    self->upstream_.disconnect();
    self->client_.stream->close();
  }

  Task<void> serve() {
    if (client_.security == Security::tls) {
      client_.stream->set_deadline(Clock::now() + limits().tls_timeout);
      // Named first: g++ 12 destroys a conditional temporary twice when it is an argument of co_await: seen under ASan.
      SslPtr ssl{};
      if (tls_) ssl = tls_->new_connection();
      auto shaken = co_await client_.stream->handshake(std::move(ssl));
      if (!shaken) {
        ++(client_.stream->timed_out() ? services_.metrics.timeouts_tls : services_.metrics.tls_failures);
        log::debug(log::printable("TLS from " + client_.facts.ends.client.address + ": " + shaken.error().message));
        co_return;
      }
      client_.facts.served_bindings = served_bindings(client_.stream->ssl());
    }
    while (!services_.stopping) {
      const KeepAlive keep = co_await serve_one();
      in_request_ = false;
      if (keep == KeepAlive::no) break;
    }
    co_await linger();
  }

  /// Our last word must arrive: closing with unread bytes would make the kernel send a reset that overtakes it.
  Task<void> linger() {
    if (!client_.stream->is_open() || client_.stream->timed_out()) co_return;
    client_.stream->shutdown_send();
    client_.stream->set_deadline(Clock::now() + kLinger);
    Bytes sink(kHeadReadBytes);
    std::size_t total = 0;
    while (total < kLingerBytes) {
      auto got = co_await client_.stream->read_some(sink);
      if (!got || *got == 0) break;
      total += *got;
    }
  }

  void note_phase() {
    const auto phase = authenticator_.logged_on()   ? Registry::Phase::logged_on
                       : authenticator_.half_open() ? Registry::Phase::half_open
                                                    : Registry::Phase::no_logon;
    ticket_->set_phase(phase, limits().max_half_open);
  }

  /// Waits for a request's first byte; false if the connection ends instead.
  Task<bool> wait_for_request() {
    if (!client_.input.empty()) co_return true;
    client_.input.release();
    const bool half_open = authenticator_.half_open();
    client_.stream->set_deadline(Clock::now() + (half_open ? limits().handshake_timeout : limits().idle_timeout));
    auto ready = co_await client_.stream->wait_readable();
    if (!ready && client_.stream->timed_out())
      ++(half_open ? services_.metrics.timeouts_handshake : services_.metrics.timeouts_idle);
    co_return ready.has_value();
  }

  Task<KeepAlive> serve_one() {
    if (!co_await wait_for_request()) co_return KeepAlive::no;
    in_request_ = true;
    client_.settings = services_.settings();
    client_.facts.trusted_proxy =
        any_contains(client_.settings->config.authentication.trusted_proxies, client_.facts.ends.client.address);
    client_.stream->set_deadline(Clock::now() + limits().header_timeout);
    const HeadLimits head_limits{limits().max_header_bytes, limits().max_headers};
    std::size_t scanned = 0;
    while (true) {
      skip_empty_lines(scanned);
      auto end = find_head_end(client_.input.view(), scanned, head_limits);
      if (!end) co_return co_await refuse(end.error());
      if (*end) {
        auto head = parse_request_head(client_.input.view().first(**end), head_limits);
        if (!head) co_return co_await refuse(head.error());
        client_.input.consume(**end);
        ++services_.metrics.requests;
        co_return co_await answer(*head);
      }
      auto got = co_await client_.input.fill(*client_.stream, kHeadReadBytes);
      if (got && *got > 0) continue;
      if (client_.stream->timed_out()) ++services_.metrics.timeouts_header;
      co_return KeepAlive::no;
    }
  }

  /// RFC 9112 2.2: an empty line before the request line is ignored.
  void skip_empty_lines(std::size_t& scanned) {
    while (client_.input.view().size() >= 2 && client_.input.view()[0] == '\r' && client_.input.view()[1] == '\n') {
      client_.input.consume(2);
      scanned = 0;
    }
  }

  Task<KeepAlive> refuse(Error error) {
    authenticator_.end();
    const bool large = error.code == ErrorCode::too_large;
    ++(large ? services_.metrics.headers_too_large : services_.metrics.requests_refused);
    log::info(log::printable(fmt::format("request refused from={} why={}", client_.facts.ends.client.address, error.to_line())));
    const RequestHead unread{};
    co_return co_await respond_status(client_, unread, large ? 431 : 400,
                                      large ? "The request's headers are larger than allowed." : "The request is malformed.", {},
                                      KeepAlive::no);
  }

  Task<KeepAlive> answer(const RequestHead& head) {
    const AuthenticationConfig& config = client_.settings->config.authentication;
    const bool via_proxy = !client_.facts.trusted_proxy && forwarding_sign(head.headers).has_value();
    if (via_proxy) {
      authenticator_.end();
      ++services_.metrics.requests_refused;
      log::info("request refused from=" + client_.facts.ends.client.address +
                " why=it came through a front end that is not trusted");
      co_return co_await respond_status(client_, head, 400, kMultiplexedText, {}, KeepAlive::no);
    }
    auto target = origin_form(head);
    if (!target) co_return co_await refuse(target.error());
    const KeepAlive keep = head.keep_alive && !services_.stopping ? KeepAlive::yes : KeepAlive::no;
    if (is_anonymous(head, *target, config)) co_return co_await dispatch(head, *target, nullptr, {}, keep);

    const auto& ends = client_.facts.ends;
    if (offer_on(client_.security, ends.client.address, ends.server.address, config.plain_http) == Offer::forbidden) {
      const Denial denial = plain_http_denial(config.plain_http);
      log::info(log::printable(fmt::format("logon refused from={}{}", ends.client.address, log_text(denial.explanation))));
      co_return co_await respond_after_body(head, 403, denial_page(403, denial, prefers_json(head.headers)), {}, keep);
    }
    const auto before = authenticator_.logged_on();
    Outcome outcome = co_await authenticator_.step(head.headers, *client_.settings, client_.facts);
    note_phase();
    const auto logged_on = authenticator_.logged_on();
    if (before && before != logged_on) upstream_.disconnect();  // R18: what was opened for one identity never carries another
    const KeepAlive then = keep == KeepAlive::yes && outcome.then == Outcome::Then::keep ? KeepAlive::yes : KeepAlive::no;
    switch (outcome.kind) {
      case Outcome::Kind::logged_on: co_return co_await dispatch(head, *target, logged_on, std::move(outcome.headers), keep);
      case Outcome::Kind::unauthorized: {
        Headers headers = std::move(outcome.headers);
        headers.push_back({"Proxy-Support", "Session-Based-Authentication"});
        co_return co_await respond_after_body(head, 401, refusal_page(head, 401, kUnauthorizedText, outcome), std::move(headers),
                                              then);
      }
      case Outcome::Kind::forbidden:
        co_return co_await respond_after_body(head, 403, refusal_page(head, 403, kRefusedHereText, outcome), {}, then);
      case Outcome::Kind::unavailable: {
        Headers headers;
        headers.push_back({"Retry-After", std::string{kRetryAfterSeconds}});
        co_return co_await respond_after_body(head, 503, status_page(503, "Nobody can be logged on right now. Try again shortly."),
                                              std::move(headers), then);
      }
      case Outcome::Kind::multiplexed: break;
    }
    ++services_.metrics.requests_refused;
    co_return co_await respond_status(client_, head, 400, kMultiplexedText, {}, KeepAlive::no);
  }

  /// What the client may know of it, or the text that is the same for everybody.
  static Page refusal_page(const RequestHead& head, unsigned status, std::string_view text, const Outcome& outcome) {
    return outcome.told ? denial_page(status, *outcome.told, prefers_json(head.headers)) : status_page(status, text);
  }

  /// A refusal that keeps the connection has to read the request's body first: what follows it is the next request.
  Task<KeepAlive> respond_after_body(const RequestHead& head, unsigned status, Page page, Headers headers, KeepAlive keep) {
    const std::size_t limit = limits().max_first_leg_body_bytes;
    const bool announced_too_large = head.framing.kind == Framing::Kind::length && head.framing.length > limit;
    if (announced_too_large) keep = KeepAlive::no;
    if (head.expect_continue && keep == KeepAlive::yes) {
      // The final status instead of 100; a client that keeps the connection still owes the body (RFC 9110 10.1.1).
      const KeepAlive kept = co_await respond(client_, head, status, std::move(page), std::move(headers), keep);
      if (kept == KeepAlive::no) co_return KeepAlive::no;
      co_return co_await drain(head, limit);
    }
    if (keep == KeepAlive::yes) keep = co_await drain(head, limit);
    if (client_.stream->timed_out()) co_return KeepAlive::no;
    co_return co_await respond(client_, head, status, std::move(page), std::move(headers), keep);
  }

  /// Reads a body and throws it away; `no` if it is malformed, over the limit or too slow.
  Task<KeepAlive> drain(const RequestHead& head, std::size_t limit) {
    BodyDecoder decoder{head.framing};
    std::size_t total = 0;
    client_.stream->set_deadline(Clock::now() + limits().drain_timeout);
    while (!decoder.done()) {
      auto piece = decoder.decode(client_.input.view());
      if (!piece) co_return KeepAlive::no;
      if (piece->consumed > 0) {
        total += piece->data.size();
        client_.input.consume(piece->consumed);
        if (total > limit) co_return KeepAlive::no;
        continue;
      }
      auto got = co_await client_.input.fill(*client_.stream, kReadBytes);
      if (!got || *got == 0) {
        if (client_.stream->timed_out()) ++services_.metrics.timeouts_body;
        co_return KeepAlive::no;
      }
    }
    co_return KeepAlive::yes;
  }

  Task<KeepAlive> dispatch(const RequestHead& head, std::string target, std::shared_ptr<const LoggedOn> logged_on, Headers headers,
                           KeepAlive keep) {
    if (client_.settings->config.upstream.configured) {
      if (head.method == "TRACE")
        co_return co_await respond_after_body(head, 405, status_page(405, "TRACE is not passed on."), {}, keep);
      co_return co_await upstream_.forward(client_, head, std::move(target), std::move(logged_on), std::move(headers));
    }
    if (head.expect_continue) {
      client_.stream->set_deadline(Clock::now() + limits().body_grace);
      auto sent = co_await client_.stream->write_all(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
      if (!sent) co_return KeepAlive::no;
    }
    const KeepAlive drained = co_await read_whole_body(head);
    if (client_.stream->timed_out()) co_return KeepAlive::no;
    PageFacts facts;
    facts.logged_on = logged_on.get();
    facts.client_address = client_.facts.ends.client.address;
    facts.method = head.method;
    facts.target = target;
    if (SSL* ssl = client_.stream->ssl(); ssl != nullptr) {
      facts.tls = true;
      facts.tls_version = SSL_get_version(ssl);
      facts.tls_cipher = SSL_get_cipher_name(ssl);
    }
    Page page = logged_on_page(facts, prefers_json(head.headers));
    const KeepAlive then = keep == KeepAlive::yes && drained == KeepAlive::yes ? KeepAlive::yes : KeepAlive::no;
    co_return co_await respond(client_, head, 200, std::move(page), std::move(headers), then);
  }

  /// The built-in page has no use for a body: after the logon it may be of any size, at the rate that any body needs.
  Task<KeepAlive> read_whole_body(const RequestHead& head) {
    BodyDecoder decoder{head.framing};
    RateBudget budget{limits().body_rate, limits().body_grace};
    while (!decoder.done()) {
      auto piece = decoder.decode(client_.input.view());
      if (!piece) co_return KeepAlive::no;
      if (piece->consumed > 0) {
        client_.input.consume(piece->consumed);
        continue;
      }
      client_.stream->set_deadline(budget.start(Clock::now()));
      auto got = co_await client_.input.fill(*client_.stream, kReadBytes);
      if (!got || *got == 0) {
        if (client_.stream->timed_out()) ++services_.metrics.timeouts_body;
        co_return KeepAlive::no;
      }
      budget.stop(Clock::now(), *got);
    }
    co_return KeepAlive::yes;
  }

  Services& services_;
  std::shared_ptr<const ServerTls> tls_{};  ///< the certificates of the moment of accept; the callback of a handshake reads it
  ClientSide client_{};
  Authenticator authenticator_;
  Upstream upstream_;
  std::unique_ptr<Registry::Ticket> ticket_{};
  bool in_request_ = false;
  bool force_ = false;
};

}  // namespace

Task<KeepAlive> respond(ClientSide& client, const RequestHead& request, unsigned status, Page page, Headers extra, KeepAlive keep) {
  ResponseHead head;
  head.status = status;
  head.headers = page_headers(page, now());
  for (Header& header : extra) head.headers.push_back(std::move(header));
  if (keep == KeepAlive::no) {
    head.headers.push_back({"Connection", "close"});
  } else if (request.minor_version == 0) {
    head.headers.push_back({"Connection", "keep-alive"});
  }
  std::string text = serialize(head);
  if (request.method != "HEAD") text += page.body;
  client.stream->set_deadline(Clock::now() + client.settings->config.limits.body_grace);
  auto sent = co_await client.stream->write_all(as_bytes(text));
  co_return sent ? keep : KeepAlive::no;
}

Task<KeepAlive> respond_status(ClientSide& client, const RequestHead& request, unsigned status, std::string_view explanation,
                               Headers extra, KeepAlive keep) {
  return respond(client, request, status, status_page(status, explanation), std::move(extra), keep);
}

void serve_connection(asio::ip::tcp::socket socket, Security security, Services& services) {
  std::make_shared<Connection>(std::move(socket), security, services)->start();
}

}  // namespace postern::http
