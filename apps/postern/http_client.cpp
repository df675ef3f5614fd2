#include "postern/http_client.hpp"

#include <algorithm>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <string_view>

#include "base/ip_network.hpp"
#include "base/text.hpp"
#include "edge/binding/binding.hpp"

namespace postern::cli {
namespace {

constexpr std::string_view kField = "URL";

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, FreeUrl>;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::unexpected<Error> no_url(std::string message) {
  return fail(ErrorCode::invalid_input, kField, Error::kNoOffset, std::move(message));
}

/// One part of a URL, or an empty text.
std::string part(CURLU* url, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string copy{text};
  curl_free(text);
  return copy;
}

bool starts_with_word(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         upper_case_utf8(line.substr(0, name.size())) == upper_case_utf8(name);
}

std::string value_of(std::string_view line, std::size_t name_bytes) {
  line.remove_prefix(name_bytes + 1);
  const auto first = line.find_first_not_of(" \t");
  const auto last = line.find_last_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string{} : std::string{line.substr(first, last - first + 1)};
}

}  // namespace

Result<Url> Url::parse(const std::string& text) { return Url{}.resolve(text); }

Result<Url> Url::resolve(const std::string& location) const {
  if (std::ranges::any_of(location, [](char c) { return (c >= 0 && c <= ' ') || c == 0x7f; })) {
    return no_url("blanks and control characters do not belong into a URL");
  }
  const UrlHandle handle{curl_url()};
  if (!handle) return fail(ErrorCode::internal, "libcurl gives no URL");
  if (!text_.empty() && curl_url_set(handle.get(), CURLUPART_URL, text_.c_str(), 0) != CURLUE_OK) return no_url("not a URL");
  if (const CURLUcode wrong = curl_url_set(handle.get(), CURLUPART_URL, location.c_str(), 0); wrong != CURLUE_OK) {
    return no_url(curl_url_strerror(wrong));
  }
  if (!part(handle.get(), CURLUPART_USER).empty()) return no_url("no user name in the URL: -u names the account");
  curl_url_set(handle.get(), CURLUPART_FRAGMENT, nullptr, 0);
  Url url;
  url.text_ = part(handle.get(), CURLUPART_URL);
  url.scheme_ = part(handle.get(), CURLUPART_SCHEME);
  url.host_ = part(handle.get(), CURLUPART_HOST);
  url.port_ = part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (url.scheme_ != "http" && url.scheme_ != "https") return no_url("the scheme is neither http nor https");
  if (url.host_.starts_with('[') && url.host_.ends_with(']')) url.host_ = url.host_.substr(1, url.host_.size() - 2);
  if (url.host_.empty()) return no_url("no host");
  return url;
}

bool Url::is_loopback() const { return host_ == "localhost" || postern::is_loopback(host_); }

struct HttpConnection::State {
  std::unique_ptr<CURL, FreeEasy> easy{curl_easy_init()};
  TlsOptions tls{};
  HttpResponse response{};
  std::size_t header_bytes = 0;
  std::size_t body_bytes = 0;
  bool is_tls = false;
  bool must_reuse = false;
  bool connected_anew = false;
  std::optional<Result<ntlm::ChannelBindingHash>> bindings{};

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& state = *static_cast<State*>(self);
    const std::string_view line{data, size * count};
    state.header_bytes += line.size();
    if (state.header_bytes > kMaxHeaderBytes) return 0;
    if (line.starts_with("HTTP/")) state.response = {};  // a 100 Continue came before
    if (starts_with_word(line, "WWW-Authenticate")) state.response.www_authenticate.push_back(value_of(line, 16));
    if (starts_with_word(line, "Location")) state.response.location = value_of(line, 8);
    return line.size();
  }

  static std::size_t on_body(char*, std::size_t size, std::size_t count, void* self) {
    auto& state = *static_cast<State*>(self);
    state.body_bytes += size * count;
    return state.body_bytes > kMaxBodyBytes ? 0 : size * count;
  }

  /// The connection stands and the request has not been sent: the moment to see who the server is, and whether it is the same one.
  static int on_connected(void* self, char*, char*, int, int) {
    auto& state = *static_cast<State*>(self);
    long connects = 0;
    curl_easy_getinfo(state.easy.get(), CURLINFO_NUM_CONNECTS, &connects);
    state.connected_anew = connects > 0;
    if (state.must_reuse && state.connected_anew) return CURL_PREREQFUNC_ABORT;
    if (state.connected_anew) state.bindings.reset();
    if (state.is_tls && !state.bindings) state.bindings.emplace(state.read_bindings());
    return CURL_PREREQFUNC_OK;
  }

