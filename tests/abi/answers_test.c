/* Questions about a cluster at work: placements, forecasts, workflows, workers, explanations. */
#include "cluster.h"

static void a_placement_query_answers_candidates_and_commits_nothing(void** state) {
  cluster* self = *state;
  const hexagent_call call = good_call(&self->base, 5, 1); /* of an unknown workflow */
  hexagent_placement placements[8];
  memset(placements, 0, sizeof(placements));
  const uint32_t before = self->count;
  const int32_t count =
      hexagent_placement_query(self->base.scheduler, &call, NULL, 0, placements, 8);
  assert_true(count >= 1 && count <= 4);
  for (int32_t i = 0; i < count; ++i) {
    const hexagent_placement* placement = &placements[i];
    assert_true(placement->prefill_worker == 1 || placement->prefill_worker == 2);
    assert_true(placement->decode_worker == 11 || placement->decode_worker == 12);
    assert_true(placement->prefill_start_ns >= self->now_ns);
    assert_true(placement->prefill_end_ns > placement->prefill_start_ns);
    assert_true(placement->transfer_end_ns >= placement->prefill_end_ns);
    assert_true(placement->decode_end_ns > placement->transfer_end_ns);
    assert_int_equal(placement->fits_now, 1);
  }
  assert_int_equal(hexagent_placement_query(self->base.scheduler, &call, NULL, 0, NULL, 0), 0);
  cluster_step(self);
  assert_int_equal(self->count, before);
  finish_bystander(self);
}

static hexagent_forecast forecast_chain(cluster* self, int64_t deadline_ns) {
  hexagent_workflow workflow = good_workflow(5);
  workflow.deadline_ns = deadline_ns;
  hexagent_call calls[2] = {good_call(&self->base, 5, 1), good_call(&self->base, 5, 2)};
  const uint64_t deps[1] = {1};
  calls[1].deps_count = 1;
  hexagent_forecast forecast;
  memset(&forecast, 0, sizeof(forecast));
  forecast.struct_size = sizeof(forecast);
  assert_int_equal(
      hexagent_what_if(self->base.scheduler, &workflow, calls, 2, deps, 1, NULL, 0, &forecast),
      HEXAGENT_OK);
  return forecast;
}

static void a_forecast_tells_whether_a_deadline_would_be_met(void** state) {
  cluster* self = *state;
  hexagent_forecast forecast = forecast_chain(self, 0);
  assert_int_equal(forecast.meets_deadline, 1);
  assert_true(forecast.horizon_ns > 0);
  assert_true(forecast.projected_end_ns > self->now_ns);
  assert_true(forecast.earliest_deadline_ns > 0);
  assert_int_equal(forecast_chain(self, forecast.earliest_deadline_ns + 1000).meets_deadline, 1);
  assert_int_equal(forecast_chain(self, 1000).meets_deadline, 0);
  finish_bystander(self);
}

static void a_workflow_tells_how_far_it_is(void** state) {
  cluster* self = *state;
  hexagent_workflow_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  assert_int_equal(hexagent_workflow_query(self->base.scheduler, BYSTANDER, &info), HEXAGENT_OK);
  assert_int_equal(info.calls_revealed, 1);
  assert_int_equal(info.calls_done, 0);
  assert_true(info.arrival_ns > 0 && info.arrival_ns <= self->now_ns);
  assert_true(info.horizon_ns > 0);
  assert_true(info.stretch > 0.0);
  finish_call(self, BYSTANDER, 1);
  assert_int_equal(hexagent_workflow_query(self->base.scheduler, BYSTANDER, &info), HEXAGENT_OK);
  assert_int_equal(info.calls_done, 1);
}

static hexagent_worker_info query_worker(cluster* self, uint32_t worker) {
  hexagent_worker_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  assert_int_equal(hexagent_worker_query(self->base.scheduler, worker, &info), HEXAGENT_OK);
  return info;
}

