#include "postern/logon.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <sys/random.h>

#include "ntlm/initiator.hpp"
#include "postern/token_show.hpp"
#include "spnego/token.hpp"
#include "wire/av_pairs.hpp"

namespace postern::cli {
namespace {

constexpr std::string_view kSignedBy = "mechListMIC";

Result<void> fill_random(MutableByteView bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorCode::internal, "the kernel gives no random numbers");
    filled += static_cast<std::size_t>(count);
  }
  return {};
}

FileTime now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return FileTime::from_unix_microseconds(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count());
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

Result<Bytes> token_of(const HttpResponse& response, std::string_view scheme) {
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
    POSTERN_TRY(awaiting, send_negotiate());
    POSTERN_TRY(response, exchange(wrapped_negotiate_, Reuse::may_connect));
    POSTERN_TRY(token, token_of(response, scheme_));
    if (token.empty()) return response;  // refused at the first message, or let in without a logon
    POSTERN_TRY(challenge, ntlm_message_of(token));
    POSTERN_CHECK(show_challenge(challenge.message));
    ntlm::InitiatorRandom random;
    std::array<std::uint8_t, ntlm::ClientChallenge::kSize> client_challenge{};
    POSTERN_CHECK(fill_random(client_challenge));
    POSTERN_CHECK(fill_random(random.random_session_key.reveal_for_writing()));
    random.client_challenge = ntlm::ClientChallenge{client_challenge};
    POSTERN_TRY(done, std::move(awaiting).on_challenge(challenge.message, std::move(random), now()));
    POSTERN_TRY(authenticate, wrap_authenticate(done));
    show_authenticate(done);
    POSTERN_TRY(answer, exchange(authenticate, Reuse::same_connection));
    on_step_(5, "the server forwards the messages to its authority", Json{{"seen_from_here", false}});
    on_step_(6, "the account's hash is found", Json{{"seen_from_here", false}});
    on_step_(7, "the response is recomputed and compared", Json{{"seen_from_here", false}});
    POSTERN_TRY(server_proof, check_server(answer, done));
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

  Result<ntlm::AwaitingChallenge> send_negotiate() {
    ntlm::InitiatorConfig config;
    config.credentials.user = options_.user;
    config.credentials.domain = options_.domain;
    config.credentials.nt_hash = options_.nt_hash.duplicate();
    config.target_name = "HTTP/" + url_.host();
    if (auto bindings = connection_.channel_bindings()) {
      config.channel_bindings = *bindings;
      binding_ = *bindings ? "present" : "zero";
    } else {
      binding_ = "zero";
      binding_note_ = bindings.error().message;
    }
    target_name_ = config.target_name;
    POSTERN_TRY(awaiting, ntlm::Initiator::start(std::move(config)));
    wrapped_negotiate_ = to_bytes(awaiting.negotiate_message());
    if (is_negotiate()) {
      spnego::NegTokenInit init;
      init.mech_types.push_back(spnego::kNtlmssp);
      init.mech_token = awaiting.negotiate_message();
      POSTERN_TRY(written, spnego::write(init));
      POSTERN_TRY(list, spnego::write_mech_type_list(init.mech_types));
      wrapped_negotiate_ = std::move(written);
      mech_list_ = std::move(list);
    }
    POSTERN_TRY(parsed, wire::NegotiateMessage::parse(awaiting.negotiate_message()));
    on_step_(2, "the client asks for access with NEGOTIATE",
             Json{{"package", scheme_}, {"negotiate_flags", parsed.flags.to_hex()}, {"bytes", wrapped_negotiate_.size()}});
    return awaiting;
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

  Result<Bytes> wrap_authenticate(const ntlm::ClientEstablished& done) {
    if (!is_negotiate()) return to_bytes(done.authenticate_message());
    spnego::NegTokenResp response;
    response.state = spnego::NegState::accept_incomplete;
    response.response_token = done.authenticate_message();
    std::optional<ntlm::MessageSignature> signature;
    if (signs(done)) {
      signature =
          ntlm::first_signature(done.negotiated(), done.exported_session_key(), ntlm::Direction::client_to_server, mech_list_);
      response.mech_list_mic = signature->bytes();
    }
    return spnego::write(response);
  }

  [[nodiscard]] static bool signs(const ntlm::ClientEstablished& done) {
    return done.negotiated().has(wire::NegotiateFlag::sign) &&
           done.negotiated().has(wire::NegotiateFlag::extended_session_security);
  }

  void show_authenticate(const ntlm::ClientEstablished& done) {
    Json facts{{"version", "NTLMv2"},       {"negotiate_flags", done.negotiated().to_hex()}, {"user", options_.user},
               {"domain", options_.domain}, {"mic", done.sent_mic() ? "present" : "absent"}, {"channel_binding", binding_},
               {"spn", target_name_}};
    if (!binding_note_.empty()) facts["channel_binding_note"] = binding_note_;
    on_step_(4, "the client computes the response and sends AUTHENTICATE", facts);
  }

  /// What the server's last SPNEGO token proves: "verified", "absent", or an error for a wrong one.
  Result<std::string> check_server(const HttpResponse& response, const ntlm::ClientEstablished& done) {
    if (!is_negotiate() || response.status == 401) return std::string{"absent"};
    POSTERN_TRY(token, token_of(response, scheme_));
    if (token.empty()) return std::string{"absent"};
    POSTERN_TRY(parsed, spnego::parse(token));
    const auto* last = std::get_if<spnego::NegTokenResp>(&parsed);
    if (last == nullptr) return fail(ErrorCode::unexpected_message, "NegTokenResp", 0, "the server begins anew");
    if (last->state == spnego::NegState::reject) return fail(ErrorCode::denied, "NegTokenResp", 0, "the server rejects the logon");
    if (!last->mech_list_mic) return std::string{"absent"};
    if (!signs(done)) return std::string{"present"};
    const auto expected =
        ntlm::first_signature(done.negotiated(), done.exported_session_key(), ntlm::Direction::server_to_client, mech_list_);
    if (!constant_time_equal(expected.bytes(), *last->mech_list_mic)) {
      return fail(ErrorCode::mic_wrong, kSignedBy, Error::kNoOffset, "the server does not know the session's key");
    }
    return std::string{"verified"};
  }

  HttpConnection& connection_;
  const Url& url_;
  const LogonOptions& options_;
  std::string_view scheme_;
  const OnStep& on_step_;
  Bytes wrapped_negotiate_{};
  Bytes mech_list_{};
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
  for (int redirects = 0;; ++redirects) {
    POSTERN_TRY(first, connection.get(url, std::nullopt, Reuse::may_connect));
    response = std::move(first);
    if (response.status == 401) {
      if (!url.same_origin(options.url)) {
        return fail(ErrorCode::policy, "URL", Error::kNoOffset,
                    "redirected to " + url.text() + ", which asks for a logon: it is meant for " + options.url.origin() + " only");
      }
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
  if (!logged_on && response.status != 401) result.object["note"] = "the server asked for no logon";
  return result;
}

}  // namespace postern::cli
