// Gather and scatter of every kernel: the same bytes and sums as the slow walk, nothing written
// beside them; what the checksum finds.
#include "transport/copy/gather.h"

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

constexpr Store kStores[] = {Store::kCached, Store::kStreaming};
constexpr unsigned char kCanary = 0xc5;

std::vector<const CopyKernels*> all_kernels() {
  std::vector<const CopyKernels*> kernels = {&portable_kernels()};
  for (const CopyKernels* more : {avx2_kernels(), avx512_kernels(), neon_kernels()}) {
    if (more != nullptr) kernels.push_back(more);
  }
  return kernels;
}

// One kernel call against memcpy and the slow sum, with a canary on both sides of the target.
void check_kernel(const CopyKernels& kernels, size_t bytes, size_t to_offset, size_t from_offset,
                  TestRandom* random) {
  constexpr size_t kRoom = 5120;
  static const Memory memory = make_memory(2 * kLanes * kRoom);
  unsigned char* from[kLanes];
  unsigned char* to[kLanes];
  uint32_t vectors[kLanes];
  std::vector<unsigned char> expected;
  const uint64_t seed = random->next();
  uint64_t sum = 0;
  uint64_t first_sum = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    from[lane] = memory.get() + (kLanes + lane) * kRoom + from_offset;
    to[lane] = memory.get() + lane * kRoom + 64 + to_offset;
    random->fill(from[lane], bytes);
    vectors[lane] = 1000 * lane;
    std::vector<unsigned char> padded(vectors[lane] * size_t{16} + bytes, 0);
    std::memcpy(padded.data() + vectors[lane] * size_t{16}, from[lane], bytes);
    padded.resize((padded.size() + 15) / 16 * 16);
    // Zeros before its place have a sum of their own.
    const std::vector<unsigned char> before(vectors[lane] * size_t{16}, 0);
    sum += slow_sum(padded, seed) - slow_sum(before, seed);
    if (lane == 0) first_sum = sum;
  }
  for (const Store store : kStores) {
    for (uint32_t sums = 0; sums < 2; ++sums) {
      std::memset(memory.get(), kCanary, kLanes * kRoom);
      const uint64_t got =
          kernels.four[static_cast<uint32_t>(store)][sums](to, from, bytes, seed, vectors);
      kernels.fence();
      assert_true(got == (sums != 0 ? sum : 0));
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        assert_memory_equal(to[lane], from[lane], bytes);
        assert_int_equal(to[lane][-1], kCanary);
        assert_int_equal(to[lane][bytes], kCanary);
      }
      std::memset(memory.get(), kCanary, kRoom);
      const uint64_t one =
          kernels.one[static_cast<uint32_t>(store)][sums](to[0], from[0], bytes, seed, vectors[0]);
      kernels.fence();
      assert_true(one == (sums != 0 ? first_sum : 0));
      assert_memory_equal(to[0], from[0], bytes);
      assert_int_equal(to[0][bytes], kCanary);
    }
  }
}

void kernels_copy_and_sum_any_length(void**) {
  TestRandom random(3);
  for (const CopyKernels* kernels : all_kernels()) {
    for (size_t bytes = 1; bytes < 700; ++bytes) check_kernel(*kernels, bytes, 0, 3, &random);
    for (const size_t bytes : {1024u, 2048u, 4096u}) {
      check_kernel(*kernels, bytes, 0, 0, &random);
    }
  }
}

