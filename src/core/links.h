// Links in use: samples into the estimates, and estimates as questions see them. What is behind
// them is in cluster/link_table.h. Tests: tests/unit/core/scheduler_link_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// Takes one measurement in, and counts it; the workers it names exist. False: an outlier.
bool learn_link(Scheduler::State* state, const LinkSample& sample);

// What placements reckon with between two workers, and how well it is known.
void fill_link_info(const Scheduler::State& state, uint32_t source, uint32_t target,
                    hexagent_link_info* info);

}  // namespace hexagent
