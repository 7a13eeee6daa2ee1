// Policies: the registry of orders, placements and dispatch modes and of the named policies made of
// them. A policy has three axes (EXPERIMENTS section 2):
//   order      which waiting call goes first,
//   placement  which (prefill worker, decode worker) pair it gets,
//   dispatch   at_ready: sent when ready; window: kept and re-planned until it fits a
//              worker's window.
// Each piece has its own file in this folder. Tests: tests/unit/core/plan/policy_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace hexagent {

class Order;
class Placement;

enum class Dispatch : uint32_t { kAtReady = 0, kWindow = 1 };

struct PolicyPieces {
  const Order* order = nullptr;
  const Placement* placement = nullptr;
  Dispatch dispatch = Dispatch::kAtReady;
};

// A registered name ("default"), or "order/placement/dispatch". False if a piece is unknown.
bool find_policy(std::string_view text, PolicyPieces* pieces);

// Registered names, for help texts: index 0 ...; empty past the last.
std::string_view policy_name(uint32_t index);
std::string_view order_name(uint32_t index);
std::string_view placement_name(uint32_t index);

}  // namespace hexagent