static void a_worker_tells_its_state_and_what_is_promised(void** state) {
  cluster* self = *state;
  const uint32_t worker = find_decision(self, HEXAGENT_DECISION_PREFILL, BYSTANDER, 1)->worker;
  hexagent_worker_info info = query_worker(self, worker);
  assert_int_equal(info.state, 1);
  assert_int_equal(info.kv_capacity_tokens, TEST_KV_TOKENS);
  assert_true(info.kv_reserved_tokens >= 100);
  assert_int_equal(info.prefill_outstanding, 1);
  finish_bystander(self);
  info = query_worker(self, worker);
  assert_int_equal(info.kv_reserved_tokens, 0); /* all reservations came back */
  assert_int_equal(info.prefill_outstanding, 0);
  assert_int_equal(hexagent_worker_drain(self->base.scheduler, worker, 0, 1), HEXAGENT_OK);
  cluster_step(self);
  assert_int_equal(query_worker(self, worker).state, 2);
  assert_int_equal(hexagent_worker_lost(self->base.scheduler, worker, 0, 2), HEXAGENT_OK);
  cluster_step(self);
  assert_int_equal(query_worker(self, worker).state, 3);
}

static void foreign_load_is_what_an_engine_holds_beyond_ours(void** state) {
  cluster* self = *state;
  finish_bystander(self);
  hexagent_heartbeat heartbeat = good_heartbeat(1);
  heartbeat.kv_used_tokens = 5000;
  assert_int_equal(hexagent_heartbeat_submit(self->base.scheduler, &heartbeat, 1), 1);
  const uint32_t before = self->count;
  cluster_step(self);
  assert_int_equal(self->count, before); /* an accepted heartbeat gets no decision */
  const uint64_t foreign = query_worker(self, 1).kv_foreign_tokens;
  assert_true(foreign >= 5000 && foreign < 5000 + 16); /* counted in blocks */
}

static void an_explanation_is_one_json_object(void** state) {
  cluster* self = *state;
  uint32_t needed = 0;
  assert_int_equal(hexagent_explain(self->base.scheduler, BYSTANDER, 1, NULL, 0, &needed),
                   HEXAGENT_E_BUFFER);
  assert_true(needed > 100);
  char* text = malloc(needed);
  assert_non_null(text);
  assert_int_equal(hexagent_explain(self->base.scheduler, BYSTANDER, 1, text, needed, &needed),
                   HEXAGENT_OK);
  assert_int_equal(strlen(text), needed - 1);
  assert_int_equal(text[0], '{');
  assert_int_equal(text[needed - 2], '}');
  assert_non_null(strstr(text, "\"workflow\":900"));
  assert_int_equal(hexagent_explain(self->base.scheduler, BYSTANDER, 77, text, needed, NULL),
                   HEXAGENT_E_UNKNOWN_CALL);
  free(text);
  finish_bystander(self);
}

static void statistics_add_up(void** state) {
  cluster* self = *state;
  finish_bystander(self);
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  assert_int_equal(hexagent_stats_read(self->base.scheduler, &stats), HEXAGENT_OK);
  assert_int_equal(stats.workers, 4);
  assert_int_equal(stats.decisions, self->count);
  assert_int_equal(stats.refused, 0);
  assert_int_equal(stats.workflows_live, 0);
  assert_int_equal(stats.workflows_done, 1);
  assert_int_equal(stats.calls_live, 0);
  assert_int_equal(stats.calls_done, 2);
  assert_int_equal(stats.prompt_tokens, 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CLUSTER_TEST(a_placement_query_answers_candidates_and_commits_nothing),
      CLUSTER_TEST(a_forecast_tells_whether_a_deadline_would_be_met),
      CLUSTER_TEST(a_workflow_tells_how_far_it_is),
      CLUSTER_TEST(a_worker_tells_its_state_and_what_is_promised),
      CLUSTER_TEST(foreign_load_is_what_an_engine_holds_beyond_ours),
      CLUSTER_TEST(an_explanation_is_one_json_object),
      CLUSTER_TEST(statistics_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
