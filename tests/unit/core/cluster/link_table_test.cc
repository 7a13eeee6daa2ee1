// LinkTable: the ends of a transfer, and which registered pair of domains rules it.
#include "core/cluster/link_table.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of a small type

bool near(double a, double b) { return std::fabs(a - b) < 1e-9 * (1.0 + std::fabs(b)); }

struct Pair {
  hexagent_worker source = {};
  hexagent_worker target = {};
};

// Different hosts 1 and 2, racks 3 and 4, zones 5 and 6.
Pair far_apart() {
  Pair pair;
  pair.source.egress_bytes_per_s = 50e9;
  pair.target.ingress_bytes_per_s = 40e9;
  pair.source.link_latency_ns = 20'000;
  pair.target.link_latency_ns = 30'000;
  pair.source.host_domain = 1;
  pair.target.host_domain = 2;
  pair.source.rack_domain = 3;
  pair.target.rack_domain = 4;
  pair.source.zone_domain = 5;
  pair.target.zone_domain = 6;
  return pair;
}

hexagent_link link_of(uint32_t source, uint32_t target, double bytes_per_s, uint32_t latency_ns) {
  hexagent_link link = {};
  link.source_domain = source;
  link.target_domain = target;
  link.bytes_per_s = bytes_per_s;
  link.latency_ns = latency_ns;
  return link;
}

void without_caps_the_slower_end_rules(void**) {
  const LinkTable links(4);
  const Pair pair = far_apart();
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 40e9));
  assert_true(near(links.path(pair.source, pair.target).latency_s, 30e-6));
  assert_false(links.has_caps());
}

void the_most_specific_pair_wins(void**) {
  LinkTable links(4);
  const Pair pair = far_apart();
  assert_true(links.set(link_of(5, 6, 1e9, 500'000)));
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 1e9));
  assert_true(near(links.path(pair.source, pair.target).latency_s, 500e-6));
  assert_true(links.set(link_of(3, 4, 10e9, 0)));
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 10e9));
  assert_true(near(links.path(pair.source, pair.target).latency_s, 30e-6));  // the workers' own
  assert_true(links.set(link_of(1, 2, 20e9, 0)));
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 20e9));
  assert_true(links.has_caps());
}

void a_pair_holds_in_both_directions(void**) {
  LinkTable links(4);
  Pair pair = far_apart();
  pair.source.ingress_bytes_per_s = pair.target.egress_bytes_per_s = 50e9;
  assert_true(links.set(link_of(6, 5, 1e9, 0)));
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 1e9));
  assert_true(near(links.path(pair.target, pair.source).bytes_per_s, 1e9));
}

void a_cap_never_makes_an_end_faster(void**) {
  LinkTable links(4);
  const Pair pair = far_apart();
  assert_true(links.set(link_of(5, 6, 1e12, 1)));
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 40e9));
  assert_true(near(links.path(pair.source, pair.target).latency_s, 1e-9));
  assert_true(links.set(link_of(5, 6, 0.0, 1)));  // no cap at all
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 40e9));
}

void a_domain_may_have_a_cap_inside(void**) {
  LinkTable links(4);
  Pair pair = far_apart();
  pair.target.zone_domain = 5;
  assert_true(links.set(link_of(5, 5, 2e9, 0)));
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 2e9));
}

void workers_without_a_domain_are_in_none(void**) {
  LinkTable links(4);
  Pair pair = far_apart();
  assert_true(links.set(link_of(5, 6, 1e9, 0)));
  pair.target.zone_domain = 0;
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 40e9));
}

void a_full_table_still_replaces(void**) {
  LinkTable links(2);
  assert_true(links.set(link_of(5, 6, 1e9, 0)));
  assert_true(links.set(link_of(5, 7, 1e9, 0)));
  assert_false(links.set(link_of(5, 8, 1e9, 0)));
  assert_true(links.set(link_of(6, 5, 3e9, 0)));
  const Pair pair = far_apart();
  assert_true(near(links.path(pair.source, pair.target).bytes_per_s, 3e9));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(without_caps_the_slower_end_rules),
      cmocka_unit_test(the_most_specific_pair_wins),
      cmocka_unit_test(a_pair_holds_in_both_directions),
      cmocka_unit_test(a_cap_never_makes_an_end_faster),
      cmocka_unit_test(a_domain_may_have_a_cap_inside),
      cmocka_unit_test(workers_without_a_domain_are_in_none),
      cmocka_unit_test(a_full_table_still_replaces),
  };
  return cmocka_run_group_tests_name("link table", tests, nullptr, nullptr);
}
