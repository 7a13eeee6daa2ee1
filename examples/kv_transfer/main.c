/*
 * KV of many interleaved calls moves from a prefill engine to a decode engine under the scheduler's
 * order. Three processes: this gateway with the scheduler, and two engine stand-ins (engine.c) with
 * an endpoint each. The gateway never carries out a TRANSFER itself: the library does, and reports
 * it to itself.
 *
 *   kv_transfer [--calls N] [--layers N] [--tokens N] [--blocks N] [--transport NAME or PLUGIN]
 *
 * By default 50 calls of up to 512 tokens, 80 layers: the share of a 70B model's KV that one of
 * four
 * tensor-parallel GPUs holds, 80 KiB a token. A plugin (hexagent_cuda.so) by its path; where it
 * cannot be had, host memory.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kv_transfer.h"

typedef struct gateway {
  hexagent_scheduler* scheduler;
  int sockets[3]; /* by worker */
  uint32_t calls;
  uint32_t tokens_max;
  uint32_t model;
  uint32_t done;
  uint64_t bytes;
  int64_t first_ns;
  int64_t last_ns;
  char transport[32];
} gateway;

static int32_t check(int32_t answer, const char* what) {
  if (answer >= 0) return answer;
  fprintf(stderr, "%s: %s\n", what, hexagent_status_text(answer));
  exit(1);
}

static void say(const gateway* self, uint32_t worker, message words) {
  if (send(self->sockets[worker], &words, sizeof(words), MSG_NOSIGNAL) < 0) {
    fprintf(stderr, "worker %u is gone\n", worker);
    exit(1);
  }
}

/* Waits for what an engine says. */
static message hear(const gateway* self, uint32_t worker) {
  message heard;
  if (recv(self->sockets[worker], &heard, sizeof(heard), 0) != (ssize_t)sizeof(heard)) {
    fprintf(stderr, "worker %u is gone\n", worker);
    exit(1);
  }
  return heard;
}

static void set_up(gateway* self, const shape* with) {
  hexagent_config* config = hexagent_config_create();
  const char* const keys[][2] = {
      {"driving", "thread"}, {"transfer_address", with->address}, {"transfer_secret", SECRET}};
  hexagent_error error = {.struct_size = sizeof(error)};
  for (uint32_t i = 0; i < sizeof(keys) / sizeof(keys[0]); ++i) {
    check(hexagent_config_set(config, keys[i][0], keys[i][1], NULL), keys[i][0]);
  }
  self->scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  hexagent_config_free(config);
  if (self->scheduler == NULL) {
    fprintf(stderr, "open: %s\n", error.text);
    exit(1);
  }
  hexagent_profile profile = {.struct_size = sizeof(profile)};
  check(hexagent_profile_builtin(self->scheduler, "H100-80G", "llama-3.1-70b", 4, &profile),
        "profile");
  check(hexagent_profile_set(self->scheduler, &profile, 0, NULL), "profile");
  self->model = profile.model;
  hexagent_worker worker = {.struct_size = sizeof(worker), .incarnation = 1, .tensor_parallel = 4};
  worker.gpu = profile.gpu;
  worker.model = profile.model;
  worker.block_tokens = BLOCK_TOKENS;
  worker.kv_capacity_tokens = (uint64_t)with->blocks * BLOCK_TOKENS;
  for (worker.worker = PREFILL_WORKER; worker.worker <= DECODE_WORKER; ++worker.worker) {
    worker.role = worker.worker == PREFILL_WORKER ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    check(hexagent_worker_set(self->scheduler, &worker, 0, NULL), "worker");
  }
}

/* All at once, so that they compete: each a workflow of one call, of changing length. */
static void submit_calls(gateway* self) {
  for (uint64_t id = 1; id <= self->calls; ++id) {
    hexagent_workflow workflow = {.workflow = id};
    hexagent_call call = {.workflow = id, .call = id, .flags = HEXAGENT_CALL_LAST};
    hexagent_status result = HEXAGENT_OK;
    call.model = self->model;
    call.prompt_tokens = self->tokens_max / 4 + (uint32_t)(id * 7919 % (self->tokens_max * 3 / 4));
    call.max_output_tokens = 64;
    check(hexagent_workflow_begin(self->scheduler, &workflow, 1, &result), "begin");
    check(hexagent_submit(self->scheduler, &call, 1, NULL, 0, NULL, 0, &result), "submit");
  }
}

static void report(const gateway* self, uint64_t call, uint32_t phase, uint32_t tokens) {
  hexagent_report about = {.workflow = call, .call = call, .phase = phase};
  hexagent_status result = HEXAGENT_OK;
  about.outcome = HEXAGENT_OUTCOME_DONE;
  about.tokens = tokens;
  check(hexagent_complete(self->scheduler, &about, 1, &result), "report");
}

static void on_decision(gateway* self, const hexagent_decision* decision) {
  message words = {.call = decision->call, .tokens = decision->tokens};
  switch (decision->kind) {
    case HEXAGENT_DECISION_PREFILL:
      words.kind = SAY_PREFILL;
      say(self, PREFILL_WORKER, words);
      break;
    case HEXAGENT_DECISION_DECODE:
      words.kind = SAY_DECODE;
      say(self, DECODE_WORKER, words);
      break;
    case HEXAGENT_DECISION_REFUSED:
      fprintf(stderr, "refused: %s\n", hexagent_status_text(decision->status));
      exit(1);
    case HEXAGENT_DECISION_WORKFLOW_DONE:
      check(decision->status, "workflow");
      ++self->done;
      break;
    default: /* TRANSFER is the library's */
      break;
  }
}

