// WaitingList and CallList: whoever joins and leaves, every call keeps its own urgency and slot,
// and none that reaches a bound is skipped.
#include "core/plan/waiting_list.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <set>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of many small types

constexpr uint32_t kCalls = 64;

struct Lists {
  Lists() {
    const uint32_t workflow = table.add_workflow(1);
    for (uint64_t call = 0; call < kCalls; ++call) table.add_call(workflow, call, nullptr, 0);
  }
  bool is_sound(const std::set<uint32_t>& wanted) const {
    if (waiting.size() != wanted.size() || waiting.urgencies().size() != wanted.size()) {
      return false;
    }
    uint32_t outside = 0;
    for (uint32_t slot = 0; slot < waiting.size(); ++slot) {
      outside += waiting.is_outside(slot) ? 1 : 0;
      const uint32_t call = waiting.calls()[slot];
      if (wanted.count(call) == 0 || table.call(call).waiting_slot != slot) return false;
      if (waiting.urgencies()[slot].at(0) != 1.0 + call) return false;
    }
    return outside == waiting.outside_count();
  }
  // From every slot: what is skipped is below the bound, and what it stops at is not. Keys are
  // whole numbers, bounds lie between them.
  bool skips_only_what_is_below(double bound) const {
    for (uint32_t from = 0; from <= waiting.size(); ++from) {
      uint32_t slot = from;
      const auto passed_over = [&] {
        return waiting.is_outside(slot) || waiting.urgencies()[slot].at(0) < bound;
      };
      while (slot < waiting.size() && passed_over()) ++slot;
      if (waiting.skip_below(from, bound, Urgency::shy_s(0)) != slot) return false;
    }
    return true;
  }
  WorkflowTable table{2, kCalls};
  WaitingList waiting;
};

bool random_use_is_sound(uint64_t seed) {
  const auto draw = [&seed](uint64_t bound) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % bound;
  };
  Lists lists;
  std::set<uint32_t> wanted;
  for (int step = 0; step < 500; ++step) {
    const auto call = static_cast<uint32_t>(draw(kCalls));
    if (wanted.insert(call).second) {
      const bool outside = draw(3) == 0;
      lists.waiting.add(&lists.table, call, Urgency::constant(0.0), outside);
      lists.waiting.set_urgency(lists.table, call, Urgency::constant(1.0 + call));
    } else if (draw(3) == 0) {
      lists.waiting.let_in(lists.table, call);
    } else {
      wanted.erase(call);
      lists.waiting.remove(&lists.table, call);
      if (lists.table.call(call).waiting_slot != kNoIndex) return false;
    }
    if (!lists.is_sound(wanted)) return false;
    if (!lists.skips_only_what_is_below(0.75 + static_cast<double>(draw(kCalls + 2)))) return false;
  }
  return lists.waiting.empty() == wanted.empty();
}

void every_call_keeps_its_urgency_and_none_is_skipped(void**) {
  for (uint64_t seed = 1; seed <= 20; ++seed) assert_true(random_use_is_sound(seed));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(every_call_keeps_its_urgency_and_none_is_skipped)};
  return cmocka_run_group_tests_name("waiting list", tests, nullptr, nullptr);
}
