// Inputs that make no sense: each has a status and a field of its own, and leaves no trace.
//
// The last is tested with a twin: two schedulers get the same good inputs, one of them all the bad
// ones in between as well, and both must decide the same. Malformed records never get here
// (tests/abi/shape_*_test.c); the verdicts of the common cases are in tests/abi/verdicts_test.c.
#include "unit/core/world.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

// Workflow 1: call 1 is done, 2 decodes, 3 is being prefilled, 4 waits for 3, 5 was cancelled, 6
// has failed, 7 is held. Workflow 2 has ended but for its call 1. Worker 13 is lost.
void play(World* world) {
  world->add_workers(3, 3);
  world->lose(13);
  world->begin(1);
  for (uint64_t call : {1u, 2u, 3u, 5u, 6u}) world->submit(1, call);
  world->submit(1, 4, {3});
  hexagent_call held = test_call(1, 7);
  held.flags = HEXAGENT_CALL_HELD;
  world->submit(held);
  world->begin(2);
  world->submit(2, 1);
  world->end(2);
  world->pass(100 * kMs);
  world->bring_to(1, 1, HEXAGENT_STATE_DONE);
  world->bring_to(1, 2, HEXAGENT_STATE_DECODING);
  world->bring_to(1, 3, HEXAGENT_STATE_PREFILLING);
  world->cancel(1, 5);
  for (int failure = 0; failure < 3; ++failure) {
    world->report(1, 6, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED);
  }
}

hexagent_report report_of(uint64_t call, uint32_t phase) {
  hexagent_report report = {};
  report.workflow = 1;
  report.call = call;
  report.phase = phase;
  report.outcome = HEXAGENT_OUTCOME_DONE;
  return report;
}

uint32_t target_of_call_3(const World& world) {
  std::string text;
  world.scheduler().explain(1, 3, &text);
  const char* key = "\"decode_worker\":";
  return static_cast<uint32_t>(std::stoul(text.substr(text.find(key) + std::strlen(key))));
}

hexagent_call call_of(uint64_t workflow, uint64_t call) { return test_call(workflow, call); }

struct BadInput {
  const char* what;
  hexagent_status (*give)(World* world);
  hexagent_status status;
  uint32_t field;
};

