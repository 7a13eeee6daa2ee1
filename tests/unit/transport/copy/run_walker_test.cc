// RunWalker: the memory of any fragments in the order in which they are packed, in as few runs as
// can be.
#include "transport/copy/run_walker.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/copy/slow_kv.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of small types

// Addresses of all bytes, one by one.
std::vector<uint64_t> bytes_of(const KvCopy& copy, uint64_t first, uint64_t count) {
  std::vector<uint64_t> all;
  for (uint64_t fragment = first; fragment < first + count; ++fragment) {
    for (uint32_t run = 0; run < run_count(fragment_shape(copy, fragment)); ++run) {
      const KvRun at = run_at(copy, fragment, run);
      for (uint32_t i = 0; i < at.bytes; ++i) all.push_back(at.address + i);
    }
  }
  return all;
}

void check_walk(const KvCopy& copy, uint64_t first, uint64_t count) {
  std::vector<uint64_t> walked;
  RunWalker walker(copy, first, count);
  uint64_t end = 0;
  for (MemoryRun run; walker.next(&run);) {
    assert_true(run.bytes > 0);
    assert_true(run.address != end);  // else it is part of the run before
    end = run.address + run.bytes;
    for (uint64_t i = 0; i < run.bytes; ++i) walked.push_back(run.address + i);
  }
  MemoryRun none;
  assert_false(walker.next(&none));
  assert_true(walked == bytes_of(copy, first, count));
}

void walks_every_layout_in_packed_order(void**) {
  TestRandom random(7);
  for (uint32_t i = 0; i < 300; ++i) {
    const hexagent_kv_pool shape = random_shape(&random);
    const TestPool pool(shape, random.below(100), 0);
    std::vector<int32_t> ids;
    const hexagent_kv_blocks blocks = random_selection(shape, &random, &ids);
    WireShape wire = wire_shape(pool.pool, blocks);
    if (wire.layout != HEXAGENT_KV_FLAT && wire.unit_bytes % 16 == 0 && random.chance(50)) {
      wire.layout = wire.layout == HEXAGENT_KV_NHD ? HEXAGENT_KV_HND : HEXAGENT_KV_NHD;
    }
    const KvCopy copy = make_copy(pool.pool, blocks, ids.data(), wire);
    const uint64_t fragments = fragment_count(copy);
    for (uint64_t first = 0; first < fragments;) {
      const uint64_t count = random.between(1, static_cast<uint32_t>(fragments - first));
      check_walk(copy, first, count);
      first += count;
    }
  }
}

void blocks_that_touch_are_one_run(void**) {
  hexagent_kv_pool shape = {};
  shape.layout = HEXAGENT_KV_FLAT;
  shape.layer_count = shape.regions_per_layer = 1;
  shape.block_tokens = 4;
  shape.token_bytes = 16;
  shape.block_count = 16;
  shape.block_stride_bytes = 64;
  const TestPool pool(shape, 0, 0);
  const std::vector<int32_t> ids = {3, 4, 5, 9, 2, 3};
  hexagent_kv_blocks blocks = {};
  blocks.blocks = ids.data();
  blocks.block_count = static_cast<uint32_t>(ids.size());
  const KvCopy copy = make_copy(pool.pool, blocks, ids.data(), wire_shape(pool.pool, blocks));
  RunWalker walker(copy, 0, ids.size());
  std::vector<uint64_t> sizes;
  for (MemoryRun run; walker.next(&run);) sizes.push_back(run.bytes);
  assert_true(sizes == std::vector<uint64_t>({192, 64, 128}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(walks_every_layout_in_packed_order),
      cmocka_unit_test(blocks_that_touch_are_one_run),
  };
  return cmocka_run_group_tests_name("run walker", tests, nullptr, nullptr);
}
