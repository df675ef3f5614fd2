#include "postern/logon.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <unistd.h>
#include <utility>
#include <variant>

#include "entropy/entropy.hpp"
#include "ntlm/initiator.hpp"
#include "ntlm/spnego_initiator.hpp"
#include "postern/outgoing.hpp"
#include "postern/token_show.hpp"
#include "wire/av_pairs.hpp"

namespace postern::cli {
namespace {

Result<void> fill_random(MutableByteView bytes) {
  if (!entropy::from_system(bytes)) return fail(ErrorCode::internal, "the kernel gives no random numbers");
  return {};
}

FileTime now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
}

/// What a CHALLENGE of this machine's own server side would call it.
ntlm::OwnNames own_names() {
  constexpr std::size_t kMaxNetbiosBytes = 15;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string host = name.data();
  return {host.substr(0, std::min(host.find('.'), kMaxNetbiosBytes)), host};
}

bool same_word(std::string_view a, std::string_view b) { return upper_case_utf8(a) == upper_case_utf8(b); }

/// What follows the scheme in a WWW-Authenticate header of that scheme: empty for the bare offer; nothing if no header has it.
std::optional<std::string> offer_of(const HttpResponse& response, std::string_view scheme) {
  for (const std::string& header : response.www_authenticate) {
    const auto blank = std::min(header.find(' '), header.size());
    if (!same_word(std::string_view{header}.substr(0, blank), scheme)) continue;
    const auto token = header.find_first_not_of(' ', blank);
    return token == std::string::npos ? std::string{} : header.substr(token);
  }
  return std::nullopt;
}

Result<Bytes> server_token(const HttpResponse& response, std::string_view scheme) {
  const auto text = offer_of(response, scheme);
  if (!text || text->empty()) return Bytes{};
  auto token = from_base64(*text);
  if (!token) return fail(ErrorCode::malformed, "WWW-Authenticate", 0, "the server's token is not base64");
  return std::move(*token);
}

/// One logon on one connection.
class Logon {
 public:
  Logon(HttpConnection& connection, const Url& url, const LogonOptions& options, std::string_view scheme, const OnStep& on_step)
      : connection_{connection}, url_{url}, options_{options}, scheme_{scheme}, on_step_{on_step} {}

  Result<HttpResponse> run() {
    POSTERN_TRY(begun, send_negotiate());
    POSTERN_TRY(response, exchange(token_of(begun), Reuse::may_connect));
    POSTERN_TRY(token, server_token(response, scheme_));
    if (token.empty()) return response;  // refused at the first message, or let in without a logon
    POSTERN_TRY(challenge, ntlm_message_of(token));
    POSTERN_CHECK(show_challenge(challenge.message));
    POSTERN_TRY(answered, answer(std::move(begun), is_negotiate() ? ByteView{token} : challenge.message));
    show_authenticate(client_of(answered));
    POSTERN_TRY(answer, exchange(token_of(answered), Reuse::same_connection));
    on_step_(5, "the server forwards the messages to its authority", Json{{"seen_from_here", false}});
    on_step_(6, "the account's hash is found", Json{{"seen_from_here", false}});
    on_step_(7, "the response is recomputed and compared", Json{{"seen_from_here", false}});
    POSTERN_TRY(server_proof, check_server(answer, answered));
    on_step_(8, "the verdict comes back",
             Json{{"http_status", answer.status}, {"allowed", answer.status / 100 != 4}, {"mech_list_mic", server_proof}});
    return answer;
  }

 private:
  [[nodiscard]] bool is_negotiate() const { return scheme_ == "Negotiate"; }

  /// The first token may need a new connection, where the server closed the one it refused on; the next ones belong to it.
  Result<HttpResponse> exchange(ByteView token, Reuse reuse) {
    return connection_.get(url_, std::string{scheme_} + " " + to_base64(token), reuse);
  }

  // NTLM by itself, or inside SPNEGO.
  using Begun = std::variant<ntlm::AwaitingChallenge, ntlm::SpnegoInitiator>;
  using Answered = std::variant<ntlm::ClientEstablished, ntlm::SpnegoAwaitingResult>;

