#include <memory>

#include "postern/commands.hpp"
#include "postern/token_input.hpp"
#include "postern/token_show.hpp"
#include "postern/token_verify.hpp"

namespace postern::cli {
namespace {

struct ShowArguments {
  std::string file = "-";
  bool show_secrets = false;
  std::string oem_code_page = "cp850";
};

ExitCode run_show(const ShowArguments& arguments, const Output& output) {
  const auto input = read_token_argument(arguments.file, Otherwise::file);
  if (!input) return output.fail(input.error());
  ShowOptions options;
  options.secrets = arguments.show_secrets ? Secrets::shown : Secrets::hidden;
  options.oem_code_page = code_page_from_name(arguments.oem_code_page).value_or(CodePage::cp850);
  const auto shown = show_token(*input, options);
  if (!shown) return output.fail(shown.error());
  output.answer(*shown);
  const Json& message = shown->contains("mech_token") ? (*shown)["mech_token"] : *shown;
  if (!arguments.show_secrets && message.value("type", "") == "AUTHENTICATE") {
    output.line(
        "(The responses are not shown: together with the challenge they let anybody guess the password offline. --show-secrets "
        "shows "
        "them.)");
  }
  return ExitCode::done;
}

struct VerifyArguments {
  std::string challenge{};
  std::string negotiate{};
  std::string challenge_message{};
  std::string channel_binding{};
  std::string authenticate{};
  bool password_stdin = false;
  bool nt_hash_stdin = false;
  std::string oem_code_page = "cp850";
};

/// `size` bytes in hex.
Result<Bytes> hex_option(const std::string& text, std::size_t size, std::string_view option) {
  auto bytes = from_hex(text);
  if (!bytes || bytes->size() != size) {
    return fail(ErrorCode::invalid_input, option, Error::kNoOffset, "not " + std::to_string(2 * size) + " hexadecimal digits");
  }
  return std::move(*bytes);
}

Result<Bytes> token_option(const std::string& argument, std::string_view option) {
  if (argument.empty()) return Bytes{};
  if (argument == "-") {
    return fail(ErrorCode::invalid_input, option, Error::kNoOffset, "standard input is the credential's; use @FILE");
  }
  POSTERN_TRY(input, read_token_argument(argument, Otherwise::token));
  return std::move(input.token);
}

Result<VerifyInput> verify_input(const VerifyArguments& arguments) {
  VerifyInput input;
  if (!arguments.challenge.empty()) {
    POSTERN_TRY(bytes, hex_option(arguments.challenge, wire::ServerChallenge::kSize, "--challenge"));
    input.challenge.emplace(std::span<const std::uint8_t, wire::ServerChallenge::kSize>{bytes});
  }
  if (!arguments.channel_binding.empty()) {
    POSTERN_TRY(bytes, hex_option(arguments.channel_binding, ntlm::ChannelBindingHash::kSize, "--channel-binding"));
    input.channel_binding.emplace(std::span<const std::uint8_t, ntlm::ChannelBindingHash::kSize>{bytes});
  }
  POSTERN_TRY(negotiate, token_option(arguments.negotiate, "--negotiate"));
  POSTERN_TRY(challenge_message, token_option(arguments.challenge_message, "--challenge-message"));
  POSTERN_TRY(authenticate, token_option(arguments.authenticate, "T"));
  input.negotiate = std::move(negotiate);
  input.challenge_message = std::move(challenge_message);
  input.authenticate = std::move(authenticate);
  input.oem_code_page = code_page_from_name(arguments.oem_code_page).value_or(CodePage::cp850);
  return input;
}

ExitCode run_verify(const VerifyArguments& arguments, const Output& output) {
  const auto input = verify_input(arguments);
  if (!input) return output.fail(input.error());
  const auto line = read_secret_line();
  if (!line) return output.fail(line.error());
  const CredentialForm form = arguments.nt_hash_stdin ? CredentialForm::nt_hash : CredentialForm::password;
  const auto hash = nt_hash_of_line(*line, form);
  if (!hash) return output.fail(hash.error());
  const auto lm_hash = lm_hash_of_line(*line, form, input->oem_code_page);
  const auto answer = verify_token(*input, *hash, lm_hash ? &*lm_hash : nullptr);
  if (!answer) return output.fail(answer.error());
  output.answer(answer->object);
  for (const std::string& warning : answer->warnings) output.warn(warning);
  return answer->accepted ? ExitCode::done : ExitCode::answer_is_no;
}

}  // namespace

void add_oem_code_page(CLI::App& command, std::string& name) {
  command.add_option("--oem-codepage", name, "Code page of text that is not Unicode: cp850, utf-8 or latin-1")
      ->capture_default_str()
      ->check(
          [](const std::string& value) { return code_page_from_name(value) ? std::string{} : "no code page is called " + value; });
}

void add_token_commands(CLI::App& app, Context& context) {
  CLI::App* token = app.add_subcommand("token", "Explain and verify NTLM and SPNEGO tokens");
  token->require_subcommand(1);

  auto show_arguments = std::make_shared<ShowArguments>();
  CLI::App* show = token->add_subcommand("show", "Show what is in a token: raw bytes, hex, base64 or a header line");
  show->add_option("FILE", show_arguments->file, "The token's file, @FILE, - for standard input, or the token itself")
      ->capture_default_str();
  show->add_flag("--show-secrets", show_arguments->show_secrets,
                 "Show the responses of an AUTHENTICATE too: with the challenge they allow guessing the password offline");
  add_oem_code_page(*show, show_arguments->oem_code_page);
  show->footer(
      "Example:\n"
      "  echo 'Authorization: NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=' | postern token show --json\n"
      "Exit code: 0 shown, 1 malformed, 3 the file cannot be read.");
  show->callback([show_arguments, &context] {
    context.run = [show_arguments](const Output& output) { return run_show(*show_arguments, output); };
  });

  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* verify = token->add_subcommand("verify", "Verify one recorded exchange with one password");
  verify->add_option("T", arguments->authenticate, "The AUTHENTICATE: hex, base64, a header line or @FILE")->required();
  verify->add_option("--challenge", arguments->challenge, "The server's challenge, 16 hexadecimal digits");
  verify->add_option("--negotiate", arguments->negotiate, "The NEGOTIATE of the exchange, for its MIC");
  verify->add_option("--challenge-message", arguments->challenge_message, "The CHALLENGE of the exchange, for its MIC");
  verify->add_option("--channel-binding", arguments->channel_binding, "The channel's MD5, 32 hexadecimal digits");
  auto* credential = verify->add_option_group("credential", "The first line of standard input is");
  credential->add_flag("--password-stdin", arguments->password_stdin, "the password");
  credential->add_flag("--nt-hash-stdin", arguments->nt_hash_stdin, "its NT hash, 32 hexadecimal digits");
  credential->require_option(1);
  add_oem_code_page(*verify, arguments->oem_code_page);
  verify->footer(
      "Example:\n"
      "  postern token verify --negotiate @1.bin --challenge-message @2.bin --password-stdin @3.bin < password.txt\n"
      "No policy, clock limit or account state is applied: what is there is verified by what it is.\n"
      "Exit code: 0 accepted, 1 refused or malformed, 2 wrong usage, 3 a file cannot be read.");
  verify->callback(
      [arguments, &context] { context.run = [arguments](const Output& output) { return run_verify(*arguments, output); }; });
}

}  // namespace postern::cli
