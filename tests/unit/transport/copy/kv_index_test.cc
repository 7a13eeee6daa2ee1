// Index math over all layouts, against a slow walk byte by byte; and what is refused.
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

constexpr uint32_t kCases = 500;

// Packs through run_at() and compares with the walk; in the wire layout given.
void check_runs(const TestPool& pool, const hexagent_kv_blocks& blocks, const WireShape& wire) {
  const KvCopy copy = make_copy(pool.pool, blocks, blocks.blocks, wire);
  const std::vector<unsigned char> expected = slow_gather(pool.pool, blocks, wire.layout);
  const uint64_t fragments = fragment_count(copy);
  assert_int_equal(fragment_staged_offset(copy, fragments), expected.size());
  std::vector<unsigned char> packed(expected.size(), 0);
  uint64_t moved = 0;
  for (uint64_t fragment = 0; fragment < fragments; ++fragment) {
    assert_int_equal(payload_bytes(wire, fragment), moved);
    for (uint32_t run = 0; run < run_count(fragment_shape(copy, fragment)); ++run) {
      const KvRun piece = run_at(copy, fragment, run);
      std::memcpy(packed.data() + piece.staged_offset,
                  reinterpret_cast<const void*>(static_cast<uintptr_t>(piece.address)),
                  piece.bytes);
      moved += piece.bytes;
    }
  }
  assert_int_equal(payload_bytes(wire, fragments), moved);
  assert_memory_equal(packed.data(), expected.data(), expected.size());
}

// The same through vector_at(), as a device would.
void check_vectors(const TestPool& pool, const hexagent_kv_blocks& blocks, const WireShape& wire) {
  const KvCopy copy = make_copy(pool.pool, blocks, blocks.blocks, wire);
  const std::vector<unsigned char> expected = slow_gather(pool.pool, blocks, wire.layout);
  std::vector<unsigned char> packed(expected.size(), 0);
  for (uint64_t fragment = 0; fragment < fragment_count(copy); ++fragment) {
    for (uint32_t at = 0; at < fragment_shape(copy, fragment).staged_bytes; at += 16) {
      const KvRun piece = vector_at(copy, fragment, at);
      assert_true(piece.bytes <= 16);
      std::memcpy(packed.data() + piece.staged_offset,
                  reinterpret_cast<const void*>(static_cast<uintptr_t>(piece.address)),
                  piece.bytes);
    }
  }
  assert_memory_equal(packed.data(), expected.data(), expected.size());
}

void every_layout_packs_as_the_slow_walk_does(void**) {
  TestRandom random(1);
  for (uint32_t i = 0; i < kCases; ++i) {
    const hexagent_kv_pool shape = random_shape(&random);
    TestPool pool(shape, random.below(100), 0);
    random.fill(pool.memory.get(), pool.bytes);
    assert_int_equal(check_pool(pool.description()), HEXAGENT_OK);
    std::vector<int32_t> ids;
    const hexagent_kv_blocks blocks = random_selection(shape, &random, &ids);
    assert_int_equal(check_blocks(pool.pool, blocks), HEXAGENT_OK);
    WireShape wire = wire_shape(pool.pool, blocks);
    assert_true(fits(wire, wire));
    check_runs(pool, blocks, wire);
    check_vectors(pool, blocks, wire);
    if (shape.layout == HEXAGENT_KV_FLAT || shape.head_bytes % 16 != 0) continue;
    wire.layout = wire.layout == HEXAGENT_KV_NHD ? HEXAGENT_KV_HND : HEXAGENT_KV_NHD;
    assert_true(fits(wire, wire_shape(pool.pool, blocks)));
    check_runs(pool, blocks, wire);
    check_vectors(pool, blocks, wire);
  }
}

hexagent_kv_pool plain_shape() {
  hexagent_kv_pool shape = {};
  shape.struct_size = sizeof(shape);
  shape.layout = HEXAGENT_KV_NHD;
  shape.layer_count = 4;
  shape.regions_per_layer = 2;
  shape.block_tokens = 16;
  shape.head_count = 8;
  shape.head_bytes = 256;
  shape.block_count = 10;
  shape.block_stride_bytes = 16 * 8 * 256;
  shape.content_hash = 7;
  return shape;
}

void whole_blocks_are_one_run(void**) {
  TestPool pool(plain_shape(), 0, 0);
  const std::vector<int32_t> ids = {3, 1};
  hexagent_kv_blocks blocks = {};
  blocks.blocks = ids.data();
  blocks.block_count = 2;
  const KvCopy copy = make_copy(pool.pool, blocks, ids.data(), wire_shape(pool.pool, blocks));
  assert_int_equal(fragment_count(copy), 16);
  assert_int_equal(run_count(copy.full), 1);
  assert_int_equal(run_at(copy, 1, 0).address, pool.pool.bases[0] + 16 * 8 * 256);
}