const BadInput kBadInputs[] = {
    // Ids.
    {"a workflow that lives already", [](World* w) { return w->begin(1); }, HEXAGENT_E_DUPLICATE,
     HEXAGENT_FIELD_WORKFLOW},
    {"a call of an unknown workflow", [](World* w) { return w->submit(9, 1); },
     HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW},
    {"a call id in use, by a finished call", [](World* w) { return w->submit(1, 1); },
     HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_CALL},
    {"a call of a workflow that has ended", [](World* w) { return w->submit(2, 2); },
     HEXAGENT_E_ENDED, HEXAGENT_FIELD_WORKFLOW},
    {"the end of an unknown workflow", [](World* w) { return w->end(9); },
     HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW},
    {"cancelling an unknown workflow", [](World* w) { return w->cancel_workflow(9); },
     HEXAGENT_E_UNKNOWN_WORKFLOW, HEXAGENT_FIELD_WORKFLOW},
    {"cancelling an unknown call", [](World* w) { return w->cancel(1, 99); },
     HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL},
    {"cancelling a finished call", [](World* w) { return w->cancel(1, 1); }, HEXAGENT_E_STATE,
     HEXAGENT_FIELD_CALL},
    {"ready for an unknown call", [](World* w) { return w->ready(1, 99); }, HEXAGENT_E_UNKNOWN_CALL,
     HEXAGENT_FIELD_CALL},
    {"ready for a cancelled call", [](World* w) { return w->ready(1, 5); }, HEXAGENT_E_STATE,
     HEXAGENT_FIELD_CALL},
    {"ready for a failed call", [](World* w) { return w->ready(1, 6); }, HEXAGENT_E_STATE,
     HEXAGENT_FIELD_CALL},
    // Dependencies.
    {"a call that waits for itself", [](World* w) { return w->submit(call_of(1, 20), {20}); },
     HEXAGENT_E_CYCLE, HEXAGENT_FIELD_DEPS},
    {"a dependency nobody revealed",
     [](World* w) {
       return w->submit(call_of(1, 20), {1, 21});
     },
     HEXAGENT_E_UNKNOWN_DEPENDENCY, HEXAGENT_FIELD_DEPS},
    {"a dependency that was cancelled",
     [](World* w) {
       return w->submit(call_of(1, 20), {1, 5});
     },
     HEXAGENT_E_DEAD_DEPENDENCY, HEXAGENT_FIELD_DEPS},
    {"a dependency that has failed", [](World* w) { return w->submit(call_of(1, 20), {6}); },
     HEXAGENT_E_DEAD_DEPENDENCY, HEXAGENT_FIELD_DEPS},
    // Reports.
    {"a report about an unknown call",
     [](World* w) { return w->report(report_of(99, HEXAGENT_PHASE_DECODE)); },
     HEXAGENT_E_UNKNOWN_CALL, HEXAGENT_FIELD_CALL},
    {"a report about a call that was not sent",
     [](World* w) { return w->report(report_of(4, HEXAGENT_PHASE_PREFILL)); }, HEXAGENT_E_STATE,
     HEXAGENT_FIELD_CALL},
    {"a report after the end of the call",
     [](World* w) { return w->report(report_of(1, HEXAGENT_PHASE_DECODE)); }, HEXAGENT_E_DUPLICATE,
     HEXAGENT_FIELD_CALL},
    {"a report about a cancelled call",
     [](World* w) { return w->report(report_of(5, HEXAGENT_PHASE_PREFILL)); }, HEXAGENT_E_DUPLICATE,
     HEXAGENT_FIELD_CALL},
    {"the end of a phase that is over",
     [](World* w) { return w->report(report_of(2, HEXAGENT_PHASE_TRANSFER)); },
     HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_PHASE},
    {"the failure of a phase that is over",
     [](World* w) { return w->report(1, 2, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_FAILED); },
     HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_PHASE},
    {"the start of a phase that is over",
     [](World* w) { return w->report(1, 2, HEXAGENT_PHASE_PREFILL, HEXAGENT_OUTCOME_STARTED); },
     HEXAGENT_E_DUPLICATE, HEXAGENT_FIELD_PHASE},
    {"a report of another attempt",
     [](World* w) {
       hexagent_report report = report_of(3, HEXAGENT_PHASE_PREFILL);
       report.attempt = 2;
       return w->report(report);
     },
     HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER},
    {"a report of a worker that has not got the call",
     [](World* w) {
       hexagent_report report = report_of(2, HEXAGENT_PHASE_DECODE);
       report.worker = 1;
       return w->report(report);
     },
     HEXAGENT_E_STALE, HEXAGENT_FIELD_WORKER},
    {"a report of another incarnation",
     [](World* w) {
       hexagent_report report = report_of(2, HEXAGENT_PHASE_DECODE);
       report.incarnation = 2;
       return w->report(report);
     },
     HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION},
    {"a report of another incarnation of the worker the KV goes to",
     [](World* w) {
       hexagent_report report = report_of(3, HEXAGENT_PHASE_TRANSFER);
       report.worker = target_of_call_3(*w);
       report.incarnation = 2;
       return w->report(report);
     },
     HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION},
    {"a report from the future",
     [](World* w) {
       hexagent_report report = report_of(3, HEXAGENT_PHASE_PREFILL);
       report.end_ns = w->now() + 1;
       return w->report(report);
     },
     HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME},
    {"a phase that ends before it starts",
     [](World* w) {
       hexagent_report report = report_of(3, HEXAGENT_PHASE_PREFILL);
       report.start_ns = w->now();
       report.end_ns = w->now() - 1;
       return w->report(report);
     },
     HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME},
    {"a phase that starts before its call was sent",
     [](World* w) {
       hexagent_report report = report_of(3, HEXAGENT_PHASE_PREFILL);
       report.start_ns = w->now() - 100 * kMs - 1;
       return w->report(report);
     },
     HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME},
    {"a phase that ends before its call was sent",
     [](World* w) {
       hexagent_report report = report_of(2, HEXAGENT_PHASE_DECODE);
       report.end_ns = 1;
       return w->report(report);
     },
     HEXAGENT_E_TIME, HEXAGENT_FIELD_TIME},
    {"more output than was allowed",
     [](World* w) { return w->report(1, 2, HEXAGENT_PHASE_DECODE, HEXAGENT_OUTCOME_DONE, 101); },
     HEXAGENT_E_RANGE, HEXAGENT_FIELD_TOKENS},
    {"more cached tokens than the prompt has",
     [](World* w) {
       hexagent_report report = report_of(3, HEXAGENT_PHASE_PREFILL);
       report.flags = HEXAGENT_REPORT_CACHED_TOKENS;
       report.cached_tokens = 1001;
       return w->report(report);
     },
     HEXAGENT_E_RANGE, HEXAGENT_FIELD_TOKENS},
    // Workers.
    {"news of an unknown worker", [](World* w) { return w->lose(99); }, HEXAGENT_E_UNKNOWN_WORKER,
     HEXAGENT_FIELD_WORKER},
    {"the loss of an old incarnation", [](World* w) { return w->lose(1, 7); }, HEXAGENT_E_STALE,
     HEXAGENT_FIELD_INCARNATION},
    {"the loss of a lost worker", [](World* w) { return w->lose(13); }, HEXAGENT_E_STALE,
     HEXAGENT_FIELD_INCARNATION},
    {"draining a lost worker", [](World* w) { return w->drain(13); }, HEXAGENT_E_STALE,
     HEXAGENT_FIELD_INCARNATION},
    {"another role for a live worker",
     [](World* w) { return w->set_worker(test_worker(1, HEXAGENT_ROLE_DECODE)); }, HEXAGENT_E_STATE,
     HEXAGENT_FIELD_ROLE},
    {"another KV capacity for a live worker",
     [](World* w) {
       hexagent_worker worker = test_worker(1, HEXAGENT_ROLE_PREFILL);
       worker.kv_capacity_tokens = 8000;
       return w->set_worker(worker);
     },
     HEXAGENT_E_STATE, HEXAGENT_FIELD_KV_CAPACITY},
    {"another prefill chunk under the same incarnation",
     [](World* w) {
       hexagent_worker worker = test_worker(1, HEXAGENT_ROLE_PREFILL);
       worker.prefill_chunk_tokens = 512;
       return w->set_worker(worker);
     },
     HEXAGENT_E_STATE, HEXAGENT_FIELD_BATCH},
    {"a worker without a profile",
     [](World* w) {
       hexagent_worker worker = test_worker(9, HEXAGENT_ROLE_PREFILL);
       worker.tensor_parallel = 8;
       return w->set_worker(worker);
     },
     HEXAGENT_E_UNKNOWN_PROFILE, HEXAGENT_FIELD_PROFILE},
    {"a worker without a whole KV block",
     [](World* w) {
       hexagent_worker worker = test_worker(9, HEXAGENT_ROLE_PREFILL);
       worker.kv_capacity_tokens = 15;
       return w->set_worker(worker);
     },
     HEXAGENT_E_NEVER_FITS, HEXAGENT_FIELD_KV_CAPACITY},
    {"a heartbeat of an unknown worker", [](World* w) { return w->heartbeat(99, 1); },
     HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER},
    // Capacity.
    {"a call for a model nobody serves",
     [](World* w) {
       hexagent_call call = call_of(1, 20);
       call.model = kOtherModel;
       return w->submit(call);
     },
     HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_MODEL},
    {"labels nobody has",
     [](World* w) {
       hexagent_call call = call_of(1, 20);
       call.labels_required = 1;
       return w->submit(call);
     },
     HEXAGENT_E_NO_WORKER, HEXAGENT_FIELD_LABELS},
    {"a prompt no worker can hold", [](World* w) { return w->submit(test_call(1, 20, 16001)); },
     HEXAGENT_E_NEVER_FITS, HEXAGENT_FIELD_PROMPT_TOKENS},
    {"prompt and output no worker can hold",
     [](World* w) { return w->submit(test_call(1, 20, 15901)); }, HEXAGENT_E_NEVER_FITS,
     HEXAGENT_FIELD_PROMPT_TOKENS},
};

