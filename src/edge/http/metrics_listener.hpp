// The listener that answers every request with the metrics; on loopback only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

namespace postern::http {

/// One client at a time, a second for each: a scraper needs no more, and nobody can pile up.
boost::asio::awaitable<void> serve_metrics(std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor,
                                           std::function<std::string()> text);

}  // namespace postern::http
