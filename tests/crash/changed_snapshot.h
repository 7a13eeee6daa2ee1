// Snapshots that somebody has changed: cores to change the snapshots of, changes that leave the
// bytes well formed, and a life to go on with for whoever takes them all the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "crash/rich_life.h"
#include "wire/snapshot_head.h"

namespace hexagent::test {

// A core in the middle of its life, and what came after.
struct MidLife {
  Settings settings;
  SnapshotSections sections;
  std::deque<KeptStep> rest;
};

inline MidLife mid_life(uint64_t seed, bool shadow, uint32_t steps, uint32_t rest) {
  MidLife life;
  RichLife rich(seed, shadow, !shadow);
  life.settings = rich_settings(shadow);
  for (uint32_t step = 0; step < steps; ++step) rich.step();
  rich.core.save(&life.sections);
  rich.steps.clear();
  for (uint32_t step = 0; step < rest; ++step) rich.step();
  life.rest = std::move(rich.steps);
  return life;
}

// Numbers that are wrong nearly everywhere.
inline constexpr uint64_t kOddNumbers[] = {
    0,          1,          2,          3,          0x7f,       0xff,       0x7fffffff,
    0x80000000, 0xfffffffe, 0xffffffff, 1ULL << 40, 1ULL << 62, 1ULL << 63, ~0ULL};

// One change to one column: another value in a row, values swapped, rows more or less.
inline void change(SnapshotSections* sections, Draw* draw) {
  SnapshotSection& section = (*sections)[static_cast<size_t>((*draw)(sections->size()))];
  if (section.columns.empty()) return;
  SnapshotColumn& column = section.columns[static_cast<size_t>((*draw)(section.columns.size()))];
  const auto row = static_cast<size_t>((*draw)(section.rows));
  if (column.values.size() == 1) column.values.resize(section.rows, column.values[0]);
  uint64_t& value = column.values[row];
  switch ((*draw)(8)) {
    case 0:
      value = kOddNumbers[(*draw)(sizeof(kOddNumbers) / sizeof(kOddNumbers[0]))];
      break;
    case 1:
      value += 1;
      break;
    case 2:
      value -= 1;
      break;
    case 3:
      value ^= 1ULL << (*draw)(64);
      break;
    case 4:
      std::swap(value, column.values[static_cast<size_t>((*draw)(section.rows))]);
      break;
    case 5:
      value = column.values[static_cast<size_t>((*draw)(section.rows))];
      break;
    case 6:
      value = (*draw)(section.rows + 2);
      break;
    default:
      value = (*draw)(2) == 0 ? 0x7ff0000000000000u : 0x7ff8000000000000u;  // infinity, no number
  }
}

inline TimeNs now_of(const SnapshotSections& sections) {
  for (const SnapshotSection& section : sections) {
    if (section.name != "scheduler") continue;
    for (const SnapshotColumn& column : section.columns) {
      if (column.name == "now") return static_cast<TimeNs>(column.at(0));
    }
  }
  return 0;
}

// "" if the core refuses them, or takes them and goes on as a sound core does; checks inside the
// core stop the program. `taken` tells which.
inline std::string refuses_or_lives(const MidLife& life, const SnapshotSections& sections,
                                    bool* taken, std::string* flaw) {
  Scheduler core(life.settings);
  *taken = core.load(sections, flaw);
  if (!*taken) return flaw->empty() ? "refused without a word" : "";
  if (core.audit() != nullptr) return core.audit();
  SnapshotSections again;
  core.save(&again);
  std::string ignored;
  Scheduler other(life.settings);
  if (!other.load(again, &ignored)) return "what it saves is refused: " + ignored;
  // A core whose clock is ahead of the life goes through it later.
  const TimeNs ahead = std::max<TimeNs>(0, now_of(sections) - life.rest.front().now);
  for (const KeptStep& step : life.rest) take_step(step, &core, ahead);
  core.save(&again);
  return "";
}

}  // namespace hexagent::test
