// Random runs of src/sim/engine/decode_engine.h on a small worker: every request ends once, nothing
// is left behind, and asking questions in between changes no time.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "decode_world.h"

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

struct Outcome {
  uint64_t trace_hash = 0;
  int64_t submitted = 0;
  int64_t finished = 0;
  int64_t cancelled = 0;
  int64_t preemptions = 0;
  bool is_clean = false;
};

class RandomRun {
 public:
  RandomRun(uint64_t seed, bool nosy)
      : world_(DecodeSetup{.capacity_tokens = 640,
                           .block_tokens = 4,
                           .batch_max = static_cast<int32_t>(4 + seed % 12),
                           .jitter_sd = 0.05,
                           .seed = seed}),
        random_(seed + 1000),
        questions_(seed + 2000),
        nosy_(nosy) {}

  Outcome run() {
    TimeNs now = 0;
    for (int32_t i = 0; i < 200; ++i) {
      now += static_cast<TimeNs>(random_.exponential() * 12e6);
      drive_to(now);
      command(now);
    }
    drive_to(kNever - 1);
    world_.engine.check_drained();
    world_.engine.cache().audit();
    outcome_.is_clean = live_.empty();
    outcome_.preemptions = preemptions_;
    return outcome_;
  }

 private:
  int64_t below(int64_t bound) {
    return static_cast<int64_t>(random_.next() % static_cast<uint64_t>(bound));
  }

  void command(TimeNs now) {
    last_time_ = now;
    if (below(8) == 0 && !live_.empty()) {
      auto victim = live_.begin();
      std::advance(victim, below(static_cast<int64_t>(live_.size())));
      if (!world_.engine.cancel(now, *victim)) throw std::logic_error("live request unknown");
      // A transfer under way is dropped with its request.
      std::erase_if(arrivals_, [&](const auto& arrival) { return arrival.second == *victim; });
      live_.erase(victim);
      ++outcome_.cancelled;
      return;
    }
    const ContentTree& tree = world_.tree;
    const auto source = static_cast<ContentId>(below(tree.count() + 1)) - 1;
    const int64_t shared =
        source < 0 ? 0 : std::min<int64_t>(200, below(tree.total_tokens(source) + 1));
    const int64_t prompt = shared + 1 + below(120);
    const int64_t output = 1 + below(100);
    const ContentId content = world_.tree.add(source, shared, prompt + output);
    const uint64_t id = ++last_id_;
    const DecodeRequest request{id, content, prompt, output, below(3)};
    live_.insert(id);
    ++outcome_.submitted;
    if (below(4) == 0) {
      world_.engine.submit_local(now, request);
    } else if (world_.engine.reserve(now, request, below(2) == 0)) {
      arrivals_.insert({now + 1 + below(20000000), id});
    }
  }

  // Events of the engine and arrivals of KV up to `limit`, in order of time.
  void drive_to(TimeNs limit) {
    while (true) {
      const TimeNs arrival = arrivals_.empty() ? kNever : arrivals_.begin()->first;
      const TimeNs next = std::min(arrival, world_.engine.next_event());
      if (next > limit || next == kNever) return;
      if (nosy_) ask(next);
      if (arrival == next && arrival < world_.engine.next_event()) {
        const uint64_t id = arrivals_.begin()->second;
        arrivals_.erase(arrivals_.begin());
        world_.engine.submit(next, id);
        last_time_ = next;
        continue;
      }
      Reports reports;
      world_.engine.advance(next, reports);
      last_time_ = next;
      for (const Report& report : reports) take(report);
    }
  }

  void ask(TimeNs next) {
    const TimeNs now = last_time_ + static_cast<TimeNs>(questions_.uniform() *
                                                        static_cast<double>(next - last_time_));
    world_.engine.stats(now);
    if (!live_.empty()) world_.engine.generated_tokens(now, *live_.begin());
    Reports none;
    if (world_.engine.next_event() > now) world_.engine.advance(now, none);
    last_time_ = now;
  }

  void take(const Report& report) {
    for (const uint64_t part :
         {static_cast<uint64_t>(report.kind), report.id, static_cast<uint64_t>(report.time)}) {
      outcome_.trace_hash = (outcome_.trace_hash ^ part) * 0x100000001b3ULL;
    }
    if (report.kind == ReportKind::kKvReserved) {
      arrivals_.insert({report.time + 1 + static_cast<TimeNs>(report.id % 7) * 1000000, report.id});
    }
    if (report.kind == ReportKind::kPreempted) ++preemptions_;
    if (report.kind != ReportKind::kDecodeFinished) return;
    if (live_.erase(report.id) != 1) throw std::logic_error("request ended twice");
    ++outcome_.finished;
  }

  DecodeWorld world_;
  Random random_;
  Random questions_;
  bool nosy_;
  std::multimap<TimeNs, uint64_t> arrivals_;
  std::set<uint64_t> live_;
  uint64_t last_id_ = 0;
  TimeNs last_time_ = 0;
  int64_t preemptions_ = 0;
  Outcome outcome_;
};

Outcome run_one(uint64_t seed, bool nosy) {
  try {
    return RandomRun(seed, nosy).run();
  } catch (const std::logic_error& error) {
    std::fprintf(stderr, "seed %d: %s\n", static_cast<int>(seed), error.what());
    return Outcome{};
  }
}

void every_request_ends_once_and_leaves_nothing(void** /*state*/) {
  int64_t preemptions = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Outcome outcome = run_one(seed, false);
    if (!outcome.is_clean) fail_msg("seed %d is not clean", static_cast<int>(seed));
    assert_int_equal(outcome.submitted, outcome.finished + outcome.cancelled);
    preemptions += outcome.preemptions;
  }
  assert_true(preemptions > 100);  // else the worker is too large to test anything
}
void asking_in_between_changes_no_time(void** /*state*/) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    assert_true(run_one(seed, false).trace_hash == run_one(seed, true).trace_hash);
  }
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_request_ends_once_and_leaves_nothing),
      cmocka_unit_test(asking_in_between_changes_no_time),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