void a_slice_of_heads_is_the_same_packed_from_both_layouts(void**) {
  // Heads 2 and 3 of 8 in NHD, 0 and 1 of 2 in HND: tensor parallelism 1 to 4.
  TestRandom random(2);
  hexagent_kv_pool shape = plain_shape();
  TestPool source(shape, 0, 0);
  random.fill(source.memory.get(), source.bytes);
  shape.layout = HEXAGENT_KV_HND;
  shape.head_count = 2;
  shape.block_stride_bytes = 16 * 2 * 256;
  TestPool target(shape, 0, 0);
  const std::vector<int32_t> from = {5, 0, 9};
  const std::vector<int32_t> to = {1, 2, 0};
  hexagent_kv_blocks give = {};
  give.blocks = from.data();
  give.block_count = 3;
  give.last_block_tokens = 5;
  give.first_head = 2;
  give.head_count = 2;
  hexagent_kv_blocks take = give;
  take.blocks = to.data();
  take.first_head = take.head_count = 0;
  const WireShape wire = wire_shape(source.pool, give);
  assert_true(fits(wire, wire_shape(target.pool, take)));
  slow_scatter(target.pool, take, wire.layout, slow_gather(source.pool, give, wire.layout));
  check_runs(target, take, wire);
  assert_memory_equal(slow_address(source.pool, 3, 9, 4, 3, 0),
                      slow_address(target.pool, 3, 0, 4, 1, 0), 256);
}

void ends_that_differ_do_not_fit(void**) {
  TestPool pool(plain_shape(), 0, 0);
  const std::vector<int32_t> ids = {3, 1};
  hexagent_kv_blocks blocks = {};
  blocks.blocks = ids.data();
  blocks.block_count = 2;
  const WireShape wire = wire_shape(pool.pool, blocks);
  const auto differs = [&wire](auto change) {
    WireShape other = wire;
    change(&other);
    return !fits(wire, other) && !fits(other, wire);
  };
  assert_true(differs([](WireShape* w) { ++w->content_hash; }));
  assert_true(differs([](WireShape* w) { ++w->region_count; }));
  assert_true(differs([](WireShape* w) { ++w->regions_per_layer; }));
  assert_true(differs([](WireShape* w) { ++w->block_count; }));
  assert_true(differs([](WireShape* w) { ++w->block_tokens; }));
  assert_true(differs([](WireShape* w) { --w->last_block_tokens; }));
  assert_true(differs([](WireShape* w) { ++w->head_count; }));
  assert_true(differs([](WireShape* w) { ++w->unit_bytes; }));
  assert_true(differs([](WireShape* w) { w->layout = HEXAGENT_KV_FLAT; }));
  WireShape odd = wire;
  odd.unit_bytes = 40;
  WireShape odd_other = odd;
  odd_other.layout = HEXAGENT_KV_HND;
  assert_true(fits(odd, odd));
  assert_false(fits(odd, odd_other));
}

void a_bad_pool_is_refused(void**) {
  const uint64_t bases[8] = {};
  const auto refused = [&bases](auto change) {
    hexagent_kv_pool shape = plain_shape();
    shape.region_bases = bases;
    change(&shape);
    return check_pool(shape) != HEXAGENT_OK;
  };
  assert_false(refused([](hexagent_kv_pool*) {}));
  assert_true(refused([](hexagent_kv_pool* p) { p->region_bases = nullptr; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->reserved = 1; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->layout = 3; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->memory = 2; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->layer_count = 0; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->layer_count = 5000; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->regions_per_layer = 3; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->block_tokens = 0; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->block_count = 0; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->block_count = 0x80000000u; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->head_bytes = 0; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->token_bytes = 1; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->layout = HEXAGENT_KV_FLAT; }));
  assert_true(refused([](hexagent_kv_pool* p) { --p->block_stride_bytes; }));
  assert_true(refused([](hexagent_kv_pool* p) { p->block_stride_bytes = uint64_t{1} << 32; }));
  assert_true(refused([](hexagent_kv_pool* p) {
    p->head_count = p->head_bytes = 0xffffffffu;
    p->block_stride_bytes = 0xffffffffu;
  }));
}

void a_bad_selection_is_refused(void**) {
  TestPool pool(plain_shape(), 0, 0);
  const auto answer = [&pool](auto change) {
    int32_t ids[2] = {3, 1};
    hexagent_kv_blocks blocks = {};
    blocks.blocks = ids;
    blocks.block_count = 2;
    change(&blocks, ids);
    return check_blocks(pool.pool, blocks);
  };
  using Blocks = hexagent_kv_blocks;
  assert_int_equal(answer([](Blocks*, int32_t*) {}), HEXAGENT_OK);
  assert_int_equal(answer([](Blocks*, int32_t* ids) { ids[1] = 10; }), HEXAGENT_E_RANGE);
  assert_int_equal(answer([](Blocks*, int32_t* ids) { ids[0] = -1; }), HEXAGENT_E_RANGE);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->blocks = nullptr; }), HEXAGENT_E_ARGUMENT);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->block_count = 0; }), HEXAGENT_E_ARGUMENT);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->reserved[1] = 1; }), HEXAGENT_E_RESERVED);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->last_block_tokens = 17; }),
                   HEXAGENT_E_RANGE);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->first_layer = 4; }), HEXAGENT_E_RANGE);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->layer_count = 5; }), HEXAGENT_E_RANGE);
  assert_int_equal(answer([](Blocks* b, int32_t*) { b->first_head = 8; }), HEXAGENT_E_RANGE);
  assert_int_equal(answer([](Blocks* b, int32_t*) {
                     b->first_head = 1;
                     b->head_count = 0xffffffffu;
                   }),
                   HEXAGENT_E_RANGE);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_layout_packs_as_the_slow_walk_does),
      cmocka_unit_test(whole_blocks_are_one_run),
      cmocka_unit_test(a_slice_of_heads_is_the_same_packed_from_both_layouts),
      cmocka_unit_test(ends_that_differ_do_not_fit),
      cmocka_unit_test(a_bad_pool_is_refused),
      cmocka_unit_test(a_bad_selection_is_refused),
  };
  return cmocka_run_group_tests_name("kv index", tests, nullptr, nullptr);
}
