// LinkSamples: what of the measurements reaches the scheduler, and how often.
#include "controller/link_samples.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "capi/shape.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::controller;  // NOLINT: a test of one class

constexpr int64_t kMs = 1'000'000;

struct Told {
  std::vector<hexagent_link_sample> samples;
  hexagent_status answer = HEXAGENT_OK;
  int64_t now_ns = 1000 * kMs;
  LinkSamples links{4, [this](const hexagent_link_sample& sample) {
                      samples.push_back(sample);
                      return answer;
                    }};

  void hear(double rate, int64_t queue_ns = 0, uint32_t to = 2) {
    LinkMeasured link;
    link.from = 1;
    link.to = to;
    link.bytes_per_s = rate;
    link.setup_ns = 20'000;
    link.queue_ns = queue_ns;
    links.hear(link, now_ns);
    links.tell_due(now_ns);
  }
  // A timer that fires four times a second for as long as something is due.
  void pass(int64_t ns) {
    const int64_t until = now_ns + ns;
    while (now_ns < until) {
      now_ns += 250 * kMs;
      links.tell_due(now_ns);
    }
  }
};

void a_sample_holds_what_was_measured(void**) {
  Told told;
  told.hear(2e9, 3 * kMs);
  assert_int_equal(told.samples.size(), 1);
  const hexagent_link_sample& sample = told.samples[0];
  assert_int_equal(sample.source_worker, 1);
  assert_int_equal(sample.target_worker, 2);
  assert_int_equal(sample.bytes, 2'000'000'000);
  assert_int_equal(sample.duration_ns, 1'000'000'000);
  assert_int_equal(sample.setup_ns, 20'000);
  assert_int_equal(sample.queue_ns, 3 * kMs);
  assert_int_equal(sample.flags,
                   HEXAGENT_SAMPLE_SETUP | HEXAGENT_SAMPLE_QUEUE | HEXAGENT_SAMPLE_SILENT);
  assert_int_equal(hexagent::check_link_sample(sample).status, HEXAGENT_OK);
}

void nothing_known_is_not_told(void**) {
  Told told;
  told.hear(0.0);
  told.pass(20'000 * kMs);
  assert_int_equal(told.samples.size(), 0);
  assert_int_equal(told.links.size(), 0);
}

// A thousand transfers of which nothing is new are a sample in ten seconds.
void what_does_not_change_is_told_seldom(void**) {
  Told told;
  told.hear(1e9);
  told.pass(3000 * kMs);
  assert_int_equal(told.samples.size(), 8);
  for (uint32_t i = 0; i < 1000; ++i) {
    told.hear(i % 2 == 0 ? 1.02e9 : 0.98e9);
    told.now_ns += 100 * kMs;
  }
  assert_in_range(told.samples.size(), 8 + 9, 8 + 10);
}

// A change is told until means that weigh it by a quarter have followed it, though nothing more
// moves.
void a_change_is_told_until_it_is_known(void**) {
  Told told;
  told.hear(1e9);
  told.pass(3000 * kMs);
  const size_t before = told.samples.size();
  told.hear(1e9, 500 * kMs);
  told.pass(100 * kMs);
  told.hear(1e9, 0);
  told.pass(20'000 * kMs);
  assert_in_range(told.samples.size() - before, 8, 10);
  double queue_ns = 500e6;
  for (size_t i = before; i < told.samples.size(); ++i) {
    queue_ns += 0.25 * (static_cast<double>(told.samples[i].queue_ns) - queue_ns);
  }
  assert_true(queue_ns < 0.2 * 500e6);
}

void what_changes_all_the_time_is_told_four_times_a_second(void**) {
  Told told;
  for (uint32_t i = 0; i < 1000; ++i) {
    told.hear(i % 2 == 0 ? 1e9 : 5e9);
    told.now_ns += 10 * kMs;
  }
  assert_in_range(told.samples.size(), 35, 41);  // of ten seconds
}

void without_room_it_is_told_later(void**) {
  Told told;
  told.answer = HEXAGENT_E_AGAIN;
  told.hear(1e9);
  assert_true(told.links.tell_due(told.now_ns));
  told.samples.clear();
  told.answer = HEXAGENT_OK;
  told.pass(10'000 * kMs);
  assert_int_equal(told.samples.size(), 8);
}

void what_cannot_be_right_is_refused_once(void**) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double rate : {inf, -inf, std::nan(""), -5.0, 1e-300, 999.0, 1e14, 1e300}) {
    Told told;
    told.answer = HEXAGENT_E_RANGE;
    told.hear(rate);
    told.pass(5000 * kMs);
    assert_int_equal(told.samples.size(), 1);
    const hexagent::Flaw flaw = hexagent::check_link_sample(told.samples[0]);
    assert_int_equal(flaw.status, HEXAGENT_E_RANGE);
    assert_int_equal(flaw.field, HEXAGENT_FIELD_BANDWIDTH);
    assert_string_equal(flaw.member, "bytes");
  }
}

void links_are_forgotten_with_their_worker_and_bounded(void**) {
  Told told;
  for (uint32_t to = 2; to < 20; ++to) told.hear(1e9, 0, to);
  assert_int_equal(told.links.size(), 4);
  told.links.forget(3);
  assert_int_equal(told.links.size(), 3);
  told.links.forget(1);
  assert_int_equal(told.links.size(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_sample_holds_what_was_measured),
      cmocka_unit_test(nothing_known_is_not_told),
      cmocka_unit_test(what_does_not_change_is_told_seldom),
      cmocka_unit_test(a_change_is_told_until_it_is_known),
      cmocka_unit_test(what_changes_all_the_time_is_told_four_times_a_second),
      cmocka_unit_test(without_room_it_is_told_later),
      cmocka_unit_test(what_cannot_be_right_is_refused_once),
      cmocka_unit_test(links_are_forgotten_with_their_worker_and_bounded),
  };
  return cmocka_run_group_tests_name("link samples", tests, nullptr, nullptr);
}
