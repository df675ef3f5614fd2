// Any accepted name against any name sent (split at the first line break): no fault, and a match never has a marshalled suffix.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "policy/target_name.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view input = as_text({data, size});
  const std::size_t split = input.find('\n');
  const std::string_view accepted = input.substr(0, split);
  const std::string_view sent = split == std::string_view::npos ? accepted : input.substr(split + 1);
  if (policy::spn_matches({std::string{accepted}}, sent) && sent.find("1UWhRC") != std::string_view::npos) std::abort();
  return 0;
}
