// Policies: the registry. See policy.h. A new policy is one line here and a file beside it.
#include "core/plan/policy.h"

#include "core/plan/order.h"
#include "core/plan/placement.h"

namespace hexagent {
namespace {

using OrderGetter = const Order& (*)();
using PlacementGetter = const Placement& (*)();

constexpr OrderGetter kOrders[] = {fcfs_order,     workflow_fcfs_order, llf_order,  atlas_order,
                                   hexagent_order, stretch_order,       srpt_order, gittins_order,
                                   kairos_order,   hexgen_flow_order};
constexpr PlacementGetter kPlacements[] = {
    round_robin_placement, least_loaded_placement, speed_scaled_placement, own_finish_placement,
    impact_placement,      mooncake_placement,     lmetric_placement,      dynamo_placement,
    llmd_placement,        sglang_placement,       hexgen_flow_placement,  pull_placement};

struct NamedPolicy {
  std::string_view name;
  OrderGetter order;
  PlacementGetter placement;
  Dispatch dispatch;
};

// "As published" (EXPERIMENTS section 2): the rivals with load-balanced dispatch at ready.
constexpr NamedPolicy kPolicies[] = {
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

bool find_pieces(std::string_view text, PolicyPieces* pieces) {
  const size_t first = text.find('/');
  const size_t second = text.rfind('/');
  if (first == std::string_view::npos || second == first) return false;
  const std::string_view order = text.substr(0, first);
  const std::string_view placement = text.substr(first + 1, second - first - 1);
  const std::string_view dispatch = text.substr(second + 1);
  *pieces = PolicyPieces{};
  for (OrderGetter get : kOrders) {
    if (get().name() == order) pieces->order = &get();
  }
  for (PlacementGetter get : kPlacements) {
    if (get().name() == placement) pieces->placement = &get();
  }
  if (dispatch == "window") {
    pieces->dispatch = Dispatch::kWindow;
  } else if (dispatch == "at_ready") {
    pieces->dispatch = Dispatch::kAtReady;
  } else {
    return false;
  }
  return pieces->order != nullptr && pieces->placement != nullptr;
}

}  // namespace

bool find_policy(std::string_view text, PolicyPieces* pieces) {
  for (const NamedPolicy& policy : kPolicies) {
    if (policy.name != text) continue;
    *pieces = {&policy.order(), &policy.placement(), policy.dispatch};
    return true;
  }
  return find_pieces(text, pieces);
}

std::string_view policy_name(uint32_t index) {
  return index < std::size(kPolicies) ? kPolicies[index].name : std::string_view{};
}

std::string_view order_name(uint32_t index) {
  return index < std::size(kOrders) ? kOrders[index]().name() : std::string_view{};
}

std::string_view placement_name(uint32_t index) {
  return index < std::size(kPlacements) ? kPlacements[index]().name() : std::string_view{};
}

}  // namespace hexagent
