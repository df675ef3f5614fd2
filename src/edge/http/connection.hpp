// Connection: one client of the gateway, from accept to close. Requests are answered in order.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "edge/http/services.hpp"

namespace postern::http {

/// Serves `socket` (whose executor is a strand of its own) until it ends. `services` outlives every connection.
void serve_connection(boost::asio::ip::tcp::socket socket, Security security, Services& services);

}  // namespace postern::http
