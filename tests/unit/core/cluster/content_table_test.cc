// ContentTable: hits through chains and groups, eviction, corrections, recycling.
#include "core/cluster/content_table.h"

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

#include "draw.h"

namespace {

using hexagent::ContentSource;
using hexagent::ContentTable;

constexpr uint32_t kWorkers = 3;

uint32_t hit(const ContentTable& table, ContentSource source, uint32_t worker) {
  uint32_t hits[kWorkers] = {};
  table.hits(&source, 1, kWorkers, hits);
  return hits[worker];
}

ContentTable make_table(uint64_t capacity = 1000000) {
  ContentTable table(8, 2, kWorkers);
  for (uint32_t worker = 0; worker < kWorkers; ++worker) table.set_capacity(worker, capacity);
  return table;
}

void a_call_hits_its_source_where_that_ran(void**) {
  ContentTable table = make_table();
  const uint32_t parent = table.add(1, 0, nullptr, 0);
  table.place(parent, 1, 500, 0);
  assert_int_equal(hit(table, table.source(parent, 400), 1), 400);
  assert_int_equal(hit(table, table.source(parent, 900), 1), 500);
  assert_int_equal(hit(table, table.source(parent, 400), 0), 0);
}

void a_chain_is_followed_to_ancestors_on_other_workers(void**) {
  ContentTable table = make_table();
  const uint32_t oldest = table.add(1, 0, nullptr, 0);
  const ContentSource first = table.source(oldest, 300);
  const uint32_t middle = table.add(1, 1, &first, 1);
  table.place(oldest, 0, 300, 0);
  table.place(middle, 1, 700, 300);
  // The child shares 600 tokens with the middle call, of which 300 are the oldest's.
  assert_int_equal(hit(table, table.source(middle, 600), 1), 600);
  assert_int_equal(hit(table, table.source(middle, 600), 0), 300);
  assert_int_equal(hit(table, table.source(middle, 200), 0), 200);
}

void carrying_a_group_makes_its_text_resident(void**) {
  ContentTable table = make_table();
  const uint32_t group = table.find_or_add_group(77);
  assert_int_equal(table.find_group(77), group);
  const ContentSource text = table.source(group, 250);
  const uint32_t call = table.add(5, 0, &text, 1);
  table.place(call, 2, 900, 0);
  assert_int_equal(hit(table, text, 2), 250);
  assert_int_equal(hit(table, text, 1), 0);
}

// The text of groups is looked up in rows beside the holders.
void a_group_is_hit_as_its_holders_say_whatever_came_before(void**) {
  constexpr uint64_t kGroups = 3;  // of which the table keeps two
  ContentTable table = make_table(1500);
  hexagent::Draw draw{7};
  uint64_t hits = 0;
  for (uint64_t round = 0; round < 20000; ++round) {
    const uint32_t group = table.find_or_add_group(1 + draw(kGroups));
    const auto tokens = static_cast<uint32_t>(1 + draw(400));
    const ContentSource text = table.source(group, tokens);
    const auto worker = static_cast<uint32_t>(draw(kWorkers));
    switch (draw(8)) {
      case 0:
        table.note(worker, text, static_cast<uint32_t>(draw(tokens + 1)));
        break;
      case 1:
        table.correct(&text, 1, worker, static_cast<uint32_t>(draw(tokens + 1)));
        break;
      case 2:
        if (draw(20) == 0) table.drop_worker(worker);
        break;
      default: {
        const uint32_t call = table.add(round, 0, &text, 1);
        table.place(call, worker, tokens + static_cast<uint32_t>(draw(300)), 0);
        table.unpin(call);
      }
    }
    for (uint32_t at = 0; at < kWorkers; ++at) {
      const uint32_t held = std::min(tokens, table.resident(group, at));
      assert_int_equal(hit(table, text, at), held);
      hits += held > 0 ? 1 : 0;
    }
  }
  assert_in_range(hits, 10000, 50000);  // there was something to see, and something that was gone
}

void the_least_recently_used_goes_first(void**) {
  ContentTable table = make_table(1000);
  const uint32_t first = table.add(1, 0, nullptr, 0);
  const uint32_t second = table.add(2, 0, nullptr, 0);
  const uint32_t third = table.add(3, 0, nullptr, 0);
  table.place(first, 0, 400, 0);
  table.place(second, 0, 400, 0);
  table.place(first, 0, 400, 400);  // used again
  table.place(third, 0, 400, 0);
  assert_int_equal(table.resident(first, 0), 400);
  assert_int_equal(table.resident(second, 0), 0);
  assert_int_equal(table.resident(third, 0), 400);
  assert_true(table.held_tokens(0) <= 1000);
}

void an_extension_takes_over_what_its_ancestor_held(void**) {
  ContentTable table = make_table(1000);
  const uint32_t parent = table.add(1, 0, nullptr, 0);
  const ContentSource whole = table.source(parent, 600);
  const uint32_t child = table.add(1, 1, &whole, 1);
  table.place(parent, 0, 600, 0);
  table.place(child, 0, 800, 600);
  assert_int_equal(table.held_tokens(0), 800);
  const uint32_t other = table.add(2, 0, nullptr, 0);
  table.place(other, 0, 300, 0);
  // 1,100 do not fit: the chain goes as a whole rather than its root alone.
  assert_int_equal(table.resident(child, 0), 0);
  assert_int_equal(table.held_tokens(0), 300);
}

void a_report_of_fewer_hits_corrects_the_belief(void**) {
  ContentTable table = make_table();
  const uint32_t parent = table.add(1, 0, nullptr, 0);
  table.place(parent, 0, 500, 0);
  const ContentSource source = table.source(parent, 500);
  table.correct(&source, 1, 0, 128);
  assert_int_equal(hit(table, source, 0), 128);
  table.correct(&source, 1, 0, 0);
  assert_int_equal(hit(table, source, 0), 0);
  assert_int_equal(table.held_tokens(0), 0);
}

void a_lost_worker_holds_nothing(void**) {
  ContentTable table = make_table();
  const uint32_t parent = table.add(1, 0, nullptr, 0);
  table.place(parent, 0, 500, 0);
  table.place(parent, 1, 500, 0);
  table.drop_worker(0);
  assert_int_equal(hit(table, table.source(parent, 500), 0), 0);
  assert_int_equal(hit(table, table.source(parent, 500), 1), 500);
  assert_int_equal(table.held_tokens(0), 0);
}

void a_full_table_recycles_unpinned_contents_and_stales_their_sources(void**) {
  ContentTable table = make_table();
  const uint32_t first = table.add(1, 0, nullptr, 0);
  table.place(first, 0, 500, 0);
  const ContentSource source = table.source(first, 500);
  for (uint64_t call = 1; call < 8; ++call) {
    assert_true(table.add(1, call, nullptr, 0) != ContentTable::kNone);
  }
  assert_true(table.add(2, 0, nullptr, 0) == ContentTable::kNone);  // all are pinned
  table.unpin(first);
  assert_int_equal(table.add(2, 0, nullptr, 0), first);
  assert_true(table.find(1, 0) == ContentTable::kNone);
  assert_int_equal(hit(table, source, 0), 0);
  table.place(ContentTable::kNone, 0, 10, 0);  // "nothing" is taken everywhere
  table.unpin(ContentTable::kNone);
}

void an_outside_index_adds_what_it_knows(void**) {
  ContentTable table = make_table();
  const uint32_t parent = table.add(1, 0, nullptr, 0);
  table.note(2, table.source(parent, 640), 512);
  assert_int_equal(hit(table, table.source(parent, 640), 2), 512);
}

// Ids are the caller's, whatever number they are.
void a_call_and_a_group_are_never_taken_for_each_other(void**) {
  ContentTable table = make_table();
  for (uint64_t call : {UINT64_MAX, uint64_t{0}}) {
    const uint32_t group = table.find_or_add_group(7);
    assert_true(table.find(7, call) == ContentTable::kNone);
    const uint32_t content = table.add(7, call, nullptr, 0);
    assert_true(content != ContentTable::kNone && content != group);
    assert_int_equal(table.find(7, call), content);
    assert_int_equal(table.find_group(7), group);
    table.unpin(content);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_call_hits_its_source_where_that_ran),
      cmocka_unit_test(a_chain_is_followed_to_ancestors_on_other_workers),
      cmocka_unit_test(carrying_a_group_makes_its_text_resident),
      cmocka_unit_test(a_group_is_hit_as_its_holders_say_whatever_came_before),
      cmocka_unit_test(the_least_recently_used_goes_first),
      cmocka_unit_test(an_extension_takes_over_what_its_ancestor_held),
      cmocka_unit_test(a_report_of_fewer_hits_corrects_the_belief),
      cmocka_unit_test(a_lost_worker_holds_nothing),
      cmocka_unit_test(a_full_table_recycles_unpinned_contents_and_stales_their_sources),
      cmocka_unit_test(an_outside_index_adds_what_it_knows),
      cmocka_unit_test(a_call_and_a_group_are_never_taken_for_each_other),
  };
  return cmocka_run_group_tests_name("content table", tests, nullptr, nullptr);
}
