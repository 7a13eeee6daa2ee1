// The least time that work can take on one kind of worker, whatever else is in its batches: what
// lower bounds are made of. From the same truth as the engines, before hidden factors and jitter.
//
// An iteration of T prompt tokens takes at least T times the least linear time per token of any
// batch, and attention at least the least time per pair of tokens; an iteration of B sequences the
// same per sequence and per token of context. Sums over iterations keep this, so a call takes
//   prefill  n pi + alpha n (u + n / 2)       n tokens after u cached
//   decode   out lambda + rho (sum of contexts)
// of its worker's time at least. Alone it takes no less, and no less than one pass.
// Tests: tests/unit/sim/bounds/least_work_test.cc
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cluster/resolved.h"
#include "sim/engine/truth_times.h"

namespace hexagent::sim {

struct EngineLimits {
  int64_t chunk_tokens = 2048;
  int64_t batch_tokens = 8192;
  int32_t decode_batch_max = 256;
  int64_t context_tokens_max = 1 << 17;
};

class LeastWork {
 public:
  LeastWork(const TruthTimes& truth, const EngineLimits& limits);

  // Time of the worker that the call uses up.
  double prefill_s(int64_t fresh, int64_t cached) const;
  double decode_s(int64_t prompt, int64_t output) const;
  // Time until it is through.
  double prefill_alone_s(int64_t fresh, int64_t cached) const;
  double decode_alone_s(int64_t prompt, int64_t output) const;

 private:
  EngineLimits limits_;
  std::vector<double> pass_s_;  // by tokens: the least linear time of a pass with so many or more
  double token_s_ = 0.0;        // pi
  double chunk_token_s_ = 0.0;  // the same where a call has at most a chunk of the pass
  double pair_s_ = 0.0;         // alpha
  double sequence_s_ = 0.0;     // lambda
  double iteration_s_ = 0.0;    // least linear time of any decode iteration
  double context_s_ = 0.0;      // rho
};

// One a group of the cluster.
std::vector<LeastWork> least_work(const ResolvedCluster& cluster, const ProfileSet& profiles);

}  // namespace hexagent::sim
