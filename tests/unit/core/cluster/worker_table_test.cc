// WorkerTable: defaults, incarnations, pools by model and role, and what a live worker may change.
#include "core/cluster/worker_table.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

constexpr uint32_t kGpu = 1;
constexpr uint32_t kModel = 2;

hexagent_profile profile_of(uint32_t gpu, uint32_t model, uint32_t parallel = 1) {
  hexagent_profile profile = {};
  profile.gpu = gpu;
  profile.model = model;
  profile.tensor_parallel = parallel;
  profile.prefill_fixed_s = 0.01;
  profile.prefill_per_token_s = 1e-4 * gpu;
  profile.decode_fixed_s = 0.01;
  profile.kv_bytes_per_token = 1000;
  profile.kv_capacity_tokens = 16'000;
  return profile;
}

hexagent_worker worker_of(uint32_t id, uint32_t role, uint32_t gpu = kGpu,
                          uint32_t model = kModel) {
  hexagent_worker worker = {};
  worker.worker = id;
  worker.incarnation = 1;
  worker.role = role;
  worker.gpu = gpu;
  worker.model = model;
  return worker;
}

int setup(void** state) {
  auto* table = new WorkerTable(8);
  uint32_t field = 0;
  for (uint32_t gpu : {1u, 2u}) {
    for (uint32_t model : {kModel, kModel + 1}) table->set_profile(profile_of(gpu, model), &field);
  }
  *state = table;
  return 0;
}

int teardown(void** state) {
  delete static_cast<WorkerTable*>(*state);
  return 0;
}

WorkerTable& table_of(void** state) { return *static_cast<WorkerTable*>(*state); }

hexagent_status check(const WorkerTable& table, const hexagent_worker& record, uint32_t field) {
  uint32_t named = 999;
  const hexagent_status status = table.check(record, &named);
  return named == field ? status : HEXAGENT_E_INTERNAL;
}

