// postern.hpp - postern.h for C++17: handles that clean up after themselves, and texts and byte strings of the standard library.
// Header-only; link libpostern. What each call does is said in postern.h.
//
// Errors are values: a call that can fail gives a result<T>, which converts to bool. A refused logon and a forged message are
// ordinary outcomes of talking to strangers, and an exception would make them cost, and look, like a fault of the program. Who
// prefers exceptions calls `.value()`, which throws postern::error; without exceptions (-fno-exceptions) it aborts.
#ifndef POSTERN_POSTERN_HPP
#define POSTERN_POSTERN_HPP

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <postern/postern.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern {

using bytes = std::vector<std::uint8_t>;
using key = std::array<std::uint8_t, POSTERN_KEY_SIZE>;
using signature = std::array<std::uint8_t, POSTERN_SIGNATURE_SIZE>;

/// Bytes of somebody else, not copied: from a text, a byte string, or a pointer and a size.
class byte_view {
 public:
  byte_view() noexcept = default;
  byte_view(const void* data, std::size_t size) noexcept : data_{data}, size_{size} {}
  byte_view(const bytes& from) noexcept : byte_view{from.data(), from.size()} {}
  byte_view(std::string_view from) noexcept : byte_view{from.data(), from.size()} {}
  byte_view(const std::string& from) noexcept : byte_view{from.data(), from.size()} {}
  byte_view(const char* from) noexcept : byte_view{std::string_view{from}} {}
  template <std::size_t Size>
  byte_view(const std::array<std::uint8_t, Size>& from) noexcept : byte_view{from.data(), Size} {}

  [[nodiscard]] const void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  const void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Why a call failed. An exception class too, for `.value()`.
class error : public std::exception {
 public:
  error() noexcept : error_{} { error_.offset = POSTERN_NO_OFFSET; }
  explicit error(const postern_error& from) noexcept : error_{from} {}

  [[nodiscard]] postern_status status() const noexcept { return error_.status; }
  [[nodiscard]] postern_kind kind() const noexcept { return postern_status_kind(error_.status); }
  [[nodiscard]] const char* name() const noexcept { return postern_status_name(error_.status); }
  [[nodiscard]] std::string_view field() const noexcept { return error_.field; }
  [[nodiscard]] std::optional<std::size_t> offset() const noexcept {
    return error_.offset == POSTERN_NO_OFFSET ? std::nullopt : std::optional<std::size_t>{error_.offset};
  }
  [[nodiscard]] std::string_view message() const noexcept { return error_.message; }
  [[nodiscard]] const char* what() const noexcept override { return error_.message[0] != 0 ? error_.message : name(); }

 private:
  postern_error error_;
};

/// A value, or the error for want of it.
template <typename T>
class [[nodiscard]] result {
 public:
  result(T value) : value_{std::move(value)} {}
  result(postern::error why) : error_{std::move(why)} {}

  explicit operator bool() const noexcept { return value_.has_value(); }
  /// Only of a result that is true.
  [[nodiscard]] T& operator*() & { return *value_; }
  [[nodiscard]] const T& operator*() const& { return *value_; }
  [[nodiscard]] T&& operator*() && { return std::move(*value_); }
  [[nodiscard]] T* operator->() { return &*value_; }
  [[nodiscard]] const T* operator->() const { return &*value_; }
  /// Its status is POSTERN_OK for a result that is true.
  [[nodiscard]] const postern::error& error() const noexcept { return error_; }
  T& value() & {
    check();
    return *value_;
  }
  T&& value() && {
    check();
    return std::move(*value_);
  }

 private:
  void check() const {
    if (value_) return;
#if defined(__cpp_exceptions)
    throw error_;
#else
    std::abort();
#endif
  }
  std::optional<T> value_{};
  postern::error error_{};
};

/// What a call without a value succeeds with.
struct done {};

namespace detail {

template <typename T = done, typename Call>
result<T> checked(Call&& call) {
  postern_error why;
  const postern_status status = call(&why);
  if (status == POSTERN_OK) return T{};
  return postern::error{why};
}

struct wiped_buffer {
  postern_buffer raw{};
  wiped_buffer() = default;
  wiped_buffer(const wiped_buffer&) = delete;
  wiped_buffer& operator=(const wiped_buffer&) = delete;
  ~wiped_buffer() { postern_buffer_free(&raw); }
  [[nodiscard]] bytes copy() const { return raw.size == 0 ? bytes{} : bytes(raw.data, raw.data + raw.size); }
};

inline const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

struct name_pointers {
  std::vector<const char*> all{};
  explicit name_pointers(const std::vector<std::string>& names) {
    for (const std::string& name : names) all.push_back(name.c_str());
  }
};

}  // namespace detail

/// NTOWFv1 of a password: as good as the password.
inline result<key> nt_hash(std::string_view password) {
  key hash{};
  postern_error why;
  if (postern_nt_hash(password.data(), password.size(), hash.data(), &why) != POSTERN_OK) return error{why};
  return hash;
}

/// MsvAvChannelBindings of application data such as "tls-server-end-point:" and a certificate's hash.
inline result<key> channel_bindings(byte_view application_data) {
  key hash{};
  postern_error why;
  if (postern_channel_bindings(application_data.data(), application_data.size(), hash.data(), &why) != POSTERN_OK)
    return error{why};
  return hash;
}

/// See postern_logon.
struct logon {
  std::string user{};
  std::string domain{};
  std::string workstation{};
  std::string target_name{};
  std::string sid{};
  std::string event_id{};
  std::vector<std::string> groups{};
  std::uint32_t negotiate_flags = 0;
  postern_response_version version = POSTERN_VERSION_ANONYMOUS;
  postern_mic_state mic = POSTERN_MIC_NOT_APPLICABLE;
  postern_binding_state channel_binding = POSTERN_BINDING_NOT_APPLICABLE;
  postern_standing standing = POSTERN_STANDING_PROVED;
};

/// An established session. Moves, never copies: two users of one key stream would give their texts away.
class session {
 public:
  explicit session(postern_session* owned) noexcept : handle_{owned} {}

  [[nodiscard]] postern_session* get() const noexcept { return handle_.get(); }
  [[nodiscard]] postern_session* release() noexcept { return handle_.release(); }
  [[nodiscard]] bool can_sign() const noexcept { return (postern_session_flags(get()) & 0x30u) != 0; }
  [[nodiscard]] bool can_seal() const noexcept { return (postern_session_flags(get()) & 0x20u) != 0; }

  result<signature> sign(byte_view message) {
    signature made{};
    postern_error why;
    if (postern_session_sign(get(), message.data(), message.size(), made.data(), &why) != POSTERN_OK) return error{why};
    return made;
  }
  result<done> verify(byte_view message, byte_view given) {
    return detail::checked([&](postern_error* why) {
      return postern_session_verify(get(), message.data(), message.size(), given.data(), given.size(), why);
    });
  }

  /// In place. No allocation, as with the next three.
  result<signature> seal(void* data, std::size_t size) {
    signature made{};
    postern_error why;
    if (postern_session_seal(get(), data, data, size, made.data(), &why) != POSTERN_OK) return error{why};
    return made;
  }
  result<done> unseal(void* data, std::size_t size, byte_view given) {
    return detail::checked(
        [&](postern_error* why) { return postern_session_unseal(get(), data, data, size, given.data(), given.size(), why); });
  }
  result<signature> seal(const postern_iov* parts, std::size_t count) {
    signature made{};
    postern_error why;
    if (postern_session_seal_iov(get(), parts, count, made.data(), &why) != POSTERN_OK) return error{why};
    return made;
  }
  result<done> unseal(const postern_iov* parts, std::size_t count, byte_view given) {
    return detail::checked(
        [&](postern_error* why) { return postern_session_unseal_iov(get(), parts, count, given.data(), given.size(), why); });
  }

  /// Signature and sealed message as one token.
  result<bytes> wrap(byte_view message) {
    bytes token(message.size() + POSTERN_SIGNATURE_SIZE);
    std::size_t size = token.size();
    postern_error why;
    if (postern_session_wrap(get(), message.data(), message.size(), token.data(), &size, &why) != POSTERN_OK) return error{why};
    return token;
  }
  result<bytes> unwrap(byte_view token) {
    bytes message(token.size() > POSTERN_SIGNATURE_SIZE ? token.size() - POSTERN_SIGNATURE_SIZE : 0);
    std::size_t size = message.size();
    postern_error why;
    if (postern_session_unwrap(get(), token.data(), token.size(), message.data(), &size, &why) != POSTERN_OK) return error{why};
    return message;
  }

  result<done> reset(std::uint32_t directions, bool restart_numbers) {
    return detail::checked(
        [&](postern_error* why) { return postern_session_reset(get(), directions, restart_numbers ? 1 : 0, why); });
  }
  result<done> set_numbers(std::uint32_t sending, std::uint32_t receiving) {
    return detail::checked([&](postern_error* why) { return postern_session_set_numbers(get(), sending, receiving, why); });
  }

  /// Ends this session and packs it for another process. On an error it goes on here.
  result<bytes> export_with(const postern_aead& aead) {
    postern_session* moving = handle_.release();
    detail::wiped_buffer packed;
    postern_error why;
    const postern_status status = postern_session_export(&moving, &aead, &packed.raw, &why);
    handle_.reset(moving);
    if (status != POSTERN_OK) return error{why};
    return packed.copy();
  }
  static result<session> import_with(const postern_aead& aead, byte_view exported) {
    postern_session* arrived = nullptr;
    postern_error why;
    if (postern_session_import(exported.data(), exported.size(), &aead, &arrived, &why) != POSTERN_OK) return error{why};
    return session{arrived};
  }

 private:
  struct destroy {
    void operator()(postern_session* owned) const noexcept { postern_session_destroy(owned); }
  };
  std::unique_ptr<postern_session, destroy> handle_;
};

/// What a step gave: a token for the peer, to be sent if it is not empty, and how it stands.
struct stepped {
  postern_status status = POSTERN_INTERNAL;
  bytes token{};
  postern::error error{};

  [[nodiscard]] bool complete() const noexcept { return status == POSTERN_OK; }
  [[nodiscard]] bool goes_on() const noexcept { return status == POSTERN_CONTINUE; }
  /// Neither: nobody is logged on, and `error` says why.
  [[nodiscard]] bool failed() const noexcept { return !complete() && !goes_on(); }
};

/// One logon, of whichever side.
class context {
 public:
  explicit context(postern_context* owned) noexcept : handle_{owned} {}

  [[nodiscard]] postern_context* get() const noexcept { return handle_.get(); }

  stepped step(byte_view input = {}) {
    stepped gave;
    detail::wiped_buffer output;
    postern_error why;
    gave.status = postern_context_step(get(), input.data(), input.size(), &output.raw, &why);
    gave.token = output.copy();
    gave.error = error{why};
    return gave;
  }

  result<logon> identity() const {
    postern_logon raw = POSTERN_LOGON_INIT;
    postern_error why;
    if (postern_context_logon(get(), &raw, &why) != POSTERN_OK) return error{why};
    logon told{raw.user,    raw.domain, raw.workstation,     raw.target_name, raw.sid, raw.event_id, {}, raw.negotiate_flags,
               raw.version, raw.mic,    raw.channel_binding, raw.standing};
    for (std::size_t i = 0; i < raw.group_count; ++i) told.groups.emplace_back(raw.groups[i]);
    return told;
  }
  result<key> session_key() const {
    key made{};
    postern_error why;
    if (postern_context_session_key(get(), made.data(), &why) != POSTERN_OK) return error{why};
    return made;
  }
  /// Once only.
  result<session> take_session() {
    postern_session* taken = nullptr;
    postern_error why;
    if (postern_session_take(get(), &taken, &why) != POSTERN_OK) return error{why};
    return session{taken};
  }

 private:
  struct destroy {
    void operator()(postern_context* owned) const noexcept { postern_context_destroy(owned); }
  };
  std::unique_ptr<postern_context, destroy> handle_;
};

/// See postern_client_options. Give a password or an NT hash; the caller wipes what it holds of them.
struct client_options {
  std::string user{};
  std::string domain{};
  std::string_view password{};
  std::optional<key> nt_hash{};
  std::string workstation{};
  std::string target_name{};
  std::optional<key> channel_bindings{};
  std::uint32_t require = 0;
  std::uint32_t options = 0;
  const postern_environment* environment = nullptr;
  bytes single_host{};
  postern_code_page oem_code_page = POSTERN_CODE_PAGE_850;
  std::optional<std::vector<std::string>> allowed_hosts{};  ///< none: target_name is the program's own rule; empty: nobody
};

inline result<context> make_client(const client_options& from) {
  postern_client_options raw = POSTERN_CLIENT_OPTIONS_INIT;
  const std::vector<std::string> nobody{};
  const detail::name_pointers hosts{from.allowed_hosts ? *from.allowed_hosts : nobody};
  const char* const no_host = nullptr;
  if (from.allowed_hosts) raw.allowed_hosts = hosts.all.empty() ? &no_host : hosts.all.data();
  raw.allowed_host_count = hosts.all.size();
  raw.user = from.user.c_str();
  raw.domain = detail::or_null(from.domain);
  raw.nt_hash = from.nt_hash ? from.nt_hash->data() : nullptr;
  raw.password = from.nt_hash && from.password.empty() ? nullptr : from.password.data();
  raw.password_size = from.password.size();
  raw.workstation = detail::or_null(from.workstation);
  raw.target_name = detail::or_null(from.target_name);
  raw.channel_bindings = from.channel_bindings ? from.channel_bindings->data() : nullptr;
  raw.require = from.require;
  raw.options = from.options;
  raw.environment = from.environment;
  raw.single_host = from.single_host.empty() ? nullptr : from.single_host.data();
  raw.single_host_size = from.single_host.size();
  raw.oem_code_page = from.oem_code_page;
  postern_context* made = nullptr;
  postern_error why;
  if (postern_client_create(&raw, &made, &why) != POSTERN_OK) return error{why};
  return context{made};
}

/// What a lookup gives: the account's NT hash, or why there is none.
struct account {
  postern_lookup_result found = POSTERN_LOOKUP_NOT_FOUND;
  key nt_hash{};
};

/// See postern_server_options. `lookup` may throw, which counts as POSTERN_LOOKUP_UNAVAILABLE.
struct server_options {
  std::function<account(std::string_view user, std::string_view domain)> lookup{};
  std::string nb_computer{};
  std::string nb_domain{};
  std::string dns_computer{};
  std::string dns_domain{};
  std::vector<key> accepted_bindings{};
  std::vector<std::string> accepted_target_names{};
  std::uint32_t require = 0;
  std::uint32_t options = 0;
  const postern_environment* environment = nullptr;
  postern_code_page oem_code_page = POSTERN_CODE_PAGE_850;
};

/// A context that keeps the lookup it calls.
class server : public context {
 public:
  using lookup_function = std::function<account(std::string_view, std::string_view)>;
  server(postern_context* owned, std::unique_ptr<lookup_function> lookup) noexcept : context{owned}, lookup_{std::move(lookup)} {}

  static int call(void* user_data, const char* user, const char* domain, std::uint8_t* nt_hash) noexcept {
#if defined(__cpp_exceptions)
    try {
      return ask(user_data, user, domain, nt_hash);
    } catch (...) {
      return POSTERN_LOOKUP_UNAVAILABLE;
    }
#else
    return ask(user_data, user, domain, nt_hash);
#endif
  }

 private:
  static int ask(void* user_data, const char* user, const char* domain, std::uint8_t* nt_hash) {
    const account found = (*static_cast<lookup_function*>(user_data))(user, domain);
    std::memcpy(nt_hash, found.nt_hash.data(), found.nt_hash.size());
    return found.found;
  }
  std::unique_ptr<lookup_function> lookup_;
};

inline result<server> make_server(const server_options& from) {
  const detail::name_pointers names{from.accepted_target_names};
  auto lookup = from.lookup ? std::make_unique<server::lookup_function>(from.lookup) : nullptr;
  postern_server_options raw = POSTERN_SERVER_OPTIONS_INIT;
  raw.lookup = lookup ? &server::call : nullptr;
  raw.user_data = lookup.get();
  raw.nb_computer = detail::or_null(from.nb_computer);
  raw.nb_domain = detail::or_null(from.nb_domain);
  raw.dns_computer = detail::or_null(from.dns_computer);
  raw.dns_domain = detail::or_null(from.dns_domain);
  raw.accepted_bindings = from.accepted_bindings.empty() ? nullptr : from.accepted_bindings.front().data();
  raw.accepted_binding_count = from.accepted_bindings.size();
  raw.accepted_target_names = names.all.data();
  raw.accepted_target_name_count = names.all.size();
  raw.require = from.require;
  raw.options = from.options;
  raw.environment = from.environment;
  raw.oem_code_page = from.oem_code_page;
  postern_context* made = nullptr;
  postern_error why;
  if (postern_server_create(&raw, &made, &why) != POSTERN_OK) return error{why};
  return server{made, std::move(lookup)};
}

/// See postern_authority_options.
struct authority_options {
  std::string service{};
  std::string socket_path{};
  std::int64_t authority_uid = -1;
  std::uint32_t deadline_ms = 0;
  std::string client_address{};
  std::string server_address{};
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
  std::vector<key> accepted_bindings{};
  std::vector<std::string> accepted_target_names{};
  std::uint32_t options = 0;
};

inline result<context> make_authority_server(const authority_options& from) {
  const detail::name_pointers names{from.accepted_target_names};
  postern_authority_options raw = POSTERN_AUTHORITY_OPTIONS_INIT;
  raw.service = from.service.c_str();
  raw.socket_path = detail::or_null(from.socket_path);
  raw.authority_uid = from.authority_uid;
  raw.deadline_ms = from.deadline_ms;
  raw.client_address = detail::or_null(from.client_address);
  raw.server_address = detail::or_null(from.server_address);
  raw.client_port = from.client_port;
  raw.server_port = from.server_port;
  raw.accepted_bindings = from.accepted_bindings.empty() ? nullptr : from.accepted_bindings.front().data();
  raw.accepted_binding_count = from.accepted_bindings.size();
  raw.accepted_target_names = names.all.data();
  raw.accepted_target_name_count = names.all.size();
  raw.options = from.options;
  postern_context* made = nullptr;
  postern_error why;
  if (postern_authority_server_create(&raw, &made, &why) != POSTERN_OK) return error{why};
  return context{made};
}

}  // namespace postern

#endif
