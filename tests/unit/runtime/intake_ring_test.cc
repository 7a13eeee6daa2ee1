// IntakeRing: order, wrapping, bounds, alignment; producers on other threads; closing, questions.
#include "runtime/intake_ring.h"

#include <sched.h>

#include <atomic>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::Input;
using hexagent::InputKind;
using hexagent::IntakeRing;
using hexagent::Question;
using Push = IntakeRing::Push;

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

// Is this exactly the input made from these numbers?
bool is_whole(const Input& input, uint64_t id, uint32_t deps_count, uint32_t prefixes_count) {
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

bool front_is(const IntakeRing& ring, uint64_t id, uint32_t deps_count, uint32_t prefixes_count) {
  IntakeRing::Entry entry;
  return ring.front(&entry) && entry.is_input &&
         is_whole(entry.input, id, deps_count, prefixes_count);
}

bool push(IntakeRing* ring, uint64_t id, uint32_t deps_count, uint32_t prefixes_count) {
  const Parts parts(id, deps_count, prefixes_count);
  return ring->try_push(parts.input) == Push::kDone;
}

bool parts_come_back() {
  IntakeRing ring(4096);
  if (!ring.empty() || !push(&ring, 7, 3, 2) || ring.empty()) return false;
  if (!front_is(ring, 7, 3, 2)) return false;
  ring.pop();
  return ring.empty() && ring.position() == ring.end();
}

void inputs_come_back_with_all_their_parts(void**) { assert_true(parts_come_back()); }

bool bare_input_comes_back() {
  IntakeRing ring(4096);
  Input input = {InputKind::kWorkerLost};
  input.worker = 9;
  input.incarnation = 4;
  if (ring.try_push(input) != Push::kDone || ring.end() != 1) return false;
  IntakeRing::Entry entry;
  if (!ring.front(&entry) || !entry.is_input) return false;
  const Input& back = entry.input;
  return back.kind == InputKind::kWorkerLost && back.worker == 9 && back.incarnation == 4 &&
         back.record == nullptr && back.deps == nullptr && back.prefixes == nullptr;
}

void an_input_without_a_record_takes_one_slot(void**) { assert_true(bare_input_comes_back()); }

// Slots that hold as many one-slot inputs as they are.
bool capacity_is_exact() {
  IntakeRing ring(64 * IntakeRing::kSlotBytes);
  const Input input = {InputKind::kWorkerLost};
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 64; ++i) {
      if (ring.try_push(input) != Push::kDone) return false;
    }
    if (ring.try_push(input) != Push::kFull) return false;
    for (int i = 0; i < 64; ++i) ring.pop();
    ring.release();
    if (!ring.empty()) return false;
  }
  return true;
}

void the_capacity_is_used_to_the_last_slot(void**) { assert_true(capacity_is_exact()); }

bool full_refuses_and_recovers() {
  IntakeRing ring(2048);
  uint64_t pushed = 0;
  while (push(&ring, pushed + 1, 1, 0)) ++pushed;
  if (pushed < 4) return false;
  if (push(&ring, 99, 1, 0)) return false;  // still full, and nothing changed by trying
  if (!front_is(ring, 1, 1, 0)) return false;
  ring.pop();
  ring.release();
  if (!push(&ring, pushed + 1, 1, 0)) return false;
  for (uint64_t id = 2; id <= pushed + 1; ++id) {
    if (!front_is(ring, id, 1, 0)) return false;
    ring.pop();
  }
  return ring.empty();
}

void a_full_ring_refuses_until_something_is_taken(void**) {
  assert_true(full_refuses_and_recovers());
}

bool empty_takes_large() {
  IntakeRing ring(65536);
  // Wherever the ring stands, once empty it has room for the largest call there is.
  for (uint64_t id = 1; id <= 1100; ++id) {
    if (!push(&ring, id, 4096, 4) || !front_is(ring, id, 4096, 4)) return false;
    ring.pop();
    if (!push(&ring, id, 5, 0) || !front_is(ring, id, 5, 0)) return false;
    ring.pop();
    ring.release();
  }
  return !push(&ring, 51, 9000, 0);  // more than any entry may have
}

