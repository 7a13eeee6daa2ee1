// `hexagent validate`: the simulator's engines against end-to-end measurements of real servers.
#include "sim/validate/validate.h"

#include <cstdio>
#include <memory>

#include "sim/study/cell.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct ValidateOptions {
  std::string measured;
  std::string profiles;
};

void run_validate(const ValidateOptions& options) {
  const std::string folder =
      options.profiles.empty() ? sim::find_data_file("profiles") : options.profiles;
  const sim::ProfileSet profiles = sim::load_profiles(folder);
  const auto errors = sim::validate_engines(options.measured, profiles);
  std::fputs(sim::engine_errors_table(errors).c_str(), stdout);
}

}  // namespace

void add_validate(CLI::App* app) {
  CLI::App* command = app->add_subcommand(
      "validate", "Tells how far the simulator's engines are from measured end-to-end times");
  auto options = std::make_shared<ValidateOptions>();
  command
      ->add_option("--measured", options->measured,
                   "Folder with e2e_*.csv tables: requests, batches and times of real servers")
      ->required();
  command->add_option("--profiles", options->profiles,
                      "Profile folder; the shipped one when not given");
  command->callback([options] { run_validate(*options); });
}

}  // namespace hexagent::tool
