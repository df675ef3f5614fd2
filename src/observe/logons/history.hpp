// What earlier logons taught: servers' names, aliases, where machines are, what a pair was used to do, calls that coerce.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/keyed_digest.hpp"
#include "event/logon_event.hpp"
#include "observe/logons/bounded_table.hpp"
#include "observe/logons/exchange.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

class History {
 public:
  static constexpr std::size_t kMaxServers = 8'192;
  static constexpr std::size_t kMaxPairs = 16'384;
  static constexpr std::size_t kMaxHabits = 8'192;
  static constexpr std::size_t kMaxMachines = 8'192;
  static constexpr std::size_t kMaxCoerced = 1'024;
  static constexpr std::size_t kMaxBytes = std::size_t{3} << 19;  ///< of each of the tables
  static constexpr std::size_t kMaxCalls = 4;                     ///< kept of one called machine, the latest
  static constexpr std::size_t kMaxNames = 8;                     ///< of one server, and addresses of one machine
  static constexpr std::size_t kAliasClients = 3;                 ///< clients that use a name before it counts as the server's
  static constexpr std::uint32_t kGoodLogons = 3;                 ///< of a pair before something less is a downgrade
  static constexpr std::uint64_t kCoercionSeconds = 60;
  /// A workstation's name at two addresses within this is more than a lease that moved.
  static constexpr std::uint64_t kAtOnceSeconds = 900;

  /// A server's CHALLENGE: its names at this address.
  void on_challenge(Exchange& exchange);
  /// A call known for coercion: `connection`'s server will soon log on to somebody.
  void on_rpc_call(const Connection& connection, const NoteSeen& seen);
  /// Findings of an exchange that has ended, which is learned from as well.
  void judge(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);

  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct ServerNamesKnown {
    std::vector<std::string> names{};  ///< upper case
  };
  struct AliasKnown {
    std::vector<Address> clients{};
  };
  /// A place where a machine was, and how that is known.
  struct Place {
    Address address{};
    bool by_itself = false;  ///< it answered there as a server, or logged on with its own account; else a client claimed its name
    std::optional<KeyedDigest> challenge{};  ///< of the last logon there
    Moment seen{};
  };
  struct Coercion {
    Address caller{};
    std::string interface{};
    std::uint32_t opnum = 0;
    Moment moment{};
  };
  /// How often a client did better with a server, over one carrier.
  struct Habits {
    std::uint32_t with_mic = 0;
    std::uint32_t with_signing = 0;
    std::uint32_t with_strong_key = 0;
  };
  using Places = std::vector<Place>;

  void judge_target_host(const Exchange& exchange, std::vector<event::Finding>& findings);
  void judge_answered_name(const Exchange& exchange, std::vector<event::Finding>& findings);
  void judge_machine(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);
  void judge_workstation(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);
  void judge_coercion(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);
  void judge_downgrade(const Exchange& exchange, std::vector<event::Finding>& findings);
  void judge_habits(const Exchange& exchange, std::vector<event::Finding>& findings);

  /// Another address of the same family where the machine was, not by way of this very logon; null if none is known.
  [[nodiscard]] static const Place* elsewhere(const Places& places, const Address& address,
                                              const std::optional<KeyedDigest>& challenge, bool by_itself);
  static void remember(Places& places, Place place);

  BoundedTable<Address, ServerNamesKnown> servers_{kMaxServers, kMaxBytes};
  BoundedTable<std::pair<Address, std::string>, AliasKnown> aliases_{kMaxServers, kMaxBytes};
  BoundedTable<std::string, Places> machines_{kMaxMachines, kMaxBytes};  ///< by NetBIOS name
  BoundedTable<std::pair<Address, Address>, std::uint32_t> good_logons_{kMaxPairs, 2 * kMaxBytes};
  BoundedTable<std::tuple<Address, Address, Carrier>, Habits> habits_{kMaxHabits, 2 * kMaxBytes};
  BoundedTable<Address, std::vector<Coercion>> coerced_{kMaxCoerced, kMaxBytes};  ///< by who was called, the latest last
};

}  // namespace postern::observe