static void on_message(gateway* self, const message* heard) {
  switch (heard->kind) {
    case SAY_PREFILL:
      report(self, heard->call, HEXAGENT_PHASE_PREFILL, heard->tokens);
      break;
    case SAY_DECODE:
      report(self, heard->call, HEXAGENT_PHASE_DECODE, 16);
      break;
    case SAY_PROGRESS:
      self->bytes += heard->bytes;
      if (self->first_ns == 0) self->first_ns = heard->begin_ns;
      self->last_ns = heard->end_ns;
      printf("call %3d arrived: %6.1f MB in %6.2f ms; %u of %u calls done\n", (int)heard->call,
             (double)heard->bytes / 1e6, (double)(heard->end_ns - heard->begin_ns) / 1e6,
             self->done, self->calls);
      break;
    case SAY_END:
      fprintf(stderr, "call %d: what arrived is not what was sent\n", (int)heard->call);
      exit(1);
    default:
      break;
  }
}

static void run(gateway* self) {
  while (self->done < self->calls) {
    hexagent_decision decisions[16];
    int busy = check(hexagent_poll(self->scheduler, decisions, 16), "poll");
    for (int i = 0; i < busy; ++i) on_decision(self, &decisions[i]);
    for (uint32_t worker = PREFILL_WORKER; worker <= DECODE_WORKER; ++worker) {
      message heard;
      const ssize_t size = recv(self->sockets[worker], &heard, sizeof(heard), MSG_DONTWAIT);
      if (size == 0) check(HEXAGENT_E_WORKER_LOST, "engine");
      if (size != (ssize_t)sizeof(heard)) continue;
      on_message(self, &heard);
      busy = 1;
    }
    if (busy > 0) continue;
    struct pollfd wait[3] = {{hexagent_event_fd(self->scheduler), POLLIN, 0},
                             {self->sockets[PREFILL_WORKER], POLLIN, 0},
                             {self->sockets[DECODE_WORKER], POLLIN, 0}};
    poll(wait, 3, -1);
  }
}

static void conclude(const gateway* self) {
  const double seconds = (double)(self->last_ns - self->first_ns) / 1e9;
  const message ask = {.kind = SAY_LINK};
  say(self, PREFILL_WORKER, ask);
  message heard = hear(self, PREFILL_WORKER);
  while (heard.kind != SAY_LINK) heard = hear(self, PREFILL_WORKER);
  printf("\n%s: %.2f GB of KV in %.2f s, %.2f GB/s with the engines' own work between\n",
         self->transport, (double)self->bytes / 1e9, seconds, (double)self->bytes / seconds / 1e9);
  printf("link learnt by the source: %.2f GB/s, set-up %.0f us\n", heard.bytes_per_s / 1e9,
         (double)heard.setup_ns / 1e3);
}

static uint32_t number(const char* text) {
  const long value = strtol(text, NULL, 10);
  return value < 1 || value > 1000000 ? 0 : (uint32_t)value;
}

static int read_options(int count, char** words, gateway* self, shape* with) {
  for (int i = 1; i + 1 < count; i += 2) {
    uint32_t* const places[] = {&self->calls, &with->layers, &self->tokens_max, &with->blocks};
    const char* const names[] = {"--calls", "--layers", "--tokens", "--blocks"};
    int known = strcmp(words[i], "--transport") == 0;
    if (known) with->transport = words[i + 1];
    for (int at = 0; at < 4; ++at) {
      if (strcmp(words[i], names[at]) != 0) continue;
      *places[at] = number(words[i + 1]);
      known = 1;
    }
    if (!known) return 0;
  }
  return count % 2 == 1 && self->calls > 0 && with->layers > 0 && self->tokens_max >= 64 &&
         self->tokens_max <= 4096 && with->blocks * BLOCK_TOKENS >= 2 * self->tokens_max;
}

int main(int count, char** words) {
  gateway self = {.calls = 50, .tokens_max = 512};
  char address[64];
  snprintf(address, sizeof(address), "unix:/tmp/kv_transfer-%d", (int)getpid());
  shape with = {.layers = 80, .blocks = 256, .address = address, .transport = "host-memory"};
  if (!read_options(count, words, &self, &with)) {
    fprintf(stderr, "options: --calls N --layers N --tokens N --blocks N --transport NAME\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  /* Before the scheduler has a thread. */
  for (uint32_t worker = PREFILL_WORKER; worker <= DECODE_WORKER; ++worker) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return 1;
    if (fork() == 0) {
      close(pair[0]);
      if (worker == DECODE_WORKER) close(self.sockets[PREFILL_WORKER]);
      engine_main(&with, worker, pair[1]);
    }
    close(pair[1]);
    self.sockets[worker] = pair[0];
  }
  set_up(&self, &with);
  for (uint32_t worker = PREFILL_WORKER; worker <= DECODE_WORKER; ++worker) {
    const message ready = hear(&self, worker);
    if (ready.kind != SAY_READY) return 1;
    memcpy(self.transport, ready.transport, sizeof(self.transport));
  }
  submit_calls(&self);
  run(&self);
  conclude(&self);
  const message end = {.kind = SAY_END};
  for (uint32_t worker = PREFILL_WORKER; worker <= DECODE_WORKER; ++worker) {
    say(&self, worker, end);
  }
  hexagent_close(self.scheduler);
  int failed = 0;
  int how = 0;
  while (wait(&how) > 0) failed |= how;
  return failed == 0 ? 0 : 1;
}