void zeros_stand_for_the_defaults_of_the_header(void** state) {
  WorkerTable& table = table_of(state);
  const hexagent_worker& spec = table[table.set(worker_of(7, HEXAGENT_ROLE_BOTH), 0)].spec;
  assert_int_equal(spec.tensor_parallel, 1);
  assert_int_equal(spec.block_tokens, 16);
  assert_int_equal(spec.kv_capacity_tokens, 16'000);
  assert_int_equal(spec.dispatch_round_trip_ns, 1'000'000);
  assert_true(spec.ingress_bytes_per_s == 45e9 && spec.egress_bytes_per_s == 45e9);
  assert_int_equal(spec.link_latency_ns, 20'000);
  assert_int_equal(spec.decode_batch_max, 256);
  assert_int_equal(spec.prefill_batch_tokens, 8192);
  assert_int_equal(spec.prefill_chunk_tokens, 2048);
}

void pools_list_serving_workers_by_model_and_role(void** state) {
  WorkerTable& table = table_of(state);
  assert_null(table.pool(kModel));
  const uint32_t prefill = table.set(worker_of(1, HEXAGENT_ROLE_PREFILL), 0);
  const uint32_t decode = table.set(worker_of(2, HEXAGENT_ROLE_DECODE), 0);
  const uint32_t both = table.set(worker_of(3, HEXAGENT_ROLE_BOTH), 0);
  const uint32_t other = table.set(worker_of(4, HEXAGENT_ROLE_BOTH, kGpu, kModel + 1), 0);
  const ModelPool* pool = table.pool(kModel);
  assert_int_equal(pool->prefill.size(), 2);
  assert_int_equal(pool->prefill[0], prefill);
  assert_int_equal(pool->prefill[1], both);
  assert_int_equal(pool->decode[0], decode);
  assert_int_equal(pool->decode[1], both);
  assert_int_equal(table.pool(kModel + 1)->prefill[0], other);
  table.set_state(both, WorkerState::kDraining);
  table.set_state(decode, WorkerState::kLost);
  assert_int_equal(table.pool(kModel)->prefill.size(), 1);
  assert_int_equal(table.pool(kModel)->decode.size(), 0);
}

void one_worker_stands_for_each_kind(void** state) {
  WorkerTable& table = table_of(state);
  const uint32_t first = table.set(worker_of(1, HEXAGENT_ROLE_PREFILL, 1), 0);
  table.set(worker_of(2, HEXAGENT_ROLE_PREFILL, 1), 0);
  const uint32_t other = table.set(worker_of(3, HEXAGENT_ROLE_PREFILL, 2), 0);
  const ModelPool* pool = table.pool(kModel);
  assert_int_equal(pool->prefill_kinds.size(), 2);
  assert_int_equal(pool->prefill_kinds[0], first);
  assert_int_equal(pool->prefill_kinds[1], other);
}

void the_fastest_way_out_of_the_pool_is_known(void** state) {
  WorkerTable& table = table_of(state);
  hexagent_worker slow = worker_of(1, HEXAGENT_ROLE_PREFILL);
  slow.egress_bytes_per_s = 10e9;
  slow.link_latency_ns = 5'000;
  table.set(slow, 0);
  table.set(worker_of(2, HEXAGENT_ROLE_PREFILL), 0);
  assert_true(table.pool(kModel)->egress_max_bytes_per_s == 45e9);
  assert_true(table.pool(kModel)->link_latency_s == 5e-6);
}

void each_pool_knows_how_busy_its_own_workers_were(void** state) {
  WorkerTable& table = table_of(state);
  const uint32_t busy = table.set(worker_of(1, HEXAGENT_ROLE_PREFILL), 0);
  table.set(worker_of(2, HEXAGENT_ROLE_PREFILL), 0);
  table.set(worker_of(3, HEXAGENT_ROLE_PREFILL, kGpu, kModel + 1), 0);
  table[busy].load.prefill.add(table[busy].prefill_engine, prefill_shape(1000, 0), 0);
  table.note_use(0, 10.0);
  table.note_use(30 * kSecondNs, 10.0);  // 30 s of a half, 10 s of nothing
  assert_true(std::fabs(table.pool(kModel)->prefill_use.value() - 0.375) < 1e-9);
  assert_true(table.pool(kModel + 1)->prefill_use.value() == 0.0);
  table.set_state(busy, WorkerState::kLost);  // the pool is made anew
  assert_true(std::fabs(table.pool(kModel)->prefill_use.value() - 0.375) < 1e-9);
}

void labels_are_required_and_excluded_as_sets(void** state) {
  WorkerTable& table = table_of(state);
  hexagent_worker record = worker_of(1, HEXAGENT_ROLE_BOTH);
  record.labels = 0b0110;
  const Worker& worker = table[table.set(record, 0)];
  assert_true(worker.matches(0, 0));
  assert_true(worker.matches(0b0110, 0b1001));
  assert_false(worker.matches(0b0111, 0));
  assert_false(worker.matches(0, 0b0010));
}

void an_update_keeps_what_the_worker_has_learned_and_holds(void** state) {
  WorkerTable& table = table_of(state);
  const uint32_t index = table.set(worker_of(1, HEXAGENT_ROLE_BOTH), 0);
  table[index].kv.reserve(100);
  table[index].prefill_engine.factor = 1.5;
  hexagent_worker update = worker_of(1, HEXAGENT_ROLE_BOTH);
  update.labels = 4;
  assert_int_equal(check(table, update, HEXAGENT_FIELD_NONE), HEXAGENT_OK);
  assert_int_equal(table.set(update, 5), index);
  assert_int_equal(table[index].kv.reserved_tokens(), 112);
  assert_true(table[index].prefill_engine.factor == 1.5);
  assert_int_equal(table[index].spec.labels, 4);
}

void a_new_incarnation_starts_afresh_on_the_same_index(void** state) {
  WorkerTable& table = table_of(state);
  const uint32_t index = table.set(worker_of(1, HEXAGENT_ROLE_PREFILL), 0);
  table[index].prefill_engine.factor = 1.5;
  table[index].kv.set_foreign(1000);
  table.set_state(index, WorkerState::kLost);
  hexagent_worker restarted = worker_of(1, HEXAGENT_ROLE_DECODE, 2, kModel + 1);
  restarted.incarnation = 2;
  restarted.kv_capacity_tokens = 320;
  assert_int_equal(check(table, restarted, HEXAGENT_FIELD_NONE), HEXAGENT_OK);
  assert_int_equal(table.set(restarted, 5), index);
  assert_true(table[index].is_serving());
  assert_true(table[index].prefill_engine.factor == 1.0);
  assert_int_equal(table[index].kv.foreign_tokens(), 0);
  assert_int_equal(table[index].load.kv_free_tokens, 320);
  assert_int_equal(table.pool(kModel)->prefill.size(), 0);
  assert_int_equal(table.pool(kModel + 1)->decode[0], index);
}

void a_live_incarnation_keeps_role_model_and_kv(void** state) {
  WorkerTable& table = table_of(state);
  table.set(worker_of(1, HEXAGENT_ROLE_PREFILL), 0);
  assert_int_equal(check(table, worker_of(1, HEXAGENT_ROLE_BOTH), HEXAGENT_FIELD_ROLE),
                   HEXAGENT_E_STATE);
  assert_int_equal(
      check(table, worker_of(1, HEXAGENT_ROLE_PREFILL, kGpu, kModel + 1), HEXAGENT_FIELD_MODEL),
      HEXAGENT_E_STATE);
  hexagent_worker other = worker_of(1, HEXAGENT_ROLE_PREFILL);
  other.block_tokens = 32;
  assert_int_equal(check(table, other, HEXAGENT_FIELD_KV_CAPACITY), HEXAGENT_E_STATE);
}

void what_cannot_be_served_is_refused(void** state) {
  WorkerTable& table = table_of(state);
  hexagent_worker wide = worker_of(1, HEXAGENT_ROLE_PREFILL);
  wide.tensor_parallel = 4;
  assert_int_equal(check(table, wide, HEXAGENT_FIELD_PROFILE), HEXAGENT_E_UNKNOWN_PROFILE);
  hexagent_worker tiny = worker_of(1, HEXAGENT_ROLE_PREFILL);
  tiny.kv_capacity_tokens = 15;
  assert_int_equal(check(table, tiny, HEXAGENT_FIELD_KV_CAPACITY), HEXAGENT_E_NEVER_FITS);
  for (uint32_t id = 1; id <= 8; ++id) table.set(worker_of(id, HEXAGENT_ROLE_PREFILL), 0);
  assert_int_equal(check(table, worker_of(9, HEXAGENT_ROLE_PREFILL), HEXAGENT_FIELD_CAPACITY),
                   HEXAGENT_E_FULL);
  assert_int_equal(check(table, worker_of(8, HEXAGENT_ROLE_PREFILL), HEXAGENT_FIELD_NONE),
                   HEXAGENT_OK);
}

void a_replaced_profile_is_for_workers_set_from_now_on(void** state) {
  WorkerTable& table = table_of(state);
  const uint32_t before = table.set(worker_of(1, HEXAGENT_ROLE_PREFILL), 0);
  hexagent_profile faster = profile_of(kGpu, kModel);
  faster.prefill_fixed_s = 0.005;
  uint32_t field = 0;
  assert_int_equal(table.set_profile(faster, &field), HEXAGENT_OK);
  const uint32_t after = table.set(worker_of(2, HEXAGENT_ROLE_PREFILL), 0);
  assert_true(table[before].prefill_engine.model.prefill_fixed == 0.01);
  assert_true(table[after].prefill_engine.model.prefill_fixed == 0.005);
}

}  // namespace

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main() {
  const CMUnitTest tests[] = {
      TEST(zeros_stand_for_the_defaults_of_the_header),
      TEST(pools_list_serving_workers_by_model_and_role),
      TEST(one_worker_stands_for_each_kind),
      TEST(the_fastest_way_out_of_the_pool_is_known),
      TEST(each_pool_knows_how_busy_its_own_workers_were),
      TEST(labels_are_required_and_excluded_as_sets),
      TEST(an_update_keeps_what_the_worker_has_learned_and_holds),
      TEST(a_new_incarnation_starts_afresh_on_the_same_index),
      TEST(a_live_incarnation_keeps_role_model_and_kv),
      TEST(what_cannot_be_served_is_refused),
      TEST(a_replaced_profile_is_for_workers_set_from_now_on),
  };
  return cmocka_run_group_tests_name("worker table", tests, nullptr, nullptr);
}
