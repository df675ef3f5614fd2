#include <memory>

#include "postern/account_import.hpp"
#include "postern/account_set.hpp"
#include "postern/admin_ask.hpp"
#include "postern/admin_socket.hpp"
#include "postern/commands.hpp"

namespace postern::cli {
namespace {

constexpr int kImportDeadlineSeconds = 600;  // keys are derived for each password

void add_set(CLI::App& account, Context& context) {
  struct Arguments {
    std::string name{};
    AccountSettings settings{};
  };
  auto arguments = std::make_shared<Arguments>();
  AccountSettings& settings = arguments->settings;
  CLI::App* app = account.add_subcommand("set", "Say when, where and with what an account may log on");
  app->add_option("NAME", arguments->name, "DOMAIN\\name, name@domain, or name where there is one domain")->required();
  app->add_option("--logon-hours", settings.logon_hours, "Hours in UTC, for example \"Mon-Fri 08-18, Sat 09-12\"; always; never");
  app->add_option("--workstations", settings.workstations, "Names that the client must claim, with commas; any");
  app->add_option("--networks", settings.networks,
                  "Networks that the client must be of, for example 10.0.0.0/8,2001:db8::/32; any");
  app->add_option("--ntlm", settings.ntlm, "on, or off: no logon over NTLM");
  app->add_option("--protected", settings.is_protected,
                  "on: into the group Protected Users, whose members do not use NTLM; or off");
  app->add_option("--canary", settings.canary, "on: a decoy, whose use raises an alarm; or off");
  app->add_option("--must-change", settings.must_change, "on: the password must be changed before the next logon; or off");
  app->add_option("--expires", settings.expires,
                  "The account's end: 2027-01-31 (its first moment in UTC), an RFC 3339 time, never");
  app->footer("Example:\n  postern account set 'EXAMPLE\\\\alice' --logon-hours 'Mon-Fri 08-18' --networks 10.0.0.0/8 --ntlm off");
  app->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) {
      const auto request = account_set_request(arguments->name, arguments->settings);
      if (!request) return output.fail(request.error());
      return ask_and_print(context, *request, "account", output);
    };
  });
}

void add_audit(CLI::App& account, Context& context) {
  auto days = std::make_shared<std::uint32_t>(365);
  CLI::App* app = account.add_subcommand("audit", "Name the accounts that need mending; no hash is ever shown");
  app->add_option("--old-after", *days, "Days after which a password is old")->capture_default_str();
  app->footer("Example:\n  postern account audit --old-after 180");
  app->callback([days, &context] {
    context.run = [days, &context](const Output& output) {
      const auto socket = admin_socket_path(context.socket, context.config);
      if (!socket) return output.fail(socket.error());
      auto client = AdminClient::connect(*socket);
      if (!client) return output.fail(client.error());
      client->wait_up_to(kImportDeadlineSeconds);
      const auto answer = client->ask(Json{{"op", "account.audit"}, {"old_after_days", *days}});
      if (!answer) return output.fail(answer.error());
      const Json audit = answer->value("audit", Json::object());
      if (output.format() == Format::json) {
        output.answer(audit);
      } else {
        output.lines(audit_text(audit));
      }
      return ExitCode::done;
    };
  });
}

void add_import(CLI::App& account, Context& context) {
  struct Arguments {
    std::string file{};
    bool check = false;
    bool danger_allow_breached = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* app = account.add_subcommand("import", "Add the accounts of a file: CSV, or the lines of Samba's pdbedit -L -w");
  app->add_option("FILE", arguments->file, "The file, which its owner alone may read")->required();
  app->add_flag("--check", arguments->check, "Only say whether all of it could be added");
  app->add_flag("--danger-allow-breached", arguments->danger_allow_breached,
                "Take passwords that are on the list of breached ones");
  app->footer("Example:\n  postern account import --check accounts.csv\n  postern account import accounts.csv");
  app->callback([arguments, &context] {
    context.run = [arguments, &context](const Output& output) {
      auto file = read_import_file(arguments->file);
      if (!file) return output.fail(file.error());
      Json request{{"op", "account.import"}};
      if (arguments->check) request["check"] = true;
      if (arguments->danger_allow_breached) request["danger_allow_breached"] = true;
      return ask_and_print(context, request, "import", output, AdminClient::SecretMember{"file", std::move(*file)},
                           kImportDeadlineSeconds);
    };
  });
}

}  // namespace

void add_account_state_commands(CLI::App& account, Context& context) {
  add_set(account, context);
  add_audit(account, context);
  add_import(account, context);
}

}  // namespace postern::cli
