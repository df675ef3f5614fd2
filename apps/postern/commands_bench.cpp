#include <string>
#include <vector>

#include "postern/bench.hpp"
#include "postern/commands.hpp"

namespace postern::cli {

void add_bench_command(CLI::App& app, Context& context) {
  CLI::App* bench = app.add_subcommand("bench", "Measure logons and sealing beside gss-ntlmssp and WinPR in one run");
  bench->fallthrough(false);  // what follows is read by run_bench, not by the command above
  bench->prefix_command();
  bench->set_help_flag();
  bench->footer(
      "Example:\n"
      "  cmake --preset bench && cmake --build --preset bench\n"
      "  build/bench/bin/postern bench handshake --rounds 5\n"
      "  build/bench/bin/postern bench seal\n"
      "  postern bench policy");
  bench->callback([bench, &context] {
    context.run = [arguments = bench->remaining(), json = context.json](const Output&) mutable {
      if (json) arguments.emplace_back("--json");
      if (!arguments.empty() && arguments.front() == "policy") {
        return static_cast<ExitCode>(run_policy_bench({arguments.begin() + 1, arguments.end()}));
      }
      return static_cast<ExitCode>(run_bench(arguments));
    };
  });
}

}  // namespace postern::cli
