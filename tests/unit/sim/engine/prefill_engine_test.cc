// Tests of src/sim/engine/prefill_engine.h, with times added up by hand from LinearTruth.
#include "sim/engine/prefill_engine.h"

#include <cmath>
#include <stdexcept>

#include "linear_truth.h"

// cmocka.h needs these four before it and has no extern "C" of its own.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
extern "C" {
#include <cmocka.h>
}

namespace hexagent::sim {
namespace {

struct World {
  LinearTruth truth;
  ContentTree tree{16};
  PrefillEngine engine;
  Reports reports;
  explicit World(int64_t capacity_tokens, double factor = 1.0)
      : engine(config(capacity_tokens, factor), &tree) {}

  EngineConfig config(int64_t capacity_tokens, double factor) const {
    EngineConfig result;
    result.truth = &truth;
    result.kv_capacity_tokens = capacity_tokens;
    result.factor = factor;
    return result;
  }
  void submit(TimeNs now, uint64_t id, int64_t tokens, int64_t order_key = 0) {
    submit_content(now, id, tree.add(kNoContent, 0, tokens), tokens, order_key);
  }
  void submit_content(TimeNs now, uint64_t id, ContentId content, int64_t tokens,
                      int64_t order_key = 0) {
    engine.submit(now, PrefillRequest{id, content, tokens, order_key});
  }
  // Runs until the engine has nothing to do.
  void run() {
    while (engine.next_event() != kNever) engine.advance(engine.next_event(), reports);
  }
  TimeNs finish_of(uint64_t id) const { return time_of(ReportKind::kPrefillFinished, id); }
  TimeNs start_of(uint64_t id) const { return time_of(ReportKind::kPrefillStarted, id); }
  TimeNs time_of(ReportKind kind, uint64_t id) const {
    for (const Report& report : reports) {
      if (report.kind == kind && report.id == id) return report.time;
    }
    return -1;
  }
};

TimeNs finish_of_one(int64_t tokens, double factor) {
  World world(100000, factor);
  world.submit(0, 1, tokens);
  world.run();
  return world.finish_of(1);
}

TimeNs start_of_the_fifth_of_2048() {
  World world(100000);
  for (uint64_t id = 1; id <= 5; ++id) world.submit(0, id, 2048);
  world.run();
  return world.start_of(5);
}

Report finish_after_the_same_prompt_was_computed(int64_t tokens) {
  World world(100000);
  const ContentId content = world.tree.add(kNoContent, 0, tokens);
  world.submit_content(0, 1, content, tokens);
  world.run();
  world.submit_content(1000000000, 2, content, tokens);
  world.run();
  return world.reports.back();
}

struct Starts {
  TimeNs second;
  TimeNs third;
};

// The first holds 800 of 1,024 tokens until it is released at 50 ms.
Starts starts_behind_a_pinned_prompt(int64_t third_key) {
  World world(1024);
  world.submit(0, 1, 800);
  world.run();
  world.submit(10000000, 2, 512);
  world.submit(10000000, 3, 100);
  world.engine.advance(10000000, world.reports);
  if (third_key != 0) {
    world.engine.reorder(20000000, 3, third_key);
    world.engine.advance(20000000, world.reports);
  }
  world.run();
  world.engine.release(50000000, 1);
  world.run();
  return Starts{world.start_of(2), world.start_of(3)};
}

struct AfterAbort {
  TimeNs finish_of_other;
  int64_t running_aborts;
  int64_t finished_aborts;
  int64_t blocks_in_use;
};

AfterAbort abort_in_every_state() {
  World world(100000);
  world.submit(0, 1, 4096);
  world.submit(0, 2, 2048);
  world.engine.advance(0, world.reports);
  world.submit(1000000, 3, 2048);
  AfterAbort result{};
  result.running_aborts += world.engine.abort(1000000, 1) ? 1 : 0;  // running
  result.running_aborts += world.engine.abort(1000000, 3) ? 1 : 0;  // waiting
  world.run();
  result.finished_aborts = world.engine.abort(100000000, 2) ? 1 : 0;
  result.finish_of_other = world.finish_of(2);
  world.engine.release(100000000, 2);
  result.blocks_in_use = world.engine.cache().in_use_blocks();
  world.engine.check_drained();
  return result;
}

// Digits of the ids lost, in order; then what is left.
int64_t ids_lost_with_the_worker() {
  World world(100000);
  world.submit(0, 4, 100);
  world.run();
  world.submit(50000000, 7, 5000);
  world.engine.advance(50000000, world.reports);
  world.submit(51000000, 2, 100);
  int64_t digits = 0;
  for (const uint64_t id : world.engine.lose(52000000)) {
    digits = digits * 10 + static_cast<int64_t>(id);
  }
  world.engine.check_drained();
  return world.engine.next_event() == kNever ? digits : -1;
}

bool submit_throws(int64_t tokens, bool twice) {
  World world(1024);
  try {
    world.submit(0, 1, tokens);
    if (twice) world.submit(0, 1, tokens);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

struct Use {
  int64_t busy_ns;
  int64_t kv_token_us;
  int64_t computed_tokens;
  int64_t hit_tokens;
};

Use use_of_two_equal_prompts() {
  World world(100000);
  const ContentId content = world.tree.add(kNoContent, 0, 1000);
  world.submit_content(0, 1, content, 1000);
  world.run();
  world.engine.release(2500000, 1);
  world.submit_content(2500000, 2, content, 1000);
  world.run();
  const EngineStats& stats = world.engine.stats(world.finish_of(2));
  return Use{std::llround(stats.busy_s * 1e9), std::llround(stats.kv_token_seconds * 1e6),
             stats.computed_tokens, stats.hit_tokens};
}

void one_prompt_takes_its_linear_and_attention_time(void** /*state*/) {
  assert_int_equal(finish_of_one(1000, 1.0), 2500000);
}
void the_worker_factor_scales_every_iteration(void** /*state*/) {
  assert_int_equal(finish_of_one(1000, 1.5), 3750000);
}
void a_long_prompt_is_computed_in_chunks(void** /*state*/) {
  // 1 + 2.048 + 2048*1024 ns = 5.145152 ms, then 1 + 2.048 + 2048*(2048 + 1024) ns = 9.339456 ms.
  assert_int_equal(finish_of_one(4096, 1.0), 14484608);
}
void the_batch_budget_keeps_the_fifth_chunk_waiting(void** /*state*/) {
  // 1 + 8.192 + 4*2.097152 ms.
  assert_int_equal(start_of_the_fifth_of_2048(), 17580608);
}
void a_repeated_prompt_computes_only_what_no_block_holds(void** /*state*/) {
  const Report report = finish_after_the_same_prompt_was_computed(1000);
  assert_int_equal(report.cached_tokens, 992);
  assert_int_equal(report.computed_tokens, 8);
  // 1 ms + 8 us + 8*(992 + 4) ns.
  assert_int_equal(report.time, 1000000000 + 1015968);
}
void a_repeated_prompt_of_whole_blocks_computes_its_last_block(void** /*state*/) {
  assert_int_equal(finish_after_the_same_prompt_was_computed(1600).cached_tokens, 1584);
}
void the_head_of_the_queue_is_not_overtaken_while_it_waits_for_kv(void** /*state*/) {
  const Starts starts = starts_behind_a_pinned_prompt(0);
  assert_int_equal(starts.second, 50000000);
  assert_int_equal(starts.third, 50000000);
}
void a_reordered_request_may_start_where_the_old_head_did_not_fit(void** /*state*/) {
  const Starts starts = starts_behind_a_pinned_prompt(-1);
  assert_int_equal(starts.third, 20000000);
  assert_int_equal(starts.second, 50000000);
}
void abort_ends_waiting_and_running_requests_but_not_finished_ones(void** /*state*/) {
  const AfterAbort after = abort_in_every_state();
  assert_int_equal(after.running_aborts, 2);
  assert_int_equal(after.finished_aborts, 0);
  assert_int_equal(after.blocks_in_use, 0);
  // The iteration of two chunks keeps its length: 1 + 4.096 + 2*2.097152 ms.
  assert_int_equal(after.finish_of_other, 9290304);
}
void a_lost_worker_names_everything_it_held(void** /*state*/) {
  assert_int_equal(ids_lost_with_the_worker(), 472);
}
void a_prompt_that_can_never_fit_is_refused(void** /*state*/) {
  assert_false(submit_throws(1024, false));
  assert_true(submit_throws(1025, false));
  assert_true(submit_throws(0, false));
}
void a_request_submitted_twice_is_refused(void** /*state*/) {
  assert_true(submit_throws(10, true));
}
void statistics_add_up(void** /*state*/) {
  const Use use = use_of_two_equal_prompts();
  assert_int_equal(use.busy_ns, 2500000 + 1015968);
  assert_int_equal(use.kv_token_us, 3544096);  // 63 blocks of 16 all the time
  assert_int_equal(use.computed_tokens, 1008);
  assert_int_equal(use.hit_tokens, 992);
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(one_prompt_takes_its_linear_and_attention_time),
      cmocka_unit_test(the_worker_factor_scales_every_iteration),
      cmocka_unit_test(a_long_prompt_is_computed_in_chunks),
      cmocka_unit_test(the_batch_budget_keeps_the_fifth_chunk_waiting),
      cmocka_unit_test(a_repeated_prompt_computes_only_what_no_block_holds),
      cmocka_unit_test(a_repeated_prompt_of_whole_blocks_computes_its_last_block),
      cmocka_unit_test(the_head_of_the_queue_is_not_overtaken_while_it_waits_for_kv),
      cmocka_unit_test(a_reordered_request_may_start_where_the_old_head_did_not_fit),
      cmocka_unit_test(abort_ends_waiting_and_running_requests_but_not_finished_ones),
      cmocka_unit_test(a_lost_worker_names_everything_it_held),
      cmocka_unit_test(a_prompt_that_can_never_fit_is_refused),
      cmocka_unit_test(a_request_submitted_twice_is_refused),
      cmocka_unit_test(statistics_add_up),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
