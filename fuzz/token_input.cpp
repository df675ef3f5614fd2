// What a person pastes into `postern token show`, down to the object that is printed.
#include "invariant.hpp"
#include "postern/token_show.hpp"

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = cli::decode_token_input({data, size});
  if (!input) {
    POSTERN_INVARIANT(!input.error().field.empty() && input.error().offset == 0);
    return 0;
  }
  POSTERN_INVARIANT(input->form == cli::InputForm::raw || input->token.size() < size);
  const auto shown = cli::show_token(*input, {});
  if (!shown) return 0;
  POSTERN_INVARIANT(shown->contains("type") && !cli::to_line(*shown).empty());
  const std::string text = cli::to_text(*shown, cli::Colour::off);
  POSTERN_INVARIANT(text.find('\x1b') == std::string::npos);
  // SPNEGO whose mechanism is not NTLM has no message to take out; all else has.
  if (!shown->contains("mech_token") && (*shown)["type"] == "SPNEGO") return 0;
  POSTERN_INVARIANT(cli::ntlm_message_of(input->token).has_value());
  return 0;
}
