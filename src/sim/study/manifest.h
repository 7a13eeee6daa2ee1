// The manifest of an evaluation's folder: what its records came from. Records of one folder are of
// one suite, one set of inputs and one build, else a report would mix what cannot be compared.
// Tests: tests/tool/evaluate.sh
#pragma once

#include <cstdint>
#include <string>

#include "sim/study/suite.h"

namespace hexagent::sim {

// Bounds for a quick look; 0 = as the suite says.
struct Reduction {
  uint32_t workflows_max = 0;
  uint32_t seeds_max = 0;
};

struct Manifest {
  std::string suite;
  std::string suite_file;
  std::string version;  // of the library
  std::string command;  // that made the folder
  uint64_t suite_hash = 0;
  uint64_t inputs_hash = 0;  // traces, cluster files and profiles
  uint64_t build_hash = 0;   // the program and the library it runs with
  Reduction reduction;
};

Manifest make_manifest(const Suite& suite, const Reduction& reduction, const std::string& command);

// Writes <folder>/manifest.json, or compares with the one there. Throws std::runtime_error when the
// folder's records are of another suite, reduction, inputs or build.
void settle_manifest(const std::string& folder, const Manifest& manifest);

}  // namespace hexagent::sim
