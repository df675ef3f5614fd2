#include "event/export/forms.hpp"

#include "event/json.hpp"

namespace postern::event {

std::string to_form(const LogonEvent& event, Form form) {
  switch (form) {
    case Form::samba: return to_samba_json(event);
    case Form::ecs: return to_ecs_json(event);
    case Form::json: break;
  }
  return to_json(event);
}

}  // namespace postern::event
