// What earlier logons taught: servers' names, aliases, machines' addresses, the version a pair used, calls that coerce.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "event/logon_event.hpp"
#include "observe/logons/bounded_table.hpp"
#include "observe/logons/exchange.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

class History {
 public:
  static constexpr std::size_t kMaxServers = 8'192;
  static constexpr std::size_t kMaxPairs = 16'384;
  static constexpr std::size_t kMaxMachines = 8'192;
  static constexpr std::size_t kMaxCoerced = 1'024;
  static constexpr std::size_t kMaxBytes = std::size_t{3} << 19;  ///< of each of the tables
  static constexpr std::size_t kMaxNames = 8;                     ///< of one server, and addresses of one machine
  static constexpr std::size_t kAliasClients = 3;                 ///< clients that use a name before it counts as the server's
  static constexpr std::uint32_t kGoodLogons = 3;                 ///< with NTLMv2 before something less is a downgrade
  static constexpr std::uint64_t kCoercionSeconds = 60;

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
  struct Coercion {
    Address caller{};
    std::string interface{};
    std::uint32_t opnum = 0;
    Moment moment{};
  };

  void judge_target_host(const Exchange& exchange, std::vector<event::Finding>& findings);
  void judge_machine(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);
  void judge_coercion(const Exchange& exchange, const event::LogonEvent& event, std::vector<event::Finding>& findings);
  void judge_downgrade(const Exchange& exchange, std::vector<event::Finding>& findings);

  BoundedTable<Address, ServerNamesKnown> servers_{kMaxServers, kMaxBytes};
  BoundedTable<std::pair<Address, std::string>, AliasKnown> aliases_{kMaxServers, kMaxBytes};
  BoundedTable<std::string, std::vector<Address>> machines_{kMaxMachines, kMaxBytes};
  BoundedTable<std::pair<Address, Address>, std::uint32_t> good_logons_{kMaxPairs, 2 * kMaxBytes};
  BoundedTable<Address, Coercion> coerced_{kMaxCoerced, kMaxBytes};
};

}  // namespace postern::observe
