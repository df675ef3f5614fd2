// What `postern exceptions` prints.
#pragma once

#include <string>

#include "advise/exceptions.hpp"
#include "postern/output.hpp"

namespace postern::cli {

/// The form of docs/json.md.
[[nodiscard]] Json exceptions_json(const advise::Exceptions& exceptions);
/// The same for a person.
[[nodiscard]] std::string exceptions_text(const advise::Exceptions& exceptions);

}  // namespace postern::cli
