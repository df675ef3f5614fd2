#include "advise/addresses.hpp"

#include "base/ip_network.hpp"

namespace postern::advise {

bool is_ip_literal(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    const auto inner = IpAddress::parse(text.substr(1, text.size() - 2));
    return inner && text.find(':') != std::string_view::npos;
  }
  return IpAddress::parse(text).has_value();
}

std::vector<std::string> networks_of(std::string_view address) {
  const auto parsed = IpAddress::parse(address);
  if (!parsed) return {};
  if (!parsed->is_v4()) return {parsed->to_text() + "/128"};
  return {parsed->to_text() + "/32", IpNetwork::around(*parsed, 24).to_text(), IpNetwork::around(*parsed, 16).to_text()};
}

}  // namespace postern::advise
