// Upstream: passes the requests of one client connection on, over one connection that no other client shares (R18).
#pragma once

#include <memory>

#include "edge/http/client_side.hpp"
#include "edge/http/services.hpp"

namespace postern::http {

class Upstream {
 public:
  explicit Upstream(Services& services) : services_{services} {}

  /// Sends the request with the identity (none on an open path) and the response back, both bodies as streams. `answer_headers` are
  /// added to the response. 502 or 504 if there is none.
  Task<KeepAlive> forward(ClientSide& client, const RequestHead& head, std::string target,
                          std::shared_ptr<const LoggedOn> logged_on, Headers answer_headers);
  /// Ends the connection, as whenever the client's identity changes (R18).
  void disconnect();
  /// From the strand: ends what is under way.
  void abort();

 private:
  struct BodyPump;
  enum class Connected : std::uint8_t { anew, kept };
  Task<Result<Connected>> connect(const Settings& settings);
  Task<Result<ResponseHead>> read_head(const Settings& settings, std::string_view method);
  Task<Result<void>> relay_body(ClientSide& client, const ResponseHead& head, bool chunk_it);
  Task<KeepAlive> tunnel(ClientSide& client);
  static Task<void> pump_body(std::shared_ptr<BodyPump> pump);
  Task<void> finish_pump(ClientSide& client, std::shared_ptr<BodyPump> pump);

  Services& services_;
  std::shared_ptr<Stream> stream_{};
  InputBuffer input_{};
};

}  // namespace postern::http
