// Any bytes as a file of Windows' registry: no fault; an error lies inside the file; what is taken stands in a policy file line by
// line.
#include <cstdint>
#include <string>

#include "invariant.hpp"
#include "policy/windows_import/import.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using namespace postern::policy::windows_import;
  const auto read = read_registry_file({data, size});
  if (!read) {
    POSTERN_INVARIANT(read.error().offset == Error::kNoOffset || read.error().offset <= size);
    return 0;
  }
  for (const RegistryValue& value : read->values) POSTERN_INVARIANT(value.offset < size);
  WindowsImport import;
  import.add("fuzz", *read);
  POSTERN_INVARIANT(import.taken().size() + import.without_counterpart().size() + import.refused().size() +
                        import.replaced().size() + import.not_understood().size() >=
                    read->values.size());
  policy::Policy policy;
  for (const Taken& taken : import.taken()) POSTERN_INVARIANT(policy::set(policy, taken.setting, taken.value).has_value());
  POSTERN_INVARIANT(import.policy_file().size() < (std::size_t{1} << 30));
  return 0;
}
