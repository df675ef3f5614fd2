#include "observe/logons/message_object.hpp"

#include <string_view>

#include "event/json.hpp"
#include "wire/flags.hpp"

namespace postern::observe {
namespace {

void add(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":";
  event::append_json_text(out, text);
}
void add_known(std::string& out, std::string_view key, const MessageObject::Text& text) {
  if (text) add(out, key, *text);
}

}  // namespace

std::string to_json(const MessageObject& object) {
  std::string out = "{\"frame\":" + std::to_string(object.frame);
  add(out, "time", object.time.to_rfc3339());
  add(out, "src", object.src.text());
  add(out, "dst", object.dst.text());
  add(out, "type", object.type);
  add(out, "transport", name_of(object.transport));
  if (object.negotiate_flags) add(out, "negotiate_flags", wire::NegotiateFlags{*object.negotiate_flags}.to_hex());
  add_known(out, "user", object.user);
  add_known(out, "domain", object.domain);
  add_known(out, "workstation", object.workstation);
  add_known(out, "version", object.version);
  add_known(out, "target_name", object.target_name);
  add_known(out, "nb_computer", object.nb_computer);
  add_known(out, "nb_domain", object.nb_domain);
  add_known(out, "dns_computer", object.dns_computer);
  add_known(out, "dns_domain", object.dns_domain);
  add_known(out, "mic", object.mic);
  add_known(out, "channel_binding", object.channel_binding);
  add_known(out, "spn", object.spn);
  add_known(out, "error", object.error);
  if (!object.anomalies.empty()) {
    out += ",\"anomalies\":[";
    for (const std::string& anomaly : object.anomalies) {
      if (out.back() != '[') out += ',';
      event::append_json_text(out, anomaly);
    }
    out += ']';
  }
  out += '}';
  return out;
}

}  // namespace postern::observe
