/* Malformed profiles, models, workers, links and heartbeats: refused at once, with the field named.
 */
#include <math.h>
#include <string.h>

#include "fixture.h"

/* Asserts status and field, that the text names the member, and that nothing was queued. */
static void expect(const fixture* self, hexagent_status status, hexagent_status wanted,
                   uint32_t field, const char* member, const hexagent_error* error) {
  if (status != wanted) print_error("%s: %s\n", member, hexagent_status_name(status));
  assert_int_equal(status, wanted);
  assert_int_equal(error->status, wanted);
  assert_int_equal(error->field, field);
  if (strstr(error->text, member) == NULL) print_error("%s not in: %s\n", member, error->text);
  assert_non_null(strstr(error->text, member));
  assert_int_equal(hexagent_step(self->scheduler, 0), 0);
}

/* One member set to a wrong value, the rest of the record being right. */
#define EXPECT(record, make, member_name, wrong, set, wanted, wanted_field)              \
  do {                                                                                   \
    record changed = (make);                                                             \
    changed.member_name = (wrong);                                                       \
    hexagent_error error = empty_error();                                                \
    const hexagent_status status = set(self->scheduler, &changed, 1, &error);            \
    expect(self, status, (wanted), HEXAGENT_FIELD_##wanted_field, #member_name, &error); \
    assert_int_equal(set(self->scheduler, &changed, 1, NULL), (wanted));                 \
  } while (0)

#define EXPECT_PROFILE(member, wrong, wanted, field) \
  EXPECT(hexagent_profile, good_profile(self), member, wrong, hexagent_profile_set, wanted, field)

static void profiles_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_PROFILE(gpu, 0, HEXAGENT_E_NAME, GPU);
  EXPECT_PROFILE(gpu, 999, HEXAGENT_E_NAME, GPU);
  EXPECT_PROFILE(model, 0, HEXAGENT_E_NAME, MODEL);
  EXPECT_PROFILE(tensor_parallel, 0, HEXAGENT_E_RANGE, TENSOR_PARALLEL);
  EXPECT_PROFILE(tensor_parallel, 65, HEXAGENT_E_RANGE, TENSOR_PARALLEL);
  EXPECT_PROFILE(prefill_fixed_s, -1e-9, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(prefill_per_token_s, (double)NAN, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(prefill_per_pair_s, (double)INFINITY, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(small_fixed_s, -1.0, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(small_per_token_s, 1e4, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(decode_fixed_s, (double)-INFINITY, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(decode_per_sequence_s, 1e300, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(decode_per_context_token_s, -0.5, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(small_below_tokens, UINT32_MAX, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(derived, 2, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(kv_capacity_tokens, UINT64_MAX, HEXAGENT_E_RANGE, KV_CAPACITY);
  EXPECT_PROFILE(kv_bytes_per_token, 0, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(reserved, 1, HEXAGENT_E_RESERVED, RESERVED);
  EXPECT_PROFILE(prefill_error, -1.0, HEXAGENT_E_RANGE, PROFILE);
  EXPECT_PROFILE(decode_error, (double)NAN, HEXAGENT_E_RANGE, PROFILE);
}

#define EXPECT_MODEL(member, wrong, wanted, field) \
  EXPECT(hexagent_model, good_model(self), member, wrong, hexagent_model_set, wanted, field)

static void models_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_MODEL(model, 0, HEXAGENT_E_NAME, MODEL);
  EXPECT_MODEL(model, 999, HEXAGENT_E_NAME, MODEL);
  EXPECT_MODEL(max_context_tokens, UINT32_MAX, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(parameters, (double)NAN, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(weight_bytes, -1.0, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(layers, UINT32_MAX, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(hidden, UINT32_MAX, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(query_heads, UINT32_MAX, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(kv_heads, UINT32_MAX, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(head_dim, UINT32_MAX, HEXAGENT_E_RANGE, MODEL);
  EXPECT_MODEL(reserved, 1, HEXAGENT_E_RESERVED, RESERVED);
}

#define EXPECT_WORKER(member, wrong, wanted, field)                                \
  EXPECT(hexagent_worker, good_worker(self, 1, HEXAGENT_ROLE_BOTH), member, wrong, \
         hexagent_worker_set, wanted, field)

static void workers_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_WORKER(worker, 0, HEXAGENT_E_RANGE, WORKER);
  EXPECT_WORKER(role, 0, HEXAGENT_E_RANGE, ROLE);
  EXPECT_WORKER(role, 4, HEXAGENT_E_RANGE, ROLE);
  EXPECT_WORKER(gpu, 0, HEXAGENT_E_NAME, GPU);
  EXPECT_WORKER(model, 999, HEXAGENT_E_NAME, MODEL);
  EXPECT_WORKER(tensor_parallel, 65, HEXAGENT_E_RANGE, TENSOR_PARALLEL);
  EXPECT_WORKER(engine, 3, HEXAGENT_E_RANGE, ENGINE);
  EXPECT_WORKER(binding, 2, HEXAGENT_E_RANGE, BINDING);
  EXPECT_WORKER(block_tokens, UINT32_MAX, HEXAGENT_E_RANGE, BLOCK_TOKENS);
  EXPECT_WORKER(kv_capacity_tokens, UINT64_MAX, HEXAGENT_E_RANGE, KV_CAPACITY);
  EXPECT_WORKER(labels, 1, HEXAGENT_E_NAME, LABELS); /* no label was given yet */
  EXPECT_WORKER(dispatch_round_trip_ns, -1, HEXAGENT_E_RANGE, ROUND_TRIP);
  EXPECT_WORKER(dispatch_round_trip_ns, INT64_MAX, HEXAGENT_E_RANGE, ROUND_TRIP);
  EXPECT_WORKER(ingress_bytes_per_s, (double)NAN, HEXAGENT_E_RANGE, BANDWIDTH);
  EXPECT_WORKER(egress_bytes_per_s, -45e9, HEXAGENT_E_RANGE, BANDWIDTH);
  EXPECT_WORKER(egress_bytes_per_s, 1e-300, HEXAGENT_E_RANGE, BANDWIDTH);
  EXPECT_WORKER(decode_batch_max, UINT32_MAX, HEXAGENT_E_RANGE, BATCH);
  EXPECT_WORKER(prefill_batch_tokens, UINT32_MAX, HEXAGENT_E_RANGE, BATCH);
  EXPECT_WORKER(prefill_chunk_tokens, UINT32_MAX, HEXAGENT_E_RANGE, BATCH);
  EXPECT_WORKER(host_domain, 999, HEXAGENT_E_NAME, DOMAIN);
  EXPECT_WORKER(rack_domain, 999, HEXAGENT_E_NAME, DOMAIN);
  EXPECT_WORKER(zone_domain, 999, HEXAGENT_E_NAME, DOMAIN);
  EXPECT_WORKER(flags, 8, HEXAGENT_E_RESERVED, FLAGS);
  EXPECT_WORKER(flags, HEXAGENT_WORKER_LAYERWISE | HEXAGENT_WORKER_ENDPOINT, HEXAGENT_E_RANGE,
                FLAGS);
}

static void layers_need_a_decode_worker_that_is_known_at_the_start(void** state) {
  const fixture* self = *state;
  hexagent_worker layerwise = good_worker(self, 1, HEXAGENT_ROLE_PREFILL);
  layerwise.flags = HEXAGENT_WORKER_LAYERWISE | HEXAGENT_WORKER_DELTA_TRANSFER;
  hexagent_error error = {.struct_size = sizeof(error)};
  layerwise.binding = HEXAGENT_BINDING_PREFILL_END;
  assert_int_equal(hexagent_worker_set(self->scheduler, &layerwise, 1, &error), HEXAGENT_E_RANGE);
  assert_int_equal(error.field, HEXAGENT_FIELD_FLAGS);
  assert_non_null(strstr(error.text, "flags"));
  layerwise.binding = HEXAGENT_BINDING_PREFILL_START;
  assert_int_equal(hexagent_worker_set(self->scheduler, &layerwise, 1, &error), HEXAGENT_OK);
}

#define EXPECT_LINK(member, wrong, wanted, field) \
  EXPECT(hexagent_link, good_link(self), member, wrong, hexagent_link_set, wanted, field)

static void links_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_LINK(source_domain, 0, HEXAGENT_E_NAME, DOMAIN);
  EXPECT_LINK(target_domain, 999, HEXAGENT_E_NAME, DOMAIN);
  EXPECT_LINK(bytes_per_s, (double)NAN, HEXAGENT_E_RANGE, BANDWIDTH);
  EXPECT_LINK(bytes_per_s, -1.0, HEXAGENT_E_RANGE, BANDWIDTH);
  EXPECT_LINK(bytes_per_s, 1e30, HEXAGENT_E_RANGE, BANDWIDTH);
}

static void texts_name_the_value_and_what_would_be_right(void** state) {
  const fixture* self = *state;
  hexagent_error error = empty_error();
  hexagent_worker worker = good_worker(self, 1, HEXAGENT_ROLE_BOTH);
  worker.tensor_parallel = 70;
  hexagent_worker_set(self->scheduler, &worker, 1, &error);
  assert_string_equal(error.text, "tensor_parallel = 70: must be 0 to 64");
  worker.tensor_parallel = 0;
  worker.gpu = 77;
  hexagent_worker_set(self->scheduler, &worker, 1, &error);
  assert_string_equal(error.text, "gpu = 77: not a name id of this scheduler");
  worker.gpu = self->gpu;
  worker.dispatch_round_trip_ns = -5;
  hexagent_worker_set(self->scheduler, &worker, 1, &error);
  assert_string_equal(error.text, "dispatch_round_trip_ns = -5: must be 0 to 3600000000000");
}

static void labels_are_known_once_they_were_given(void** state) {
  const fixture* self = *state;
  hexagent_worker worker = good_worker(self, 1, HEXAGENT_ROLE_BOTH);
  const int32_t bit = hexagent_label(self->scheduler, "lora", 4);
  worker.labels = (uint64_t)1 << bit;
  assert_int_equal(hexagent_worker_set(self->scheduler, &worker, 1, NULL), HEXAGENT_OK);
  worker.labels = (uint64_t)2 << bit;
  assert_int_equal(hexagent_worker_set(self->scheduler, &worker, 1, NULL), HEXAGENT_E_NAME);
}

static hexagent_status heartbeat_status(const fixture* self, hexagent_heartbeat heartbeat) {
  return hexagent_heartbeat_submit(self->scheduler, &heartbeat, 1);
}

static void heartbeats_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  hexagent_heartbeat heartbeat = good_heartbeat(0);
  assert_int_equal(heartbeat_status(self, heartbeat), HEXAGENT_E_RANGE);
  heartbeat = good_heartbeat(1);
  heartbeat.kv_used_tokens = UINT64_MAX;
  assert_int_equal(heartbeat_status(self, heartbeat), HEXAGENT_E_RANGE);
  heartbeat = good_heartbeat(1);
  heartbeat.queued_prefill_tokens = UINT64_MAX;
  assert_int_equal(heartbeat_status(self, heartbeat), HEXAGENT_E_RANGE);
  heartbeat = good_heartbeat(1);
  heartbeat.flags = 1;
  assert_int_equal(heartbeat_status(self, heartbeat), HEXAGENT_E_RESERVED);
  heartbeat = good_heartbeat(1);
  heartbeat.reserved[1] = 1;
  assert_int_equal(heartbeat_status(self, heartbeat), HEXAGENT_E_RESERVED);
}

static void heartbeats_stop_at_the_first_that_is_malformed(void** state) {
  const fixture* self = *state;
  const hexagent_heartbeat batch[3] = {good_heartbeat(1), good_heartbeat(0), good_heartbeat(2)};
  assert_int_equal(hexagent_heartbeat_submit(self->scheduler, batch, 3), 1);
  assert_int_equal(hexagent_heartbeat_submit(self->scheduler, batch, 0), 0);
  assert_int_equal(hexagent_heartbeat_submit(self->scheduler, NULL, 0), 0);
  assert_int_equal(hexagent_heartbeat_submit(self->scheduler, NULL, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_heartbeat_submit(self->scheduler, batch, HEXAGENT_BATCH_MAX + 1),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_heartbeat_submit(NULL, batch, 1), HEXAGENT_E_ARGUMENT);
}

static hexagent_link_sample good_sample(void) {
  hexagent_link_sample sample = {0};
  sample.source_worker = 1;
  sample.target_worker = 11;
  sample.bytes = 1000000;
  sample.duration_ns = 1000000;
  return sample;
}

#define EXPECT_SAMPLE(member, wrong, wanted)                                    \
  do {                                                                          \
    hexagent_link_sample bad = good_sample();                                   \
    bad.member = wrong;                                                         \
    assert_int_equal(hexagent_link_measured(self->scheduler, &bad, 1), wanted); \
  } while (0)

static void link_samples_with_a_wrong_member_are_refused(void** state) {
  const fixture* self = *state;
  EXPECT_SAMPLE(bytes, 0, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(bytes, UINT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(bytes, 1000000000000, HEXAGENT_E_RANGE); /* 1 PB/s */
  EXPECT_SAMPLE(duration_ns, 0, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(duration_ns, -1, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(duration_ns, 3600000000000, HEXAGENT_E_RANGE); /* 278 bytes/s */
  EXPECT_SAMPLE(setup_ns, -1, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(setup_ns, 60000000001, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(queue_ns, INT64_MAX, HEXAGENT_E_RANGE);
  EXPECT_SAMPLE(flags, 8, HEXAGENT_E_RESERVED);
  EXPECT_SAMPLE(reserved, 1, HEXAGENT_E_RESERVED);
  hexagent_link_sample nobody = good_sample();
  nobody.source_worker = nobody.target_worker = 0;
  assert_int_equal(hexagent_link_measured(self->scheduler, &nobody, 1), HEXAGENT_E_RANGE);
}

static void link_samples_stop_at_the_first_that_is_malformed(void** state) {
  const fixture* self = *state;
  hexagent_link_sample batch[3] = {good_sample(), good_sample(), good_sample()};
  batch[1].flags = 8;
  assert_int_equal(hexagent_link_measured(self->scheduler, batch, 3), 1);
  assert_int_equal(hexagent_link_measured(self->scheduler, batch, 0), 0);
  assert_int_equal(hexagent_link_measured(self->scheduler, NULL, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_link_measured(self->scheduler, batch, HEXAGENT_BATCH_MAX + 1),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_link_measured(NULL, batch, 1), HEXAGENT_E_ARGUMENT);
}

static void worker_events_need_a_worker_and_a_handle(void** state) {
  const fixture* self = *state;
  const hexagent_worker worker = good_worker(self, 1, HEXAGENT_ROLE_BOTH);
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_worker_drain(self->scheduler, 0, 1, 1), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_worker_lost(self->scheduler, 0, 1, 1), HEXAGENT_E_RANGE);
  assert_int_equal(hexagent_worker_drain(NULL, 1, 1, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_worker_lost(NULL, 1, 1, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_worker_set(NULL, &worker, 1, &error), HEXAGENT_E_ARGUMENT);
  assert_int_equal(error.status, HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_link_set(NULL, NULL, 1, NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_profile_set(NULL, NULL, 1, NULL), HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_model_set(NULL, NULL, 1, NULL), HEXAGENT_E_ARGUMENT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(profiles_with_a_wrong_member_are_refused),
      TEST(models_with_a_wrong_member_are_refused),
      TEST(workers_with_a_wrong_member_are_refused),
      TEST(layers_need_a_decode_worker_that_is_known_at_the_start),
      TEST(links_with_a_wrong_member_are_refused),
      TEST(texts_name_the_value_and_what_would_be_right),
      TEST(labels_are_known_once_they_were_given),
      TEST(heartbeats_with_a_wrong_member_are_refused),
      TEST(heartbeats_stop_at_the_first_that_is_malformed),
      TEST(link_samples_with_a_wrong_member_are_refused),
      TEST(link_samples_stop_at_the_first_that_is_malformed),
      TEST(worker_events_need_a_worker_and_a_handle),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