  Result<ntlm::ChannelBindingHash> read_bindings() const {
    const curl_tlssessioninfo* session = nullptr;
    curl_easy_getinfo(easy.get(), CURLINFO_TLS_SSL_PTR, &session);
    if (session == nullptr || session->backend != CURLSSLBACKEND_OPENSSL || session->internals == nullptr) {
      return fail(ErrorCode::unsupported, "certificate", Error::kNoOffset, "libcurl was built without OpenSSL");
    }
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{SSL_get1_peer_certificate(static_cast<SSL*>(session->internals)),
                                                                  &X509_free};
    if (!certificate) return fail(ErrorCode::internal, "certificate", Error::kNoOffset, "TLS without a certificate");
    return binding::bindings_of(certificate.get());
  }

  Error error_of(CURLcode code, const Url& url) const {
    if (code == CURLE_ABORTED_BY_CALLBACK && must_reuse) {
      return {ErrorCode::unexpected_message, "connection", Error::kNoOffset,
              "the server closed the connection in the middle of the logon",
              "a front end that does not keep connections cannot carry NTLM"};
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
      return {ErrorCode::denied, "certificate", Error::kNoOffset, url.host() + ": " + curl_easy_strerror(code),
              "--ca names the file of the authority that signed it"};
    }
    if (code == CURLE_WRITE_ERROR)
      return {ErrorCode::too_large, "response", Error::kNoOffset, "the response is over the limit", {}};
    const ErrorCode kind = code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::timeout : ErrorCode::io;
    return {kind, kField, Error::kNoOffset, url.origin() + ": " + curl_easy_strerror(code), {}};
  }
};

HttpConnection::HttpConnection(TlsOptions tls) : state_{std::make_unique<State>()} { state_->tls = std::move(tls); }
HttpConnection::~HttpConnection() = default;

Result<HttpResponse> HttpConnection::get(const Url& url, const std::optional<std::string>& authorization, Reuse reuse) {
  CURL* easy = state_->easy.get();
  if (easy == nullptr) return fail(ErrorCode::internal, "libcurl gives no handle");
  State& state = *state_;
  state.response = {};
  state.header_bytes = state.body_bytes = 0;
  state.is_tls = url.is_tls();
  state.must_reuse = reuse == Reuse::same_connection;

  curl_easy_reset(easy);  // keeps the connection
  curl_easy_setopt(easy, CURLOPT_URL, url.text().c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // a proxy would be another connection than the one that is bound
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, kHttpDeadlineSeconds);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "postern");
  curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, 1L);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &State::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &state);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &State::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &state);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &State::on_connected);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &state);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);  // a resumed session shows no certificate to bind to
  if (state.tls.peer == PeerCheck::danger_none) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!state.tls.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, state.tls.ca_file.c_str());
  std::unique_ptr<curl_slist, FreeList> headers;
  if (authorization) headers.reset(curl_slist_append(nullptr, ("Authorization: " + *authorization).c_str()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());

  if (const CURLcode code = curl_easy_perform(easy); code != CURLE_OK) return std::unexpected{state.error_of(code, url)};
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  state.response.status = static_cast<unsigned>(status);
  return std::move(state.response);
}

bool HttpConnection::is_local() const {
  const char* theirs = nullptr;
  const char* ours = nullptr;
  if (curl_easy_getinfo(state_->easy.get(), CURLINFO_PRIMARY_IP, &theirs) != CURLE_OK || theirs == nullptr) return false;
  if (curl_easy_getinfo(state_->easy.get(), CURLINFO_LOCAL_IP, &ours) != CURLE_OK || ours == nullptr) return false;
  return *theirs != '\0' && (std::string_view{theirs} == ours || is_loopback(theirs));
}

Result<std::optional<ntlm::ChannelBindingHash>> HttpConnection::channel_bindings() const {
  if (!state_->is_tls) return std::optional<ntlm::ChannelBindingHash>{};
  if (!state_->bindings) return fail(ErrorCode::internal, "certificate", Error::kNoOffset, "no request was made yet");
  if (!*state_->bindings) return std::unexpected{state_->bindings->error()};
  return std::optional{**state_->bindings};
}

}  // namespace postern::cli
