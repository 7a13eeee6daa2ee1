/*
 * What a call from C costs, as in `hexagent bench submit|poll` with manual driving, but through the
 * installed library as an embedder links it. `boundary ROUNDS` prints nanoseconds as JSON: medians
 * over rounds of 4096 records. Run by tests/boundary/run.py.
 */
#include <hexagent/hexagent.h>
#include <stdio.h>
#include <stdlib.h>

enum { kRecords = 4096, kSubmitBatch = 64, kPollBatch = 256 };

static hexagent_scheduler* scheduler;
static hexagent_call calls[kSubmitBatch];
static hexagent_decision decisions[kRecords];
static int64_t now_ns;
static int submitted;

static int32_t check(int32_t answer) {
  if (answer >= 0) return answer;
  fprintf(stderr, "%s\n", hexagent_status_text(answer));
  exit(1);
}

static void nothing(void) {}

static void version(uint32_t batch) {
  for (uint32_t i = 0; i < kRecords; i += batch) {
    if (hexagent_version() != HEXAGENT_VERSION) exit(1);
  }
}

static void submit(uint32_t batch) {
  hexagent_status results[kSubmitBatch];
  for (uint32_t sent = 0; sent < kRecords; sent += batch) {
    const int32_t taken = hexagent_submit(scheduler, calls, batch, NULL, 0, NULL, 0, results);
    if (check(taken) != (int32_t)batch) exit(1);
  }
}

static void poll_all(uint32_t batch) {
  for (uint32_t polled = 0; polled < kRecords;)
    polled += (uint32_t)check(hexagent_poll(scheduler, decisions, batch));
}

static void drain(void) {
  if (submitted) {
    check(hexagent_step(scheduler, ++now_ns));
    poll_all(kRecords);
  }
  submitted = 1;
}

static void fill(void) {
  for (uint32_t i = 0; i < kRecords; ++i) check(hexagent_ready(scheduler, 1, 1, i));
  check(hexagent_step(scheduler, ++now_ns));
}

static int compare(const void* left, const void* right) {
  const double a = *(const double*)left, b = *(const double*)right;
  return (a > b) - (a < b);
}

/* Median over the rounds of nanoseconds per record; what `before` does is not counted. */
static double measure(uint32_t rounds, void (*before)(void), void (*timed)(uint32_t),
                      uint32_t batch) {
  double* times = malloc(rounds * sizeof(double));
  if (times == NULL) exit(1);
  for (uint32_t i = 0; i < rounds; ++i) {
    before();
    const int64_t begin = hexagent_now();
    timed(batch);
    times[i] = (double)(hexagent_now() - begin) / kRecords;
  }
  qsort(times, rounds, sizeof(double), compare);
  const double median = times[rounds / 2];
  free(times);
  return median;
}

int main(int argc, char** argv) {
  const uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 200;
  hexagent_config* config = hexagent_config_create();
  check(hexagent_config_set(config, "calls_max", "1024", NULL));
  scheduler = hexagent_open(config, HEXAGENT_VERSION, NULL);
  hexagent_config_free(config);
  if (scheduler == NULL || rounds == 0) return 1;
  const uint32_t model = (uint32_t)check(hexagent_name(scheduler, "model", 5));
  for (uint32_t i = 0; i < kSubmitBatch; ++i) {
    const hexagent_call call = {.workflow = 1, .model = model, .prompt_tokens = 1000};
    calls[i] = call; /* of a workflow that nobody has begun */
  }
  measure(rounds / 10 + 1, nothing, version, 1); /* warm up */
  printf("{\"call_ns\": %.3f, ", measure(rounds, nothing, version, 1));
  printf("\"submit_ns\": %.3f, ", measure(rounds, drain, submit, 1));
  printf("\"submit_batch_ns\": %.3f, ", measure(rounds, drain, submit, kSubmitBatch));
  drain();
  printf("\"poll_ns\": %.3f, ", measure(rounds, fill, poll_all, 1));
  printf("\"poll_batch_ns\": %.3f}\n", measure(rounds, fill, poll_all, kPollBatch));
  hexagent_close(scheduler);
  return 0;
}
