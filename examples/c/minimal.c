/*
 * The smallest embedding: two workers, a workflow of two dependent calls, virtual time. Prints the
 * decisions and plays the engines: what is dispatched is reported as done, one step later.
 * cc minimal.c $(pkg-config --cflags --libs hexagent) -o minimal && ./minimal
 */
#include <hexagent/hexagent.h>
#include <stdio.h>
#include <stdlib.h>

static const char* const kKinds[] = {"?",     "ACCEPTED",  "REFUSED",      "PREFILL",
                                     "LOCAL", "TRANSFER",  "DECODE",       "REPRIORITISE",
                                     "ABORT", "RETAIN_KV", "RELEASE_KV",   "REJECT",
                                     "RISK",  "CALL_DONE", "WORKFLOW_DONE"};

/* Every answer below 0 is an error; an example may simply give up. */
static int32_t check(int32_t answer) {
  if (answer >= 0) return answer;
  fprintf(stderr, "%s\n", hexagent_status_text(answer));
  exit(1);
}

int main(void) {
  hexagent_scheduler* scheduler = hexagent_open(NULL, HEXAGENT_VERSION, NULL);
  if (scheduler == NULL) return 1;
  hexagent_profile profile = {.struct_size = sizeof(profile)}; /* ships with the library */
  check(hexagent_profile_builtin(scheduler, "H100-80G", "llama-3.1-70b", 4, &profile));
  check(hexagent_profile_set(scheduler, &profile, 0, NULL));
  hexagent_worker worker = {.struct_size = sizeof(worker), .incarnation = 1, .tensor_parallel = 4};
  worker.gpu = profile.gpu;
  worker.model = profile.model;
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    worker.worker = worker.role = role; /* ids 1 and 2 */
    check(hexagent_worker_set(scheduler, &worker, 0, NULL));
  }
  const hexagent_workflow workflow = {.workflow = 7};
  const uint64_t deps[] = {1}; /* the second call needs what the first has written */
  hexagent_call calls[2] = {{.workflow = 7, .call = 1, .prompt_tokens = 1000},
                            {.workflow = 7, .call = 2, .prompt_tokens = 1500, .deps_count = 1}};
  calls[0].model = calls[1].model = profile.model;
  calls[1].flags = HEXAGENT_CALL_LAST;
  hexagent_status results[2];
  check(hexagent_workflow_begin(scheduler, &workflow, 1, results));
  check(hexagent_submit(scheduler, calls, 2, deps, 1, NULL, 0, results));
  hexagent_decision decision = {0};
  for (int64_t now_ns = 0; now_ns < 1000000000; now_ns += 100000000) {
    check(hexagent_step(scheduler, now_ns)); /* a gateway passes its monotonic clock */
    while (check(hexagent_poll(scheduler, &decision, 1)) > 0) {
      const char* kind = decision.kind < 15 ? kKinds[decision.kind] : kKinds[0];
      printf("%-13s call %d  worker %u\n", kind, (int)decision.call, decision.worker);
      hexagent_report done = {.workflow = 7, .call = decision.call};
      done.outcome = HEXAGENT_OUTCOME_DONE;
      if (decision.kind == HEXAGENT_DECISION_PREFILL) done.phase = HEXAGENT_PHASE_PREFILL;
      if (decision.kind == HEXAGENT_DECISION_TRANSFER) done.phase = HEXAGENT_PHASE_TRANSFER;
      if (decision.kind == HEXAGENT_DECISION_DECODE) done.phase = HEXAGENT_PHASE_DECODE;
      if (done.phase != 0) check(hexagent_complete(scheduler, &done, 1, results));
    }
  }
  hexagent_close(scheduler);
  return decision.kind == HEXAGENT_DECISION_WORKFLOW_DONE ? 0 : 1; /* the last one */
}
