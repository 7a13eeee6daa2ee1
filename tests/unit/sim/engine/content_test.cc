// Tests of src/sim/engine/content.h.
#include "sim/engine/content.h"

#include <stdexcept>

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

struct Placed {
  ContentId parent;
  int32_t first_block;
};

Placed add_chain(int64_t shared_of_last) {
  ContentTree tree(16);
  const ContentId root = tree.add(kNoContent, 0, 160);
  const ContentId middle = tree.add(root, 100, 320);  // own blocks from 6 on
  const ContentId last = tree.add(middle, shared_of_last, 400);
  return Placed{tree.parent(last), tree.first_block(last)};
}

bool refuses(int64_t shared_tokens, int64_t total_tokens) {
  ContentTree tree(16);
  const ContentId root = tree.add(kNoContent, 0, 160);
  try {
    tree.add(root, shared_tokens, total_tokens);
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

int64_t blocks_of_33_tokens() { return ContentTree(16).blocks_for(33); }

void a_block_of_mixed_content_belongs_to_the_newer(void** /*state*/) {
  const Placed placed = add_chain(300);
  assert_int_equal(placed.parent, 1);
  assert_int_equal(placed.first_block, 18);
}
void a_short_share_hangs_below_the_owner_of_its_last_block(void** /*state*/) {
  const Placed placed = add_chain(101);
  assert_int_equal(placed.parent, 0);
  assert_int_equal(placed.first_block, 6);
}
void a_share_below_one_block_makes_a_root(void** /*state*/) {
  const Placed placed = add_chain(15);
  assert_int_equal(placed.parent, kNoContent);
  assert_int_equal(placed.first_block, 0);
}
void more_cannot_be_shared_than_there_is(void** /*state*/) {
  assert_true(refuses(161, 200));
  assert_true(refuses(100, 99));
  assert_false(refuses(160, 160));
}
void a_partly_filled_block_counts_as_occupied(void** /*state*/) {
  assert_int_equal(blocks_of_33_tokens(), 3);
}

}  // namespace
}  // namespace hexagent::sim

int main() {
  using namespace hexagent::sim;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_block_of_mixed_content_belongs_to_the_newer),
      cmocka_unit_test(a_short_share_hangs_below_the_owner_of_its_last_block),
      cmocka_unit_test(a_share_below_one_block_makes_a_root),
      cmocka_unit_test(more_cannot_be_shared_than_there_is),
      cmocka_unit_test(a_partly_filled_block_counts_as_occupied),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
