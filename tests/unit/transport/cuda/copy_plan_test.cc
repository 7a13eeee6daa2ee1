// Plans of kernels: the division that is none, and where each vector lies, held against kv_index.h
// over all layouts.
#include "transport/plugins/cuda_nccl/copy_plan.h"

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

void check_division(uint32_t divisor, uint32_t value) {
  assert_int_equal(quotient(fast_divide_by(divisor), value), value / divisor);
}

void a_division_is_exact_at_the_edges(void**) {
  const uint32_t edges[] = {1,   2,           3,           5,           7,           16,         31,
                            641, 0x7fffffffu, 0x80000000u, 0x80000001u, 0xfffffffeu, 0xffffffffu};
  for (const uint32_t divisor : edges) {
    for (const uint32_t value : edges) {
      for (const uint32_t near : {value - 1, value, value + 1}) check_division(divisor, near);
    }
    for (uint64_t times = 1; times * divisor <= 0xffffffffu && times < 1000; ++times) {
      check_division(divisor, static_cast<uint32_t>(times * divisor));
      check_division(divisor, static_cast<uint32_t>(times * divisor - 1));
    }
  }
}

void a_division_is_exact_anywhere(void**) {
  TestRandom random(3);
  for (uint32_t i = 0; i < 200'000; ++i) {
    const auto divisor = static_cast<uint32_t>(random.next() >> (32 + random.below(32)));
    check_division(divisor != 0 ? divisor : 1, static_cast<uint32_t>(random.next()));
  }
}

void every_vector_is_where_the_index_says(void**) {
  TestRandom random(4);
  for (uint32_t i = 0; i < 500; ++i) {
    const hexagent_kv_pool shape = random_shape(&random);
    TestPool pool(shape, random.below(100), 0);
    std::vector<int32_t> ids;
    const hexagent_kv_blocks blocks = random_selection(shape, &random, &ids);
    WireShape wire = wire_shape(pool.pool, blocks);
    const bool both = shape.layout != HEXAGENT_KV_FLAT && shape.head_bytes % 16 == 0;
    if (both && random.chance(50)) {
      wire.layout = wire.layout == HEXAGENT_KV_NHD ? HEXAGENT_KV_HND : HEXAGENT_KV_NHD;
    }
    const KvCopy copy = make_copy(pool.pool, blocks, ids.data(), wire);
    const auto all = static_cast<uint32_t>(fragment_count(copy));
    const uint32_t first = random.below(all);
    const uint32_t count = random.between(1, all - first);
    CopyPlan plan;
    assert_true(make_copy_plan({&copy, first, count, nullptr}, {}, &plan));
    uint32_t vector = 0;
    for (uint64_t fragment = first; fragment < first + count; ++fragment) {
      const uint32_t bytes = fragment_shape(copy, fragment).staged_bytes;
      for (uint32_t at = 0; at < bytes; at += kSumVectorBytes, ++vector) {
        const KvRun expected = vector_at(copy, fragment, at);
        const PlanVector found = row_vector(plan, vector);
        assert_int_equal(found.address, expected.address);
        assert_int_equal(found.bytes, expected.bytes);
        assert_int_equal(plan.first_vector + vector, expected.staged_offset / kSumVectorBytes);
        if (plan.kind != CopyKind::kWhole16) continue;
        assert_int_equal(whole_vector(plan, vector).address, expected.address);
        assert_int_equal(expected.bytes, kSumVectorBytes);
      }
    }
    assert_int_equal(vector, plan.vectors);
  }
}

void the_kind_follows_the_boundaries(void**) {
  hexagent_kv_pool shape = {};
  shape.layout = HEXAGENT_KV_NHD;
  shape.layer_count = 1;
  shape.regions_per_layer = 1;
  shape.block_tokens = 4;
  shape.head_count = 2;
  shape.head_bytes = 32;
  shape.block_count = 3;
  shape.block_stride_bytes = 4 * 2 * 32;
  const std::vector<int32_t> ids = {0, 2};
  const auto kind = [&](uint64_t shift, uint32_t head_bytes, uint32_t head_count) {
    hexagent_kv_pool pool_shape = shape;
    pool_shape.head_bytes = head_bytes;
    pool_shape.block_stride_bytes = block_bytes(pool_shape);
    TestPool pool(pool_shape, 64, 0);
    pool.pool.bases[0] += shift;
    hexagent_kv_blocks blocks = {};
    blocks.blocks = ids.data();
    blocks.block_count = 2;
    blocks.head_count = head_count;
    const KvCopy copy = make_copy(pool.pool, blocks, ids.data(), wire_shape(pool.pool, blocks));
    CopyPlan plan;
    assert_true(make_copy_plan({&copy, 0, 2, nullptr}, {}, &plan));
    return static_cast<uint32_t>(plan.kind);
  };
  assert_int_equal(kind(0, 32, 0), CopyKind::kWhole16);
  assert_int_equal(kind(0, 32, 1), CopyKind::kRows16);
  assert_int_equal(kind(8, 32, 0), CopyKind::kRows4);
  assert_int_equal(kind(2, 32, 0), CopyKind::kRows1);
  assert_int_equal(kind(0, 20, 0), CopyKind::kRows4);
  assert_int_equal(kind(0, 21, 0), CopyKind::kRows1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_division_is_exact_at_the_edges),
      cmocka_unit_test(a_division_is_exact_anywhere),
      cmocka_unit_test(every_vector_is_where_the_index_says),
      cmocka_unit_test(the_kind_follows_the_boundaries),
  };
  return cmocka_run_group_tests_name("plans of kernels", tests, nullptr, nullptr);
}
