// Outlet: where a sink's events go out. One for each kind of sink; each is used by its sink's thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "edge/forward/config.hpp"
#include "edge/forward/stop.hpp"
#include "event/logon_event.hpp"

namespace postern::forward {

/// One event, ready to go out.
struct Parcel {
  std::uint64_t sequence = 0;
  std::string bytes{};
  std::string smaller{};  ///< what goes out where `bytes` is over a receiver's limit; empty: nothing would
};

/// What became of some parcels, from the first on.
struct Delivery {
  std::size_t taken = 0;         ///< passed on, the dropped ones among them: they need not be sent again
  std::size_t dropped = 0;       ///< too large for the receiver in every form
  std::optional<Error> error{};  ///< why the rest was not; the next call begins anew
};

class Outlet {
 public:
  Outlet() = default;
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  virtual ~Outlet() = default;

  /// `line`: the event in the sink's form.
  [[nodiscard]] virtual Parcel pack(const event::LogonEvent& event, std::string line) const = 0;
  /// Connects or opens first, if need be. Ends early when the stop comes, with `timeout` in the error.
  [[nodiscard]] virtual Delivery deliver(std::span<const Parcel> parcels) = 0;
  /// After a rotation of logs.
  virtual void reopen() {}
  /// Why the connection is gone, asked while there is nothing to pass on; it is given up then. Nothing while it stands, or where
  /// there is none.
  [[nodiscard]] virtual std::optional<Error> broken() { return std::nullopt; }
  /// True where what was passed on may be lost with the connection: then the last ones are sent again over the next.
  [[nodiscard]] virtual bool may_lose_sent() const { return false; }
};

/// `stop` outlives the outlet.
[[nodiscard]] std::unique_ptr<Outlet> make_file_outlet(const SinkConfig& config);
[[nodiscard]] std::unique_ptr<Outlet> make_datagram_outlet(const SinkConfig& config, const Stop& stop);
[[nodiscard]] std::unique_ptr<Outlet> make_stream_outlet(const SinkConfig& config, const Stop& stop);
[[nodiscard]] std::unique_ptr<Outlet> make_outlet(const SinkConfig& config, const Stop& stop);

}  // namespace postern::forward
