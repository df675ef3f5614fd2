// Any text as an admin's request: where a JSON parser takes it as it is, it takes it with its secrets taken out as well, and finds
// the same in it; and each secret is the text that the parser would have found (R27).
#include "edge/ipc/server/admin_request.hpp"

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "invariant.hpp"

namespace {

using namespace postern;
using ipc::Json;

bool is_secret_name(std::string_view name) {
  for (const std::string_view secret : ipc::kSecretMembers) {
    if (secret == name) return true;
  }
  return false;
}

/// `plain` and `taken` differ in nothing but their secrets, and each of those is in its place.
void require_same(const Json& plain, const Json& taken, const std::vector<SecretBytes>& secrets) {
  POSTERN_INVARIANT(plain.type() == taken.type() && plain.size() == taken.size());
  if (plain.is_object()) {
    for (const auto& [name, value] : plain.items()) {
      POSTERN_INVARIANT(taken.contains(name));
      if (!is_secret_name(name) || !value.is_string()) {
        require_same(value, taken[name], secrets);
        continue;
      }
      const auto index = static_cast<std::size_t>(std::stoul(taken[name].get<std::string>()));
      POSTERN_INVARIANT(index < secrets.size() && secrets[index].reveal_text() == value.get<std::string>());
    }
  } else if (plain.is_array()) {
    for (std::size_t i = 0; i < plain.size(); ++i) require_same(plain[i], taken[i], secrets);
  } else {
    POSTERN_INVARIANT(plain == taken);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const auto taken = ipc::take_secrets(text);
  const Json plain = Json::parse(text, nullptr, false);
  if (text.contains('\0')) {
    POSTERN_INVARIANT(!taken.has_value());  // where nlohmann stops reading and is content
    return 0;
  }
  if (plain.is_discarded()) return 0;
  POSTERN_INVARIANT(taken.has_value());
  const Json rest = Json::parse(taken->text, nullptr, false);
  POSTERN_INVARIANT(!rest.is_discarded());
  require_same(plain, rest, taken->secrets);
  return 0;
}
