#include "observe/logons/clocks.hpp"

#include <string>

namespace postern::observe {
namespace {

using event::Finding;
using event::Severity;

Moment moment_of(const DecodedMessage& message) { return {message.object.frame, message.object.time}; }

void judge_skew(std::string_view who, FileTime said, const Moment& moment, std::vector<Finding>& findings) {
  const std::uint64_t seconds = said.distance_ticks(moment.time) / FileTime::kTicksPerSecond;
  if (seconds <= Clocks::kSkewSeconds || said == FileTime{}) return;
  findings.push_back({"clock-skew", Severity::info,
                      std::string{who} + " says a time that is " + std::to_string(seconds) +
                          " seconds from that of the capture: a wrong clock, or a message from before",
                      "frame " + std::to_string(moment.frame) + " says " + said.to_rfc3339()});
}

}  // namespace

void Clocks::judge(const Exchange& exchange, std::vector<Finding>& findings) {
  std::optional<FileTime> servers;
  if (exchange.challenge && exchange.challenge->server_time) {
    servers = exchange.challenge->server_time;
    const Moment moment = moment_of(*exchange.challenge);
    judge_skew("the server", *servers, moment, findings);
    judge_reuse(exchange.server().address, Whose::server, {*servers, moment, exchange.challenge->challenge_digest}, findings);
  }
  // A client copies the server's time where it got one, so only one of its own says something about it (MS-NLMP 3.1.5.1.2).
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (!authenticate.client_time || authenticate.client_time == servers) return;
  if (!servers) judge_skew("the client", *authenticate.client_time, moment_of(authenticate), findings);
  judge_reuse(exchange.client().address, Whose::client,
              {*authenticate.client_time, moment_of(authenticate), authenticate.proof_digest}, findings);
}

void Clocks::judge_reuse(const Address& address, Whose whose, const Said& now, std::vector<Finding>& findings) {
  Said& before = clocks_.at({address, whose});
  const bool again = before.moment.frame != 0 && now.time != FileTime{} && before.time == now.time && before.value != now.value &&
                     before.moment.time.distance_ticks(now.moment.time) >= kSameSeconds * FileTime::kTicksPerSecond;
  if (again) {
    findings.push_back({"timestamp-reused", Severity::warning,
                        address.text() + " says the same time once more, to the ten-millionth of a second: a tool that has a fixed "
                                         "one, or a message that is played again",
                        "frames " + std::to_string(before.moment.frame) + " and " + std::to_string(now.moment.frame)});
    return;  // the first one stays
  }
  before = now;
}

std::size_t Clocks::held_bytes() const { return clocks_.bytes(); }

}  // namespace postern::observe
