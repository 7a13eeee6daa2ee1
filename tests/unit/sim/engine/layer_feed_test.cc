// Tests of src/sim/engine/layer_feed.h: a prefill engine, a network and what feeds the one by the
// other, with times added up by hand. LinearTruth: 1,000 tokens take 2.5 ms, of 10 layers 0.25 ms
// each; a token has 1,000 bytes, so the bytes of a prompt take 1 ms at 1 GB/s. Latency 100 ns.
#include "sim/engine/layer_feed.h"

#include <algorithm>
#include <array>

#include "linear_truth.h"
#include "sim/engine/link.h"

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

// Sends request 1 from worker 0 to worker 1 the way a simulation does.
struct World {
  LinearTruth truth;
  ContentTree tree{16};
  PrefillEngine engine;
  LinkNetwork network;
  LayeredKv kv{1000, 0, 1000, 10};
  TimeNs space_at = 0;  // at the target
  TimeNs now = 0;
  bool moving = false;
  TimeNs flow_start = -1;
  TimeNs prefill_end = -1;
  TimeNs flow_end = -1;
  int64_t progress_reports = 0;

  World(double bytes_per_s, int64_t chunk_tokens)
      : engine(config(chunk_tokens), &tree),
        network({{bytes_per_s, bytes_per_s}, {bytes_per_s, bytes_per_s}}, 100e-9) {}

  EngineConfig config(int64_t chunk_tokens) const {
    EngineConfig result;
    result.truth = &truth;
    result.kv_capacity_tokens = 100'000;
    result.chunk_tokens = chunk_tokens;
    result.reports_progress = true;
    return result;
  }

  void feed() {
    const auto progress = engine.progress(1);
    if (!progress.has_value() || now < space_at) return;
    const LayerFeed next = layer_feed(*progress, kv, now);
    if (!moving) network.start_held(now, 1, 0, 1, kv.bytes(), next.begin);
    moving = true;
    network.feed(now, 1, next.ready_bytes, next.more_bytes, next.until);
  }

  void take(const Report& report) {
    switch (report.kind) {
      case ReportKind::kPrefillProgress:
        ++progress_reports;
        return feed();
      case ReportKind::kPrefillFinished:
        prefill_end = report.time;
        if (moving) return network.release(now, 1);
        moving = true;
        return network.start(now, 1, 0, 1, kv.bytes());
      case ReportKind::kTransferFinished:
        flow_start = report.start;
        flow_end = report.time;
        return;
      default:
        return;
    }
  }

  void run() {
    const ContentId content = tree.add(kNoContent, 0, kv.prompt_tokens);
    engine.submit(0, {1, content, kv.prompt_tokens, 0});
    Reports reports;
    bool spaced = space_at == 0;
    while (flow_end < 0) {
      now = std::min(engine.next_event(), network.next_event());
      if (!spaced) now = std::min(now, space_at);
      engine.advance(now, reports);
      network.advance(now, reports);
      for (const Report& report : reports) take(report);
      reports.clear();
      if (spaced || now < space_at) continue;
      spaced = true;
      feed();
    }
  }
};

struct Times {
  TimeNs flow_start = -1;
  TimeNs prefill_end = -1;
  TimeNs flow_end = -1;
  int64_t progress_reports = 0;
};

struct Case {
  double bytes_per_s = 1e9;
  int64_t chunk_tokens = 2048;
  int64_t resident_tokens = 0;
  int64_t layers = 10;
  TimeNs space_at = 0;
};

Times times(const Case& wanted) {
  World world(wanted.bytes_per_s, wanted.chunk_tokens);
  world.kv.resident_tokens = wanted.resident_tokens;
  world.kv.layers = wanted.layers;
  world.space_at = wanted.space_at;
  world.run();
  return {world.flow_start, world.prefill_end, world.flow_end, world.progress_reports};
}

