#include "observe/logons/weight.hpp"

namespace postern::observe {
namespace {

std::size_t heap_of(const event::ServerNames& names) {
  std::size_t sum = 0;
  for (const event::Text* name : {&names.nb_computer, &names.nb_domain, &names.dns_computer, &names.dns_domain, &names.dns_tree})
    sum += heap_bytes(*name);
  return sum;
}

}  // namespace

std::size_t heap_bytes(const DecodedMessage& message) {
  std::size_t sum = heap_of(message.names) + heap_of(message.meant_names);
  for (const MessageObject::Text* text :
       {&message.object.user, &message.object.domain, &message.object.workstation, &message.object.version,
        &message.object.target_name, &message.object.nb_computer, &message.object.nb_domain, &message.object.dns_computer,
        &message.object.dns_domain, &message.object.mic, &message.object.channel_binding, &message.object.spn,
        &message.object.error})
    sum += heap_bytes(*text);
  return sum + heap_bytes(message.object.type) + heap_bytes(message.os_version) + heap_bytes(message.machine_id) +
         heap_bytes(message.object.anomalies);
}

}  // namespace postern::observe
