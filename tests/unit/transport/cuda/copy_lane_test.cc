// The kernels' own source, compiled for the host and run thread by thread: over all layouts it
// packs and unpacks as the slow walk does, agrees with the host's checksum and writes nothing else.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/cuda/host_kernel.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of small types

constexpr uint32_t kCases = 300;
constexpr unsigned char kPoison = 0xdb;

struct Case {
  hexagent_kv_pool shape;
  TestPool pool;
  std::vector<int32_t> ids;
  hexagent_kv_blocks blocks;
  WireShape wire;
  KvCopy copy;

  explicit Case(TestRandom* random)
      : shape(random_shape(random)), pool(shape, random->below(100), kPoison) {
    blocks = random_selection(shape, random, &ids);
    wire = wire_shape(pool.pool, blocks);
    const bool both = shape.layout != HEXAGENT_KV_FLAT && shape.head_bytes % 16 == 0;
    if (both && random->chance(50)) {
      wire.layout = wire.layout == HEXAGENT_KV_NHD ? HEXAGENT_KV_HND : HEXAGENT_KV_NHD;
    }
    copy = make_copy(pool.pool, blocks, ids.data(), wire);
  }
};

// Calls visit(chunk) for a random cut of the whole transfer.
template <class Visit>
void each_chunk(const KvCopy& copy, unsigned char* staged, TestRandom* random, const Visit& visit) {
  const uint64_t all = fragment_count(copy);
  for (uint64_t first = 0; first < all;) {
    const uint64_t count = random->between(1, static_cast<uint32_t>(all - first));
    visit(Chunk{&copy, first, count, staged + fragment_staged_offset(copy, first)});
    first += count;
  }
}

uint64_t run_chunk(const Chunk& chunk, SumOption sum, bool pack, TestRandom* random) {
  CopyPlan plan;
  assert_true(make_copy_plan(chunk, sum, &plan));
  return run_kernel(plan, pack, kWarpLanes * random->between(1, 4));
}

void every_layout_packs_as_the_slow_walk_does(void**) {
  TestRandom random(11);
  uint32_t kinds = 0;
  for (uint32_t i = 0; i < kCases; ++i) {
    Case on(&random);
    random.fill(on.pool.memory.get(), on.pool.bytes);
    const std::vector<unsigned char> expected =
        slow_gather(on.pool.pool, on.blocks, on.wire.layout);
    std::vector<unsigned char> packed(expected.size() + 32, kPoison);
    const SumOption sum = {random.chance(70), random.next()};
    uint64_t total = 0;
    each_chunk(on.copy, packed.data(), &random, [&](const Chunk& chunk) {
      total += run_chunk(chunk, sum, true, &random);
      CopyPlan plan;
      make_copy_plan(chunk, sum, &plan);
      kinds |= 1u << static_cast<uint32_t>(plan.kind);
    });
    assert_memory_equal(packed.data(), expected.data(), expected.size());
    for (size_t at = expected.size(); at < packed.size(); ++at) {
      assert_int_equal(packed[at], kPoison);
    }
    assert_int_equal(total, sum.on ? slow_sum(expected, sum.seed) : 0);
  }
  assert_int_equal(kinds, (1u << kCopyKinds) - 1);
}

void every_layout_unpacks_and_writes_nothing_else(void**) {
  TestRandom random(12);
  for (uint32_t i = 0; i < kCases; ++i) {
    Case on(&random);
    TestPool expected(on.shape, 0, kPoison);
    // The same memory by the slow walk, in a pool that starts poisoned, too.
    expected.memory = make_memory(on.pool.bytes);
    std::memset(expected.memory.get(), kPoison, on.pool.bytes);
    const uint64_t base = reinterpret_cast<uintptr_t>(on.pool.memory.get());
    const uint64_t other = reinterpret_cast<uintptr_t>(expected.memory.get());
    expected.pool.bases = on.pool.pool.bases;
    for (uint64_t& region : expected.pool.bases) region = region - base + other;

    const size_t bytes = fragment_staged_offset(on.copy, fragment_count(on.copy));
    std::vector<unsigned char> packed(bytes);
    random.fill(packed.data(), bytes);  // in the padding, too: it must not count
    slow_scatter(expected.pool, on.blocks, on.wire.layout, packed);
    const SumOption sum = {true, random.next()};
    uint64_t total = 0;
    each_chunk(on.copy, packed.data(), &random,
               [&](const Chunk& chunk) { total += run_chunk(chunk, sum, false, &random); });
    assert_memory_equal(on.pool.memory.get(), expected.memory.get(), on.pool.bytes);
    const std::vector<unsigned char> clean = slow_gather(on.pool.pool, on.blocks, on.wire.layout);
    assert_int_equal(total, slow_sum(clean, sum.seed));
  }
}

void the_sum_agrees_with_the_hosts(void**) {
  TestRandom random(13);
  for (uint32_t i = 0; i < 50; ++i) {
    Case on(&random);
    random.fill(on.pool.memory.get(), on.pool.bytes);
    const uint64_t all = fragment_count(on.copy);
    const size_t bytes = fragment_staged_offset(on.copy, all);
    const Memory packed = make_memory(bytes);
    const Chunk chunk = {&on.copy, 0, all, packed.get()};
    const SumOption sum = {true, random.next()};
    const uint64_t by_host = gather(portable_kernels(), chunk, sum, Store::kCached);
    assert_int_equal(run_chunk(chunk, sum, true, &random), by_host);
    // One flipped bit of the payload is found.
    const KvRun run = run_at(on.copy, random.below(static_cast<uint32_t>(all)), 0);
    packed.get()[run.staged_offset] ^= 1;
    assert_int_not_equal(run_chunk(chunk, sum, false, &random), by_host);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_layout_packs_as_the_slow_walk_does),
      cmocka_unit_test(every_layout_unpacks_and_writes_nothing_else),
      cmocka_unit_test(the_sum_agrees_with_the_hosts),
  };
  return cmocka_run_group_tests_name("kernels on the host", tests, nullptr, nullptr);
}
