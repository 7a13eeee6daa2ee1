// Tests of src/sim/engine/prefix_cache.h: cases by hand, then random commands against
// PrefixCacheModel.
#include "sim/engine/prefix_cache.h"

#include <cstdio>
#include <stdexcept>

#include "prefix_cache_model.h"
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

struct World {
  ContentTree tree{4};
  PrefixCache cache;
  explicit World(int64_t capacity_tokens) : cache(&tree, capacity_tokens) {}

  // Runs one request to its end: computes `tokens` of `content` and leaves them as cache.
  void fill(ContentId content, int64_t tokens) {
    const LeaseId lease = cache.acquire(content, tokens, tokens);
    cache.publish(lease, tokens);
    cache.release(lease);
  }
};

int64_t hit_of_a_whole_prompt_but_its_last_token() {
  World world(400);
  const ContentId content = world.tree.add(kNoContent, 0, 40);
  world.fill(content, 40);
  return world.cache.hit_tokens(content, 39);
}

int64_t hit_of_a_child_that_shares_ten_tokens() {
  World world(400);
  const ContentId root = world.tree.add(kNoContent, 0, 40);
  const ContentId child = world.tree.add(root, 10, 30);
  world.fill(root, 40);
  return world.cache.hit_tokens(child, 30);
}

int64_t blocks_in_use_by_two_that_share() {
  World world(400);
  const ContentId root = world.tree.add(kNoContent, 0, 20);
  const ContentId child = world.tree.add(root, 20, 40);
  world.fill(root, 20);
  world.cache.acquire(child, 40, 40);  // 5 shared, 5 of its own
  world.cache.acquire(child, 40, 40);  // the same 5, 5 more of its own
  return world.cache.in_use_blocks();
}

int64_t blocks_in_use_after_both_publish() {
  World world(400);
  const ContentId content = world.tree.add(kNoContent, 0, 40);
  const LeaseId first = world.cache.acquire(content, 40, 40);
  const LeaseId second = world.cache.acquire(content, 40, 40);
  world.cache.publish(first, 40);
  world.cache.publish(second, 40);
  return world.cache.in_use_blocks();
}

struct Hits {
  int64_t oldest;
  int64_t used_again;
  int64_t newest;
};

Hits hits_after_one_eviction() {
  World world(48);  // 12 blocks
  const ContentId a = world.tree.add(kNoContent, 0, 16);
  const ContentId b = world.tree.add(kNoContent, 0, 16);
  const ContentId c = world.tree.add(kNoContent, 0, 16);
  const ContentId d = world.tree.add(kNoContent, 0, 8);
  world.fill(a, 16);
  world.fill(b, 16);
  world.fill(c, 16);
  world.fill(a, 16);  // now b is the oldest
  world.fill(d, 8);   // takes 2 blocks from the end of b
  return Hits{world.cache.hit_tokens(b, 16), world.cache.hit_tokens(a, 16),
              world.cache.hit_tokens(c, 16)};
}

bool fits_beside_a_pinned_lease(int64_t tokens, int64_t spare_blocks) {
  World world(40);  // 10 blocks
  const ContentId held = world.tree.add(kNoContent, 0, 24);
  const ContentId cached = world.tree.add(kNoContent, 0, 16);
  const ContentId wanted = world.tree.add(kNoContent, 0, 40);
  world.fill(cached, 16);
  world.cache.acquire(held, 24, 24);
  return world.cache.acquire(wanted, tokens, tokens, spare_blocks) != kNoLease;
}