void each_bad_input_has_its_status_and_field(void** state) {
  World& world = open_world(state, test_settings(kAtOnce));
  play(&world);
  for (const BadInput& bad : kBadInputs) {
    const hexagent_status status = bad.give(&world);
    if (status != bad.status || world.field() != bad.field) {
      print_error("%s: status %d, field %u\n", bad.what, status, world.field());
    }
    assert_int_equal(status, bad.status);
    assert_int_equal(world.field(), bad.field);
    assert_int_equal(world.latest().size(), 1);  // the refusal and nothing else
  }
  assert_int_equal(world.stats().refused, std::size(kBadInputs));
}

// All decisions from the end of play() until everything is over, in one line of numbers.
std::string play_to_the_end(bool with_bad_inputs) {
  World world(test_settings(kAtOnce));
  play(&world);
  if (with_bad_inputs) {
    for (const BadInput& bad : kBadInputs) bad.give(&world);
  }
  std::string told;
  const auto note = [&] {
    for (const hexagent_decision& decision : world.latest()) {
      for (const uint64_t number :
           {uint64_t{decision.kind}, decision.workflow, decision.call, uint64_t{decision.worker},
            uint64_t{decision.peer_worker}, uint64_t{decision.attempt},
            static_cast<uint64_t>(decision.order_key),
            static_cast<uint64_t>(decision.expected_end_ns), uint64_t{decision.cached_tokens}}) {
        told += std::to_string(number) + " ";
      }
    }
  };
  for (uint64_t call : {2u, 3u}) {
    world.report(1, call, HEXAGENT_PHASE_DECODE);
    note();
  }
  world.ready(1, 7);
  note();
  for (uint64_t call : {4u, 7u}) {
    world.bring_to(1, call, HEXAGENT_STATE_DONE);
    note();
  }
  world.bring_to(2, 1, HEXAGENT_STATE_DONE);
  note();
  world.end(1);
  note();
  return world.broken() == nullptr && world.is_empty() ? told : "broken";
}

