// LearntLink: what one way carries, by samples of it; LinkTable: what they make of pairs and ends.
#include "core/cluster/learnt_link.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "core/cluster/link_table.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of a small type

constexpr double kNear = 0.15;

bool within(double value, double wanted, double share = 1e-9) {
  return std::fabs(value - wanted) <= share * wanted;
}

void the_first_sample_stands_alone_where_nothing_was_declared(void**) {
  LearntLink link;
  assert_true(link.learn_rate(7e9));
  assert_true(within(link.bytes_per_s, 7e9));
  assert_int_equal(link.samples, 1);
}

void a_declared_rate_counts_as_one_sample(void**) {
  LearntLink link;
  link.begin(10e9);
  assert_true(link.learn_rate(8e9));
  assert_true(within(link.bytes_per_s, 2.0 / (1.0 / 10e9 + 1.0 / 8e9)));
}

void a_step_by_four_is_known_within_five_samples(void**) {
  for (double rate : {2.5e9, 40e9}) {
    LearntLink link;
    for (int i = 0; i < 20; ++i) link.learn_rate(10e9);
    for (int i = 0; i < 5; ++i) assert_true(link.learn_rate(rate));
    assert_true(within(link.bytes_per_s, rate, kNear));
  }
}

void one_outlier_is_refused_and_teaches_nothing(void**) {
  LearntLink link;
  for (int i = 0; i < 5; ++i) link.learn_rate(10e9);
  const double before = link.bytes_per_s;
  assert_false(link.learn_rate(200e9));
  assert_false(link.learn_rate(0.1e9));
  assert_true(link.bytes_per_s == before);
}

void the_third_outlier_on_one_side_is_believed(void**) {
  LearntLink link;
  for (int i = 0; i < 5; ++i) link.learn_rate(10e9);
  assert_false(link.learn_rate(0.1e9));
  assert_false(link.learn_rate(0.1e9));
  assert_true(link.learn_rate(0.1e9));
  assert_true(within(link.bytes_per_s, 0.1e9));
}

void noise_leaves_the_mean_where_it_is(void**) {
  LearntLink link;
  for (int i = 0; i < 200; ++i) link.learn_rate(i % 2 == 0 ? 9e9 : 11e9);
  assert_true(within(link.bytes_per_s, 10e9, 0.05));
}

// Workers 1 (source), 11 and 12 (targets); defaults but for the rates given.
struct Ends {
  hexagent_worker source = {};
  hexagent_worker target = {};
  hexagent_worker other = {};
};

Ends ends(double egress, double ingress) {
  Ends all;
  all.source.worker = 1;
  all.source.egress_bytes_per_s = egress;
  all.source.link_latency_ns = 20'000;
  all.target.worker = 11;
  all.target.ingress_bytes_per_s = ingress;
  all.target.link_latency_ns = 20'000;
  all.other = all.target;
  all.other.worker = 12;
  return all;
}

LinkSample sample(uint32_t source, uint32_t target, double rate) {
  LinkSample taken;
  taken.source = source;
  taken.target = target;
  taken.bytes_per_s = rate;
  return taken;
}

void a_measured_pair_beats_what_is_declared(void**) {
  LinkTable links(8);
  const Ends all = ends(kNicBytesPerS, kNicBytesPerS);
  assert_true(links.learn(sample(1, 11, 5e9), &all.source, &all.target));
  assert_true(within(links.path(all.source, all.target).bytes_per_s, 5e9));
  assert_true(within(links.declared(all.source, all.target).bytes_per_s, kNicBytesPerS));
}

void a_slow_pair_says_nothing_against_its_ends(void**) {
  LinkTable links(8);
  const Ends all = ends(kNicBytesPerS, kNicBytesPerS);
  links.learn(sample(1, 11, 5e9), &all.source, &all.target);
  assert_true(within(links.path(all.source, all.other).bytes_per_s, kNicBytesPerS));
}

void a_fast_pair_raises_its_ends(void**) {
  LinkTable links(8);
  const Ends all = ends(kNicBytesPerS, kNicBytesPerS);
  links.learn(sample(1, 11, 90e9), &all.source, &all.target);
  const LinkPath path = links.path(all.source, all.target);
  assert_true(within(path.egress_bytes_per_s, 90e9));
  assert_true(within(path.ingress_bytes_per_s, 90e9));
}

void an_end_measured_alone_rules_pairs_that_were_not(void**) {
  LinkTable links(8);
  const Ends all = ends(kNicBytesPerS, kNicBytesPerS);
  links.learn(sample(1, 0, 3e9), &all.source, nullptr);
  assert_true(within(links.path(all.source, all.other).bytes_per_s, 3e9));
}

void setup_and_queue_are_means_of_their_own(void**) {
  LinkTable links(8);
  const Ends all = ends(kNicBytesPerS, kNicBytesPerS);
  LinkSample taken = sample(1, 11, 0.0);
  taken.setup_s = 0.001;
  taken.queue_s = 0.002;
  assert_true(links.learn(taken, &all.source, &all.target));
  const LinkPath path = links.path(all.source, all.target);
  assert_true(within(path.latency_s, 0.001));
  assert_true(within(path.queue_s, 0.002));
  assert_true(within(path.bytes_per_s, kNicBytesPerS));
}

void nothing_into_a_target_is_faster_than_its_bound(void**) {
  LinkTable links(8);
  const Ends all = ends(10e9, 20e9);
  assert_true(within(links.ingress_most(all.target), 20e9));
  for (int i = 0; i < 4; ++i) links.learn(sample(1, 11, 70e9), &all.source, &all.target);
  for (int i = 0; i < 9; ++i) links.learn(sample(0, 11, 2e9), nullptr, &all.target);
  const double most = links.ingress_most(all.target);
  assert_true(most >= links.path(all.source, all.target).bytes_per_s);
}

void a_full_table_goes_on_by_what_is_declared(void**) {
  LinkTable links(1);
  Ends all = ends(kNicBytesPerS, kNicBytesPerS);
  for (uint32_t target = 11; target < 60; ++target) {
    all.target.worker = target;
    assert_true(links.learn(sample(1, target, 5e9), &all.source, &all.target));
  }
  assert_null(links.learnt(1, 59));
  assert_true(within(links.path(all.source, all.target).bytes_per_s, kNicBytesPerS));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_first_sample_stands_alone_where_nothing_was_declared),
      cmocka_unit_test(a_declared_rate_counts_as_one_sample),
      cmocka_unit_test(a_step_by_four_is_known_within_five_samples),
      cmocka_unit_test(one_outlier_is_refused_and_teaches_nothing),
      cmocka_unit_test(the_third_outlier_on_one_side_is_believed),
      cmocka_unit_test(noise_leaves_the_mean_where_it_is),
      cmocka_unit_test(a_measured_pair_beats_what_is_declared),
      cmocka_unit_test(a_slow_pair_says_nothing_against_its_ends),
      cmocka_unit_test(a_fast_pair_raises_its_ends),
      cmocka_unit_test(an_end_measured_alone_rules_pairs_that_were_not),
      cmocka_unit_test(setup_and_queue_are_means_of_their_own),
      cmocka_unit_test(nothing_into_a_target_is_faster_than_its_bound),
      cmocka_unit_test(a_full_table_goes_on_by_what_is_declared),
  };
  return cmocka_run_group_tests_name("learnt links", tests, nullptr, nullptr);
}
