// What the tests of placements share: workers whose load is set directly, and the shape of one
// call. Prefill takes 10 ms and 0.1 ms a token, a decode iteration 10 ms and 0.1 ms a sequence.
#pragma once

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/plan/placement.h"
#include "core/plan/placement_cost.h"
#include "core/plan/placement_joint.h"
#include "core/plan/plan_view.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent {

inline bool near(double a, double b) { return std::fabs(a - b) <= 1e-9 * (1.0 + std::fabs(b)); }

class PlanWorld {
 public:
  static constexpr uint32_t kModel = 2;
  static constexpr uint32_t kSlowGpu = 1;
  static constexpr uint32_t kFastGpu = 3;  // half the time

  PlanWorld() {
    for (uint32_t gpu : {kSlowGpu, kFastGpu}) {
      const double scale = gpu == kFastGpu ? 0.5 : 1.0;
      hexagent_profile profile = {};
      profile.gpu = gpu;
      profile.model = kModel;
      profile.tensor_parallel = 1;
      profile.prefill_fixed_s = 0.01 * scale;
      profile.prefill_per_token_s = 1e-4 * scale;
      profile.decode_fixed_s = 0.01 * scale;
      profile.decode_per_sequence_s = 1e-4 * scale;
      profile.kv_bytes_per_token = 100'000;
      profile.kv_capacity_tokens = 16'000;
      uint32_t field = 0;
      workers.set_profile(profile, &field);
    }
    call.model = kModel;
    shape_call(1000, 100);
    view.begin(0);
  }

  hexagent_worker record(uint32_t id, uint32_t role, uint32_t gpu = kSlowGpu) const {
    hexagent_worker worker = {};
    worker.worker = id;
    worker.incarnation = 1;
    worker.role = role;
    worker.gpu = gpu;
    worker.model = kModel;
    return worker;
  }
  // Index of the new worker.
  uint32_t add(const hexagent_worker& worker) {
    const uint32_t index = workers.set(worker, 0);
    hits.resize(workers.size(), 0);
    refresh();
    return index;
  }
  uint32_t add_prefill(uint32_t gpu = kSlowGpu) {
    return add(record(workers.size() + 1, HEXAGENT_ROLE_PREFILL, gpu));
  }
  uint32_t add_decode(uint32_t gpu = kSlowGpu) {
    return add(record(workers.size() + 1, HEXAGENT_ROLE_DECODE, gpu));
  }

  // Makes the worker busy with a prefill of so many tokens, sent now.
  void load_prefill(uint32_t index, uint32_t tokens) {
    Worker& worker = workers[index];
    worker.load.prefill.add(worker.prefill_engine, prefill_shape(tokens, 0), 0);
  }

  void shape_call(uint32_t prompt_tokens, uint32_t output_tokens) {
    call.prompt_tokens = prompt_tokens;
    shape.prompt_tokens = prompt_tokens;
    shape.output_tokens = output_tokens;
    shape.reserve_tokens = prompt_tokens + output_tokens;
    refresh();
  }

  Choice choose(const Placement& placement) const {
    Choice choice;
    const bool found = placement.choose(view, shape, &choice);
    return found ? choice : Choice{};
  }

  Settings settings;
  WorkerTable workers{16};
  LinkTable links{16};
  PlanView view{workers, links, settings};
  Call call;
  std::vector<uint32_t> hits;
  CallShape shape;

 private:
  void refresh() {
    shape.call = &call;
    shape.pool = workers.pool(kModel);
    shape.hits = hits.data();
  }
};

inline int plan_world_setup(void** state) {
  *state = new PlanWorld;
  return 0;
}

inline int plan_world_teardown(void** state) {
  delete static_cast<PlanWorld*>(*state);
  return 0;
}

}  // namespace hexagent

#define PLAN_TEST(function)                                             \
  cmocka_unit_test_setup_teardown(function, hexagent::plan_world_setup, \
                                  hexagent::plan_world_teardown)