bool twins_agree() {
  const std::string alone = play_to_the_end(false);
  return alone.size() > 100 && alone == play_to_the_end(true);
}

void bad_inputs_leave_no_trace_in_what_is_decided(void**) { assert_true(twins_agree()); }

// ---- calls no worker can ever hold, at the edge ----

World& odd_capacity(void** state) {
  World& world = open_world(state);
  for (uint32_t id : {1u, 11u}) {
    hexagent_worker worker =
        test_worker(id, id == 1 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE);
    worker.kv_capacity_tokens = 1000;  // 62 whole blocks: 992 tokens
    world.set_worker(worker);
  }
  world.begin(1);
  return world;
}

void what_needs_more_whole_blocks_than_there_are_never_fits(void** state) {
  World& world = odd_capacity(state);
  assert_int_equal(world.submit(test_call(1, 1, 893)), HEXAGENT_E_NEVER_FITS);
  assert_int_equal(world.submit(test_call(1, 1, 892)), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
}

void an_output_expected_beyond_the_capacity_is_promised_what_there_is(void** state) {
  World& world = odd_capacity(state);
  hexagent_call call = test_call(1, 1, 900);
  call.max_output_tokens = 0;  // no limit, so the call may turn out to fit
  call.output_tokens_p50 = 200;
  call.output_tokens_p90 = 400;
  assert_int_equal(world.submit(call), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
  assert_int_equal(world.worker(11).kv_reserved_tokens, 992);
}

// The larger workers of the pool do not count for a call that may not go there.
void a_call_bound_to_small_workers_is_promised_what_they_have(void** state) {
  World& world = odd_capacity(state);
  for (uint32_t id : {2u, 12u}) {
    hexagent_worker large = test_worker(id, id == 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE);
    large.labels = 1;
    world.set_worker(large);
  }
  hexagent_call call = test_call(1, 1, 900);
  call.max_output_tokens = 0;
  call.output_tokens_p50 = 200;
  call.output_tokens_p90 = 400;
  call.labels_excluded = 1;
  assert_int_equal(world.submit(call), HEXAGENT_OK);
  assert_int_equal(world.state(1, 1), HEXAGENT_STATE_DISPATCHED);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      WORLD_TEST(each_bad_input_has_its_status_and_field),
      WORLD_TEST(bad_inputs_leave_no_trace_in_what_is_decided),
      WORLD_TEST(what_needs_more_whole_blocks_than_there_are_never_fits),
      WORLD_TEST(an_output_expected_beyond_the_capacity_is_promised_what_there_is),
      WORLD_TEST(a_call_bound_to_small_workers_is_promised_what_they_have),
  };
  return cmocka_run_group_tests_name("scheduler bad input", tests, nullptr, nullptr);
}
