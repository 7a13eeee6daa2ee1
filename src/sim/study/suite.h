// A suite: the list of cells, policies and seeds of an evaluation, fixed in a file before anything
// is tuned. Running it is evaluation.h's, reading a cell's files cell.h's. Format: README of the
// simulator. Tests: tests/unit/sim/study/suite_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/bounds/clairvoyant.h"
#include "sim/study/cell.h"

namespace hexagent::sim {

// Rivals that a headline may be told against together: as published, or mixed (EXPERIMENTS 2).
struct PolicyGroup {
  std::string name;
  std::string about;
  std::vector<std::string> policies;
  bool strongest_only = false;  // on test seeds: those that tuning seeds choose, see settle.h
};

// The subject with one switch changed.
struct Ablation {
  std::string name;
  std::string policy;
};

// Bounds of a cell: of its first `seeds` test seeds; 0 = none.
struct BoundsRequest {
  uint32_t seeds = 0;
  ClairvoyantEffort effort;
};

// Policies whose sustained load is looked for in a cell, on its first `seeds` test seeds.
struct SustainedRequest {
  uint32_t seeds = 0;
  std::vector<std::string> policies;
};

struct SuiteCell {
  std::string name;  // letters, digits, '-', '_', '.': it names a folder
  std::string why;
  CellRequest request;
  std::vector<uint64_t> seeds;
  std::vector<uint64_t> tuning_seeds;  // rivals alone run on these; may be empty
  std::vector<std::string> groups;     // those that run here; "ablation" for the switches
  BoundsRequest bounds;
  SustainedRequest sustained;
};

struct Suite {
  std::string path;
  std::string name;
  std::string about;
  std::vector<std::string> not_covered;  // what EXPERIMENTS asks and no cell has
  uint64_t hash = 0;                     // of the file's text
  std::string subject;
  std::vector<PolicyGroup> groups;
  std::vector<Ablation> ablations;
  std::vector<SuiteCell> cells;
};

// Name of the ablations where a cell lists its groups.
inline constexpr const char* kAblationGroup = "ablation";

bool runs_group(const SuiteCell& cell, const std::string& group);

// Policies of a cell without doubles: the subject, its rivals by group, its ablations. `tuning`:
// those that run on tuning seeds.
std::vector<std::string> policies_of(const Suite& suite, const SuiteCell& cell, bool tuning);

// Throws InputError naming file, cell and field.
Suite load_suite(const std::string& path);
Suite parse_suite(std::string_view text, const std::string& path);

// A file path as given, or NAME.json of the suites that ship with the project.
std::string find_suite_file(const std::string& text);

}  // namespace hexagent::sim
