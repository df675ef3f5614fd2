#include <memory>

#include "postern/admin_ask.hpp"
#include "postern/commands.hpp"
#include "postern/token_verify.hpp"

namespace postern::cli {
namespace {

constexpr const char* kNameHelp = "DOMAIN\\name, name@domain, or name where there is one domain";

struct AccountArguments {
  std::string name{};
  bool password_stdin = false;
  bool must_change = false;
  bool revoke_old = false;
  bool by_owner = false;
  bool danger_allow_breached = false;
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
  app->add_flag("--must-change", arguments->must_change, "The account must change it before it logs on");
  app->add_flag("--danger-allow-breached", arguments->danger_allow_breached,
                "Take a password that is on the list of breached ones");
  app->footer(std::string{"Example:\n  postern account "} + command + " 'EXAMPLE\\alice' --password-stdin < password.txt");
  app->callback([arguments, operation, &context] {
    context.run = [arguments, operation, &context](const Output& output) {
      Json request{{"op", operation}, {"account", arguments->name}};
      if (!arguments->kind.empty()) request["kind"] = arguments->kind;
      if (!arguments->groups.empty()) request["groups"] = arguments->groups;
      for (const auto& [name, set] :
           {std::pair{"must_change", arguments->must_change}, std::pair{"revoke_old", arguments->revoke_old},
            std::pair{"by_owner", arguments->by_owner}, std::pair{"danger_allow_breached", arguments->danger_allow_breached}}) {
        if (set) request[name] = true;
      }
      auto password = read_secret_line();
      if (!password) return output.fail(password.error());
      if (password->empty()) {
        return output.fail({ErrorCode::denied, "password", Error::kNoOffset, "an empty password is never accepted", {}});
      }
      return ask_and_print(context, request, "account", output, AdminClient::SecretMember{"password", std::move(*password)});
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
      return ask_and_print(context, request, "domain", output);
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
  passwd->add_flag("--revoke-old", changed->revoke_old,
                   "The password before it is not accepted any more, not even for the hour of grace");
  passwd->add_flag("--by-owner", changed->by_owner, "The account's owner asks: no earlier password, and none that is too young");

  auto domain = std::make_shared<std::string>();
  CLI::App* list = account->add_subcommand("list", "List the accounts");
  list->add_option("--domain", *domain, "Only those of this domain");
  list->footer("Example:\n  postern account list --json");
  list->callback([domain, &context] {
    context.run = [domain, &context](const Output& output) {
      Json request{{"op", "account.list"}};
      if (!domain->empty()) request["domain"] = *domain;
      return ask_and_print(context, request, "accounts", output);
    };
  });

  add_account_state_commands(*account, context);
  add_simple(*account, context, "show", "Show an account", "account.show");
  add_simple(*account, context, "enable", "Let an account log on", "account.enable");
  add_simple(*account, context, "disable", "Let an account log on no more", "account.disable");
  add_simple(*account, context, "unlock", "Forget an account's wrong passwords", "account.unlock");
  add_simple(*account, context, "remove", "Remove an account", "account.remove");
}

}  // namespace postern::cli
