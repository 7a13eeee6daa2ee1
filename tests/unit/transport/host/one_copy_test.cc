// One copy from list to blocks, this process being its own peer: every layout, and lists that
// cannot be right.
#include "transport/host/one_copy.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/no_reading.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of small functions

constexpr unsigned char kCanary = 0xc5;
constexpr size_t kSlotBytes = 1 << 20;

struct Self {
  Self() { need_reading(); }

  std::unique_ptr<OwnMark> own = OwnMark::create();
  PeerMemory peer{own->mark()};
  ReadBatch batch;
  std::vector<unsigned char> slot = std::vector<unsigned char>(kSlotBytes);
};

bool equal(const TestPool& one, const TestPool& other) {
  for (size_t region = 0; region < one.pool.bases.size(); ++region) {
    const auto at = [region](const TestPool& pool) {
      return reinterpret_cast<const void*>(static_cast<uintptr_t>(pool.pool.bases[region]));
    };
    const size_t bytes = one.pool.shape.block_stride_bytes * one.pool.shape.block_count;
    if (std::memcmp(at(one), at(other), bytes) != 0) return false;
  }
  return true;
}

// In random chunks; a target of the other layout in some cases.
void check_case(Self* self, TestRandom* random) {
  const hexagent_kv_pool shape = random_shape(random);
  hexagent_kv_pool other = shape;
  const bool turned =
      shape.layout != HEXAGENT_KV_FLAT && shape.head_bytes % 16 == 0 && random->chance(50);
  if (turned) other.layout = HEXAGENT_KV_NHD + HEXAGENT_KV_HND - shape.layout;
  TestPool source(shape, random->below(100), 0);
  TestPool target(other, random->below(100), kCanary);
  TestPool wanted(other, 0, kCanary);
  random->fill(source.memory.get(), source.bytes);
  std::vector<int32_t> from;
  const hexagent_kv_blocks give = random_selection(shape, random, &from);
  const std::vector<int32_t> to =
      some_blocks(static_cast<uint32_t>(from.size()), shape.block_count, random);
  hexagent_kv_blocks take = give;
  take.blocks = to.data();
  const WireShape wire = wire_shape(source.pool, give);
  slow_scatter(wanted.pool, take, wire.layout, slow_gather(source.pool, give, wire.layout));
  const KvCopy giving = make_copy(source.pool, give, from.data(), wire);
  const KvCopy taking = make_copy(target.pool, take, to.data(), wire);
  const uint64_t fragments = fragment_count(giving);
  for (uint64_t first = 0; first < fragments;) {
    const FragmentRange range = {first,
                                 random->between(1, static_cast<uint32_t>(fragments - first))};
    assert_true(write_offer(giving, range, self->slot.data(), kSlotBytes));
    assert_int_equal(
        read_offer(self->peer, taking, range, self->slot.data(), kSlotBytes, &self->batch),
        HEXAGENT_OK);
    first += range.count;
  }
  assert_true(equal(target, wanted));
}

void every_layout_is_read_in_place(void**) {
  Self self;
  TestRandom random(11);
  for (uint32_t i = 0; i < 300; ++i) check_case(&self, &random);
}

// Blocks of 64 bytes, in the order given.
struct Flat {
  TestPool pool;
  std::vector<int32_t> ids;
  KvCopy copy = {};

  Flat(std::vector<int32_t> order, unsigned char fill) : pool(shape(), 0, fill), ids(order) {
    hexagent_kv_blocks blocks = {};
    blocks.blocks = ids.data();
    blocks.block_count = static_cast<uint32_t>(ids.size());
    copy = make_copy(pool.pool, blocks, ids.data(), wire_shape(pool.pool, blocks));
  }
  static hexagent_kv_pool shape() {
    hexagent_kv_pool shape = {};
    shape.layout = HEXAGENT_KV_FLAT;
    shape.layer_count = shape.regions_per_layer = 1;
    shape.block_tokens = 4;
    shape.token_bytes = 16;
    shape.block_count = 4096;
    shape.block_stride_bytes = 64;
    return shape;
  }
};