// What gather() and scatter() do with random layouts, in random chunks, with the kernel given.
void check_case(const CopyKernels& kernels, TestRandom* random) {
  const hexagent_kv_pool shape = random_shape(random);
  TestPool source(shape, random->below(100), 0);
  TestPool target(shape, random->below(100), kCanary);
  TestPool wanted(shape, 0, kCanary);
  random->fill(source.memory.get(), source.bytes);
  std::vector<int32_t> from;
  hexagent_kv_blocks give = random_selection(shape, random, &from);
  const std::vector<int32_t> to =
      some_blocks(static_cast<uint32_t>(from.size()), shape.block_count, random);
  hexagent_kv_blocks take = give;
  take.blocks = to.data();
  const WireShape wire = wire_shape(source.pool, give);
  const KvCopy packing = make_copy(source.pool, give, from.data(), wire);
  const KvCopy unpacking = make_copy(target.pool, take, to.data(), wire);
  const std::vector<unsigned char> expected = slow_gather(source.pool, give, wire.layout);
  slow_scatter(wanted.pool, take, wire.layout, expected);

  const SumOption sum = {true, random->next()};
  const Store store = kStores[random->below(2)];
  const uint64_t fragments = fragment_count(packing);
  const Memory staged = make_memory(expected.size());
  uint64_t gathered = 0;
  uint64_t scattered = 0;
  for (uint64_t first = 0; first < fragments;) {
    const uint64_t count = random->between(1, static_cast<uint32_t>(fragments - first));
    Chunk chunk = {&packing, first, count, staged.get() + fragment_staged_offset(packing, first)};
    const uint64_t one = gather(kernels, chunk, sum, store);
    assert_int_equal(gather(kernels, chunk, {}, store), 0);
    chunk.copy = &unpacking;
    const uint64_t other = scatter(kernels, chunk, sum, store);
    assert_true(one == other);
    gathered += one;
    scattered += other;
    first += count;
  }
  assert_memory_equal(staged.get(), expected.data(), expected.size());
  assert_true(gathered == slow_sum(expected, sum.seed));
  assert_true(scattered == gathered);
  for (size_t region = 0; region < target.pool.bases.size(); ++region) {
    assert_memory_equal(
        reinterpret_cast<const void*>(static_cast<uintptr_t>(target.pool.bases[region])),
        reinterpret_cast<const void*>(static_cast<uintptr_t>(wanted.pool.bases[region])),
        shape.block_stride_bytes * shape.block_count);
  }
}

void gather_and_scatter_do_as_the_slow_walk(void**) {
  TestRandom random(4);
  for (const CopyKernels* kernels : all_kernels()) {
    for (uint32_t i = 0; i < 400; ++i) check_case(*kernels, &random);
  }
}

void the_sum_finds_flipped_bits_and_swapped_fragments(void**) {
  TestRandom random(5);
  const CopyKernels& kernels = best_kernels();
  for (uint32_t i = 0; i < 2000; ++i) {
    const hexagent_kv_pool shape = random_shape(&random);
    TestPool pool(shape, 0, 0);
    random.fill(pool.memory.get(), pool.bytes);
    std::vector<int32_t> ids;
    const hexagent_kv_blocks blocks = random_selection(shape, &random, &ids);
    const WireShape wire = wire_shape(pool.pool, blocks);
    const KvCopy copy = make_copy(pool.pool, blocks, ids.data(), wire);
    const size_t bytes = fragment_staged_offset(copy, fragment_count(copy));
    const Memory staged = make_memory(bytes);
    const Chunk chunk = {&copy, 0, fragment_count(copy), staged.get()};
    const SumOption sum = {true, random.next()};
    const uint64_t right = gather(kernels, chunk, sum, Store::kCached);
    assert_true(scatter(kernels, chunk, sum, Store::kCached) == right);
    const KvRun piece = run_at(copy, random.below(static_cast<uint32_t>(fragment_count(copy))), 0);
    unsigned char* victim = staged.get() + piece.staged_offset + random.below(piece.bytes);
    *victim ^= static_cast<unsigned char>(1u << random.below(8));
    assert_true(scatter(kernels, chunk, sum, Store::kCached) != right);
    gather(kernels, chunk, sum, Store::kCached);
    if (ids.size() < 3 || copy.full.run_bytes < 8) continue;
    std::vector<unsigned char> held(copy.full.staged_bytes);
    unsigned char* other = staged.get() + copy.full.staged_bytes;
    std::memcpy(held.data(), staged.get(), held.size());
    std::memcpy(staged.get(), other, held.size());
    std::memcpy(other, held.data(), held.size());
    assert_true(scatter(kernels, chunk, sum, Store::kCached) != right);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(kernels_copy_and_sum_any_length),
      cmocka_unit_test(gather_and_scatter_do_as_the_slow_walk),
      cmocka_unit_test(the_sum_finds_flipped_bits_and_swapped_fragments),
  };
  return cmocka_run_group_tests_name("gather", tests, nullptr, nullptr);
}
