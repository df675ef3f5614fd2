/* postern.h - NTLM for programs: client, server, and the sessions they sign and seal (MS-NLMP). C99, the stable interface.
 *
 * A logon is a context that takes the peer's tokens and gives tokens for the peer, until it says POSTERN_OK. How tokens travel is
 * the program's affair. What a finished context knows is in `postern_logon`; what it protects goes through a `postern_session`.
 *
 * Ownership   What a `..._create`, `..._take` or `..._import` gives belongs to the caller, who ends it with the `..._destroy` of
 *             its kind. Arguments are copied; nothing is kept of what a pointer points to, callbacks and their user_data excepted.
 * Threads     There is no global state but a guarded list of the challenges that this process's servers await answers to. Different
 * handles may be used by different threads at once, one handle by one thread at a time; a session with extended session security
 * may be sent on by one thread and received on by another. Errors      Every call that can fail returns a status, and fills the
 * `error` it is given (NULL: not wanted). On an error nothing is half done: outputs are empty or zero. A NULL where a pointer is
 * needed is POSTERN_INVALID_INPUT. Secrets     Passwords, hashes and keys are wiped when they are no longer needed. The password is
 * forgotten by `..._create`. Text        UTF-8, ended by a zero byte. NULL and "" mean the same: none. Structs     Those with a
 * `size` begin with it; set it to sizeof, most simply by the `..._INIT` macro. They can grow that way. Dangerous   What weakens
 * security is reachable under names with `postern_danger_` only.
 */
#ifndef POSTERN_POSTERN_H
#define POSTERN_POSTERN_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define POSTERN_API __attribute__((visibility("default")))
#else
#define POSTERN_API
#endif

