// `hexagent trace`: a journal as a Chrome trace for Perfetto.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "tool/commands.h"
#include "tool/replay_session.h"
#include "tool/trace_export.h"

namespace hexagent::tool {
namespace {

struct TraceOptions {
  std::string journal;
  std::string output;  // "" = standard output
};

void run_trace(const TraceOptions& options) {
  ReplaySession session(options.journal);
  TraceExport trace;
  uint64_t different = 0;
  while (session.step()) {
    different += session.info.different;
    trace.add_step(session);
  }
  const std::string beginning = session.beginning();
  if (!beginning.empty()) {
    std::fprintf(stderr, "hexagent: the trace %s; workflows that began before are left out\n",
                 beginning.c_str());
  }
  if (different > 0) {
    std::fprintf(stderr,
                 "hexagent: in %llu steps this library decides otherwise than the one that wrote "
                 "the journal; the trace shows what it decides now\n",
                 static_cast<unsigned long long>(different));
  }
  std::FILE* file = options.output.empty() ? stdout : std::fopen(options.output.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error(options.output + ": " + std::strerror(errno));
  trace.write(file);
  const bool failed = std::ferror(file) != 0;
  if ((file != stdout && std::fclose(file) != 0) || failed) {
    throw std::runtime_error(options.output + ": cannot be written");
  }
}

}  // namespace

void add_trace(CLI::App* app) {
  CLI::App* command =
      app->add_subcommand("trace", "Turns a journal into a Chrome trace for Perfetto");
  auto options = std::make_shared<TraceOptions>();
  command->add_option("journal", options->journal, "Folder of the journal")->required();
  command->add_option("-o,--output", options->output, "File to write; standard output if none");
  command->callback([options] { run_trace(*options); });
}

}  // namespace hexagent::tool
