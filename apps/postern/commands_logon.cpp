#include <filesystem>
#include <fmt/format.h>
#include <memory>

#include "edge/policy_file/policy_file.hpp"
#include "ntlm/credentials.hpp"
#include "postern/commands.hpp"
#include "postern/logon.hpp"
#include "postern/token_verify.hpp"

namespace postern::cli {
namespace {

/// An administrator's policy for this machine's clients, read where it is there.
constexpr const char* kClientPolicyFile = "/etc/postern/client-policy.toml";

struct LogonArguments {
  std::string url{};
  std::string user{};
  std::string package = "offered";
  std::string ca_file{};
  std::string policy_file{};
  std::vector<std::string> settings{};
  bool password_stdin = false;
  bool insecure = false;
};

/// The file that is named, or the machine's, with each setting of the command line laid over it.
Result<policy::Policy> client_policy(const LogonArguments& arguments) {
  policy::Policy policy;
  std::error_code unreadable;  // then load() says why
  const bool is_there = std::filesystem::exists(kClientPolicyFile, unreadable) || unreadable;
  if (!arguments.policy_file.empty() || is_there) {
    const std::string& path = arguments.policy_file;
    POSTERN_TRY(file, policy_file::PolicyFile::load(path.empty() ? kClientPolicyFile : path, {}));
    file.apply({}, policy);
  }
  for (const std::string& setting : arguments.settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) return fail(ErrorCode::invalid_input, "--set", Error::kNoOffset, "NAME=VALUE is wanted");
    POSTERN_CHECK(policy::set(policy, setting.substr(0, equals), setting.substr(equals + 1)));
  }
  return policy;
}

Result<LogonOptions> logon_options(const LogonArguments& arguments) {
  LogonOptions options;
  POSTERN_TRY(url, Url::parse(arguments.url));
  options.url = std::move(url);
  auto name = ntlm::split_user_name(arguments.user);
  options.user = std::move(name.user);
  options.domain = std::move(name.domain);
  options.package = arguments.package == "ntlm"        ? LogonPackage::ntlm
                    : arguments.package == "negotiate" ? LogonPackage::negotiate
                                                       : LogonPackage::offered;
  options.tls.ca_file = arguments.ca_file;
  POSTERN_TRY(policy, client_policy(arguments));
  options.policy = std::move(policy);
  if (arguments.insecure) options.tls.peer = PeerCheck::danger_none;
  POSTERN_TRY(line, read_secret_line());
  POSTERN_TRY(hash, nt_hash_of_line(line, CredentialForm::password));
  options.nt_hash = std::move(hash);
  return options;
}

ExitCode run_logon(const LogonArguments& arguments, const Output& output) {
  auto options = logon_options(arguments);
  if (!options) return output.fail(options.error());
  if (!options->url.is_tls() && !options->url.is_loopback()) {
    output.warn("a logon over plain HTTP can be read and relayed by anybody on the way");
  }
  Json steps = Json::array();
  auto result = log_on(std::move(*options), [&](int number, const std::string& what, const Json& facts) {
    std::string line = fmt::format("{}. {}", number, what);
    for (const auto& [name, value] : facts.items()) {
      line += fmt::format("\n     {}: {}", name, value.is_string() ? printable(value.get<std::string>()) : value.dump());
    }
    output.lines(line);
    steps.push_back(Json{{"step", number}, {"what", what}, {"facts", facts}});
  });
  if (!result) return output.fail(result.error());
  if (output.format() == Format::json) result->object["steps"] = std::move(steps);
  output.answer(result->object);
  return result->allowed ? ExitCode::done : ExitCode::answer_is_no;
}

}  // namespace

void add_logon_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<LogonArguments>();
  CLI::App* logon = app.add_subcommand("logon", "Log on to a web server and show the eight steps");
  logon
      ->add_option("URL", arguments->url,
                   "http:// or https://; redirects to other origins get no logon unless OutgoingHosts names the host")
      ->required();
  logon->add_option("-u,--user", arguments->user, "DOMAIN\\name, name@domain or name")->required();
  logon->add_flag("--password-stdin", arguments->password_stdin, "The first line of standard input is the password")->required();
  logon->add_option("--package", arguments->package, "ntlm or negotiate; what the server offers if left out")
      ->check(CLI::IsMember({"offered", "ntlm", "negotiate"}));
  logon->add_option("--ca", arguments->ca_file, "Trust the certificates in this file instead of the system's");
  logon->add_option("--policy", arguments->policy_file,
                    "The client's policy, as posternd-policy.toml(5); /etc/postern/client-policy.toml if left out and there");
  logon
      ->add_option("--set", arguments->settings,
                   "A setting of the client's policy, NAME=VALUE, over the file: OutgoingHosts, ClientAllowedNTLMServers, ...")
      ->allow_extra_args(false);
  logon->add_flag("--insecure", arguments->insecure, "Do not verify the server's certificate");
  logon->footer(
      "Example:\n"
      "  postern logon https://www.example.org/ -u 'EXAMPLE\\alice' --password-stdin < password.txt\n"
      "  ... --set OutgoingHosts='*.example.org' --set RestrictSendingNTLMTraffic=1\n"
      "Exit code: 0 logged on and answered with 2xx, 1 refused, 3 a fault.");
  logon->callback(
      [arguments, &context] { context.run = [arguments](const Output& output) { return run_logon(*arguments, output); }; });
}

}  // namespace postern::cli