bool unpinning_twice_throws() {
  World world(40);
  const LeaseId lease = world.cache.acquire(world.tree.add(kNoContent, 0, 24), 24, 24);
  world.cache.release(lease);
  try {
    world.cache.release(lease);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

// --- random commands -----------------------------------------------------------------------------

struct Pair {
  ContentTree tree{4};
  PrefixCache cache;
  PrefixCacheModel model;
  Random random;
  std::vector<std::pair<LeaseId, int64_t>> leases;  // cache's, model's
  Pair(uint64_t seed, int64_t blocks)
      : cache(&tree, blocks * 4), model(&tree, blocks), random(seed) {}

  int64_t below(int64_t bound) {
    return static_cast<int64_t>(random.next() % static_cast<uint64_t>(bound));
  }

  void add_content() {
    const auto source = static_cast<ContentId>(below(tree.count() + 1)) - 1;
    const int64_t shared = source < 0 ? 0 : below(tree.total_tokens(source) + 1);
    tree.add(source, shared, shared + 1 + below(40));
  }
  bool acquire() {
    const auto content = static_cast<ContentId>(below(tree.count()));
    const int64_t tokens = 1 + below(tree.total_tokens(content));
    const int64_t limit = below(4) == 0 ? 0 : tokens - below(2);
    const LeaseId lease = cache.acquire(content, tokens, limit);
    const int64_t index = model.acquire(content, tree.blocks_for(tokens), limit / 4);
    if ((lease == kNoLease) != (index < 0)) return false;
    if (lease != kNoLease) leases.emplace_back(lease, index);
    return true;
  }
  void publish(size_t which) {
    const auto& held = model.leases()[static_cast<size_t>(leases[which].second)];
    const int64_t most =
        std::min<int64_t>(held.pinned + held.owned, tree.full_blocks(held.content));
    const int64_t blocks = held.pinned + below(most - held.pinned + 1);
    cache.publish(leases[which].first, blocks * 4 + below(4));
    model.publish(leases[which].second, blocks);
  }
  bool grow(size_t which) {
    const int64_t blocks = below(4);
    const bool grown = cache.grow(blocks);
    if (grown) cache.claim(leases[which].first, blocks);
    return grown == model.grow(leases[which].second, blocks);
  }
  void release(size_t which) {
    cache.release(leases[which].first);
    model.release(leases[which].second);
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(which));
  }
  bool step() {
    const int64_t command = below(10);
    const size_t which =
        leases.empty() ? 0 : static_cast<size_t>(below(static_cast<int64_t>(leases.size())));
    if (tree.count() == 0 || (command == 0 && tree.count() < 60)) {
      add_content();
      return true;
    }
    if (leases.empty() || command <= 3) return acquire();
    if (command <= 5) {
      publish(which);
      return true;
    }
    if (command == 6) return grow(which);
    release(which);
    return true;
  }
  bool agree() {
    cache.audit();
    if (cache.in_use_blocks() != model.in_use()) return false;
    if (cache.resident_blocks() != model.resident()) return false;
    for (ContentId content = 0; content < tree.count(); ++content) {
      const int64_t limit = tree.total_tokens(content) - below(2);
      if (cache.hit_tokens(content, limit) != 4 * model.hit_blocks(content, limit / 4)) {
        return false;
      }
    }
    return true;
  }
};

// Step of the first difference, -1 when there is none.
int32_t first_difference(uint64_t seed, int64_t blocks, int32_t steps) {
  Pair pair(seed, blocks);
  for (int32_t i = 0; i < steps; ++i) {
    try {
      if (!pair.step() || !pair.agree()) return i;
    } catch (const std::logic_error& error) {
      std::fprintf(stderr, "seed %llu step %d: %s\n", static_cast<unsigned long long>(seed), i,
                   error.what());
      return i;
    }
  }
  return -1;
}

void a_hit_leaves_the_last_token_to_compute(void** /*state*/) {
  assert_int_equal(hit_of_a_whole_prompt_but_its_last_token(), 36);
}
void a_hit_counts_whole_shared_blocks_only(void** /*state*/) {
  assert_int_equal(hit_of_a_child_that_shares_ten_tokens(), 8);
}
void shared_blocks_are_counted_once(void** /*state*/) {
  assert_int_equal(blocks_in_use_by_two_that_share(), 15);
}
void a_block_published_twice_is_kept_once(void** /*state*/) {
  assert_int_equal(blocks_in_use_after_both_publish(), 10);
}
void eviction_takes_the_deepest_block_least_recently_used(void** /*state*/) {
  const Hits hits = hits_after_one_eviction();
  assert_int_equal(hits.oldest, 8);
  assert_int_equal(hits.used_again, 16);
  assert_int_equal(hits.newest, 16);
}
void pinned_blocks_are_never_evicted(void** /*state*/) {
  assert_true(fits_beside_a_pinned_lease(16, 0));
  assert_false(fits_beside_a_pinned_lease(17, 0));
}
void an_acquisition_can_be_asked_to_leave_spare_blocks(void** /*state*/) {
  assert_true(fits_beside_a_pinned_lease(12, 1));
  assert_false(fits_beside_a_pinned_lease(16, 1));
}
void a_lease_cannot_be_released_twice(void** /*state*/) { assert_true(unpinning_twice_throws()); }
void random_commands_agree_with_the_block_model(void** /*state*/) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const auto blocks = static_cast<int64_t>(10 + seed % 5 * 8);
    const int32_t step = first_difference(seed, blocks, 300);
    if (step >= 0) fail_msg("seed %d differs at step %d", static_cast<int>(seed), step);
  }
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_hit_leaves_the_last_token_to_compute),
      cmocka_unit_test(a_hit_counts_whole_shared_blocks_only),
      cmocka_unit_test(shared_blocks_are_counted_once),
      cmocka_unit_test(a_block_published_twice_is_kept_once),
      cmocka_unit_test(eviction_takes_the_deepest_block_least_recently_used),
      cmocka_unit_test(pinned_blocks_are_never_evicted),
      cmocka_unit_test(an_acquisition_can_be_asked_to_leave_spare_blocks),
      cmocka_unit_test(a_lease_cannot_be_released_twice),
      cmocka_unit_test(random_commands_agree_with_the_block_model),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
