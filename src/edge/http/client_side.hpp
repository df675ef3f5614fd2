// ClientSide: what the proxy needs of the client's connection.
#pragma once

#include <memory>
#include <string>

#include "edge/http/authenticator.hpp"
#include "edge/http/input_buffer.hpp"
#include "edge/http/page.hpp"
#include "edge/http/stream.hpp"

namespace postern::http {

enum class KeepAlive : std::uint8_t { no, yes };

struct ClientSide {
  std::shared_ptr<Stream> stream{};
  InputBuffer input{};
  std::shared_ptr<const Settings> settings{};
  ConnectionFacts facts{};
  Security security = Security::plain;
};

/// Writes a page of ours; `no` if it or the caller's wish ends the connection.
Task<KeepAlive> respond(ClientSide& client, const RequestHead& request, unsigned status, Page page, Headers extra, KeepAlive keep);
Task<KeepAlive> respond_status(ClientSide& client, const RequestHead& request, unsigned status, std::string_view explanation,
                               Headers extra, KeepAlive keep);

}  // namespace postern::http