  static ByteView negotiate_of(const Begun& begun) {
    return std::visit([](const auto& state) { return state.negotiate_message(); }, begun);
  }
  static ByteView token_of(const Begun& begun) {
    const auto* in_spnego = std::get_if<ntlm::SpnegoInitiator>(&begun);
    return in_spnego == nullptr ? negotiate_of(begun) : in_spnego->token();
  }
  static const ntlm::ClientEstablished& client_of(const Answered& answered) {
    const auto* in_spnego = std::get_if<ntlm::SpnegoAwaitingResult>(&answered);
    return in_spnego == nullptr ? std::get<ntlm::ClientEstablished>(answered) : in_spnego->done();
  }
  static ByteView token_of(const Answered& answered) {
    const auto* in_spnego = std::get_if<ntlm::SpnegoAwaitingResult>(&answered);
    return in_spnego == nullptr ? client_of(answered).authenticate_message() : in_spnego->token();
  }

  Result<Begun> begin(ntlm::InitiatorConfig config) {
    if (is_negotiate()) {
      POSTERN_TRY(begun, ntlm::SpnegoInitiator::start(std::move(config)));
      return Begun{std::move(begun)};
    }
    POSTERN_TRY(begun, ntlm::Initiator::start(std::move(config)));
    return Begun{std::move(begun)};
  }

  Result<Answered> answer(Begun begun, ByteView token) {
    ntlm::InitiatorRandom random;
    std::array<std::uint8_t, ntlm::ClientChallenge::kSize> client_challenge{};
    POSTERN_CHECK(fill_random(client_challenge));
    POSTERN_CHECK(fill_random(random.random_session_key.reveal_for_writing()));
    random.client_challenge = ntlm::ClientChallenge{client_challenge};
    if (auto* in_spnego = std::get_if<ntlm::SpnegoInitiator>(&begun)) {
      POSTERN_TRY(answered, std::move(*in_spnego).on_challenge(token, std::move(random), now()));
      return Answered{std::move(answered)};
    }
    POSTERN_TRY(answered, std::get<ntlm::AwaitingChallenge>(std::move(begun)).on_challenge(token, std::move(random), now()));
    return Answered{std::move(answered)};
  }

  Result<Begun> send_negotiate() {
    ntlm::InitiatorConfig config;
    config.credentials.user = options_.user;
    config.credentials.domain = options_.domain;
    config.credentials.nt_hash = options_.nt_hash.duplicate();
    config.target_name = "HTTP/" + url_.host();
    config.own_names = own_names();
    if (connection_.is_local()) config.local_call = ntlm::LocalCall::shown;
    if (auto bindings = connection_.channel_bindings()) {
      config.channel_bindings = *bindings;
      binding_ = *bindings ? "present" : "zero";
    } else {
      binding_ = "zero";
      binding_note_ = bindings.error().message;
    }
    target_name_ = config.target_name;
    POSTERN_TRY(begun, begin(std::move(config)));
    POSTERN_TRY(parsed, wire::NegotiateMessage::parse(negotiate_of(begun)));
    on_step_(2, "the client asks for access with NEGOTIATE",
             Json{{"package", scheme_}, {"negotiate_flags", parsed.flags.to_hex()}, {"bytes", token_of(begun).size()}});
    return begun;
  }

  Result<void> show_challenge(ByteView message) {
    POSTERN_TRY(challenge, wire::ChallengeMessage::parse(message));
    Json facts{{"negotiate_flags", challenge.flags.to_hex()}};
    bool has_time = false;
    if (!challenge.target_info.empty()) {
      POSTERN_TRY(pairs, wire::AvPairs::parse(challenge.target_info, "CHALLENGE.TargetInfo", challenge.target_info_offset));
      has_time = pairs.timestamp().has_value();
      const std::pair<wire::AvId, const char*> names[] = {{wire::AvId::nb_computer_name, "nb_computer"},
                                                          {wire::AvId::nb_domain_name, "nb_domain"},
                                                          {wire::AvId::dns_computer_name, "dns_computer"},
                                                          {wire::AvId::dns_domain_name, "dns_domain"}};
      for (const auto& [id, name] : names) {
        if (const auto value = pairs.find(id)) facts[name] = utf16le_to_utf8_lossy(*value);
      }
    }
    facts["timestamp_offered"] = has_time;
    on_step_(3, "the server answers with a random challenge and its names", facts);
    return {};
  }

