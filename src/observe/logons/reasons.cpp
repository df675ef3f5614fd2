#include "observe/logons/reasons.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "observe/logons/posture.hpp"
#include "observe/logons/weight.hpp"
#include "spnego/oid.hpp"

namespace postern::observe {
namespace {

using event::Confidence;
using event::Reason;

constexpr std::size_t kMaxService = 256;  // letters kept of a service's name
constexpr std::size_t kMaxAccount = 64;   // letters kept of an account's name; a longer one matches none
// Windows' NtlmUsageId (windows.md 2.3).
constexpr std::uint32_t kAsked = 1;
constexpr std::uint32_t kLocalAccount = 2;
constexpr std::uint32_t kNoTargetName = 5;
constexpr std::uint32_t kNotResolvable = 6;
constexpr std::uint32_t kAddress = 7;
constexpr std::uint32_t kDuplicate = 8;
constexpr std::uint32_t kNoKdc = 9;
constexpr std::uint32_t kNullSession = 11;

std::string upper(std::string_view text) { return is_utf8(text) ? upper_case_utf8(text) : std::string{text}; }

/// `CIFS/FS1.LAB.TEST` names the host `fs1.lab.test`, and so does `CIFS/FS1` where the client said `fs1`.
bool names_host(std::string_view service, std::string_view host) {
  const std::size_t slash = service.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view named = host_of(service.substr(slash + 1, service.find('/', slash + 1) - slash - 1));
  return named == host;
}

/// The service of a KDC's own tickets, in upper case: `KRBTGT/LAB.TEST`.
bool is_kdcs_own(std::string_view service) { return service.starts_with("KRBTGT/"); }

/// `alice@LAB.TEST` and `alice` are one account of a logon.
std::string_view account_of(std::string_view principal) { return principal.substr(0, principal.find_first_of("@/")); }

struct ErrorReason {
  std::uint32_t code;
  std::optional<std::uint32_t> id;
  std::string_view name;
};
// RFC 4120, 7.5.9.
constexpr ErrorReason kErrors[] = {
    {7, kNotResolvable, "target name not resolvable by Kerberos"},
    {8, kDuplicate, "target name duplicated in the directory"},
    {14, std::nullopt, "no common encryption type"},
    {41, std::nullopt, "target name on another account"},  // KRB_AP_ERR_MODIFIED: said by the service
    {18, std::nullopt, "account revoked or expired for Kerberos"},
    {37, std::nullopt, "clock skew"},
    {68, std::nullopt, "realm of the target unknown"},
};

Reason make(std::optional<std::uint32_t> id, std::string_view name, Confidence confidence, std::string evidence) {
  Reason reason;
  reason.id = id;
  reason.name = std::string{name};
  reason.confidence = confidence;
  reason.evidence = std::move(evidence);
  return reason;
}

bool mentions_kerberos(std::string_view mechs) {
  return mechs.find(spnego::kKerberos5.to_dotted()) != std::string_view::npos ||
         mechs.find(spnego::kMsKerberos5.to_dotted()) != std::string_view::npos;
}

bool offers_kerberos(const std::vector<std::string>& mechs) { return std::ranges::any_of(mechs, mentions_kerberos); }

/// HTTP's schemes, or SPNEGO's mechanisms.
bool server_takes_kerberos(std::string_view offered) {
  return offered.find("Negotiate") != std::string_view::npos || mentions_kerberos(offered);
}

std::string frame_text(const Moment& moment) { return "frame " + std::to_string(moment.frame); }

/// What client and server said to one another.
std::optional<Reason> by_negotiation(const Exchange& exchange) {
  if (!exchange.server_mechs.empty() && !server_takes_kerberos(exchange.server_mechs)) {
    return make(std::nullopt, "server offers no Kerberos", Confidence::proved, "the server offers " + exchange.server_mechs);
  }
  if (!exchange.in_spnego && !exchange.classic) {
    return make(kAsked, "application asked for NTLM directly", Confidence::likely,
                "NTLM by itself, where the server took SPNEGO or was not asked");
  }
  if (exchange.classic)
    return make(kAsked, "application asked for NTLM directly", Confidence::proved, "SMB1 without extended security");
  return std::nullopt;
}

}  // namespace

void Reasons::on_note(const Connection& connection, const NoteSeen& seen) {
  Client& known = clients_.at(connection.client.address);
  clients_.weigh(connection.client.address, heap_of(known));
  if (seen.kind == NoteSeen::Kind::kdc_unreachable) {
    known.unreachable = seen.moment;
    return;
  }
  kerberos_visible_ = true;
  known.asked = std::max(known.asked, seen.moment.time);
  if (seen.kind == NoteSeen::Kind::as_request) known.asked_for = upper(account_of(seen.detail).substr(0, kMaxAccount));
  if (seen.kind == NoteSeen::Kind::as_request || seen.detail.empty()) return;
  if (seen.kind == NoteSeen::Kind::kdc_error && (seen.number == 0 || seen.number == 25)) return;  // 25 asks for pre-authentication
  if (known.answers.size() == kMaxAnswers) known.answers.pop_front();
  std::string service = upper(seen.detail.substr(0, kMaxService));
  std::string account = is_kdcs_own(service) ? known.asked_for : std::string{};
  known.answers.push_back(
      {std::move(service), seen.kind == NoteSeen::Kind::kdc_error ? seen.number : 0, std::move(account), seen.moment});
  clients_.weigh(connection.client.address, heap_of(known));
}

Reason Reasons::by_kdc(const Exchange& exchange, const event::LogonEvent& event, std::string_view host) {
  const FileTime now = exchange.authenticate->object.time;
  Client* client = clients_.find(exchange.client().address);
  const auto recent = [&](FileTime time, std::uint64_t seconds) {
    return time <= now && now.distance_ticks(time) <= seconds * FileTime::kTicksPerSecond;
  };
  const std::string wanted = upper(host);
  bool asked = false;
  if (client != nullptr) {
    for (auto answer = client->answers.rbegin(); answer != client->answers.rend(); ++answer) {
      const bool own = is_kdcs_own(answer->service);
      if (!own && !names_host(answer->service, wanted)) continue;
      // Without its own ticket a client gets no other: what the KDC says to that holds for every server. 24 is a wrong password.
      constexpr std::uint32_t kWrongPassword = 24;
      if (own && (answer->error == 0 || answer->error == kWrongPassword)) continue;
      const bool same_account =
          !own || (!answer->account.empty() && event.account.name && upper(account_of(*event.account.name)) == answer->account);
      asked = asked || (!own && recent(answer->moment.time, kTicketSeconds));
      if (answer->error == 0 || !recent(answer->moment.time, kRecentSeconds)) continue;
      const auto* error = std::ranges::find(kErrors, answer->error, &ErrorReason::code);
      return make(error == std::end(kErrors) ? std::nullopt : error->id,
                  error == std::end(kErrors) ? std::string_view{"the KDC gave no ticket"} : error->name,
                  same_account ? Confidence::proved : Confidence::likely,
                  "KRB-ERROR " + std::to_string(answer->error) + " for " + answer->service + " in " + frame_text(answer->moment));
    }
    if (client->unreachable.frame != 0 && recent(client->unreachable.time, kRecentSeconds)) {
      return make(kNoKdc, "no line of sight to a domain controller", Confidence::likely,
                  "port 88 did not answer in " + frame_text(client->unreachable));
    }
  }
  if (!kerberos_visible_ || host.empty()) return {};
  if (client == nullptr) {
    return make(kNoKdc, "no line of sight to a domain controller", Confidence::guess,
                "this client asked no KDC, and others' requests are visible");
  }
  if (!asked) {
    return make(std::nullopt, "no ticket requested", Confidence::guess,
                "this client asked the KDC for others, and not for " + std::string{host});
  }
  return {};
}

Reason Reasons::reason_of(const Exchange& exchange, const event::LogonEvent& event) {
  const DecodedMessage& authenticate = *exchange.authenticate;
  if (authenticate.version == event::NtlmVersion::anonymous) {
    return make(kNullSession, "null session", Confidence::proved, "no user and no response");
  }
  if (exchange.kerberos_tried) {
    const auto* error =
        exchange.kerberos_error ? std::ranges::find(kErrors, *exchange.kerberos_error, &ErrorReason::code) : nullptr;
    const bool known = error != nullptr && error != std::end(kErrors);
    return make(
        std::nullopt, known ? error->name : std::string_view{"Kerberos was offered and refused"}, Confidence::proved,
        "a Kerberos token went to this server on the same connection before" +
            (exchange.kerberos_error ? ", and it answered KRB-ERROR " + std::to_string(*exchange.kerberos_error) : std::string{}));
  }
  const std::string_view host = named_host(exchange);
  const Reason kdc = by_kdc(exchange, event, host);
  if (kdc.confidence == Confidence::proved) return kdc;
  if (event.account.kind == event::AccountKind::local) {
    const bool dot = event.account.domain == ".";
    return make(kLocalAccount, "local account", dot ? Confidence::likely : Confidence::proved,
                "the account's domain is " + *event.account.domain + ", the server itself");
  }
  if (!host.empty() && is_address_literal(host)) {
    return make(kAddress, "target is an IP address", Confidence::proved, "the client calls the server " + std::string{host});
  }
  if (auto said = by_negotiation(exchange); said && said->confidence == Confidence::proved) return *said;
  if (kdc.confidence == Confidence::likely) return kdc;
  const event::Text& domain = event.account.domain;
  const bool clients_own = domain && !domain->empty() && event.client.workstation &&
                           upper(*domain) == upper(*event.client.workstation) && event.account.kind == event::AccountKind::unknown;
  if (clients_own) {
    return make(kLocalAccount, "local account", Confidence::likely,
                "the account's domain is " + *domain + ", the client itself, whose accounts no KDC knows");
  }
  if (auto said = by_negotiation(exchange)) return *said;
  if (!exchange.offered_mechs.empty() && !offers_kerberos(exchange.offered_mechs)) {
    return make(kAsked, "application asked for NTLM directly", Confidence::guess,
                "the client offers nothing but NTLM: by choice, or for want of a ticket");
  }
  const bool v2 = authenticate.version == event::NtlmVersion::ntlm_v2;
  if (v2 && authenticate.object.spn && authenticate.object.spn->empty()) {
    return make(kNoTargetName, "target name missing", Confidence::likely, "MsvAvTargetName is empty");
  }
  if (kdc == Reason{} && v2 && !authenticate.object.spn) {
    return make(kNoTargetName, "target name missing", Confidence::guess,
                "the response has no MsvAvTargetName, which old and foreign clients leave out as well");
  }
  return kdc;
}

std::size_t Reasons::heap_of(const Client& client) {
  constexpr std::size_t kEmptyDeque = 640;  // libstdc++: a map and a block of 512 bytes
  std::size_t sum = kEmptyDeque + client.answers.size() * sizeof(Answer) + heap_bytes(client.asked_for);
  for (const Answer& answer : client.answers) sum += heap_bytes(answer.service) + heap_bytes(answer.account);
  return sum;
}

std::size_t Reasons::held_bytes() const { return clients_.bytes(); }

}  // namespace postern::observe
