// Why a client used NTLM and not Kerberos, as packets show it (windows.md 5, the column of packets).
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "event/logon_event.hpp"
#include "observe/logons/bounded_table.hpp"
#include "observe/logons/exchange.hpp"
#include "observe/stream.hpp"

namespace postern::observe {

class Reasons {
 public:
  static constexpr std::size_t kMaxClients = 8'192;
  static constexpr std::size_t kMaxBytes = std::size_t{3} << 20;
  static constexpr std::size_t kMaxAnswers = 16;           ///< kept of one client
  static constexpr std::uint64_t kRecentSeconds = 60;      ///< an error of the KDC explains a logon this long
  static constexpr std::uint64_t kTicketSeconds = 36'000;  ///< Windows keeps a ticket ten hours

  /// A note of Kerberos on port 88, or of a KDC that cannot be reached.
  void on_note(const Connection& connection, const NoteSeen& seen);

  /// The reason of an exchange that has ended; nothing known: empty.
  [[nodiscard]] event::Reason reason_of(const Exchange& exchange, const event::LogonEvent& event);

  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct Answer {
    std::string service{};    ///< upper case
    std::uint32_t error = 0;  ///< 0: a request without an error
    std::string account{};    ///< of an error of the AS: whom the client asked for, upper case; empty if that was not seen
    Moment moment{};
  };
  struct Client {
    std::deque<Answer> answers{};
    FileTime asked{};         ///< last request or answer of any kind
    std::string asked_for{};  ///< the principal of the last AS request, upper case
    Moment unreachable{};     ///< last SYN without an answer
  };

  [[nodiscard]] static std::size_t heap_of(const Client& client);
  [[nodiscard]] event::Reason by_kdc(const Exchange& exchange, const event::LogonEvent& event, std::string_view host);

  BoundedTable<Address, Client> clients_{kMaxClients, kMaxBytes};
  bool kerberos_visible_ = false;  ///< this capture sees port 88 at all
};

}  // namespace postern::observe
