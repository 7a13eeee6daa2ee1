// IntakeQueue: order, wrapping, bounds, alignment.
#include "runtime/intake_queue.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::Input;
using hexagent::InputKind;
using hexagent::IntakeQueue;

// An input whose every part tells which one it is.
struct Parts {
  hexagent_call call = {};
  std::vector<uint64_t> deps;
  std::vector<hexagent_prefix> prefixes;
  Input input = {InputKind::kSubmit};

  Parts(uint64_t id, uint32_t deps_count, uint32_t prefixes_count) {
    call.call = id;
    for (uint32_t i = 0; i < deps_count; ++i) deps.push_back(id * 1000 + i);
    prefixes.resize(prefixes_count);
    for (hexagent_prefix& prefix : prefixes) prefix.group = id;
    input.call = id;
    input.user_data = ~id;
    input.record = &call;
    input.record_size = sizeof(call);
    input.deps = deps.data();
    input.deps_count = deps_count;
    input.prefixes = prefixes.data();
    input.prefixes_count = prefixes_count;
  }
};

bool is_aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// Is the queue's oldest input exactly the one made from these numbers?
bool front_is(const IntakeQueue& queue, uint64_t id, uint32_t deps_count, uint32_t prefixes_count) {
  const Input input = queue.front();
  if (input.kind != InputKind::kSubmit || input.call != id || input.user_data != ~id) return false;
  if (input.record_size != sizeof(hexagent_call) || !is_aligned(input.record)) return false;
  if (static_cast<const hexagent_call*>(input.record)->call != id) return false;
  if (input.deps_count != deps_count || input.prefixes_count != prefixes_count) return false;
  if (deps_count > 0 && !is_aligned(input.deps)) return false;
  for (uint32_t i = 0; i < deps_count; ++i) {
    if (input.deps[i] != id * 1000 + i) return false;
  }
  for (uint32_t i = 0; i < prefixes_count; ++i) {
    if (input.prefixes[i].group != id) return false;
  }
  return true;
}

bool push(IntakeQueue* queue, uint64_t id, uint32_t deps_count, uint32_t prefixes_count) {
  const Parts parts(id, deps_count, prefixes_count);
  return queue->try_push(parts.input);
}

bool parts_come_back() {
  IntakeQueue queue(4096);
  if (!push(&queue, 7, 3, 2) || queue.count() != 1) return false;
  if (!front_is(queue, 7, 3, 2)) return false;
  queue.pop();
  return queue.empty();
}

void inputs_come_back_with_all_their_parts(void**) { assert_true(parts_come_back()); }

bool bare_input_comes_back() {
  IntakeQueue queue(4096);
  Input input = {InputKind::kWorkerLost};
  input.worker = 9;
  input.incarnation = 4;
  if (!queue.try_push(input)) return false;
  const Input back = queue.front();
  return back.kind == InputKind::kWorkerLost && back.worker == 9 && back.incarnation == 4 &&
         back.record == nullptr && back.deps == nullptr && back.prefixes == nullptr;
}

void inputs_without_a_record_come_back(void**) { assert_true(bare_input_comes_back()); }

bool full_refuses_and_recovers() {
  IntakeQueue queue(2048);
  uint64_t pushed = 0;
  while (push(&queue, pushed + 1, 1, 0)) ++pushed;
  if (pushed < 4 || queue.count() != pushed) return false;
  if (push(&queue, 99, 1, 0)) return false;  // still full, and nothing changed by trying
  if (!front_is(queue, 1, 1, 0)) return false;
  queue.pop();
  if (!push(&queue, pushed + 1, 1, 0)) return false;
  for (uint64_t id = 2; id <= pushed + 1; ++id) {
    if (!front_is(queue, id, 1, 0)) return false;
    queue.pop();
  }
  return queue.empty();
}

void a_full_queue_refuses_until_something_is_taken(void**) {
  assert_true(full_refuses_and_recovers());
}

bool empty_takes_large() {
  IntakeQueue queue(65536);
  // Wherever the queue stands, once empty it has room for the largest call there is.
  for (uint64_t id = 1; id <= 50; ++id) {
    if (!push(&queue, id, 4096, 4) || !front_is(queue, id, 4096, 4)) return false;
    queue.pop();
    if (!push(&queue, id, 5, 0)) return false;
    queue.pop();
  }
  return !push(&queue, 51, 9000, 0);  // more than the memory can ever hold
}

void an_empty_queue_takes_the_largest_call(void**) { assert_true(empty_takes_large()); }

// Random pushes and pops against a plain deque.
bool matches_model(uint64_t seed) {
  IntakeQueue queue(8192);
  struct Expected {
    uint64_t id;
    uint32_t deps, prefixes;
  };
  std::deque<Expected> model;
  uint64_t state = seed;
  uint64_t next_id = 1;
  for (int round = 0; round < 20000; ++round) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto draw = static_cast<uint32_t>(state >> 33);
    if (draw % 5 < 3) {
      const Expected expected = {next_id, (draw >> 4) % 40, (draw >> 12) % 5};
      if (push(&queue, expected.id, expected.deps, expected.prefixes)) {
        model.push_back(expected);
        ++next_id;
      }
    } else if (!model.empty()) {
      const Expected& oldest = model.front();
      if (!front_is(queue, oldest.id, oldest.deps, oldest.prefixes)) return false;
      queue.pop();
      model.pop_front();
    }
    if (queue.count() != model.size()) return false;
  }
  return next_id > 1000;
}

void any_mix_of_pushes_and_pops_keeps_order_and_contents(void**) {
  for (uint64_t seed = 1; seed <= 5; ++seed) assert_true(matches_model(seed));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(inputs_come_back_with_all_their_parts),
      cmocka_unit_test(inputs_without_a_record_come_back),
      cmocka_unit_test(a_full_queue_refuses_until_something_is_taken),
      cmocka_unit_test(an_empty_queue_takes_the_largest_call),
      cmocka_unit_test(any_mix_of_pushes_and_pops_keeps_order_and_contents),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
