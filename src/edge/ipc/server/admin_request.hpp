// An admin's request: its secrets taken out of the text before a JSON parser sees it (R27).
//
// A JSON library copies each text into buffers of its own and frees them as they are. So what stands under a secret's name is
// decoded here, into memory that is wiped, and the parser gets the text with a number in its place.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_time.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace postern::ipc {

using Json = nlohmann::ordered_json;

/// Members of a request whose texts are secret, at any depth.
inline constexpr std::string_view kSecretMembers[] = {"password", "file"};

struct TakenSecrets {
  std::string text{};                  ///< the request with the index of a secret, as a text, in the place of each
  std::vector<SecretBytes> secrets{};  ///< in UTF-8 if the request was
};

/// `malformed` if a text in the request does not end or holds an escape that JSON does not have. Everything else that is wrong with
/// the request is left to its parser.
[[nodiscard]] Result<TakenSecrets> take_secrets(std::string_view request);

/// The members of a request, each checked for its type. Errors: `invalid_input` with the member's name.
class AdminRequest {
 public:
  /// `malformed` for what is no JSON object.
  [[nodiscard]] static Result<AdminRequest> parse(std::string_view text);

  /// The whole of it, numbers in the places of secrets.
  [[nodiscard]] const Json& json() const { return json_; }
  [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }
  [[nodiscard]] Result<std::string> text(const char* name) const;
  [[nodiscard]] Result<std::string> text_or_empty(const char* name) const;
  /// One of kSecretMembers.
  [[nodiscard]] Result<SecretBytes> secret(const char* name) const;
  [[nodiscard]] Result<std::uint64_t> number_or(const char* name, std::uint64_t otherwise) const;
  [[nodiscard]] Result<bool> flag(const char* name) const;
  [[nodiscard]] Result<std::optional<bool>> optional_flag(const char* name) const;
  [[nodiscard]] Result<std::vector<std::string>> texts(const char* name) const;
  /// Nothing for an empty text.
  [[nodiscard]] Result<std::optional<FileTime>> time(const char* name) const;

 private:
  AdminRequest() = default;
  Json json_{};
  std::vector<SecretBytes> secrets_{};
};

}  // namespace postern::ipc
