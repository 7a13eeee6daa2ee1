// WorkflowTable: ids, the DAG's edges, what may be revealed, the order of silence, and that
// everything is given back.
#include "core/workflow/workflow_table.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

constexpr uint32_t kCalls = 16;

int setup(void** state) {
  *state = new WorkflowTable(4, kCalls);
  return 0;
}

int teardown(void** state) {
  delete static_cast<WorkflowTable*>(*state);
  return 0;
}

WorkflowTable& table_of(void** state) { return *static_cast<WorkflowTable*>(*state); }

uint32_t add(WorkflowTable* table, uint32_t workflow, uint64_t call,
             std::initializer_list<uint64_t> deps = {}) {
  const auto count = static_cast<uint32_t>(deps.size());
  const uint32_t index = table->add_call(workflow, call, deps.begin(), count);
  table->call(index).state = CallState::kWaiting;
  return index;
}

struct Verdict {
  hexagent_status status;
  uint32_t field;
};

Verdict check(const WorkflowTable& table, uint32_t workflow, uint64_t call,
              std::initializer_list<uint64_t> deps = {}) {
  Verdict verdict = {};
  verdict.status = table.check_call(workflow, call, deps.begin(),
                                    static_cast<uint32_t>(deps.size()), &verdict.field);
  return verdict;
}

void assert_verdict(const Verdict& verdict, hexagent_status status, uint32_t field) {
  assert_int_equal(verdict.status, status);
  assert_int_equal(verdict.field, field);
}

void workflows_and_calls_are_found_by_the_callers_ids(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t one = table.add_workflow(100);
  const uint32_t two = table.add_workflow(200);
  const uint32_t call_of_one = add(&table, one, 7);
  const uint32_t call_of_two = add(&table, two, 7);
  assert_int_equal(table.find(100), one);
  assert_int_equal(table.find(200), two);
  assert_int_equal(table.find(300), kNoIndex);
  assert_int_equal(table.find_call(100, 7), call_of_one);
  assert_int_equal(table.find_call(200, 7), call_of_two);
  assert_int_equal(table.find_call(100, 8), kNoIndex);
  assert_true(table.workflow(one).sequence < table.workflow(two).sequence);
  assert_int_equal(table.call(call_of_two).workflow, two);
}

void a_call_counts_the_dependencies_that_are_not_done(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t workflow = table.add_workflow(1);
  const uint32_t done = add(&table, workflow, 1);
  add(&table, workflow, 2);
  table.call(done).state = CallState::kDone;
  const uint32_t join = add(&table, workflow, 3, {1, 2});
  assert_int_equal(table.call(join).deps_pending, 1);
}

void dependents_are_those_that_wait(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t workflow = table.add_workflow(1);
  const uint32_t root = add(&table, workflow, 1);
  const uint32_t left = add(&table, workflow, 2, {1});
  const uint32_t right = add(&table, workflow, 3, {1});
  const uint32_t join = add(&table, workflow, 4, {2, 3});
  uint32_t seen = 0;
  table.for_each_dependent(root, [&](uint32_t index) { seen |= 1u << index; });
  assert_int_equal(seen, 1u << left | 1u << right);
  seen = 0;
  table.for_each_dependent(right, [&](uint32_t index) { seen |= 1u << index; });
  assert_int_equal(seen, 1u << join);
}

void calls_are_visited_newest_first_or_oldest_first(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t workflow = table.add_workflow(1);
  for (uint64_t call = 1; call <= 3; ++call) add(&table, workflow, call);
  uint64_t order = 0;
  table.for_each_call(workflow, [&](uint32_t index) { order = order * 10 + table.call(index).id; });
  assert_int_equal(order, 321);
  order = 0;
  table.for_each_call_oldest_first(
      workflow, [&](uint32_t index) { order = order * 10 + table.call(index).id; });
  assert_int_equal(order, 123);
}