void lists_of_too_few_or_too_many_bytes_are_refused(void**) {
  Self self;
  const Flat source({1, 3, 5}, 1);
  const Flat target({0, 2, 4}, kCanary);
  unsigned char* slot = self.slot.data();
  for (const uint64_t listed : {2u, 3u}) {
    for (const uint64_t wanted : {2u, 3u}) {
      assert_true(write_offer(source.copy, {0, listed}, slot, kSlotBytes));
      assert_int_equal(
          read_offer(self.peer, target.copy, {0, wanted}, slot, kSlotBytes, &self.batch),
          listed == wanted ? HEXAGENT_OK : HEXAGENT_E_ARGUMENT);
    }
  }
  // More runs than a slot has room for are no more than it has room for: no byte beside it is read.
  constexpr size_t kSmall = 64;
  const uint64_t many = UINT64_MAX;
  assert_true(write_offer(source.copy, {0, 3}, slot, kSmall));
  std::memcpy(slot, &many, sizeof(many));
  const Memory small = make_memory(kSmall);
  std::memcpy(small.get(), slot, kSmall);
  assert_int_equal(read_offer(self.peer, target.copy, {0, 3}, small.get(), kSmall, &self.batch),
                   HEXAGENT_OK);
  // Nothing but empty runs.
  std::memset(slot + 16, 0, kSmall - 16);
  assert_int_equal(read_offer(self.peer, target.copy, {0, 3}, slot, kSmall, &self.batch),
                   HEXAGENT_E_ARGUMENT);
}

void addresses_that_are_not_there_are_an_error(void**) {
  Self self;
  const Flat source({1, 3}, 1);
  const Flat target({0, 2}, kCanary);
  unsigned char* slot = self.slot.data();
  assert_true(write_offer(source.copy, {0, 2}, slot, kSlotBytes));
  for (const uint64_t address : {uint64_t{64}, UINT64_MAX - 3, uint64_t{1} << 63}) {
    std::memcpy(slot + 32, &address, sizeof(address));
    assert_int_equal(read_offer(self.peer, target.copy, {0, 2}, slot, kSlotBytes, &self.batch),
                     HEXAGENT_E_SYSTEM);
  }
}

void more_pieces_than_one_call_takes_arrive(void**) {
  Self self;
  std::vector<int32_t> odd;
  std::vector<int32_t> even;
  for (int32_t id = 4095; id > 0; id -= 2) {
    odd.push_back(id);
    even.push_back(id - 1);
  }
  const Flat source(odd, 0);
  const Flat target(even, 0);
  TestRandom(5).fill(source.pool.memory.get(), source.pool.bytes);
  unsigned char* slot = self.slot.data();
  const FragmentRange all = {0, odd.size()};
  assert_false(write_offer(source.copy, all, slot, 16 * odd.size()));  // one run too few
  assert_true(write_offer(source.copy, all, slot, 16 * (odd.size() + 1)));
  assert_int_equal(read_offer(self.peer, target.copy, all, slot, kSlotBytes, &self.batch),
                   HEXAGENT_OK);
  for (size_t i = 0; i < odd.size(); ++i) {
    assert_memory_equal(source.pool.memory.get() + size_t{64} * static_cast<size_t>(odd[i]),
                        target.pool.memory.get() + size_t{64} * static_cast<size_t>(even[i]), 64);
  }
}

void the_kernel_is_measured(void**) {
  const Self self;
  const Flat source({1, 3, 5, 6, 7, 9}, 1);
  std::vector<unsigned char> scratch(256);
  const double slowness = kernel_slowness(source.copy, {0, 6}, &scratch);
  assert_true(slowness > 0.1 && slowness < 1e9);
  assert_int_equal(scratch[255], 1);
}

void the_mean_run_is_of_pieces_that_lie_together(void**) {
  assert_int_equal(mean_run_bytes(Flat({1, 3, 5}, 0).copy), 64);
  assert_int_equal(mean_run_bytes(Flat({1, 2, 3}, 0).copy), 192);
  assert_int_equal(mean_run_bytes(Flat({1, 2, 9}, 0).copy), 96);
  assert_int_equal(mean_run_bytes(Flat({7}, 0).copy), 64);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_layout_is_read_in_place),
      cmocka_unit_test(lists_of_too_few_or_too_many_bytes_are_refused),
      cmocka_unit_test(addresses_that_are_not_there_are_an_error),
      cmocka_unit_test(more_pieces_than_one_call_takes_arrive),
      cmocka_unit_test(the_kernel_is_measured),
      cmocka_unit_test(the_mean_run_is_of_pieces_that_lie_together),
  };
  return cmocka_run_group_tests_name("one copy", tests, nullptr, nullptr);
}