void an_empty_ring_takes_the_largest_call_wherever_it_stands(void**) {
  assert_true(empty_takes_large());
}

// Data that looks like the sequence numbers of the next laps must not pass for a published entry.
bool data_is_no_sequence() {
  constexpr uint64_t kSlots = 32;
  IntakeRing ring(kSlots * IntakeRing::kSlotBytes);
  uint64_t deps[8 * 20];
  Input input = {InputKind::kSubmit};
  input.deps = deps;
  input.deps_count = 8 * 20;  // 20 slots of data
  for (int round = 0; round < 200; ++round) {
    for (uint64_t& dep : deps) dep = 0;
    // The first word of each slot the entry will cover: what a later entry there would publish.
    for (uint64_t slot = 0; slot < 20; ++slot) deps[8 * slot] = ring.end() + slot + 2 + kSlots;
    if (ring.try_push(input) != Push::kDone || ring.empty()) return false;
    ring.pop();
    ring.release();
    if (!ring.empty()) return false;
    for (int i = 0; i < 7; ++i) {
      if (ring.try_push(Input{InputKind::kReady}) != Push::kDone) return false;
      ring.pop();
      ring.release();
      if (!ring.empty()) return false;
    }
  }
  return true;
}

void data_is_never_taken_for_an_entry(void**) { assert_true(data_is_no_sequence()); }

// Random pushes and pops against a plain deque.
bool matches_model(uint64_t seed) {
  IntakeRing ring(8192);
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
      if (push(&ring, expected.id, expected.deps, expected.prefixes)) {
        model.push_back(expected);
        ++next_id;
      }
    } else if (!model.empty()) {
      const Expected& oldest = model.front();
      if (!front_is(ring, oldest.id, oldest.deps, oldest.prefixes)) return false;
      ring.pop();
      ring.release();
      model.pop_front();
    }
    if (ring.empty() != model.empty()) return false;
  }
  return next_id > 1000;
}

void any_mix_of_pushes_and_pops_keeps_order_and_contents(void**) {
  for (uint64_t seed = 1; seed <= 5; ++seed) assert_true(matches_model(seed));
}

// Several producers, entries of all sizes; each producer's come in its order, none is lost.
bool producers_keep_their_order(uint32_t producers, uint64_t items, uint64_t ring_bytes) {
  IntakeRing ring(ring_bytes);
  std::vector<std::thread> threads;
  for (uint64_t who = 0; who < producers; ++who) {
    threads.emplace_back([&ring, who, items] {
      for (uint64_t item = 0; item < items; ++item) {
        const uint64_t id = who << 32 | item;
        const Parts parts(id, static_cast<uint32_t>(item % 23), static_cast<uint32_t>(item % 3));
        while (ring.try_push(parts.input) != Push::kDone) sched_yield();
      }
    });
  }
  std::vector<uint64_t> next(producers, 0);
  bool good = true;
  for (uint64_t taken = 0; taken < producers * items;) {
    IntakeRing::Entry entry;
    if (!ring.front(&entry)) {
      ring.release();
      sched_yield();
      continue;
    }
    const uint64_t who = entry.input.call >> 32;
    const uint64_t item = next[who]++;
    good = good && is_whole(entry.input, who << 32 | item, static_cast<uint32_t>(item % 23),
                            static_cast<uint32_t>(item % 3));
    ring.pop();
    ++taken;
  }
  for (std::thread& thread : threads) thread.join();
  return good && ring.empty();
}

void inputs_of_several_producers_arrive_whole_and_in_their_order(void**) {
  assert_true(producers_keep_their_order(4, 20000, 65536));
}

