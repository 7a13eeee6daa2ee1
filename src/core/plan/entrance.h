// Entrance: which workflows may begin. One that has begun comes back to its KV again and again; one
// that has not wants nothing yet. Where those at work together want more KV than the prefill
// workers can cache, each call evicts what others come back to, prefixes are computed over and
// over, all take longer, and more pile up: caches collapse at a load that they would bear, and do
// not recover (README.md). So while those at work want more than `working_set_max` of the prefill
// KV space of their model, new ones wait outside: in the waiting list, passed over by plans. The
// most urgent goes in first, as far as tiers and fairness between tenants have it.
//
// What a workflow wants is its longest prompt so far, less what that shares with a named group. It
// is a rule of dispatch windows; the paper's plan, which keeps nothing back, goes without.
// Tests: tests/unit/core/plan/entrance_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// A call is about to join the waiting ones: its workflow wants its prompt, and goes in or waits
// outside if it has done neither.
void arrive(Scheduler::State* state, uint32_t call);

// Calls ready or in flight of the workflow have changed in number.
void count_work(Scheduler::State* state, Workflow* workflow);

// No worker serves this waiting call at present. Until one of its workflow's is sent, that counts
// only for what is in flight: else calls that nobody can take would keep all others outside.
void note_stuck(Scheduler::State* state, uint32_t call);

// Before a plan: lets in who may begin now.
void open_entrance(Scheduler::State* state);

}  // namespace hexagent