#ifdef __cplusplus
#define POSTERN_NOEXCEPT noexcept
extern "C" {
#else
#define POSTERN_NOEXCEPT
#endif

/* ---- version ---------------------------------------------------------------------------------------------------------------- */

/** The interface that this header describes. Grows when calls or fields are added; none is ever taken away or changed. */
#define POSTERN_ABI_VERSION 3

/** The interface that the loaded library has: a program built with this header needs at least POSTERN_ABI_VERSION. */
POSTERN_API unsigned postern_abi_version(void) POSTERN_NOEXCEPT;

/* ---- outcomes --------------------------------------------------------------------------------------------------------------- */

/** One value for each cause. Numbers never change; unknown ones may come from a later library, `postern_status_kind` sorts them. */
typedef enum postern_status {
  POSTERN_OK = 0,       /**< done; a handshake is complete */
  POSTERN_CONTINUE = 1, /**< a handshake goes on: send the token, come back with the peer's next one */

  /* The peer's bytes are not what the specification calls a message. */
  POSTERN_MALFORMED = 16,          /**< structure broken: signature, length, order, encoding */
  POSTERN_TRUNCATED = 17,          /**< the input ends inside a field; a signature of fewer than 16 bytes */
  POSTERN_OUT_OF_BOUNDS = 18,      /**< a length and offset point outside the message */
  POSTERN_TOO_LARGE = 19,          /**< over a limit; also: all sequence numbers of a session are used */
  POSTERN_DUPLICATE = 20,          /**< an item that may come once came twice */
  POSTERN_UNSUPPORTED = 21,        /**< well formed, but nothing that was negotiated or is spoken here */
  POSTERN_UNEXPECTED_MESSAGE = 22, /**< a message of another type than the awaited one */

  /* The peer's bytes are well formed and the logon is denied. */
  POSTERN_WRONG_PASSWORD = 32,    /**< the response does not prove the key; also: unknown account */
  POSTERN_ACCOUNT_STATE = 33,     /**< the account may not log on: disabled, locked, expired */
  POSTERN_MIC_WRONG = 34,         /**< a message integrity code is wrong, or missing where it was announced or is required */
  POSTERN_BINDINGS_WRONG = 35,    /**< channel bindings of another channel, or missing where required */
  POSTERN_TARGET_NAME_WRONG = 36, /**< the client meant another server, or named none where required */
  POSTERN_POLICY = 37,            /**< refused by what this side requires or allows */
  POSTERN_DENIED = 38,            /**< the peer, the authority or the operating system says no */

  /* A message of a session is refused; the session goes on with the genuine one. */
  POSTERN_SIGNATURE_WRONG = 48, /**< not the bytes that were signed */
  POSTERN_REPLAYED = 49,        /**< its sequence number was used before */
  POSTERN_OUT_OF_ORDER = 50,    /**< a message before it is missing */

  /* Nobody's bytes are at fault. */
  POSTERN_NO_AUTHORITY = 64,     /**< who knows the accounts cannot be asked: posternd, or the lookup says unavailable */
  POSTERN_TIMEOUT = 65,          /**< a limit of time ran out */
  POSTERN_INVALID_INPUT = 66,    /**< an argument of the caller */
  POSTERN_MISUSE = 67,           /**< a call that the handle's state does not allow, such as a step after the end */
  POSTERN_BUFFER_TOO_SMALL = 68, /**< the size that is needed is in the size that was passed by pointer */
  POSTERN_NOT_FOUND = 69,
  POSTERN_CONFLICT = 70,
  POSTERN_IO = 71,
  POSTERN_NO_MEMORY = 72,
  POSTERN_INTERNAL = 73,               /**< a fault of Postern, or of a callback */
  POSTERN_STATUS_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_status;

/** What a caller does about a status. */
typedef enum postern_kind {
  POSTERN_KIND_DONE = 0, /**< OK */
  POSTERN_KIND_CONTINUE = 1,
  POSTERN_KIND_PEER = 2,             /**< the peer does not keep to the protocol: close */
  POSTERN_KIND_DENIED = 3,           /**< nobody is logged on */
  POSTERN_KIND_MESSAGE = 4,          /**< one message of a session was refused */
  POSTERN_KIND_FAULT = 5,            /**< the caller, the machine or Postern */
  POSTERN_KIND_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_kind;

/** For example "out_of_bounds"; "unknown" for a number that this library has not. Static text. */
POSTERN_API const char* postern_status_name(postern_status status) POSTERN_NOEXCEPT;
POSTERN_API postern_kind postern_status_kind(postern_status status) POSTERN_NOEXCEPT;

#define POSTERN_NO_OFFSET ((size_t)-1)

/** Why a call failed, for a log: owned by the caller, and never holds a secret. All zero (and no offset) after a success. */
typedef struct postern_error {
  postern_status status;
  size_t offset;     /**< bytes from the start of the parsed input; POSTERN_NO_OFFSET if there is none */
  char field[64];    /**< the specification's name of the field, such as "AUTHENTICATE.NtChallengeResponse"; may be empty */
  char message[192]; /**< one line of English, cut if need be */
} postern_error;

/** Bytes that the library allocated. Empty: {NULL, 0}. */
typedef struct postern_buffer {
  uint8_t* data;
  size_t size;
} postern_buffer;

/** Wipes and frees, and leaves an empty buffer; does nothing to NULL or an empty one. */
POSTERN_API void postern_buffer_free(postern_buffer* buffer) POSTERN_NOEXCEPT;

/* ---- small helpers ---------------------------------------------------------------------------------------------------------- */

#define POSTERN_KEY_SIZE 16       /**< NT hash, LM hash, session key, channel bindings */
#define POSTERN_SIGNATURE_SIZE 16 /**< NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9) */
#define POSTERN_IOV_COUNT_MAX 64  /**< parts of one message */

/** NTOWFv1 of a password in UTF-8 (MS-NLMP 3.3.1): as good as the password, so wipe it. An empty password is INVALID_INPUT, one
 * over 1024 bytes TOO_LARGE. */
POSTERN_API postern_status postern_nt_hash(const char* password, size_t password_size, uint8_t nt_hash[POSTERN_KEY_SIZE],
                                           postern_error* error) POSTERN_NOEXCEPT;

/** What MsvAvChannelBindings carries (MS-NLMP 2.2.2.1): MD5 of a gss_channel_bindings_struct with this application data. For TLS
 * that is "tls-server-end-point:" followed by the hash of the server's certificate (RFC 5929, 4.1). */
POSTERN_API postern_status postern_channel_bindings(const void* application_data, size_t size, uint8_t bindings[POSTERN_KEY_SIZE],
                                                    postern_error* error) POSTERN_NOEXCEPT;

/** Where randomness and time come from. For tests; NULL or a NULL function means the operating system's. The functions are called
 * by the thread that calls the library. */
typedef struct postern_environment {
  size_t size;
  void* user_data;
  int (*random)(void* user_data, uint8_t* bytes, size_t size); /**< fills all of it; 0, or anything else if it cannot */
  uint64_t (*now)(void* user_data);                            /**< FILETIME: 100 ns since 1601 (MS-DTYP 2.3.3) */
} postern_environment;

/* ---- contexts: one logon ---------------------------------------------------------------------------------------------------- */

typedef struct postern_context postern_context;
typedef struct postern_session postern_session;

/* What this side insists on: a logon without it fails as POSTERN_POLICY, or as the status of what is missing. */
#define POSTERN_REQUIRE_SIGN 0x01u        /**< NTLMSSP_NEGOTIATE_SIGN (MS-NLMP 2.2.2.5) */
#define POSTERN_REQUIRE_SEAL 0x02u        /**< NTLMSSP_NEGOTIATE_SEAL; a client offers it then */
#define POSTERN_REQUIRE_128 0x04u         /**< NTLMSSP_NEGOTIATE_128 */
#define POSTERN_REQUIRE_ESS 0x08u         /**< NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY */
#define POSTERN_REQUIRE_MIC 0x10u         /**< a server: the client's MIC; a client: that it sends one (MS-NLMP 3.1.5.1.2) */
#define POSTERN_REQUIRE_BINDINGS 0x20u    /**< a server: channel bindings that are among the accepted ones */
#define POSTERN_REQUIRE_TARGET_NAME 0x40u /**< a server: a target name that is among the accepted ones, from a trusted source */

#define POSTERN_OPTION_SPNEGO 0x01u           /**< tokens in SPNEGO (RFC 4178, MS-SPNG); a server then takes raw ones as well */
#define POSTERN_OPTION_OFFER_SEAL 0x02u       /**< a client that can do without */
#define POSTERN_OPTION_DATAGRAM 0x04u         /**< connectionless (MS-NLMP 1.3.1.3): the server speaks first; not with SPNEGO */
#define POSTERN_OPTION_UNTRUSTED_TARGET 0x08u /**< a client: the target name came from elsewhere (MsvAvFlags 0x4) */
#define POSTERN_OPTION_WANT_SESSION_KEY 0x10u /**< a server before an authority: ask for the key, which needs a right there */
#define POSTERN_OPTION_TLS 0x20u              /**< a server before an authority: the client's bytes came through TLS */
#define POSTERN_OPTION_LOCAL_CALL 0x40u       /**< a client: it means this very machine, and knows that the server is there */

/** What texts are written in where a peer has no UNICODE (MS-NLMP 2.2.2.5): the OEM code page of the machines around. */
typedef enum postern_code_page {
  POSTERN_CODE_PAGE_850 = 0,
  POSTERN_CODE_PAGE_UTF8 = 1,
  POSTERN_CODE_PAGE_LATIN1 = 2,
  POSTERN_CODE_PAGE_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_code_page;

/** Who logs on to what. Give a password or an NT hash. */
typedef struct postern_client_options {
  size_t size;
  const char* user;     /**< `user`, `DOMAIN\user` or `user@dns.domain`; at most 1024 bytes */
  const char* domain;   /**< if given, `user` is taken as it is */
  const char* password; /**< UTF-8, password_size bytes, at most 1024; need not end with a zero */
  size_t password_size;
  const uint8_t* nt_hash;          /**< POSTERN_KEY_SIZE bytes, in place of the password */
  const char* workstation;         /**< the client's own name; may be NULL */
  const char* target_name;         /**< the service as SPN, such as "HTTP/www.example.org"; at most 1024 bytes */
  const uint8_t* channel_bindings; /**< POSTERN_KEY_SIZE bytes, see postern_channel_bindings; NULL without TLS */
  uint32_t require;                /**< POSTERN_REQUIRE_ */
  uint32_t options;                /**< POSTERN_OPTION_ */
  const postern_environment* environment;
  const uint8_t* single_host; /**< Single_Host_Data (MS-NLMP 2.2.2.2), sent as it is; NULL: none */
  size_t single_host_size;    /**< at most 1024 */
  postern_code_page oem_code_page;
  /** The hosts that may have this user's response: names or addresses, one `*` in each may stand for any text. The host of
   * target_name must be among them, else POSTERN_POLICY and nothing goes out. NULL: the program names its servers itself, and
   * target_name is its rule; but with POSTERN_OPTION_UNTRUSTED_TARGET a list is needed, because nobody has allowed that name. */
  const char* const* allowed_hosts;
  size_t allowed_host_count; /**< at most 4096; 0 with a pointer: NTLM goes to nobody */
} postern_client_options;
#define POSTERN_CLIENT_OPTIONS_INIT \
  {sizeof(postern_client_options), NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 0, POSTERN_CODE_PAGE_850, NULL, 0}

/** Begins a client's logon with an NTLMv2 response. The first step takes no input (in datagram mode: the server's CHALLENGE).
 *
 * A logon to oneself is refused (POSTERN_POLICY) unless POSTERN_OPTION_LOCAL_CALL says that it is meant: where the CHALLENGE was
 * made by a server of this process, or names `workstation` as the server's computer, somebody reflects the logon to its sender.
 * A target name with a marshalled suffix (CVE-2025-33073) is refused in any case. */
POSTERN_API postern_status postern_client_create(const postern_client_options* options, postern_context** context,
                                                 postern_error* error) POSTERN_NOEXCEPT;

/** What a lookup found. */
typedef enum postern_lookup_result {
  POSTERN_LOOKUP_FOUND = 0,       /**< nt_hash is filled */
  POSTERN_LOOKUP_NOT_FOUND = 1,   /**< becomes WRONG_PASSWORD, after the same work as for a found account */
  POSTERN_LOOKUP_UNAVAILABLE = 2, /**< becomes NO_AUTHORITY */
  POSTERN_LOOKUP_BLOCKED = 3      /**< nt_hash is filled: ACCOUNT_STATE to who knows the password, WRONG_PASSWORD to all others */
} postern_lookup_result;

/** The program's own password source. `user` and `domain` are as the client sent them: the domain may be empty, the user may be
 * `user@dns.domain`; compare without regard to case. Called within postern_context_step, at most once for each logon. Anything but
 * the values above counts as UNAVAILABLE. */
typedef int (*postern_lookup)(void* user_data, const char* user, const char* domain, uint8_t nt_hash[POSTERN_KEY_SIZE]);

/** As postern_lookup, for an LM hash: what a server needs that accepts LM responses (POSTERN_DANGER_ALLOW_LM). NOT_FOUND for an
 * account without one. Called for such a response alone, after postern_lookup. */
typedef int (*postern_danger_lm_lookup)(void* user_data, const char* user, const char* domain, uint8_t lm_hash[POSTERN_KEY_SIZE]);

/** A server that knows its accounts by itself. */
typedef struct postern_server_options {
  size_t size;
  postern_lookup lookup;   /**< needed */
  void* user_data;         /**< for `lookup` */
  const char* nb_computer; /**< NetBIOS name of the server; needed */
  const char* nb_domain;   /**< NULL: a machine of its own, without a domain */
  const char* dns_computer;
  const char* dns_domain;
  const uint8_t* accepted_bindings;         /**< accepted_binding_count times POSTERN_KEY_SIZE bytes; other bindings are refused */
  size_t accepted_binding_count;            /**< at most 16 */
  const char* const* accepted_target_names; /**< SPNs; other names are refused. None: names are not looked at */
  size_t accepted_target_name_count;        /**< at most 256 */
  uint32_t require;                         /**< POSTERN_REQUIRE_. An announced MIC is verified in any case */
  uint32_t options;                         /**< POSTERN_OPTION_ */
  const postern_environment* environment;
  postern_code_page oem_code_page;
  postern_danger_lm_lookup danger_lm_lookup; /**< needed with POSTERN_DANGER_ALLOW_LM, and NULL without; gets `user_data` */
} postern_server_options;
#define POSTERN_SERVER_OPTIONS_INIT \
  {sizeof(postern_server_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, 0, 0, NULL, POSTERN_CODE_PAGE_850, NULL}

/** Begins a server's side. The first step takes the client's first token (in datagram mode: nothing). NTLMv2 alone is accepted. */
POSTERN_API postern_status postern_server_create(const postern_server_options* options, postern_context** context,
                                                 postern_error* error) POSTERN_NOEXCEPT;

/** A server with posternd behind it: the program holds no hashes, and posternd decides and records the logon. Requirements are
 * those of its policy. Steps block, for deadline_ms at most. */
typedef struct postern_authority_options {
  size_t size;
  const char* socket_path;    /**< NULL: POSTERN_AUTHORITY_SOCKET (not in privileged processes), else the default */
  int64_t authority_uid;      /**< the user that posternd runs as; -1: root or our own */
  uint32_t deadline_ms;       /**< for each step; 0: ten seconds */
  const char* service;        /**< the name under which posternd knows this service; needed */
  const char* client_address; /**< textual IP address of the client; may be NULL */
  const char* server_address;
  uint16_t client_port;
  uint16_t server_port;
  const uint8_t* accepted_bindings; /**< as in postern_server_options, and so the next three */
  size_t accepted_binding_count;
  const char* const* accepted_target_names;
  size_t accepted_target_name_count;
  uint32_t options; /**< POSTERN_OPTION_SPNEGO, _WANT_SESSION_KEY, _TLS */
} postern_authority_options;
#define POSTERN_AUTHORITY_OPTIONS_INIT {sizeof(postern_authority_options), NULL, -1, 0, NULL, NULL, NULL, 0, 0, NULL, 0, NULL, 0, 0}

POSTERN_API postern_status postern_authority_server_create(const postern_authority_options* options, postern_context** context,
                                                           postern_error* error) POSTERN_NOEXCEPT;

/** Takes the peer's token (NULL, 0 where there is none yet; at most 64 KiB) and gives one for the peer, which is sent if it is not
 * empty, whatever the status: SPNEGO tells the peer of a refusal that way. `output` is overwritten, and freed by the caller.
 * CONTINUE: the peer's next token is awaited. OK: complete. A client without SPNEGO is complete once its response is written; that
 * the server agrees is shown by what the server does next. Anything else ends the logon, and every later step is MISUSE. */
POSTERN_API postern_status postern_context_step(postern_context* context, const void* input, size_t input_size,
                                                postern_buffer* output, postern_error* error) POSTERN_NOEXCEPT;

/** NULL is allowed. Wipes all keys. A session that was taken lives on. */
POSTERN_API void postern_context_destroy(postern_context* context) POSTERN_NOEXCEPT;

/** Kind of response (MS-NLMP 3.3.1, 3.3.2). */
typedef enum postern_response_version {
  POSTERN_VERSION_ANONYMOUS = 0,
  POSTERN_VERSION_LM = 1,
  POSTERN_VERSION_NTLMV1 = 2,
  POSTERN_VERSION_NTLMV1_ESS = 3,
  POSTERN_VERSION_LMV2 = 4,
  POSTERN_VERSION_NTLMV2 = 5,
  POSTERN_VERSION_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_response_version;

typedef enum postern_mic_state {
  POSTERN_MIC_NOT_APPLICABLE = 0, /**< anything but NTLMv2 */
  POSTERN_MIC_ABSENT = 1,         /**< neither sent nor announced */
  POSTERN_MIC_SENT = 2,           /**< by this client */
  POSTERN_MIC_VERIFIED = 3,
  POSTERN_MIC_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_mic_state;

typedef enum postern_binding_state {
  POSTERN_BINDING_NOT_APPLICABLE = 0,
  POSTERN_BINDING_ABSENT = 1,  /**< none, or all zero */
  POSTERN_BINDING_PRESENT = 2, /**< sent; by a server's peer: not compared, since nothing was given to compare it with */
  POSTERN_BINDING_MATCHED = 3,
  POSTERN_BINDING_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_binding_state;

typedef enum postern_standing {
  POSTERN_STANDING_PROVED = 0,
  POSTERN_STANDING_DANGER_ANONYMOUS = 1, /**< nobody proved anything: the names mean nothing */
  POSTERN_STANDING_DANGER_GUEST = 2,
  POSTERN_STANDING_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_standing;

/** What a complete logon was. Texts belong to the context and live as long; never NULL. */
typedef struct postern_logon {
  size_t size;
  const char* user;
  const char* domain;
  const char* workstation; /**< as the client says: not proved */
  const char* target_name; /**< MsvAvTargetName; empty if none was sent */
  const char* sid;         /**< from an authority */
  const char* event_id;    /**< of the authority's record */
  const char* const* groups;
  size_t group_count;
  uint32_t negotiate_flags; /**< of the exchange (MS-NLMP 2.2.2.5); 0 from an authority that gave no key */
  postern_response_version version;
  postern_mic_state mic;
  postern_binding_state channel_binding;
  postern_standing standing; /**< a server grants access to POSTERN_STANDING_PROVED alone, unless it chose a danger */
} postern_logon;
#define POSTERN_LOGON_INIT         \
  {sizeof(postern_logon),          \
   NULL,                           \
   NULL,                           \
   NULL,                           \
   NULL,                           \
   NULL,                           \
   NULL,                           \
   NULL,                           \
   0,                              \
   0,                              \
   POSTERN_VERSION_ANONYMOUS,      \
   POSTERN_MIC_NOT_APPLICABLE,     \
   POSTERN_BINDING_NOT_APPLICABLE, \
   POSTERN_STANDING_PROVED}

/** MISUSE before the end. */
POSTERN_API postern_status postern_context_logon(const postern_context* context, postern_logon* logon,
                                                 postern_error* error) POSTERN_NOEXCEPT;

/** ExportedSessionKey (MS-NLMP 3.4.5), for protocols that derive keys of their own. MISUSE before the end; DENIED if the authority
 * gave none; UNSUPPORTED for guests, who have none. */
POSTERN_API postern_status postern_context_session_key(const postern_context* context, uint8_t key[POSTERN_KEY_SIZE],
                                                       postern_error* error) POSTERN_NOEXCEPT;

/** The session of a complete logon. Once only, because two users of its key streams would give their texts away: then MISUSE.
 * Errors as postern_context_session_key. The session outlives its context. */
POSTERN_API postern_status postern_session_take(postern_context* context, postern_session** session,
                                                postern_error* error) POSTERN_NOEXCEPT;

/* ---- sessions: signing and sealing (MS-NLMP 3.4) ---------------------------------------------------------------------------- */

/* No call below allocates, exports apart. A message that is refused leaves the session as it was. `in` and `out` of one part are
 * the same place or do not overlap. Messages must arrive in the order in which they were sent. Common errors: UNSUPPORTED (SIGN or
 * SEAL was not negotiated), TOO_LARGE (all 2^32 numbers are used: log on anew). Receiving: TRUNCATED, MALFORMED, SIGNATURE_WRONG,
 * REPLAYED, OUT_OF_ORDER. */

/** Part of a message: read at `in`, written to `out`. Without an `out` it is signed and stays readable, as a header must. */
typedef struct postern_iov {
  const void* in;
  void* out;
  size_t size;
} postern_iov;

POSTERN_API void postern_session_destroy(postern_session* session) POSTERN_NOEXCEPT;
/** NEGOTIATE flags of the session: 0x10 signs, 0x20 seals; 0 for NULL. */
POSTERN_API uint32_t postern_session_flags(const postern_session* session) POSTERN_NOEXCEPT;

/** GSS_GetMIC: a signature apart from the message. */
POSTERN_API postern_status postern_session_sign(postern_session* session, const void* message, size_t size,
                                                uint8_t signature[POSTERN_SIGNATURE_SIZE], postern_error* error) POSTERN_NOEXCEPT;
POSTERN_API postern_status postern_session_verify(postern_session* session, const void* message, size_t size, const void* signature,
                                                  size_t signature_size, postern_error* error) POSTERN_NOEXCEPT;

/** Seals `size` bytes from `in` to `out` and signs them. */
POSTERN_API postern_status postern_session_seal(postern_session* session, const void* in, void* out, size_t size,
                                                uint8_t signature[POSTERN_SIGNATURE_SIZE], postern_error* error) POSTERN_NOEXCEPT;
/** On an error `out` holds no text: what was in place is sealed again, what was to be written elsewhere is zero. */
POSTERN_API postern_status postern_session_unseal(postern_session* session, const void* in, void* out, size_t size,
                                                  const void* signature, size_t signature_size,
                                                  postern_error* error) POSTERN_NOEXCEPT;

/** The same over parts, in their order; at most POSTERN_IOV_COUNT_MAX. sign and verify look at `in` alone. */
POSTERN_API postern_status postern_session_sign_iov(postern_session* session, const postern_iov* parts, size_t count,
                                                    uint8_t signature[POSTERN_SIGNATURE_SIZE],
                                                    postern_error* error) POSTERN_NOEXCEPT;
POSTERN_API postern_status postern_session_verify_iov(postern_session* session, const postern_iov* parts, size_t count,
                                                      const void* signature, size_t signature_size,
                                                      postern_error* error) POSTERN_NOEXCEPT;
POSTERN_API postern_status postern_session_seal_iov(postern_session* session, const postern_iov* parts, size_t count,
                                                    uint8_t signature[POSTERN_SIGNATURE_SIZE],
                                                    postern_error* error) POSTERN_NOEXCEPT;
POSTERN_API postern_status postern_session_unseal_iov(postern_session* session, const postern_iov* parts, size_t count,
                                                      const void* signature, size_t signature_size,
                                                      postern_error* error) POSTERN_NOEXCEPT;

/** One token: the signature, then the sealed message (GSS_WrapEx, MS-NLMP 3.4.6). `*token_size` is the room on entry and the
 * token's size after; BUFFER_TOO_SMALL (also for a NULL `token`) tells the size that is needed and seals nothing. `message` may be
 * the end of the token's place. */
POSTERN_API postern_status postern_session_wrap(postern_session* session, const void* message, size_t size, void* token,
                                                size_t* token_size, postern_error* error) POSTERN_NOEXCEPT;
/** `message` may be the end of the token's place. */
POSTERN_API postern_status postern_session_unwrap(postern_session* session, const void* token, size_t token_size, void* message,
                                                  size_t* message_size, postern_error* error) POSTERN_NOEXCEPT;

#define POSTERN_SENDING 0x1u
#define POSTERN_RECEIVING 0x2u

/** Starts the key stream of these directions anew, as SPNEGO does after its mechListMIC (MS-SPNG 3.3.5.1); with
 * POSTERN_OPTION_SPNEGO that has been done. `restart_numbers` other than 0: sequence numbers begin at 0 again. */
POSTERN_API postern_status postern_session_reset(postern_session* session, uint32_t directions, int restart_numbers,
                                                 postern_error* error) POSTERN_NOEXCEPT;
/** Datagram mode: the numbers of the next messages. INVALID_INPUT for other sessions, which count by themselves. */
POSTERN_API postern_status postern_session_set_numbers(postern_session* session, uint32_t sending, uint32_t receiving,
                                                       postern_error* error) POSTERN_NOEXCEPT;
POSTERN_API postern_status postern_session_numbers(const postern_session* session, uint32_t* sending, uint32_t* receiving,
                                                   postern_error* error) POSTERN_NOEXCEPT;

/* ---- a session in another process ------------------------------------------------------------------------------------------- */

/** Authenticated encryption by the caller, under a key that both processes know. Functions return 0 when done; they write at most
 * `capacity` bytes and say how many. `seal` takes a fresh nonce each time and puts it into what it writes. */
typedef struct postern_aead {
  size_t size;
  void* user_data;
  size_t overhead_max; /**< bytes that `seal` adds at most: nonce and tag; at most 1024 */
  int (*seal)(void* user_data, const uint8_t* associated_data, size_t associated_size, const uint8_t* plain, size_t plain_size,
              uint8_t* sealed, size_t capacity, size_t* sealed_size);
  /** Fails for anything that `seal` did not write. */
  int (*open)(void* user_data, const uint8_t* associated_data, size_t associated_size, const uint8_t* sealed, size_t sealed_size,
              uint8_t* plain, size_t capacity, size_t* plain_size);
} postern_aead;

/** Packs a session for another process and ends it here: `*session` becomes NULL. On an error it stays as it was. The bytes hold
 * the keys, sealed by `aead`; INTERNAL if that fails. */
POSTERN_API postern_status postern_session_export(postern_session** session, const postern_aead* aead, postern_buffer* exported,
                                                  postern_error* error) POSTERN_NOEXCEPT;
/** Import an export once only: two sessions of one key stream would give their texts away, and this cannot be seen from here.
 * Errors: MALFORMED, TRUNCATED, TOO_LARGE (over 4096 bytes), UNSUPPORTED (another version of the form), DENIED if the AEAD does not
 * open it. */
POSTERN_API postern_status postern_session_import(const void* exported, size_t exported_size, const postern_aead* aead,
                                                  postern_session** session, postern_error* error) POSTERN_NOEXCEPT;

/* ---- dangerous -------------------------------------------------------------------------------------------------------------- */

/** Responses from which the password can be searched in hours or minutes, or that prove nothing. */
typedef enum postern_danger_response {
  POSTERN_DANGER_RESPONSE_ANONYMOUS = 1, /**< nobody logs on: no user, no password */
  POSTERN_DANGER_RESPONSE_LMV2 = 2,
  POSTERN_DANGER_RESPONSE_NTLMV1 = 3,    /**< with extended session security where that is negotiated */
  POSTERN_DANGER_RESPONSE_NTLMV1_LM = 4, /**< both responses; without extended session security */
  POSTERN_DANGER_RESPONSE_LM = 5,
  POSTERN_DANGER_RESPONSE_RESERVED = 0x7fffffff /**< keeps the type wide enough for values of later libraries */
} postern_danger_response;

/** A client that answers with something weaker than NTLMv2. `lm_hash` (POSTERN_KEY_SIZE bytes) is needed for the two with LM. */
POSTERN_API postern_status postern_danger_client_create(const postern_client_options* options, postern_danger_response response,
                                                        const uint8_t* lm_hash, postern_context** context,
                                                        postern_error* error) POSTERN_NOEXCEPT;

/** LMOWFv1 (MS-NLMP 3.3.1) of a password of at most 14 characters that code page 850 can write. */
POSTERN_API postern_status postern_danger_lm_hash(const char* password, size_t password_size, uint8_t lm_hash[POSTERN_KEY_SIZE],
                                                  postern_error* error) POSTERN_NOEXCEPT;

#define POSTERN_DANGER_ALLOW_NTLMV1 0x1u    /**< with extended session security and without */
#define POSTERN_DANGER_ALLOW_LMV2 0x2u      /**< an LMv2 response alone, which carries neither bindings nor a MIC */
#define POSTERN_DANGER_ALLOW_ANONYMOUS 0x4u /**< lets nobody in; the session key is known to everybody */
#define POSTERN_DANGER_ALLOW_GUEST 0x8u     /**< lets unknown accounts in, without a session */
#define POSTERN_DANGER_ALLOW_LM 0x10u       /**< an LM response alone; verified with what danger_lm_lookup gives */

/** A server that accepts more than NTLMv2. Look at postern_logon.standing and .version. */
POSTERN_API postern_status postern_danger_server_create(const postern_server_options* options, uint32_t allowed,
                                                        postern_context** context, postern_error* error) POSTERN_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
