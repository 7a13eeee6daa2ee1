/*
 * What endpoints measure of links is what the scheduler goes by: it follows a link that carries far
 * less than was declared, and its journal replays without any endpoint.
 */
#define _GNU_SOURCE
#define BLOCK_TOKEN_BYTES 4096
#include "fleet.h"
#include "journal.h"

#define DECLARED 1e12 /* bytes a second; beyond the memory of any host */
#define PATIENCE_TRANSFERS 3000

static folder place;

static int setup(void** state) {
  if (folder_make(&place, "/tmp") != 0) return -1;
  if (fleet_open_with(state, "journal", place.path) != 0) return -1;
  fleet* self = *state;
  for (uint32_t role = HEXAGENT_ROLE_PREFILL; role <= HEXAGENT_ROLE_DECODE; ++role) {
    hexagent_worker worker = good_worker(&self->base, role, role);
    worker.flags |= HEXAGENT_WORKER_ENDPOINT;
    worker.egress_bytes_per_s = worker.ingress_bytes_per_s = DECLARED;
    assert_int_equal(hexagent_worker_set(self->base.scheduler, &worker, 2, NULL), HEXAGENT_OK);
  }
  return 0;
}

static hexagent_link_info link_of(const fleet* self) {
  hexagent_link_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  assert_int_equal(hexagent_link_query(self->base.scheduler, 1, 2, &info), HEXAGENT_OK);
  return info;
}

/* A workflow of one call, from its begin to its end. */
static void run_workflow(fleet* self, uint64_t id) {
  begin_one(self, id);
  const hexagent_decision decode = fleet_await(self, HEXAGENT_DECISION_DECODE);
  report_of(self, id, HEXAGENT_PHASE_DECODE, &decode);
  fleet_await(self, HEXAGENT_DECISION_WORKFLOW_DONE);
}

/* The journal tells the same life again; how many samples of links are in it. */
static uint32_t replay_samples(const char* path) {
  uint32_t samples = 0;
  hexagent_replay_info info = empty_replay_info();
  hexagent_replay* replay = hexagent_replay_open(path, HEXAGENT_VERSION, NULL);
  assert_non_null(replay);
  while (hexagent_replay_step(replay, &info, NULL) == 1) {
    assert_int_equal(info.different, 0);
    for (uint32_t i = 0; i < info.inputs_count; ++i) {
      hexagent_input input;
      memset(&input, 0, sizeof(input));
      assert_int_equal(hexagent_replay_input(replay, i, &input, NULL, 0), HEXAGENT_OK);
      samples += input.kind == HEXAGENT_INPUT_LINK_MEASURED ? 1 : 0;
    }
  }
  hexagent_replay_close(replay);
  return samples;
}

static void the_scheduler_follows_what_endpoints_measure(void** state) {
  fleet* self = *state;
  assert_true(link_of(self).bytes_per_s > DECLARED / 2);
  hexagent_link_info info = link_of(self);
  for (uint64_t id = 1; info.bytes_per_s > DECLARED / 8; ++id) {
    assert_true(id < PATIENCE_TRANSFERS);
    run_workflow(self, id);
    info = link_of(self);
  }
  assert_true(info.declared_bytes_per_s > DECLARED / 2);
  assert_true(info.samples >= 1);
  /* The first two were taken for a hiccup, of which the caller, who sent none, hears nothing. */
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  assert_int_equal(hexagent_stats_read(self->base.scheduler, &stats), HEXAGENT_OK);
  assert_int_equal(stats.link_outliers, 2);
  for (uint32_t i = 0; i < 2; ++i) {
    hexagent_endpoint_close(self->engines[i].endpoint);
    self->engines[i].endpoint = NULL;
  }
  hexagent_close(self->base.scheduler);
  self->base.scheduler = NULL;
  assert_true(replay_samples(place.path) >= 3);
}

static int teardown(void** state) {
  const int closed = fleet_close(state);
  folder* copy = malloc(sizeof(*copy));
  if (copy == NULL) return -1;
  *copy = place;
  *state = copy;
  return folder_teardown(state) | closed;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_scheduler_follows_what_endpoints_measure, setup,
                                      teardown),
  };
  return cmocka_run_group_tests_name("links of transfers", tests, NULL, NULL);
}
