// PlanView: trials leave the real loads alone, bookings add up to what a dispatch does, and a new
// plan forgets them.
#include "plan_world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of a small type

PlanWorld& world_of(void** state) { return *static_cast<PlanWorld*>(*state); }

Choice pair_of(uint32_t prefill, uint32_t decode, uint32_t prefill_cached = 0,
               uint32_t decode_cached = 0) {
  Choice choice;
  choice.prefill = prefill;
  choice.decode = decode;
  choice.prefill_cached = prefill_cached;
  choice.decode_cached = decode_cached;
  return choice;
}

void a_booking_is_seen_by_the_plan_alone(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t prefill = world.add_prefill();
  const uint32_t decode = world.add_decode();
  world.view.book(world.shape, pair_of(prefill, decode, 300, 200));
  const WorkerLoad& source = world.view.load(prefill);
  const WorkerLoad& target = world.view.load(decode);
  assert_int_equal(source.prefill.count, 1);
  assert_true(near(source.prefill.tokens, 700));
  assert_int_equal(source.kv_free_tokens, 16000 - 1008);
  assert_true(near(source.egress.bytes, 800 * 1e5) && near(source.egress.flows, 1));
  assert_true(near(target.ingress.bytes, 800 * 1e5) && near(target.ingress.flows, 1));
  assert_true(near(target.decode.promised_sequences, 1));
  assert_true(near(target.decode.promised_context, 1050));
  assert_true(near(target.decode.weight, 1.0));
  assert_int_equal(target.kv_free_tokens, 16000 - 1104);
  assert_int_equal(world.workers[prefill].load.prefill.count, 0);
  assert_int_equal(world.workers[decode].load.kv_free_tokens, 16000);
}

void bookings_add_up(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t prefill = world.add_prefill();
  const uint32_t decode = world.add_decode();
  for (int i = 0; i < 3; ++i) world.view.book(world.shape, pair_of(prefill, decode));
  assert_int_equal(world.view.load(prefill).prefill.count, 3);
  assert_int_equal(world.view.load(prefill).kv_free_tokens, 16000 - 3 * 1008);
  assert_int_equal(world.view.load(decode).kv_free_tokens, 16000 - 3 * 1104);
  assert_int_equal(world.view.rotation(), 3);
}

void a_new_plan_starts_from_the_real_loads(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t prefill = world.add_prefill();
  const uint32_t decode = world.add_decode();
  world.view.book(world.shape, pair_of(prefill, decode));
  world.view.begin(5);
  assert_int_equal(world.view.now(), 5);
  assert_int_equal(world.view.load(prefill).prefill.count, 0);
  assert_int_equal(world.view.load(decode).kv_free_tokens, 16000);
  assert_int_equal(world.view.rotation(), 1);  // round robin goes on
}

void a_call_in_one_place_takes_one_reservation_and_no_link(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t both = world.add(world.record(1, HEXAGENT_ROLE_BOTH));
  world.view.book(world.shape, pair_of(both, both));
  assert_int_equal(world.view.load(both).kv_free_tokens, 16000 - 1104);
  assert_true(world.view.load(both).egress.flows == 0.0);
  assert_true(world.view.load(both).ingress.flows == 0.0);
}

// A dispatch changes the real load; only a worker that was tried before needs it in its copy too,
// or the call would count twice or not at all.
void a_dispatch_is_seen_once_whether_its_worker_was_tried_or_not(void** state) {
  PlanWorld& world = world_of(state);
  const uint32_t tried = world.add_prefill();
  const uint32_t fresh = world.add_prefill();
  const uint32_t decode = world.add_decode();
  world.view.book(world.shape, pair_of(tried, decode));
  for (uint32_t prefill : {tried, fresh}) {
    world.load_prefill(prefill, 1000);  // what the dispatch does to the real load
    world.view.book_dispatched(world.shape, pair_of(prefill, decode));
  }
  assert_int_equal(world.view.load(tried).prefill.count, 2);
  assert_int_equal(world.view.load(fresh).prefill.count, 1);
  assert_true(near(world.view.load(decode).decode.promised_sequences, 3));
}

bool as_the_load(const PlanWorld& world, uint32_t index) {
  const Worker& worker = world.workers[index];
  const WorkerLoad& load = world.view.load(index);
  const PrefillOutlook& prefill = world.view.prefill_outlook(index);
  const DecodeOutlook& decode = world.view.decode_outlook(index);
  const double drain_s = load.prefill.drain_s(worker.prefill_engine, world.view.now());
  return prefill.prospect.drain_s == drain_s && prefill.kv_free_tokens == load.kv_free_tokens &&
         decode.load.promised_context == load.decode.promised_context &&
         decode.kv_free_tokens == load.kv_free_tokens && decode.ingress.bytes == load.ingress.bytes;
}

// Outlooks are kept; whatever happens to a worker within a plan must be seen in its own.
void an_outlook_is_that_of_the_load_at_every_moment(void** state) {
  PlanWorld& world = world_of(state);
  for (int i = 0; i < 3; ++i) {
    world.add_prefill();
    world.add_decode();
  }
  uint64_t draw = 7;
  for (int turn = 0; turn < 300; ++turn) {
    draw = draw * 6364136223846793005u + 1442695040888963407u;
    const auto prefill = static_cast<uint32_t>(draw >> 33) % 3 * 2;
    const auto decode = static_cast<uint32_t>(draw >> 40) % 3 * 2 + 1;
    const uint64_t action = (draw >> 50) % 4;
    if (action == 0) world.view.begin(turn * 1'000'000);
    if (action == 1) world.view.book(world.shape, pair_of(prefill, decode));
    if (action == 2) {
      world.load_prefill(prefill, 100);
      world.view.book_dispatched(world.shape, pair_of(prefill, decode));
    }
    if (action == 3) {
      world.workers[decode].load.decode.promised_context += 10.0;
      world.view.changed(decode);
    }
    for (uint32_t index = 0; index < 6; ++index) assert_true(as_the_load(world, index));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      PLAN_TEST(a_booking_is_seen_by_the_plan_alone),
      PLAN_TEST(bookings_add_up),
      PLAN_TEST(a_new_plan_starts_from_the_real_loads),
      PLAN_TEST(a_call_in_one_place_takes_one_reservation_and_no_link),
      PLAN_TEST(a_dispatch_is_seen_once_whether_its_worker_was_tried_or_not),
      PLAN_TEST(an_outlook_is_that_of_the_load_at_every_moment),
  };
  return cmocka_run_group_tests_name("plan view", tests, nullptr, nullptr);
}
