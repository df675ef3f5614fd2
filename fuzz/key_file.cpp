// Any text as a file of storage keys: refused with the start of the line that is at fault, or a ring of keys that comes back whole
// from what we write of it.
#include "account/key_file.hpp"

#include "invariant.hpp"

namespace {

using namespace postern;

void require_same(const account::KeyRing& a, const account::KeyRing& b) {
  POSTERN_INVARIANT(a.active() == b.active());
  POSTERN_INVARIANT(a.ids() == b.ids());
  for (const account::KeyId id : a.ids()) POSTERN_INVARIANT(fuzz::same(a.find(id)->reveal(), b.find(id)->reveal()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text({data, size});
  const auto keys = account::parse_key_file(text);
  if (!keys) {
    const std::size_t offset = keys.error().offset;
    POSTERN_INVARIANT(keys.error().field == "key_file" || keys.error().field == "key_id");
    POSTERN_INVARIANT(offset == 0 || offset == size || (offset < size && text[offset - 1] == '\n'));
    return 0;
  }
  POSTERN_INVARIANT(keys->find(keys->active()) != nullptr);
  POSTERN_INVARIANT(keys->ids().size() <= account::kMaxStorageKeys);
  const SecretBytes written = account::write_key_file(*keys);
  const auto again = account::parse_key_file(written.reveal_text());
  POSTERN_INVARIANT(again.has_value());
  require_same(*keys, *again);
  POSTERN_INVARIANT(written.size() <= account::kMaxKeyFileBytes);  // or it could be written and never be loaded
  return 0;
}
