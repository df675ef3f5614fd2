#include "edge/http/upstream.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <vector>

#include "edge/http/body.hpp"
#include "edge/http/log.hpp"
#include "edge/http/rate_budget.hpp"
#include "edge/http/request_guard.hpp"

namespace postern::http {
namespace {

using asio::redirect_error;
using asio::use_awaitable;
using ErrorValue = boost::system::error_code;

constexpr HeadLimits kResponseLimits{256 * 1024, 1000};  ///< the upstream is ours; still nothing without a limit
constexpr unsigned kMaxInterimResponses = 16;

std::string host_text(const UpstreamConfig& upstream) {
  const bool v6 = upstream.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", upstream.host, v6 ? "]" : "", upstream.port);
}

bool may_repeat(const RequestHead& head) {
  return head.framing.kind == Framing::Kind::none && (head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS");
}

/// The request as the upstream gets it. Order matters: what the client claims goes first, and what Connection lists, then ours is
/// added, so that nothing of ours can be named away (R41).
Result<RequestHead> outgoing_head(const ClientSide& client, const RequestHead& head, std::string target,
                                  const LoggedOn* logged_on) {
  const Config& config = client.settings->config;
  RequestHead out = head;
  out.target = std::move(target);
  out.minor_version = 1;
  const std::string* host = find_header(head.headers, "Host");
  const std::string client_host = host == nullptr ? "" : *host;
  const bool had_length = count_headers(head.headers, "Content-Length") > 0;
  const std::string* forwarded = find_header(head.headers, "X-Forwarded-For");
  const std::string chain = forwarded != nullptr && client.facts.trusted_proxy ? *forwarded + ", " : "";

  remove_client_claims(out.headers);
  remove_hop_by_hop(out.headers);
  for (const std::string_view name : {"Host", "Content-Length", "Via"}) remove_header(out.headers, name);

  const bool keep_host = config.upstream.preserve_host && !client_host.empty();
  out.headers.insert(out.headers.begin(), {"Host", keep_host ? client_host : host_text(config.upstream)});
  out.headers.push_back({"X-Forwarded-For", chain + client.facts.ends.client.address});
  out.headers.push_back({"X-Forwarded-Proto", client.security == Security::tls ? "https" : "http"});
  if (!client_host.empty()) out.headers.push_back({"X-Forwarded-Host", client_host});
  out.headers.push_back({"Via", head.minor_version == 1 ? "1.1 postern-gateway" : "1.0 postern-gateway"});
  if (head.framing.kind == Framing::Kind::chunked) {
    out.headers.push_back({"Transfer-Encoding", "chunked"});
  } else if (head.framing.kind == Framing::Kind::length || had_length) {
    out.headers.push_back({"Content-Length", std::to_string(head.framing.length)});
  }
  if (is_websocket_upgrade(head)) {
    out.headers.push_back({"Connection", "Upgrade"});
    out.headers.push_back({"Upgrade", "websocket"});
  }
  if (logged_on != nullptr) POSTERN_CHECK(add_identity(out.headers, *logged_on, config.limits.max_groups_bytes));
  return out;
}

/// The final response as the client gets it; false in `chunked` for a client that knows only HTTP/1.0.
void rewrite_response(ResponseHead& response, const RequestHead& request, bool chunk_it, KeepAlive keep, Headers answer_headers) {
  const std::string* length = find_header(response.headers, "Content-Length");
  const std::string content_length = length == nullptr ? "" : *length;
  remove_hop_by_hop(response.headers);
  remove_header(response.headers, "Content-Length");
  // Offers of connection-bound schemes are ours to make on this connection.
  std::erase_if(response.headers, [](const Header& header) {
    if (!equal_ignoring_case(header.name, "WWW-Authenticate")) return false;
    return equal_ignoring_case(std::string_view{header.value}.substr(0, 4), "NTLM") ||
           equal_ignoring_case(std::string_view{header.value}.substr(0, 9), "Negotiate");
  });
  if (chunk_it) {
    response.headers.push_back({"Transfer-Encoding", "chunked"});
  } else if (!content_length.empty() && response.status / 100 != 1 && response.status != 204) {
    response.headers.push_back({"Content-Length", content_length});
  }
  if (keep == KeepAlive::no) {
    response.headers.push_back({"Connection", "close"});
  } else if (request.minor_version == 0) {
    response.headers.push_back({"Connection", "keep-alive"});
  }
  for (Header& header : answer_headers) response.headers.push_back(std::move(header));
}

}  // namespace

/// The request's body on its way; runs beside the response, which may come first.
struct Upstream::BodyPump {
  BodyPump(ClientSide& client_side, std::shared_ptr<Stream> upstream_stream, Framing body_framing, Metrics& counters)
      : client{client_side},
        upstream{std::move(upstream_stream)},
        framing{body_framing},
        metrics{counters},
        event{client_side.stream->socket().get_executor()} {
    event.expires_at(Clock::time_point::max());
  }
  ClientSide& client;
  std::shared_ptr<Stream> upstream;
  Framing framing;
  Metrics& metrics;
  asio::steady_timer event;  ///< cancelled when the pump has ended
  bool discard = false;      ///< nobody wants the body any more: read it to its end, within limits
  std::uint64_t discarded = 0;
  bool started = false;  ///< a byte of it has come
  bool ended = false;
  bool complete = false;  ///< read to its end
  bool malformed = false;
};

Task<void> Upstream::pump_body(std::shared_ptr<BodyPump> pump) {
  ClientSide& client = pump->client;
  const LimitsConfig& limits = client.settings->config.limits;
  const auto response_timeout = client.settings->config.upstream.response_timeout;
  BodyDecoder decoder{pump->framing};
  RateBudget budget{limits.body_rate, limits.body_grace};
  const bool chunked = pump->framing.kind == Framing::Kind::chunked;
  while (!decoder.done()) {
    auto piece = decoder.decode(client.input.view());
    if (!piece) {
      pump->malformed = true;
      break;
    }
    if (piece->consumed == 0) {
      client.stream->set_deadline(budget.start(Clock::now()));
      auto got = co_await client.input.fill(*client.stream, kReadBytes);
      if (!got || *got == 0) {
        if (client.stream->timed_out()) ++pump->metrics.timeouts_body;
        break;
      }
      pump->started = true;
      budget.stop(Clock::now(), *got);
      continue;
    }
    if (!piece->data.empty()) {
      if (pump->discard) {
        pump->discarded += piece->data.size();
        if (pump->discarded > limits.max_first_leg_body_bytes) break;
      } else {
        pump->upstream->set_deadline(Clock::now() + response_timeout);
        Bytes framed;
        ByteView out = piece->data;
        if (chunked) {
          framed = to_bytes(as_bytes(chunk_header(piece->data.size())));
          framed.insert(framed.end(), piece->data.begin(), piece->data.end());
          framed.insert(framed.end(), {'\r', '\n'});
          out = framed;
        }
        auto sent = co_await pump->upstream->write_all(out);
        if (!sent) pump->discard = true;  // it may have answered before it stopped reading
      }
    }
    client.input.consume(piece->consumed);
  }
  pump->complete = decoder.done();
  if (pump->complete && chunked && !pump->discard) {
    auto sent = co_await pump->upstream->write_all(as_bytes("0\r\n\r\n"));
    (void)sent;  // the response says what became of it
  }
  // A body that never ends must not look whole to the upstream.
  if (!pump->complete && !pump->discard) pump->upstream->abort();
  pump->ended = true;
  pump->event.cancel();
}

/// Waits until the pump is through; what is left of the body is thrown away.
Task<void> Upstream::finish_pump(ClientSide& client, std::shared_ptr<BodyPump> pump) {
  if (!pump) co_return;
  pump->discard = true;
  if (!pump->ended) {
    client.stream->set_deadline(Clock::now() + client.settings->config.limits.drain_timeout);
    pump->upstream->abort();
  }
  while (!pump->ended) {
    ErrorValue ignored;
    co_await pump->event.async_wait(redirect_error(use_awaitable, ignored));
  }
}

void Upstream::disconnect() {
  if (stream_) stream_->close();
  stream_.reset();
  input_.release();
}

void Upstream::abort() {
  if (stream_) stream_->abort();
}

Task<Result<Upstream::Connected>> Upstream::connect(const Settings& settings) {
  if (stream_ && input_.empty() && !stream_->is_stale()) co_return Connected::kept;
  disconnect();
  const UpstreamConfig& upstream = settings.config.upstream;
  const auto executor = co_await asio::this_coro::executor;
  ErrorValue error;
  std::vector<asio::ip::tcp::endpoint> endpoints;
  const auto literal = asio::ip::make_address(upstream.host, error);
  if (!error) {
    endpoints.emplace_back(literal, upstream.port);
  } else {
    asio::ip::tcp::resolver resolver{executor};
    const std::string port = std::to_string(upstream.port);
    auto found = co_await resolver.async_resolve(upstream.host, port, redirect_error(use_awaitable, error));
    if (error) co_return fail(ErrorCode::io, "upstream", Error::kNoOffset, upstream.host + ": " + error.message());
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  }
  asio::ip::tcp::socket socket{executor};
  asio::steady_timer timer{executor};
  auto too_late = std::make_shared<bool>(false);
  timer.expires_after(upstream.connect_timeout);
  timer.async_wait([too_late, &socket](const ErrorValue& cancelled) {
    if (cancelled) return;
    *too_late = true;
    ErrorValue ignored;
    socket.close(ignored);
  });
  co_await asio::async_connect(socket, endpoints, redirect_error(use_awaitable, error));
  if (timer.cancel() == 0 && !*too_late) {
    // The timer has fired and its handler is about to run with a reference to our socket: let it run first.
    co_await asio::post(executor, use_awaitable);
  }
  if (*too_late) co_return fail(ErrorCode::timeout, "upstream", Error::kNoOffset, "no connection in time");
  if (error) co_return fail(ErrorCode::io, "upstream", Error::kNoOffset, host_text(upstream) + ": " + error.message());
  auto stream = Stream::make(std::move(socket));
  if (settings.upstream_tls) {
    stream->set_deadline(Clock::now() + upstream.connect_timeout);
    SslPtr ssl = new_upstream_connection(settings.upstream_tls.get(), upstream);
    auto shaken = co_await stream->handshake(std::move(ssl));
    if (!shaken) co_return std::unexpected{shaken.error()};
  }
  stream_ = std::move(stream);
  co_return Connected::anew;
}

Task<Result<ResponseHead>> Upstream::read_head(const Settings& settings, std::string_view method) {
  std::size_t scanned = 0;
  while (true) {
    auto end = find_head_end(input_.view(), scanned, kResponseLimits);
    if (!end) co_return std::unexpected{end.error()};
    if (*end) {
      auto head = parse_response_head(input_.view().first(**end), method, kResponseLimits);
      input_.consume(**end);
      co_return head;
    }
    stream_->set_deadline(Clock::now() + settings.config.upstream.response_timeout);
    auto got = co_await input_.fill(*stream_, kReadBytes);
    if (!got) co_return std::unexpected{got.error()};
    if (*got == 0) co_return fail(ErrorCode::truncated, "upstream", Error::kNoOffset, "it closed before it answered");
  }
}

Task<Result<void>> Upstream::relay_body(ClientSide& client, const ResponseHead& head, bool chunk_it) {
  const Config& config = client.settings->config;
  BodyDecoder decoder{head.framing};
  Bytes framed;
  while (!decoder.done()) {
    auto piece = decoder.decode(input_.view());
    if (!piece) co_return std::unexpected{piece.error()};
    if (!piece->data.empty()) {
      ByteView out = piece->data;
      if (chunk_it) {
        framed = to_bytes(as_bytes(chunk_header(out.size())));
        framed.insert(framed.end(), out.begin(), out.end());
        framed.insert(framed.end(), {'\r', '\n'});
        out = framed;
      }
      client.stream->set_deadline(Clock::now() + config.limits.body_grace);
      auto sent = co_await client.stream->write_all(out);
      if (!sent) co_return sent;
    }
    const std::size_t consumed = piece->consumed;
    input_.consume(consumed);
    if (consumed > 0) continue;
    stream_->set_deadline(Clock::now() + config.upstream.response_timeout);
    auto got = co_await input_.fill(*stream_, kReadBytes);
    if (!got) {
      // TLS without close_notify is how many servers end an until-close body; the stream reports it as an error.
      if (stream_->timed_out() || head.framing.kind != Framing::Kind::until_close) co_return std::unexpected{got.error()};
    }
    if (!got || *got == 0) {
      if (auto ended = decoder.on_end(); !ended) co_return ended;
    }
  }
  if (chunk_it) co_return co_await client.stream->write_all(as_bytes("0\r\n\r\n"));
  co_return Result<void>{};
}

Task<KeepAlive> Upstream::forward(ClientSide& client, const RequestHead& head, std::string target,
                                  std::shared_ptr<const LoggedOn> logged_on, Headers answer_headers) {
  auto outgoing = outgoing_head(client, head, std::move(target), logged_on.get());
  if (!outgoing) {
    log::error("request not passed on: " + outgoing.error().to_line());
    co_return co_await respond_status(client, head, 502, "The account's groups do not fit into the request to the upstream.",
                                      std::move(answer_headers), KeepAlive::no);
  }
  const std::string outgoing_text = serialize(*outgoing);
  const Settings& settings = *client.settings;
  std::shared_ptr<BodyPump> pump;
  Result<ResponseHead> response = fail(ErrorCode::internal, "");
  bool reachable = false;

  for (bool again = true; again;) {
    again = false;
    auto connected = co_await connect(settings);
    if (!connected) {
      response = std::unexpected{connected.error()};
      break;
    }
    reachable = true;
    stream_->set_deadline(Clock::now() + settings.config.upstream.response_timeout);
    auto sent = co_await stream_->write_all(as_bytes(outgoing_text));
    if (sent && head.framing.kind != Framing::Kind::none) {
      pump = std::make_shared<BodyPump>(client, stream_, head.framing, services_.metrics);
      asio::co_spawn(client.stream->socket().get_executor(), pump_body(pump), asio::detached);
    }
    response = co_await read_head(settings, head.method);
    // A kept connection that the upstream closed meanwhile: once more on a new one, if that repeats nothing.
    const bool closed = !response && input_.empty() && !stream_->timed_out();
    if (closed && *connected == Connected::kept && may_repeat(head)) {
      disconnect();
      again = true;
    }
  }

  for (unsigned interim = 0; response && response->status / 100 == 1 && response->status != 101; ++interim) {
    if (interim >= kMaxInterimResponses) {
      response = fail(ErrorCode::too_large, "upstream", Error::kNoOffset, "too many interim responses");
      break;
    }
    if (head.minor_version == 1) {
      remove_hop_by_hop(response->headers);
      client.stream->set_deadline(Clock::now() + settings.config.limits.body_grace);
      const std::string interim_text = serialize(*response);
      auto sent = co_await client.stream->write_all(as_bytes(interim_text));
      (void)sent;  // a client that is gone is found when the response is written
    }
    response = co_await read_head(settings, head.method);
  }
  const bool upgraded = response && response->status == 101;
  if (upgraded && !is_websocket_upgrade(head))
    response = fail(ErrorCode::unexpected_message, "upstream", Error::kNoOffset, "101 unasked");

  if (!response) {
    if (pump && pump->ended && !pump->complete && !pump->malformed &&
        !pump->discard) {  // the client left or stalled inside its body
      disconnect();
      co_return KeepAlive::no;
    }
    const bool late = response.error().code == ErrorCode::timeout;
    ++(late ? services_.metrics.upstream_timeouts : services_.metrics.upstream_unreachable);
    const bool body_bad = pump && pump->malformed;
    if (!body_bad) log::warn(log::printable("upstream: " + response.error().to_line()));
    co_await finish_pump(client, pump);
    disconnect();
    if (pump && !pump->complete && !client.stream->is_open()) co_return KeepAlive::no;
    const KeepAlive keep = pump && !pump->complete ? KeepAlive::no : KeepAlive::yes;
    if (body_bad) {
      ++services_.metrics.requests_refused;
      co_return co_await respond_status(client, head, 400, "The request's body is malformed.", {}, KeepAlive::no);
    }
    co_return co_await respond_status(client, head, late ? 504 : 502,
                                      late        ? "The server behind this gateway did not answer in time."
                                      : reachable ? "The server behind this gateway gave no usable answer."
                                                  : "The server behind this gateway cannot be reached.",
                                      std::move(answer_headers), keep);
  }

  if (upgraded) {
    remove_hop_by_hop(response->headers);
    response->headers.push_back({"Connection", "Upgrade"});
    response->headers.push_back({"Upgrade", "websocket"});
    for (Header& header : answer_headers) response->headers.push_back(std::move(header));
    client.stream->set_deadline(Clock::now() + settings.config.limits.body_grace);
    const std::string text = serialize(*response);
    auto sent = co_await client.stream->write_all(as_bytes(text));
    if (!sent) co_return KeepAlive::no;
    co_return co_await tunnel(client);
  }

  const bool http10 = head.minor_version == 0;
  const bool unknown_length =
      response->framing.kind == Framing::Kind::chunked || response->framing.kind == Framing::Kind::until_close;
  const bool chunk_it = unknown_length && !http10;
  const bool body_open = pump && !pump->ended;  // answered early: what is left of the request's body is not worth a kept connection
  const bool keep = head.keep_alive && !body_open && !(unknown_length && http10) && !services_.stopping;
  const bool upstream_keeps = response->keep_alive;
  const ResponseHead received = *response;
  rewrite_response(*response, head, chunk_it, keep ? KeepAlive::yes : KeepAlive::no, std::move(answer_headers));
  client.stream->set_deadline(Clock::now() + settings.config.limits.body_grace);
  const std::string text = serialize(*response);
  auto relayed = co_await client.stream->write_all(as_bytes(text));
  if (relayed) relayed = co_await relay_body(client, received, chunk_it);
  const bool body_left = pump && !pump->complete;
  co_await finish_pump(client, pump);
  if (!relayed || !upstream_keeps || body_left) disconnect();
  if (!relayed) {
    log::debug(log::printable("response ended early: " + relayed.error().to_line()));
    client.stream->abort();  // without the last chunk, so that the client does not take it for whole
    co_return KeepAlive::no;
  }
  co_return keep && !body_left ? KeepAlive::yes : KeepAlive::no;
}

namespace {

/// One direction of a tunnel, until its sender ends or nothing moved on either for `idle`.
Task<void> copy(std::shared_ptr<Stream> from, std::shared_ptr<Stream> to, ByteView first, seconds idle) {
  auto ok = co_await to->write_all(first);
  Bytes buffer;
  while (ok) {
    ok = co_await from->wait_readable();
    if (!ok) break;
    buffer.resize(kReadBytes);
    auto got = co_await from->read_some(buffer);
    if (!got || *got == 0) break;
    const auto deadline = Clock::now() + idle;
    from->set_deadline(deadline);
    to->set_deadline(deadline);
    ok = co_await to->write_all(ByteView{buffer}.first(*got));
    if (!from->is_stale()) buffer = Bytes{};  // quiet now: give the memory back
  }
  to->shutdown_send();
}

}  // namespace

Task<KeepAlive> Upstream::tunnel(ClientSide& client) {
  const seconds idle = client.settings->config.limits.idle_timeout;
  const auto deadline = Clock::now() + idle;
  client.stream->set_deadline(deadline);
  stream_->set_deadline(deadline);
  const Bytes from_client = to_bytes(client.input.view());
  const Bytes from_upstream = to_bytes(input_.view());
  client.input.consume(from_client.size());
  input_.consume(from_upstream.size());

  const auto executor = client.stream->socket().get_executor();
  asio::steady_timer done{executor};
  done.expires_at(Clock::time_point::max());
  bool ended = false;
  asio::co_spawn(executor, copy(client.stream, stream_, from_client, idle), [&](std::exception_ptr) {
    ended = true;
    done.cancel();
  });
  co_await copy(stream_, client.stream, from_upstream, idle);
  while (!ended) {
    ErrorValue ignored;
    co_await done.async_wait(redirect_error(use_awaitable, ignored));
  }
  disconnect();
  co_return KeepAlive::no;
}

}  // namespace postern::http
