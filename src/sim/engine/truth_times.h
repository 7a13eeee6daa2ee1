// The seam between the engines and the time tables: what one iteration really takes on one
// (GPU, model, parallelism), before the hidden worker factor and the jitter.
// The linear parts count the whole batch once; attention is counted per request in prefill and by
// the sum of contexts in decode. The tables behind it live in src/sim/cluster.
#pragma once

#include <cstdint>

namespace hexagent::sim {

struct TruthTimes {
  virtual ~TruthTimes() = default;
  // GEMM, all-reduce and fixed part of a pass over `new_tokens` of all requests together.
  virtual double prefill_linear_s(int64_t new_tokens) const = 0;
  // Attention of one request's `new_tokens` after `cached_tokens` of its own.
  virtual double prefill_attention_s(int64_t new_tokens, int64_t cached_tokens) const = 0;
  virtual double decode_linear_s(int32_t batch) const = 0;
  virtual double decode_attention_s(int32_t batch, int64_t context_sum) const = 0;
};

}  // namespace hexagent::sim