  void show_authenticate(const ntlm::ClientEstablished& done) {
    Json facts{{"version", "NTLMv2"},       {"negotiate_flags", done.negotiated().to_hex()}, {"user", options_.user},
               {"domain", options_.domain}, {"mic", done.sent_mic() ? "present" : "absent"}, {"channel_binding", binding_},
               {"spn", target_name_}};
    if (!binding_note_.empty()) facts["channel_binding_note"] = binding_note_;
    on_step_(4, "the client computes the response and sends AUTHENTICATE", facts);
  }

  /// What the server's last SPNEGO token proves: "verified", "present", "absent", or an error for a wrong one.
  Result<std::string> check_server(const HttpResponse& response, const Answered& answered) {
    const auto* in_spnego = std::get_if<ntlm::SpnegoAwaitingResult>(&answered);
    if (in_spnego == nullptr || response.status == 401) return std::string{"absent"};
    POSTERN_TRY(token, server_token(response, scheme_));
    if (token.empty()) return std::string{"absent"};
    POSTERN_TRY(result, in_spnego->on_result(token));
    switch (result.mech_list_mic) {
      case ntlm::MechListMic::absent: return std::string{"absent"};
      case ntlm::MechListMic::not_checked: return std::string{"present"};
      case ntlm::MechListMic::verified: break;
    }
    return std::string{"verified"};
  }

  HttpConnection& connection_;
  const Url& url_;
  const LogonOptions& options_;
  std::string_view scheme_;
  const OnStep& on_step_;
  std::string binding_{};
  std::string binding_note_{};
  std::string target_name_{};
};

Result<std::string_view> choose_scheme(const HttpResponse& response, LogonPackage package) {
  const bool ntlm = offer_of(response, "NTLM").has_value();
  const bool negotiate = offer_of(response, "Negotiate").has_value();
  if (ntlm && package != LogonPackage::negotiate) return std::string_view{"NTLM"};
  if (negotiate && package != LogonPackage::ntlm) return std::string_view{"Negotiate"};
  return fail(ErrorCode::unsupported, "WWW-Authenticate", Error::kNoOffset, "the server does not offer that logon");
}

bool is_redirect(unsigned status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

}  // namespace

Result<LogonResult> log_on(LogonOptions options, const OnStep& on_step) {
  on_step(1, "the password becomes the NT hash; the password is forgotten",
          Json{{"user", options.user}, {"domain", options.domain}});
  Url url = options.url;
  bool logged_on = false;
  std::string_view scheme;
  HttpResponse response;
  HttpConnection connection{options.tls};
  Json notes = Json::array();  // what the policy wants recorded
  for (int redirects = 0;; ++redirects) {
    POSTERN_TRY(first, connection.get(url, std::nullopt, Reuse::may_connect));
    response = std::move(first);
    if (response.status == 401) {
      POSTERN_TRY(outgoing, check_outgoing(options.policy, options.url, url));
      if (!outgoing.note.empty()) notes.push_back(outgoing.note);
      POSTERN_TRY(chosen, choose_scheme(response, options.package));
      scheme = chosen;
      POSTERN_TRY(answer, Logon(connection, url, options, scheme, on_step).run());
      response = std::move(answer);
      logged_on = response.status != 401;
    }
    if (!is_redirect(response.status) || response.location.empty()) break;
    if (redirects == kMaxRedirects) return fail(ErrorCode::too_large, "Location", Error::kNoOffset, "too many redirects");
    POSTERN_TRY(next, url.resolve(response.location));
    url = std::move(next);
  }
  LogonResult result;
  result.http_status = response.status;
  result.allowed = logged_on && response.status / 100 == 2;
  result.object = Json{{"allowed", result.allowed}, {"http_status", response.status}, {"url", url.text()}};
  if (logged_on) result.object["package"] = scheme;
  if (!notes.empty()) result.object["audit"] = std::move(notes);
  if (!logged_on && response.status != 401) result.object["note"] = "the server asked for no logon";
  return result;
}

}  // namespace postern::cli
