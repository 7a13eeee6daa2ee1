/*
 * The smallest embedding: one prefill and one decode worker, a workflow of two dependent calls,
 * virtual time. It prints every decision and plays the engines: what it is told to run is done one
 * step later.   cc minimal.c $(pkg-config --cflags --libs hexagent) -o minimal && ./minimal
 */
#include <hexagent/hexagent.h>
#include <stdio.h>
#include <stdlib.h>

static const char* const kKinds[] = {"?",     "ACCEPTED",  "REFUSED",      "PREFILL",
                                     "LOCAL", "TRANSFER",  "DECODE",       "REPRIORITISE",
                                     "ABORT", "RETAIN_KV", "RELEASE_KV",   "REJECT",
                                     "RISK",  "CALL_DONE", "WORKFLOW_DONE"};

/* Every answer below 0 is an error; an example may simply give up. */
static int32_t check(const char* what, int32_t answer) {
  if (answer >= 0) return answer;
  fprintf(stderr, "%s: %s\n", what, hexagent_status_text(answer));
  exit(1);
}

/* Prints a decision and reports what it asks for as done; 1 at the end of the workflow. */
static int handle(hexagent_scheduler* scheduler, const hexagent_decision* decision) {
  printf("%4.1f s  %-13s call %d  worker %u  peer %u\n", (double)decision->time_ns * 1e-9,
         decision->kind < sizeof(kKinds) / sizeof(kKinds[0]) ? kKinds[decision->kind] : "?",
         (int)decision->call, decision->worker, decision->peer_worker);
  check("decision", decision->status); /* of REFUSED, CALL_DONE and WORKFLOW_DONE */
  hexagent_report report = {.workflow = decision->workflow, .call = decision->call};
  report.outcome = HEXAGENT_OUTCOME_DONE;
  if (decision->kind == HEXAGENT_DECISION_PREFILL) report.phase = HEXAGENT_PHASE_PREFILL;
  if (decision->kind == HEXAGENT_DECISION_TRANSFER) report.phase = HEXAGENT_PHASE_TRANSFER;
  if (decision->kind == HEXAGENT_DECISION_DECODE) report.phase = HEXAGENT_PHASE_DECODE;
  hexagent_status result = HEXAGENT_OK;
  if (report.phase != 0) check("complete", hexagent_complete(scheduler, &report, 1, &result));
  check("report", result);
  return decision->kind == HEXAGENT_DECISION_WORKFLOW_DONE;
}

int main(void) {
  hexagent_scheduler* scheduler = hexagent_open(NULL, HEXAGENT_VERSION, NULL);
  if (scheduler == NULL) return 1;

  /* Two instances of Llama 3.1 70B on four H100 each, with a time model that ships along. */
  hexagent_profile profile = {.struct_size = sizeof(profile)};
  check("builtin", hexagent_profile_builtin(scheduler, "H100-80G", "llama-3.1-70b", 4, &profile));
  check("profile", hexagent_profile_set(scheduler, &profile, 0, NULL));
  hexagent_worker worker = {.struct_size = sizeof(worker), .incarnation = 1, .tensor_parallel = 4};
  worker.gpu = profile.gpu;
  worker.model = profile.model;
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    worker.worker = worker.role = role; /* ids 1 and 2 */
    check("worker", hexagent_worker_set(scheduler, &worker, 0, NULL));
  }

  /* A workflow of two calls: the second needs what the first has written, and is the last. */
  const hexagent_workflow workflow = {.workflow = 7};
  const uint64_t deps[] = {1};
  hexagent_call calls[2] = {{.workflow = 7, .call = 1, .prompt_tokens = 1000},
                            {.workflow = 7, .call = 2, .prompt_tokens = 1500, .deps_count = 1}};
  calls[0].model = calls[1].model = profile.model;
  calls[1].flags = HEXAGENT_CALL_LAST;
  hexagent_status results[2] = {HEXAGENT_OK, HEXAGENT_OK};
  check("begin", hexagent_workflow_begin(scheduler, &workflow, 1, results));
  check("workflow", results[0]);
  check("submit", hexagent_submit(scheduler, calls, 2, deps, 1, NULL, 0, results));
  for (int i = 0; i < 2; ++i) check("call", results[i]);

  /* 100 ms of virtual time a step; a gateway passes its monotonic clock and waits for events. */
  int done = 0;
  for (int64_t now_ns = 0; !done && now_ns < 10000000000; now_ns += 100000000) {
    check("step", hexagent_step(scheduler, now_ns));
    hexagent_decision decision;
    while (check("poll", hexagent_poll(scheduler, &decision, 1)) > 0) {
      done |= handle(scheduler, &decision);
    }
  }
  hexagent_close(scheduler);
  return done ? 0 : 1;
}