void a_ring_that_is_nearly_always_full_loses_nothing(void**) {
  assert_true(producers_keep_their_order(4, 5000, 1024));
}

// After close() no push succeeds, and what succeeded before is there: counted on both sides.
bool close_is_exact(uint64_t seed) {
  IntakeRing ring(65536);
  std::atomic<uint64_t> pushed{0};
  std::vector<std::thread> threads;
  for (int who = 0; who < 3; ++who) {
    threads.emplace_back([&] {
      for (;;) {
        const Push answer = ring.try_push(Input{InputKind::kReady});
        if (answer == Push::kClosed) return;
        if (answer == Push::kDone) pushed.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  uint64_t taken = 0;
  while (!ring.drained()) {
    IntakeRing::Entry entry;
    if (!ring.front(&entry)) {
      ring.release();
      continue;
    }
    ring.pop();
    if (++taken == 1000 + seed * 17) ring.close();
  }
  for (std::thread& thread : threads) thread.join();
  return taken == pushed.load() && ring.empty() && ring.drained();
}

void a_closed_ring_delivers_exactly_what_it_took(void**) {
  for (uint64_t seed = 0; seed < 20; ++seed) assert_true(close_is_exact(seed));
}

int32_t answer_seven(void*) noexcept { return 7; }

bool questions_travel() {
  IntakeRing ring(4096);
  Question question(answer_seven, nullptr);
  ring.close();
  if (ring.try_push(Input{InputKind::kReady}) != Push::kClosed) return false;
  if (ring.try_push(&question) != Push::kDone || ring.drained()) return false;
  IntakeRing::Entry entry;
  if (!ring.front(&entry) || entry.is_input || entry.question != &question) return false;
  entry.question->answer();
  ring.pop();
  return question.wait() == 7 && ring.drained();
}

void questions_are_taken_after_closing_too(void**) { assert_true(questions_travel()); }

bool questions_can_be_stolen() {
  IntakeRing ring(4096);
  Question first(answer_seven, nullptr);
  Question second(answer_seven, nullptr);
  uint64_t from = 0;
  if (!push(&ring, 1, 9, 1) || ring.try_push(&first) != Push::kDone) return false;
  if (ring.steal_question(&from) != &first || ring.steal_question(&from) != nullptr) return false;
  if (!push(&ring, 2, 1, 0) || ring.try_push(&second) != Push::kDone) return false;
  if (ring.steal_question(&from) != &second || ring.steal_question(&from) != nullptr) return false;
  IntakeRing::Entry entry;
  if (!front_is(ring, 1, 9, 1)) return false;
  ring.pop();
  if (!ring.front(&entry) || entry.is_input || entry.question != nullptr) return false;
  ring.pop();
  if (!front_is(ring, 2, 1, 0)) return false;
  ring.pop();
  ring.pop();
  return ring.empty() && ring.steal_question(&from) == nullptr;
}

void questions_behind_waiting_inputs_can_be_taken_out(void**) {
  assert_true(questions_can_be_stolen());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(inputs_come_back_with_all_their_parts),
      cmocka_unit_test(an_input_without_a_record_takes_one_slot),
      cmocka_unit_test(the_capacity_is_used_to_the_last_slot),
      cmocka_unit_test(a_full_ring_refuses_until_something_is_taken),
      cmocka_unit_test(an_empty_ring_takes_the_largest_call_wherever_it_stands),
      cmocka_unit_test(data_is_never_taken_for_an_entry),
      cmocka_unit_test(any_mix_of_pushes_and_pops_keeps_order_and_contents),
      cmocka_unit_test(inputs_of_several_producers_arrive_whole_and_in_their_order),
      cmocka_unit_test(a_ring_that_is_nearly_always_full_loses_nothing),
      cmocka_unit_test(a_closed_ring_delivers_exactly_what_it_took),
      cmocka_unit_test(questions_are_taken_after_closing_too),
      cmocka_unit_test(questions_behind_waiting_inputs_can_be_taken_out),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
