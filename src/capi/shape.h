// Shape: is a record well formed by itself? Everything that can be told without the core's state is
// refused here, at the boundary, with the field named; what needs state is the core's verdict.
//
// A check answers its first flaw, or one with HEXAGENT_OK. Bounds are generous: they keep out what
// is absurd, so that sums of times and tokens inside cannot overflow. Tests:
// tests/abi/shape_*_test.c.
#pragma once

#include <cstdint>

#include "capi/flaw.h"
#include "capi/handle.h"
#include "core/base/time.h"
#include "hexagent/hexagent.h"

namespace hexagent {

inline constexpr uint32_t kTokensMax = 16'777'216;    // of a prompt or an output
inline constexpr uint64_t kKvTokensMax = 1ULL << 40;  // of a worker's cache
inline constexpr uint32_t kDepsMax = 4096;            // of one call
inline constexpr uint32_t kPrefixesMax = 4;           // of one call
inline constexpr uint32_t kWordsPerHeldCall = 3;      // workflow, call, attempt
inline constexpr uint32_t kTensorParallelMax = 64;
inline constexpr int64_t kDurationMaxNs = 1'000'000'000'000'000'000;  // 31 years

// shape_cluster.cc
Flaw check_profile(const hexagent_scheduler& scheduler, const hexagent_profile& record);
Flaw check_gpu(const hexagent_gpu& record);
Flaw check_model_shape(const hexagent_model& record);
Flaw check_model(const hexagent_scheduler& scheduler, const hexagent_model& record);
Flaw check_worker(const hexagent_scheduler& scheduler, const hexagent_worker& record);
Flaw check_link(const hexagent_scheduler& scheduler, const hexagent_link& record);
Flaw check_link_sample(const hexagent_link_sample& record);
Flaw check_heartbeat(const hexagent_heartbeat& record);
Flaw check_resync(const hexagent_resync& record);
Flaw check_held_call(const hexagent_held_call& record);

// shape_workflow.cc
Flaw check_workflow(const hexagent_scheduler& scheduler, const hexagent_workflow& record);
Flaw check_report(const hexagent_report& record);

// The arrays that calls point into.
struct CallArrays {
  const uint64_t* deps = nullptr;
  uint32_t deps_count = 0;
  const hexagent_prefix* prefixes = nullptr;
  uint32_t prefixes_count = 0;

  bool valid() const {
    return (deps != nullptr || deps_count == 0) && (prefixes != nullptr || prefixes_count == 0);
  }
};

Flaw check_call(const hexagent_scheduler& scheduler, const hexagent_call& record,
                const CallArrays& arrays);

}  // namespace hexagent
