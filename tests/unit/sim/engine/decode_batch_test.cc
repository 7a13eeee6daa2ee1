// Tests of src/sim/engine/decode_batch.h: random commands against a plain list of sequences.
#include "sim/engine/decode_batch.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "sim/random.h"

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

constexpr int64_t kBlockTokens = 4;

struct Plain {
  int32_t slot;
  int64_t context;
  int64_t remaining;
};

struct Pair {
  DecodeBatch batch{kBlockTokens};
  std::vector<Plain> plain;  // in order of admission
  Random random;
  explicit Pair(uint64_t seed) : random(seed) {}

  void add() {
    int32_t slot = 0;
    const auto taken = [&](const Plain& p) { return p.slot == slot; };
    while (std::any_of(plain.begin(), plain.end(), taken)) ++slot;
    const auto context = 1 + static_cast<int64_t>(random.next() % 50);
    const auto remaining = 1 + static_cast<int64_t>(random.next() % 30);
    batch.add(slot, context, remaining);
    plain.push_back(Plain{slot, context, remaining});
  }
  bool remove(size_t index) {
    const Plain gone = plain[index];
    plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(index));
    return batch.remove(gone.slot) == gone.context;
  }
  bool step() {
    batch.step();
    for (Plain& p : plain) {
      ++p.context;
      --p.remaining;
    }
    for (size_t i = 0; i < plain.size();) {
      if (plain[i].remaining > 0) {
        ++i;
        continue;
      }
      if (batch.pop_finished() != plain[i].slot) return false;
      plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return batch.pop_finished() == -1;
  }
  bool agree() {
    int64_t sum = 0;
    int64_t first_end = std::numeric_limits<int64_t>::max();
    for (const Plain& p : plain) {
      sum += p.context;
      first_end = std::min(first_end, p.remaining);
    }
    for (int64_t ahead = 0; ahead < 6; ++ahead) {
      const auto grows = [&](const Plain& p) { return (p.context + ahead) % kBlockTokens == 0; };
      if (batch.growth_blocks(ahead) != std::count_if(plain.begin(), plain.end(), grows)) {
        return false;
      }
    }
    return batch.context_sum() == sum && batch.size() == static_cast<int32_t>(plain.size()) &&
           batch.iterations_to_finish() == first_end &&
           batch.latest() == (plain.empty() ? -1 : plain.back().slot);
  }
};

int32_t first_difference(uint64_t seed) {
  Pair pair(seed);
  for (int32_t i = 0; i < 2000; ++i) {
    const uint64_t command = pair.random.next() % 4;
    bool same = true;
    if (command == 0 || pair.plain.empty()) {
      pair.add();
    } else if (command == 1 && pair.random.next() % 3 == 0) {
      same = pair.remove(pair.random.next() % pair.plain.size());
    } else {
      same = pair.step();
    }
    if (!same || !pair.agree()) return i;
  }
  return -1;
}

bool unknown_slot_throws() {
  DecodeBatch batch(kBlockTokens);
  batch.add(0, 10, 5);
  try {
    batch.remove(1);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

void random_commands_agree_with_a_plain_list(void** /*state*/) {
  for (uint64_t seed = 1; seed <= 20; ++seed) assert_int_equal(first_difference(seed), -1);
}
void a_sequence_that_is_not_in_the_batch_cannot_leave_it(void** /*state*/) {
  assert_true(unknown_slot_throws());
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(random_commands_agree_with_a_plain_list),
      cmocka_unit_test(a_sequence_that_is_not_in_the_batch_cannot_leave_it),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
