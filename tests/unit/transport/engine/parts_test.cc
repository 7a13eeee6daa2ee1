// The small parts of the engine: chunk window, chunking, staging slots and credits, handles.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <set>

#include "transport/engine/chunk_window.h"
#include "transport/engine/chunking.h"
#include "transport/engine/handle_table.h"
#include "transport/engine/staging.h"
#include "unit/transport/random.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of small types

void a_window_counts_each_chunk_once(void**) {
  ChunkWindow window;
  assert_true(window.mark(1));
  assert_int_equal(window.first_missing(), 0);
  assert_false(window.mark(1));
  assert_true(window.mark(0));
  assert_int_equal(window.first_missing(), 2);
  assert_false(window.mark(0));
  assert_false(window.mark(2 + ChunkWindow::kWidth));
  assert_true(window.mark(1 + ChunkWindow::kWidth));
}

void a_window_agrees_with_a_set(void**) {
  TestRandom random(1);
  ChunkWindow window;
  std::set<uint32_t> marked;
  uint32_t missing = 0;
  for (uint32_t i = 0; i < 20000; ++i) {
    const uint32_t chunk = missing + random.below(70);
    const bool fits = chunk - missing < ChunkWindow::kWidth && marked.count(chunk) == 0;
    assert_int_equal(window.mark(chunk), fits);
    if (fits) marked.insert(chunk);
    while (marked.count(missing) != 0) ++missing;
    assert_int_equal(window.first_missing(), missing);
  }
}

void a_full_window_moves_on(void**) {
  ChunkWindow window;
  for (uint32_t chunk = ChunkWindow::kWidth; chunk-- > 0;) assert_true(window.mark(chunk));
  assert_int_equal(window.first_missing(), ChunkWindow::kWidth);
  assert_true(window.mark(ChunkWindow::kWidth));
}

// `blocks` blocks of 4 KiB in each of 2 regions of `layers` layers.
Chunking chunks_of(uint32_t blocks, uint32_t layers, uint64_t least, uint64_t slot, double rate) {
  KvCopy copy = {};
  copy.region_count = 2 * layers;
  copy.block_count = blocks;
  copy.full.staged_bytes = copy.last.staged_bytes = 4096;
  WireShape wire = {};
  wire.region_count = copy.region_count;
  wire.regions_per_layer = 2;
  wire.block_count = blocks;
  return make_chunking(copy, wire, {least, slot}, rate);
}

void chunks_follow_the_rate_between_their_bounds(void**) {
  constexpr uint64_t kMiB = 1u << 20;
  // 1 GB/s for 0.3 ms is below the least, 20 GB/s is 6 MB, 1 TB/s above the most.
  assert_int_equal(chunks_of(1024, 80, kMiB, 32 * kMiB, 1e9).fragments_per_chunk, 256);
  assert_int_equal(chunks_of(10000, 80, kMiB, 32 * kMiB, 20e9).fragments_per_chunk, 1464);
  assert_int_equal(chunks_of(10000, 80, kMiB, 32 * kMiB, 1e12).fragments_per_chunk, 4096);
  assert_int_equal(chunks_of(10000, 80, kMiB, 2 * kMiB, 1e12).fragments_per_chunk, 512);
  assert_int_equal(chunks_of(10000, 80, 4 * kMiB, 2 * kMiB, 0.0).fragments_per_chunk, 512);
}

void a_short_transfer_is_several_chunks(void**) {
  constexpr uint64_t kMiB = 1u << 20;
  // 64 layers of 128 KiB: an eighth each, though the link would take 6 MB; not below the least.
  assert_int_equal(chunks_of(16, 64, kMiB / 4, 8 * kMiB, 20e9).chunk_count, 8);
  assert_int_equal(chunks_of(16, 4, kMiB / 4, 8 * kMiB, 20e9).chunk_count, 2);
}