void what_may_not_be_revealed_is_told_with_its_field(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t workflow = table.add_workflow(1);
  add(&table, workflow, 1);
  table.call(add(&table, workflow, 2)).state = CallState::kFailed;
  table.call(add(&table, workflow, 3)).state = CallState::kCancelled;
  assert_verdict(check(table, workflow, 1), HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_CALL);
  assert_verdict(check(table, workflow, 4, {4}), HEXAGENT_E_CYCLE, HEXAGENT_FIELD_DEPS);
  assert_verdict(check(table, workflow, 4, {1, 9}), HEXAGENT_E_UNKNOWN_DEPENDENCY,
                 HEXAGENT_FIELD_DEPS);
  assert_verdict(check(table, workflow, 4, {2}), HEXAGENT_E_DEAD_DEPENDENCY, HEXAGENT_FIELD_DEPS);
  assert_verdict(check(table, workflow, 4, {3}), HEXAGENT_E_DEAD_DEPENDENCY, HEXAGENT_FIELD_DEPS);
  assert_verdict(check(table, workflow, 4, {1}), HEXAGENT_OK, HEXAGENT_FIELD_NONE);
}

void a_full_table_refuses_calls_edges_and_workflows(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t workflow = table.add_workflow(1);
  // Four edges a call on average: 64. Sixteen calls with more than that between them.
  uint64_t call = 1;
  for (; call <= 11; ++call) add(&table, workflow, call);
  add(&table, workflow, call++, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  add(&table, workflow, call++, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  add(&table, workflow, call++, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
  add(&table, workflow, call++, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14});  // 50
  assert_verdict(check(table, workflow, call, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}),
                 HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  assert_verdict(check(table, workflow, call, {1, 2, 3}), HEXAGENT_OK, HEXAGENT_FIELD_NONE);
  add(&table, workflow, call++);
  assert_verdict(check(table, workflow, call), HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  for (uint64_t id = 2; id <= 4; ++id) assert_true(table.add_workflow(id) != kNoIndex);
  assert_int_equal(table.add_workflow(5), kNoIndex);
}

void a_removed_workflow_gives_back_calls_edges_and_ids(void** state) {
  WorkflowTable& table = table_of(state);
  for (int round = 0; round < 20; ++round) {  // far more than fits at once
    const uint32_t workflow = table.add_workflow(1);
    for (uint64_t call = 1; call <= 8; ++call) add(&table, workflow, call);
    add(&table, workflow, 9, {1, 2, 3, 4, 5, 6, 7, 8});
    add(&table, workflow, 10, {1, 2, 3, 4, 5, 6, 7, 8, 9});
    table.touch(workflow, round);
    table.remove_workflow(workflow);
    assert_int_equal(table.workflow_count(), 0);
    assert_int_equal(table.call_count(), 0);
    assert_int_equal(table.find(1), kNoIndex);
    assert_int_equal(table.find_call(1, 1), kNoIndex);
    assert_int_equal(table.least_active(), kNoIndex);
  }
}

void the_least_active_workflow_is_the_one_touched_longest_ago(void** state) {
  WorkflowTable& table = table_of(state);
  const uint32_t first = table.add_workflow(1);
  const uint32_t second = table.add_workflow(2);
  const uint32_t third = table.add_workflow(3);
  table.touch(first, 10);
  table.touch(second, 20);
  table.touch(third, 30);
  assert_int_equal(table.least_active(), first);
  table.touch(first, 40);
  assert_int_equal(table.least_active(), second);
  assert_int_equal(table.workflow(first).last_activity, 40);
  table.remove_workflow(third);  // from the middle
  table.touch(second, 50);
  assert_int_equal(table.least_active(), first);
  table.remove_workflow(first);
  assert_int_equal(table.least_active(), second);
}

}  // namespace

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main() {
  const CMUnitTest tests[] = {
      TEST(workflows_and_calls_are_found_by_the_callers_ids),
      TEST(a_call_counts_the_dependencies_that_are_not_done),
      TEST(dependents_are_those_that_wait),
      TEST(calls_are_visited_newest_first_or_oldest_first),
      TEST(what_may_not_be_revealed_is_told_with_its_field),
      TEST(a_full_table_refuses_calls_edges_and_workflows),
      TEST(a_removed_workflow_gives_back_calls_edges_and_ids),
      TEST(the_least_active_workflow_is_the_one_touched_longest_ago),
  };
  return cmocka_run_group_tests_name("workflow table", tests, nullptr, nullptr);
}
