// Writes the golden journal of a release, or its golden snapshot: write_golden FOLDER, write_golden
// snapshot FILE. Run once for a release, with its library; the result is committed and never made
// anew (tests/compat/README.md).
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "crash/rich_life.h"
#include "crash/workload.h"
#include "wire/snapshot.h"

namespace {

// A core in the middle of a life that uses all there is.
int write_snapshot(const char* path) {
  hexagent::test::RichLife life(2026, false);
  for (int step = 0; step < 150; ++step) life.step();
  const std::vector<uint8_t> bytes = hexagent::encode_snapshot(life.core);
  std::FILE* file = std::fopen(path, "wb");
  if (file == nullptr) return 1;
  const bool whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  std::printf("%zu bytes\n", bytes.size());
  return std::fclose(file) == 0 && whole ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace hexagent;  // NOLINT: a small program
  if (argc == 3 && std::strcmp(argv[1], "snapshot") == 0) return write_snapshot(argv[2]);
  if (argc != 2) return 2;
  std::unique_ptr<JournalFolder> folder;
  std::string trouble;
  if (open_folder(argv[1], FolderUse::kWrite, &folder, &trouble) != HEXAGENT_OK) {
    std::fprintf(stderr, "%s\n", trouble.c_str());
    return 1;
  }
  JournalOptions options;
  options.full_decisions = true;
  options.segment_bytes = 16'000;
  test::JournalledRun run(2026, folder.get(), options);
  if (run.start() != HEXAGENT_OK) return 1;
  for (int step = 0; step < 120; ++step) run.workload.step(&run.writer);
  if (run.writer.close() != HEXAGENT_OK) return 1;
  const JournalStats& stats = run.writer.stats();
  std::printf("%llu steps, %llu inputs, %llu decisions, %llu segments\n",
              static_cast<unsigned long long>(stats.steps),
              static_cast<unsigned long long>(stats.inputs),
              static_cast<unsigned long long>(run.workload.decisions),
              static_cast<unsigned long long>(stats.segments));
  return 0;
}
