// Standalone horizon: how long a workflow would take alone on this cluster, from what is revealed.
//
// A call alone takes its prefill on the best prefill worker (with the prefix it shares with calls
// of its own workflow cached), the transfer of its KV over the fastest link, and its decode on the
// best decode worker. H_w(t) is the longest path through the revealed calls, observed tool gaps
// included; when a call ends its true length replaces the predicted one (notes/algorithms.md 1.1,
// EXPERIMENTS section 1). The reference for reports lives in the simulator and uses true lengths
// throughout. Tests: tests/unit/core/workflow/horizon_test.cc.
#pragma once

#include "core/cluster/worker_table.h"
#include "core/workflow/workflow_table.h"

namespace hexagent {

// One call alone, seconds; `cached_tokens` are what it shares with its own workflow. 0 when no
// worker serves its model.
double standalone_s(const WorkerTable& workers, const ModelPool* pool, uint32_t prompt_tokens,
                    uint32_t cached_tokens, double output_tokens);

// Its prefill part.
double standalone_prefill_s(const WorkerTable& workers, const ModelPool* pool,
                            uint32_t prompt_tokens, uint32_t cached_tokens);

// Sets the call's standalone and path times from its present expectation; `end_of_gap` is when it
// became (or becomes) ready. Updates its workflow's horizon and remainder.
void reveal_horizon(const WorkerTable& workers, WorkflowTable* workflows, uint32_t call,
                    TimeNs end_of_gap);

// The call ended with `output_tokens`: corrects its path and those that lead through it, updates
// the workflow's horizon and remainder.
void finish_horizon(const WorkerTable& workers, WorkflowTable* workflows, uint32_t call,
                    double output_tokens, TimeNs end);

// Computes horizon, tails and remainder of a workflow from its calls again.
void refresh_horizon(WorkflowTable* workflows, uint32_t workflow);

}  // namespace hexagent
