#include "edge/http/metrics_listener.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "edge/http/input_buffer.hpp"
#include "edge/http/message.hpp"
#include "edge/http/stream.hpp"

namespace postern::http {
namespace {

constexpr seconds kPatience{1};
constexpr HeadLimits kLimits{8 * 1024, 100};

Task<void> serve_one(std::shared_ptr<Stream> stream, std::string text) {
  stream->set_deadline(Clock::now() + kPatience);
  InputBuffer input;
  std::size_t scanned = 0;
  while (true) {
    auto end = find_head_end(input.view(), scanned, kLimits);
    if (!end) co_return;
    if (*end) break;
    auto got = co_await input.fill(*stream, kHeadReadBytes);
    if (!got || *got == 0) co_return;
  }
  ResponseHead head;
  head.status = 200;
  head.headers.push_back({"Content-Type", "text/plain; version=0.0.4"});
  head.headers.push_back({"Content-Length", std::to_string(text.size())});
  head.headers.push_back({"Connection", "close"});
  const std::string whole = serialize(head) + text;
  auto sent = co_await stream->write_all(as_bytes(whole));
  if (sent) stream->shutdown_send();
}

}  // namespace

Task<void> serve_metrics(std::shared_ptr<asio::ip::tcp::acceptor> acceptor, std::function<std::string()> text) {
  while (acceptor->is_open()) {
    boost::system::error_code error;
    asio::ip::tcp::socket socket{acceptor->get_executor()};
    co_await acceptor->async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) break;
    if (error) continue;
    auto stream = Stream::make(std::move(socket));
    std::string now = text();
    co_await serve_one(stream, std::move(now));
    stream->close();
  }
}

}  // namespace postern::http