void on_a_fast_link_only_the_last_layer_is_seen(void** /*state*/) {
  const Times end = times({});
  assert_int_equal(end.flow_start, 250'000);
  assert_int_equal(end.prefill_end, 2'500'000);
  assert_int_equal(end.flow_end, 2'500'000 + 100'000 + 100);
}

void on_a_slow_link_the_prefill_but_for_a_layer_is_hidden(void** /*state*/) {
  assert_int_equal(times({.bytes_per_s = 1e8}).flow_end, 250'000 + 10'000'000 + 100);
}

void one_layer_is_sent_when_all_is_computed(void** /*state*/) {
  const Times end = times({.layers = 1});
  assert_int_equal(end.flow_start, 2'500'000);
  assert_int_equal(end.flow_end, 2'500'000 + 1'000'000 + 100);
}

// Ten iterations of 100 tokens: 1 + 0.1 ms each, and half a million pairs of 1 ns in all.
void in_chunks_only_the_last_layer_of_the_last_chunk_is_seen(void** /*state*/) {
  const Times end = times({.chunk_tokens = 100});
  assert_int_equal(end.progress_reports, 10);
  assert_int_equal(end.prefill_end, 11'500'000);
  assert_int_equal(end.flow_start, 110'500);
  assert_int_equal(end.flow_end, 11'500'000 + 10'000 + 100);
}

void what_the_target_holds_is_not_sent(void** /*state*/) {
  assert_int_equal(times({.resident_tokens = 600}).flow_end, 2'500'000 + 40'000 + 100);
}

void chunks_that_the_target_holds_send_nothing(void** /*state*/) {
  // 1 + 0.5 + 0.125 and 1 + 0.5 + 0.375 ms; a tenth of 500 tokens is sent at the end.
  const Times end = times({.chunk_tokens = 500, .resident_tokens = 500});
  assert_int_equal(end.prefill_end, 3'500'000);
  assert_int_equal(end.flow_end, 3'500'000 + 50'000 + 100);
}

// Half of what becomes ready from 0.25 ms to 2.5 ms is there at once, and half of the time is left.
void space_that_comes_late_finds_layers_waiting(void** /*state*/) {
  const Times end = times({.bytes_per_s = 1e8, .space_at = 1'375'000});
  assert_int_equal(end.flow_start, 1'375'000);
  assert_int_equal(end.flow_end, 1'375'000 + 10'000'000 + 100);
  const LayeredKv kv{1000, 0, 1000, 10};
  const LayerFeed feed = layer_feed({0, 1000, 0, 2'500'000, true}, kv, 1'375'000);
  assert_int_equal(feed.ready_bytes, 450'000);
  assert_int_equal(feed.more_bytes, 450'000);
}

void what_was_cached_waits_for_the_first_layer(void** /*state*/) {
  const LayeredKv kv{1000, 0, 1000, 10};
  const LayerFeed first = layer_feed({800, 100, 5'000'000, 6'000'000, true}, kv, 5'000'000);
  assert_int_equal(first.begin, 5'100'000);
  assert_int_equal(first.ready_bytes, 800'000);
  assert_int_equal(first.more_bytes, 90'000);
  const LayerFeed second = layer_feed({900, 100, 6'000'000, 7'000'000, false}, kv, 6'000'000);
  assert_int_equal(second.begin, 6'000'000);
  assert_int_equal(second.ready_bytes, 900'000);
  assert_int_equal(second.more_bytes, 90'000);
}

// Whether there is any: waiting, running, aborted.
std::array<bool, 3> progress_of_one_that_is_aborted() {
  World world(1e9, 2048);
  Reports reports;
  std::array<bool, 3> any{};
  world.engine.submit(0, {1, world.tree.add(kNoContent, 0, 1000), 1000, 0});
  any[0] = world.engine.progress(1).has_value();
  world.engine.advance(0, reports);
  any[1] = world.engine.progress(1).has_value();
  world.engine.abort(1000, 1);
  any[2] = world.engine.progress(1).has_value();
  return any;
}

void only_a_running_prefill_has_progress(void** /*state*/) {
  const std::array<bool, 3> any = progress_of_one_that_is_aborted();
  assert_false(any[0]);
  assert_true(any[1]);
  assert_false(any[2]);
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(on_a_fast_link_only_the_last_layer_is_seen),
      cmocka_unit_test(on_a_slow_link_the_prefill_but_for_a_layer_is_hidden),
      cmocka_unit_test(one_layer_is_sent_when_all_is_computed),
      cmocka_unit_test(in_chunks_only_the_last_layer_of_the_last_chunk_is_seen),
      cmocka_unit_test(what_the_target_holds_is_not_sent),
      cmocka_unit_test(chunks_that_the_target_holds_send_nothing),
      cmocka_unit_test(space_that_comes_late_finds_layers_waiting),
      cmocka_unit_test(what_was_cached_waits_for_the_first_layer),
      cmocka_unit_test(only_a_running_prefill_has_progress),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