void chunks_hold_whole_layers_where_they_can(void**) {
  constexpr uint64_t kMiB = 1u << 20;
  // A layer is 2 x 100 fragments; 256 would fit.
  const Chunking one = chunks_of(100, 80, kMiB, 8 * kMiB, 0.0);
  assert_int_equal(one.fragments_per_chunk, 200);
  assert_int_equal(one.chunk_count, 80);
  assert_int_equal(chunks_of(50, 80, kMiB, 8 * kMiB, 0.0).fragments_per_chunk, 200);
  // A short transfer is one chunk.
  const Chunking all = chunks_of(2, 3, kMiB, 8 * kMiB, 0.0);
  assert_int_equal(all.chunk_count, 1);
  assert_int_equal(all.count(0), 12);
  assert_int_equal(chunks_of(2, 3, kMiB, 4095, 0.0).chunk_count, 0);
}

void chunks_cover_every_fragment_once(void**) {
  TestRandom random(2);
  for (uint32_t i = 0; i < 2000; ++i) {
    const uint64_t slot = 4096u * random.between(1, 3000);
    const Chunking chunking = chunks_of(random.between(1, 300), random.between(1, 90),
                                        random.between(1, 1u << 20), slot, random.below(50) * 1e9);
    uint64_t next = 0;
    for (uint32_t chunk = 0; chunk < chunking.chunk_count; ++chunk) {
      assert_int_equal(chunking.first(chunk), next);
      assert_true(chunking.count(chunk) > 0 && chunking.count(chunk) * 4096 <= slot);
      next = chunking.end(chunk);
    }
    assert_int_equal(next, chunking.fragments);
  }
}

void a_slot_is_filled_under_its_own_generation_only(void**) {
  StagingSlots slots;
  slots.open(2);
  const uint32_t first = slots.generation(0);
  assert_int_not_equal(first, slots.generation(1));
  assert_false(slots.fill(0, slots.generation(1)));
  assert_false(slots.fill(2, first));
  assert_true(slots.fill(0, first));
  assert_false(slots.fill(0, first));
  const uint32_t second = slots.lend(0);
  assert_false(slots.fill(0, first));
  assert_true(slots.fill(0, second));
  slots.keep(0);
  assert_false(slots.fill(0, second));
  slots.close();
  slots.open(2);
  assert_false(slots.fill(0, first));
  assert_false(slots.fill(0, second));
  assert_true(slots.fill(0, slots.generation(0)));
}

void credits_are_used_once(void**) {
  Credits credits;
  assert_false(credits.add({0, 0}));
  assert_false(credits.add({kSlotsMax, 1}));
  assert_true(credits.add({0, 5}));
  assert_false(credits.add({0, 6}));
  assert_true(credits.add({1, 7}));
  assert_int_equal(credits.take().generation, 7);
  assert_int_equal(credits.take().generation, 5);
  assert_int_equal(credits.count(), 0);
  assert_true(credits.add({0, 6}));
}

void handles_die_with_their_record(void**) {
  HandleTable<int> table(2, 0xabcd);
  const uint32_t first = table.allocate();
  const uint64_t handle = table.handle(first);
  assert_true(handle != 0);
  assert_int_equal(table.find(handle), first);
  assert_true(table.find(handle ^ (uint64_t{1} << 50)) == HandleTable<int>::kNone);
  assert_true(table.find(0) == HandleTable<int>::kNone);
  table.release(first);
  assert_true(table.find(handle) == HandleTable<int>::kNone);
  assert_int_equal(table.allocate(), first);
  assert_true(table.find(handle) == HandleTable<int>::kNone);
  assert_true(table.handle(first) != handle);
  table.allocate();
  assert_true(table.allocate() == HandleTable<int>::kNone);
  HandleTable<int> other_life(2, 0xabce);
  assert_true(other_life.handle(other_life.allocate()) != handle);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_window_counts_each_chunk_once),
      cmocka_unit_test(a_window_agrees_with_a_set),
      cmocka_unit_test(a_full_window_moves_on),
      cmocka_unit_test(chunks_follow_the_rate_between_their_bounds),
      cmocka_unit_test(a_short_transfer_is_several_chunks),
      cmocka_unit_test(chunks_hold_whole_layers_where_they_can),
      cmocka_unit_test(chunks_cover_every_fragment_once),
      cmocka_unit_test(a_slot_is_filled_under_its_own_generation_only),
      cmocka_unit_test(credits_are_used_once),
      cmocka_unit_test(handles_die_with_their_record),
  };
  return cmocka_run_group_tests_name("engine parts", tests, nullptr, nullptr);
}
