// hexagent: the command-line tool. Simulates, compares and measures the library, always through its
// public C ABI. Exit status: 0 done, 1 bad input or failure (said on stderr), 2 wrong usage.
#include <cstdio>
#include <exception>
#include <string>

#include "hexagent/hexagent.h"
#include "tool/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"Schedules LLM agent workflows on simulated clusters with libhexagent.", "hexagent"};
  app.require_subcommand(1);
  app.set_version_flag("--version", [] {
    const uint32_t version = hexagent_version();
    return std::to_string(version >> 16) + "." + std::to_string((version >> 8) & 0xff) + "." +
           std::to_string(version & 0xff);
  });
  hexagent::tool::add_compare(&app);
  hexagent::tool::add_simulate(&app);
  hexagent::tool::add_evaluate(&app);
  hexagent::tool::add_bound(&app);
  hexagent::tool::add_sustained(&app);
  hexagent::tool::add_validate(&app);
  hexagent::tool::add_bench(&app);
  hexagent::tool::add_policies(&app);
  hexagent::tool::add_replay(&app);
  hexagent::tool::add_trace(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help, version
    // A command nobody knows is reported as a missing one; what was written says more.
    const bool misspelt = argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty();
    const std::string what = misspelt ? std::string("no command ") + argv[1] : error.what();
    std::fprintf(stderr, "hexagent: %s; run with --help for more\n", what.c_str());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hexagent: %s\n", error.what());
    return 1;
  }
  return 0;
}
