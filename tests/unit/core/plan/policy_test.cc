// The registry: what each name stands for, every triple of pieces, and that nothing else is taken.
#include "core/plan/policy.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "core/plan/order.h"
#include "core/plan/placement.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;  // NOLINT: a test of many small functions

struct Expected {
  const char* name;
  const Order& (*order)();
  const Placement& (*placement)();
  Dispatch dispatch;
};

const Expected kExpected[] = {
    {"default", stretch_order, impact_placement, Dispatch::kWindow},
    {"hexagent", hexagent_order, own_finish_placement, Dispatch::kWindow},
    {"fcfs", fcfs_order, least_loaded_placement, Dispatch::kAtReady},
    {"workflow-fcfs", workflow_fcfs_order, least_loaded_placement, Dispatch::kAtReady},
    {"llf", llf_order, least_loaded_placement, Dispatch::kAtReady},
    {"atlas", atlas_order, least_loaded_placement, Dispatch::kAtReady},
    {"fcfs-scaled", fcfs_order, speed_scaled_placement, Dispatch::kAtReady},
    {"workflow-fcfs-scaled", workflow_fcfs_order, speed_scaled_placement, Dispatch::kAtReady},
    {"llf-scaled", llf_order, speed_scaled_placement, Dispatch::kAtReady},
    {"atlas-scaled", atlas_order, speed_scaled_placement, Dispatch::kAtReady},
    {"srpt", srpt_order, least_loaded_placement, Dispatch::kAtReady},
    {"gittins", gittins_order, least_loaded_placement, Dispatch::kAtReady},
    {"srpt-scaled", srpt_order, speed_scaled_placement, Dispatch::kAtReady},
    {"gittins-scaled", gittins_order, speed_scaled_placement, Dispatch::kAtReady},
    {"kairos", kairos_order, least_loaded_placement, Dispatch::kWindow},
    {"kairos-scaled", kairos_order, speed_scaled_placement, Dispatch::kWindow},
    {"hexgen-flow", hexgen_flow_order, hexgen_flow_placement, Dispatch::kAtReady},
    {"mooncake", fcfs_order, mooncake_placement, Dispatch::kAtReady},
    {"lmetric", fcfs_order, lmetric_placement, Dispatch::kAtReady},
    {"dynamo", fcfs_order, dynamo_placement, Dispatch::kAtReady},
    {"llm-d", fcfs_order, llmd_placement, Dispatch::kAtReady},
    {"sglang", fcfs_order, sglang_placement, Dispatch::kAtReady},
    {"pulled-queue", fcfs_order, pull_placement, Dispatch::kWindow},
};

void every_registered_name_stands_for_its_pieces(void**) {
  for (const Expected& expected : kExpected) {
    PolicyPieces pieces;
    assert_true(find_policy(expected.name, &pieces));
    assert_ptr_equal(pieces.order, &expected.order());
    assert_ptr_equal(pieces.placement, &expected.placement());
    assert_true(pieces.dispatch == expected.dispatch);
  }
}

void the_lists_name_each_policy_order_and_placement_once(void**) {
  uint32_t policies = 0;
  for (; !policy_name(policies).empty(); ++policies) {
    PolicyPieces pieces;
    assert_true(find_policy(policy_name(policies), &pieces));
    for (uint32_t other = 0; other < policies; ++other) {
      assert_true(policy_name(other) != policy_name(policies));
    }
  }
  assert_int_equal(policies, std::size(kExpected));
  assert_true(order_name(10).empty() && !order_name(9).empty());
  assert_true(placement_name(12).empty() && !placement_name(11).empty());
}

void every_triple_of_registered_pieces_is_a_policy(void**) {
  for (uint32_t order = 0; !order_name(order).empty(); ++order) {
    for (uint32_t placement = 0; !placement_name(placement).empty(); ++placement) {
      for (const bool window : {true, false}) {
        char text[96];
        std::snprintf(text, sizeof(text), "%s/%s/%s", order_name(order).data(),
                      placement_name(placement).data(), window ? "window" : "at_ready");
        PolicyPieces pieces;
        assert_true(find_policy(text, &pieces));
        assert_true(pieces.order->name() == order_name(order));
        assert_true(pieces.placement->name() == placement_name(placement));
        assert_true((pieces.dispatch == Dispatch::kWindow) == window);
      }
    }
  }
}

void what_is_not_registered_is_no_policy(void**) {
  for (const char* text : {"", "Default", "default ", "fcfs/least-loaded", "fcfs/least-loaded/",
                           "/least-loaded/window", "fcfs//window", "fcfs/least-loaded/sometimes",
                           "lifo/least-loaded/window", "fcfs/anywhere/window",
                           "fcfs/least-loaded/window/at_ready", "//", "fcfs/window"}) {
    PolicyPieces pieces;
    if (find_policy(text, &pieces)) print_error("'%s' was taken\n", text);
    assert_false(find_policy(text, &pieces));
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_registered_name_stands_for_its_pieces),
      cmocka_unit_test(the_lists_name_each_policy_order_and_placement_once),
      cmocka_unit_test(every_triple_of_registered_pieces_is_a_policy),
      cmocka_unit_test(what_is_not_registered_is_no_policy),
  };
  return cmocka_run_group_tests_name("policy", tests, nullptr, nullptr);
}
