// The folder of an evaluation's records: one gzip file a unit (cell, policy, seed), written in full
// or not at all, so that a run that was killed goes on where it was.
// Tests: tests/unit/sim/study/unit_store_test.cc
#pragma once

#include <cstdint>
#include <string>

#include "sim/study/result.h"
#include "sim/study/sustained.h"

namespace hexagent::sim {

struct Unit {
  std::string cell;
  std::string policy;
  uint64_t seed = 0;
};

class UnitStore {
 public:
  explicit UnitStore(std::string folder);

  // <folder>/records/<cell>/<policy>-<seed>.csv.gz, `/` of a policy as `+`.
  std::string path(const Unit& unit) const;

  // True when a whole record of this very unit is there. What is damaged counts as missing.
  bool load(const Unit& unit, RunResult* run) const;

  // Throws std::runtime_error when the disk refuses. Safe from several threads for different units.
  void save(const Unit& unit, const RunResult& run) const;

  // The bounds of the unit's seed, <folder>/records/<cell>/bounds-<seed>.txt; the policy says
  // nothing.
  std::string bounds_path(const Unit& unit) const;
  bool load(const Unit& unit, SeedBounds* bounds) const;
  void save(const Unit& unit, const SeedBounds& bounds) const;

  // What the unit's policy sustains, <folder>/records/<cell>/sustained-<policy>-<seed>.txt.
  std::string sustained_path(const Unit& unit) const;
  bool load(const Unit& unit, SustainedLoad* sustained) const;
  void save(const Unit& unit, const SustainedLoad& sustained) const;

 private:
  std::string folder_;
};

// Writes `text` to a file of its own beside `path`, then moves it there. Throws std::runtime_error.
void write_whole_file(const std::string& path, const std::string& text);

}  // namespace hexagent::sim
