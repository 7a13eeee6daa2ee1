/* Malformed workflows, calls, prefixes and reports: refused one by one, beside others that are
 * right. */
#include "fixture.h"

/* Begins this workflow between two that are right; its own status. */
static hexagent_status begin_status(const fixture* self, const hexagent_workflow* workflow) {
  hexagent_workflow batch[3] = {good_workflow(1), *workflow, good_workflow(2)};
  hexagent_status results[3] = {1, 1, 1};
  const int32_t queued = hexagent_workflow_begin(self->scheduler, batch, 3, results);
  assert_int_equal(results[0], HEXAGENT_OK);
  assert_int_equal(results[2], HEXAGENT_OK);
  assert_int_equal(queued, results[1] == HEXAGENT_OK ? 3 : 2);
  return results[1];
}

#define EXPECT_WORKFLOW(member, wrong, wanted)                \
  do {                                                        \
    hexagent_workflow changed = good_workflow(9);             \
    changed.member = (wrong);                                 \
    assert_int_equal(begin_status(self, &changed), (wanted)); \
  } while (0)

static void workflows_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_WORKFLOW(user_data, 5, HEXAGENT_OK);
  EXPECT_WORKFLOW(workflow, 0, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(arrival_ns, -1, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(arrival_ns, INT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(deadline_ns, -1, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(deadline_ns, INT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(slo_scale_milli, 1000001, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(class_name, 999, HEXAGENT_E_NAME);
  EXPECT_WORKFLOW(tenant, 999, HEXAGENT_E_NAME);
  EXPECT_WORKFLOW(tier, 3, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(ttft_limit_ns, -1, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(tpot_limit_ns, INT64_MIN, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(template_name, 999, HEXAGENT_E_NAME);
  EXPECT_WORKFLOW(remaining_calls_p50, UINT32_MAX, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(remaining_calls_p90, UINT32_MAX, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(remaining_tokens_p50, UINT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(remaining_tokens_p90, UINT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_WORKFLOW(flags, 1, HEXAGENT_E_RESERVED);
  EXPECT_WORKFLOW(reserved[3], 1, HEXAGENT_E_RESERVED);
}

static void a_workflow_has_a_deadline_or_an_slo_scale(void** state) {
  const fixture* self = *state;
  hexagent_workflow workflow = good_workflow(9);
  workflow.deadline_ns = 1000000000;
  assert_int_equal(begin_status(self, &workflow), HEXAGENT_OK);
  workflow.slo_scale_milli = 2000;
  assert_int_equal(begin_status(self, &workflow), HEXAGENT_E_RANGE);
  workflow.deadline_ns = 0;
  assert_int_equal(begin_status(self, &workflow), HEXAGENT_OK);
}

static void quantiles_of_hints_do_not_cross(void** state) {
  const fixture* self = *state;
  hexagent_workflow workflow = good_workflow(9);
  workflow.remaining_calls_p50 = 5;
  workflow.remaining_calls_p90 = 4;
  assert_int_equal(begin_status(self, &workflow), HEXAGENT_E_RANGE);
  workflow.remaining_calls_p90 = 0;
  workflow.remaining_tokens_p50 = 100;
  workflow.remaining_tokens_p90 = 99;
  assert_int_equal(begin_status(self, &workflow), HEXAGENT_E_RANGE);
  workflow.remaining_tokens_p90 = 100;
  assert_int_equal(begin_status(self, &workflow), HEXAGENT_OK);
}

static const uint64_t kDeps[3] = {11, 12, 13};

/* Submits this call between two that are right, with three deps and these two prefixes. */
static hexagent_status submit_status(const fixture* self, const hexagent_call* call,
                                     const hexagent_prefix prefixes[2]) {
  hexagent_call batch[3] = {good_call(self, 1, 1), *call, good_call(self, 1, 2)};
  hexagent_status results[3] = {1, 1, 1};
  const int32_t queued = hexagent_submit(self->scheduler, batch, 3, kDeps, 3, prefixes, 2, results);
  assert_int_equal(results[0], HEXAGENT_OK);
  assert_int_equal(results[2], HEXAGENT_OK);
  assert_int_equal(queued, results[1] == HEXAGENT_OK ? 3 : 2);
  return results[1];
}

static hexagent_prefix good_prefix(void) {
  hexagent_prefix prefix;
  memset(&prefix, 0, sizeof(prefix));
  prefix.group = 7;
  prefix.tokens = 60;
  return prefix;
}

#define EXPECT_CALL(member, wrong, wanted)                               \
  do {                                                                   \
    const hexagent_prefix prefixes[2] = {good_prefix(), good_prefix()};  \
    hexagent_call changed = good_call(self, 1, 9);                       \
    changed.member = (wrong);                                            \
    assert_int_equal(submit_status(self, &changed, prefixes), (wanted)); \
  } while (0)

static void calls_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_CALL(user_data, 5, HEXAGENT_OK);
  EXPECT_CALL(workflow, 0, HEXAGENT_E_RANGE);
  EXPECT_CALL(stage, 999, HEXAGENT_E_NAME);
  EXPECT_CALL(model, 0, HEXAGENT_E_NAME);
  EXPECT_CALL(model, 999, HEXAGENT_E_NAME);
  EXPECT_CALL(prompt_tokens, 0, HEXAGENT_E_RANGE);
  EXPECT_CALL(prompt_tokens, 16777216, HEXAGENT_OK);
  EXPECT_CALL(prompt_tokens, 16777217, HEXAGENT_E_RANGE);
  EXPECT_CALL(max_output_tokens, 16777217, HEXAGENT_E_RANGE);
  EXPECT_CALL(output_tokens_p50, UINT32_MAX, HEXAGENT_E_RANGE);
  EXPECT_CALL(output_tokens_p90, UINT32_MAX, HEXAGENT_E_RANGE);
  EXPECT_CALL(labels_required, 1, HEXAGENT_E_NAME);
  EXPECT_CALL(labels_excluded, (uint64_t)1 << 63, HEXAGENT_E_NAME);
  EXPECT_CALL(flags, 4, HEXAGENT_E_RESERVED);
  EXPECT_CALL(reserved0, 1, HEXAGENT_E_RESERVED);
  EXPECT_CALL(reserved[1], 1, HEXAGENT_E_RESERVED);
}

static void quantiles_of_the_output_do_not_cross(void** state) {
  const fixture* self = *state;
  const hexagent_prefix prefixes[2] = {good_prefix(), good_prefix()};
  hexagent_call call = good_call(self, 1, 9);
  call.output_tokens_p50 = 30;
  call.output_tokens_p90 = 29;
  assert_int_equal(submit_status(self, &call, prefixes), HEXAGENT_E_RANGE);
  call.output_tokens_p90 = 30;
  assert_int_equal(submit_status(self, &call, prefixes), HEXAGENT_OK);
}

static hexagent_status deps_status(const fixture* self, uint32_t offset, uint32_t count) {
  const hexagent_prefix prefixes[2] = {good_prefix(), good_prefix()};
  hexagent_call call = good_call(self, 1, 9);
  call.deps_offset = offset;
  call.deps_count = count;
  return submit_status(self, &call, prefixes);
}

static hexagent_status prefixes_status(const fixture* self, uint32_t offset, uint32_t count) {
  const hexagent_prefix prefixes[2] = {good_prefix(), good_prefix()};
  hexagent_call call = good_call(self, 1, 9);
  call.prefixes_offset = offset;
  call.prefixes_count = count;
  return submit_status(self, &call, prefixes);
}

static void offsets_must_stay_inside_the_arrays(void** state) {
  const fixture* self = *state;
  assert_int_equal(deps_status(self, 0, 3), HEXAGENT_OK);
  assert_int_equal(deps_status(self, 2, 1), HEXAGENT_OK);
  assert_int_equal(deps_status(self, 3, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(deps_status(self, 1, 3), HEXAGENT_E_ARGUMENT);
  assert_int_equal(deps_status(self, UINT32_MAX, 2), HEXAGENT_E_ARGUMENT);
  assert_int_equal(deps_status(self, UINT32_MAX, 0), HEXAGENT_OK);
  assert_int_equal(deps_status(self, 0, 4097), HEXAGENT_E_RANGE);
  assert_int_equal(prefixes_status(self, 0, 2), HEXAGENT_OK);
  assert_int_equal(prefixes_status(self, 1, 2), HEXAGENT_E_ARGUMENT);
  assert_int_equal(prefixes_status(self, UINT32_MAX, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(prefixes_status(self, 0, 5), HEXAGENT_E_RANGE);
}

#define EXPECT_PREFIX(member, wrong, wanted)                          \
  do {                                                                \
    hexagent_prefix prefixes[2] = {good_prefix(), good_prefix()};     \
    prefixes[1].member = (wrong);                                     \
    hexagent_call call = good_call(self, 1, 9);                       \
    call.prefixes_count = 2;                                          \
    assert_int_equal(submit_status(self, &call, prefixes), (wanted)); \
  } while (0)

static void prefixes_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_PREFIX(tokens, 100, HEXAGENT_OK); /* the whole prompt */
  EXPECT_PREFIX(tokens, 101, HEXAGENT_E_RANGE);
  EXPECT_PREFIX(tokens, 0, HEXAGENT_E_RANGE);
  EXPECT_PREFIX(cached_tokens, 61, HEXAGENT_E_RANGE);
  EXPECT_PREFIX(cached_tokens, 60, HEXAGENT_E_RANGE); /* on which worker? */
  EXPECT_PREFIX(worker, 3, HEXAGENT_OK);
  EXPECT_PREFIX(reserved0, 1, HEXAGENT_E_RESERVED);
  EXPECT_PREFIX(reserved[2], 1, HEXAGENT_E_RESERVED);
}

/* Reports this between two that are right. */
static hexagent_status report_status(const fixture* self, const hexagent_report* report) {
  const hexagent_report good = good_report(1, 1, HEXAGENT_PHASE_PREFILL);
  const hexagent_report batch[3] = {good, *report, good};
  hexagent_status results[3] = {1, 1, 1};
  const int32_t queued = hexagent_complete(self->scheduler, batch, 3, results);
  assert_int_equal(results[0], HEXAGENT_OK);
  assert_int_equal(results[2], HEXAGENT_OK);
  assert_int_equal(queued, results[1] == HEXAGENT_OK ? 3 : 2);
  return results[1];
}

#define EXPECT_REPORT(member, wrong, wanted)                            \
  do {                                                                  \
    hexagent_report changed = good_report(1, 9, HEXAGENT_PHASE_DECODE); \
    changed.member = (wrong);                                           \
    assert_int_equal(report_status(self, &changed), (wanted));          \
  } while (0)

static void reports_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_REPORT(user_data, 5, HEXAGENT_OK);
  EXPECT_REPORT(workflow, 0, HEXAGENT_E_RANGE);
  EXPECT_REPORT(phase, 0, HEXAGENT_E_RANGE);
  EXPECT_REPORT(phase, 4, HEXAGENT_E_RANGE);
  EXPECT_REPORT(outcome, 0, HEXAGENT_E_RANGE);
  EXPECT_REPORT(outcome, 8, HEXAGENT_E_RANGE);
  EXPECT_REPORT(outcome, HEXAGENT_OUTCOME_QUIESCED, HEXAGENT_E_RANGE); /* of a decode, nowhere */
  EXPECT_REPORT(start_ns, -1, HEXAGENT_E_RANGE);
  EXPECT_REPORT(end_ns, INT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_REPORT(tokens, UINT32_MAX, HEXAGENT_E_RANGE);
  EXPECT_REPORT(cached_tokens, UINT32_MAX, HEXAGENT_E_RANGE);
  EXPECT_REPORT(bytes, UINT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_REPORT(flags, HEXAGENT_REPORT_MEASURED, HEXAGENT_E_RANGE);
  EXPECT_REPORT(flags, 4, HEXAGENT_E_RESERVED);
  EXPECT_REPORT(reserved[5], 1, HEXAGENT_E_RESERVED);
}

static hexagent_report measured_report(void) {
  hexagent_report report = good_report(1, 9, HEXAGENT_PHASE_TRANSFER);
  report.flags = HEXAGENT_REPORT_MEASURED;
  report.start_ns = 1000;
  report.end_ns = 2000;
  report.bytes = 5000;
  return report;
}

static void a_report_that_measures_needs_bytes_and_times(void** state) {
  const fixture* self = *state;
  hexagent_report report = measured_report();
  assert_int_equal(report_status(self, &report), HEXAGENT_OK);
  report.bytes = 0;
  assert_int_equal(report_status(self, &report), HEXAGENT_E_RANGE);
  report = measured_report();
  report.start_ns = 0;
  assert_int_equal(report_status(self, &report), HEXAGENT_E_RANGE);
  report = measured_report();
  report.end_ns = report.start_ns;
  assert_int_equal(report_status(self, &report), HEXAGENT_E_RANGE);
  report = measured_report();
  report.outcome = HEXAGENT_OUTCOME_FAILED;
  assert_int_equal(report_status(self, &report), HEXAGENT_E_RANGE);
}

static void quiesced_names_a_worker_and_the_transfer(void** state) {
  const fixture* self = *state;
  hexagent_report report = good_report(1, 9, HEXAGENT_PHASE_TRANSFER);
  report.outcome = HEXAGENT_OUTCOME_QUIESCED;
  report.worker = 0;
  assert_int_equal(report_status(self, &report), HEXAGENT_E_RANGE);
  report.worker = 11;
  assert_int_equal(report_status(self, &report), HEXAGENT_OK);
  report.phase = HEXAGENT_PHASE_PREFILL;
  assert_int_equal(report_status(self, &report), HEXAGENT_E_RANGE);
}

static void events_need_a_workflow_and_a_handle(void** state) {
  const fixture* self = *state;
  assert_int_equal(hexagent_ready(self->scheduler, 0, 1, 1), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_call_cancel(self->scheduler, 0, 1, 1), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_workflow_cancel(self->scheduler, 0, 1), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_workflow_end(self->scheduler, 0, 1), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_ready(NULL, 1, 1, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_call_cancel(NULL, 1, 1, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_workflow_cancel(NULL, 1, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_workflow_end(NULL, 1, 1), HEXAGENT_E_ARGUMENT);
}

/* Whole batches that are refused: every result says so, and nothing is queued. */
static void malformed_batches_are_refused_whole(void** state) {
  const fixture* self = *state;
  const hexagent_call calls[2] = {good_call(self, 1, 1), good_call(self, 1, 2)};
  const hexagent_workflow workflow = good_workflow(1);
  const hexagent_report report = good_report(1, 1, HEXAGENT_PHASE_DECODE);
  hexagent_status results[2] = {1, 1};
  hexagent_scheduler* scheduler = self->scheduler;
  assert_int_equal(hexagent_submit(scheduler, calls, 2, NULL, 1, NULL, 0, results),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(results[0], HEXAGENT_E_ARGUMENT);
  assert_int_equal(results[1], HEXAGENT_E_ARGUMENT);
  results[0] = results[1] = 1;
  assert_int_equal(hexagent_submit(scheduler, calls, 2, NULL, 0, NULL, 1, results),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_submit(scheduler, NULL, 2, NULL, 0, NULL, 0, results),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(results[1], HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_submit(scheduler, calls, 2, NULL, 0, NULL, 0, NULL),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(
      hexagent_submit(scheduler, calls, HEXAGENT_BATCH_MAX + 1, NULL, 0, NULL, 0, results),
      HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_submit(NULL, calls, 2, NULL, 0, NULL, 0, results), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_submit(scheduler, NULL, 0, NULL, 0, NULL, 0, NULL), 0);
  assert_int_equal(hexagent_workflow_begin(scheduler, NULL, 1, results), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_workflow_begin(scheduler, &workflow, 1, NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_workflow_begin(scheduler, NULL, 0, NULL), 0);
  assert_int_equal(hexagent_complete(scheduler, NULL, 1, results), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_complete(scheduler, &report, 1, NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_complete(scheduler, NULL, 0, NULL), 0);
  assert_int_equal(hexagent_step(scheduler, 1), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(workflows_with_a_wrong_member_are_refused),
      TEST(a_workflow_has_a_deadline_or_an_slo_scale),
      TEST(quantiles_of_hints_do_not_cross),
      TEST(calls_with_a_wrong_member_are_refused),
      TEST(quantiles_of_the_output_do_not_cross),
      TEST(offsets_must_stay_inside_the_arrays),
      TEST(prefixes_with_a_wrong_member_are_refused),
      TEST(reports_with_a_wrong_member_are_refused),
      TEST(a_report_that_measures_needs_bytes_and_times),
      TEST(quiesced_names_a_worker_and_the_transfer),
      TEST(events_need_a_workflow_and_a_handle),
      TEST(malformed_batches_are_refused_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
