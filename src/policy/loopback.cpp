#include "policy/loopback.hpp"

#include "policy/lists.hpp"

namespace postern::policy {

bool is_loopback(std::string_view address) {
  const auto parsed = Address::parse(address);
  return parsed && parsed->is_loopback();
}

}  // namespace postern::policy
