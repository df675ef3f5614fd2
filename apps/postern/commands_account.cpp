#include <memory>

#include "postern/admin_client.hpp"
#include "postern/admin_socket.hpp"
#include "postern/commands.hpp"
#include "postern/token_verify.hpp"

namespace postern::cli {
namespace {

/// Sends the request and prints what the answer holds under `member`.
ExitCode ask_and_print(const Context& context, Json request, const char* member, const Output& output) {
  const auto socket = admin_socket_path(context.socket, context.config);
  if (!socket) return output.fail(socket.error());
  auto client = AdminClient::connect(*socket);
  if (!client) return output.fail(client.error());
  auto answer = client->ask(std::move(request));
  if (!answer) return output.fail(answer.error());
  if (!answer->contains(member)) {
    output.answer(*answer);
    return ExitCode::done;
  }
  const Json& shown = (*answer)[member];
  if (output.format() == Format::json || shown.is_object()) {
    output.answer(shown);
  } else if (shown.is_array()) {
    for (const Json& element : shown) output.line(element.value("account", element.value("name", "")));
  } else {
    output.answer(*answer);
  }
  return ExitCode::done;
}

/// Adds the password that standard input gives to the request.
Result<void> add_password(Json& request) {
  POSTERN_TRY(line, read_secret_line());
  if (line.empty()) return fail(ErrorCode::denied, "password", Error::kNoOffset, "an empty password is never accepted");
  request["password"] = std::string{line.reveal_text()};
  return {};
}

constexpr const char* kNameHelp = "DOMAIN\\name, name@domain, or name where there is one domain";

struct AccountArguments {
  std::string name{};
  bool password_stdin = false;
  bool must_change = false;
  std::string kind{};
  std::vector<std::string> groups{};
};

/// A command on one account that needs nothing but its name.
void add_simple(CLI::App& account, Context& context, const char* command, const char* help, const char* operation) {
  auto name = std::make_shared<std::string>();
  CLI::App* app = account.add_subcommand(command, help);
  app->add_option("NAME", *name, kNameHelp)->required();
  app->footer(std::string{"Example:\n  postern account "} + command + " 'EXAMPLE\\alice'");
  app->callback([name, operation, &context] {
    context.run = [name, operation, &context](const Output& output) {
      return ask_and_print(context, Json{{"op", operation}, {"account", *name}}, "account", output);
    };
  });
}

/// `add` and `passwd`: a name and a password.
CLI::App* add_with_password(CLI::App& account, Context& context, const char* command, const char* help, const char* operation,
                            const std::shared_ptr<AccountArguments>& arguments) {
  CLI::App* app = account.add_subcommand(command, help);
  app->add_option("NAME", arguments->name, kNameHelp)->required();
  app->add_flag("--password-stdin", arguments->password_stdin, "The first line of standard input is the password")->required();
  app->footer(std::string{"Example:\n  postern account "} + command + " 'EXAMPLE\\alice' --password-stdin < password.txt");
  app->callback([arguments, operation, &context] {
    context.run = [arguments, operation, &context](const Output& output) {
      Json request{{"op", operation}, {"account", arguments->name}};
      if (!arguments->kind.empty()) request["kind"] = arguments->kind;
      if (!arguments->groups.empty()) request["groups"] = arguments->groups;
      if (arguments->must_change) request["must_change"] = true;
      if (const auto added = add_password(request); !added) return output.fail(added.error());
      return ask_and_print(context, std::move(request), "account", output);
    };
  });
  return app;
}

}  // namespace

void add_domain_commands(CLI::App& app, Context& context) {
  CLI::App* domain = app.add_subcommand("domain", "The domains that this authority owns");
  domain->require_subcommand(1);

  struct Arguments {
    std::string name{};
    std::string dns{};
    std::string realm{};
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* add = domain->add_subcommand("add", "Add a domain of our own");
  add->add_option("NAME", arguments->name, "Its NetBIOS name, for example EXAMPLE")->required();
  add->add_option("--dns", arguments->dns, "Its DNS name, for example example.org")->required();
  add->add_option("--realm", arguments->realm, "Its Kerberos realm; the DNS name in capitals if left out");
  add->footer("Example:\n  postern domain add EXAMPLE --dns example.org");
  add->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) {
      Json request{{"op", "domain.add"}, {"name", arguments->name}, {"dns", arguments->dns}};
      if (!arguments->realm.empty()) request["realm"] = arguments->realm;
      return ask_and_print(context, std::move(request), "domain", output);
    };
  });

  CLI::App* list = domain->add_subcommand("list", "List the domains");
  list->footer("Example:\n  postern domain list --json");
  list->callback([&context] {
    context.run = [&context](const Output& output) {
      return ask_and_print(context, Json{{"op", "domain.list"}}, "domains", output);
    };
  });

  auto shown = std::make_shared<std::string>();
  CLI::App* show = domain->add_subcommand("show", "Show a domain");
  show->add_option("NAME", *shown, "Its NetBIOS or DNS name")->required();
  show->footer("Example:\n  postern domain show EXAMPLE");
  show->callback([shown, &context] {
    context.run = [shown, &context](const Output& output) {
      return ask_and_print(context, Json{{"op", "domain.show"}, {"name", *shown}}, "domain", output);
    };
  });
}

void add_account_commands(CLI::App& app, Context& context) {
  CLI::App* account = app.add_subcommand("account", "The accounts of our domains");
  account->require_subcommand(1);

  auto added = std::make_shared<AccountArguments>();
  CLI::App* add = add_with_password(*account, context, "add", "Add an account", "account.add", added);
  add->add_option("--kind", added->kind, "domain (default), local or machine");
  add->add_option("--group", added->groups, "A group's name; may be given many times");
  auto changed = std::make_shared<AccountArguments>();
  CLI::App* passwd = add_with_password(*account, context, "passwd", "Set an account's password", "account.passwd", changed);
  passwd->add_flag("--must-change", changed->must_change, "The account must change it before it logs on");

  auto domain = std::make_shared<std::string>();
  CLI::App* list = account->add_subcommand("list", "List the accounts");
  list->add_option("--domain", *domain, "Only those of this domain");
  list->footer("Example:\n  postern account list --json");
  list->callback([domain, &context] {
    context.run = [domain, &context](const Output& output) {
      Json request{{"op", "account.list"}};
      if (!domain->empty()) request["domain"] = *domain;
      return ask_and_print(context, std::move(request), "accounts", output);
    };
  });

  add_simple(*account, context, "show", "Show an account", "account.show");
  add_simple(*account, context, "enable", "Let an account log on", "account.enable");
  add_simple(*account, context, "disable", "Let an account log on no more", "account.disable");
  add_simple(*account, context, "unlock", "Forget an account's wrong passwords", "account.unlock");
  add_simple(*account, context, "remove", "Remove an account", "account.remove");
}

}  // namespace postern::cli
