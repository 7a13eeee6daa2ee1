// The kernels' source run on the host: every thread of a grid, one after the other.
#pragma once

#include <cstdint>

#include "transport/plugins/cuda_nccl/copy_lane.h"

namespace hexagent::transport {

template <class Kind>
uint64_t run_lanes(const CopyPlan& plan, bool pack, uint32_t threads) {
  uint64_t total = 0;
  for (uint32_t thread = 0; thread < threads; ++thread) {
    if (pack) {
      total += plan.sum ? copy_lane<Kind, true, true>(plan, thread, threads)
                        : copy_lane<Kind, true, false>(plan, thread, threads);
    } else {
      total += plan.sum ? copy_lane<Kind, false, true>(plan, thread, threads)
                        : copy_lane<Kind, false, false>(plan, thread, threads);
    }
  }
  return total;
}

// A grid of `threads`, a multiple of 32. Returns the sum.
inline uint64_t run_kernel(const CopyPlan& plan, bool pack, uint32_t threads) {
  uint64_t total = 0;
  with_kind(plan.kind, [&]<class Kind>() { total = run_lanes<Kind>(plan, pack, threads); });
  return total;
}

}  // namespace hexagent::transport
