// Fitted time models and the shapes behind them, as the profile folder states them: coefficients
// of profiles.json, models of models.csv, devices of hardware.csv. These are what a scheduler may
// know; the measured tables that are the simulator's truth are in measured.h.
// Tests: tests/unit/sim/cluster/fitted_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace hexagent::sim {

// Time model of one (gpu, model, tensor parallelism). Forms, with N = sum of new tokens,
// P = sum of new * (cached + new / 2), B = batch, S = sum of context tokens:
//   prefill  N >= small_below_tokens: a0 + a1 N + a2 P, else small_a0 + small_a1 N + a2 P
//   decode   b0 + b1 B + b2 S
struct FittedProfile {
  std::string gpu;
  std::string model;
  int32_t tensor_parallel = 1;
  double a0_s = 0.0;
  double a1_s = 0.0;
  double a2_s = 0.0;
  double small_a0_s = 0.0;
  double small_a1_s = 0.0;
  int64_t small_below_tokens = 0;
  double b0_s = 0.0;
  double b1_s = 0.0;
  double b2_s = 0.0;
  int64_t kv_bytes_per_token = 0;
  int64_t kv_capacity_tokens = 0;
  double prefill_fit_error = 0.0;  // relative, 95th percentile of the fitted rows
  double decode_fit_error = 0.0;
  bool derived = false;  // scaled from other entries: no measurement of this pair

  double prefill_linear_s(double new_tokens) const {
    return new_tokens >= static_cast<double>(small_below_tokens)
               ? a0_s + a1_s * new_tokens
               : small_a0_s + small_a1_s * new_tokens;
  }
  // One call alone: `new_tokens` after `cached_tokens`.
  double prefill_s(double new_tokens, double cached_tokens) const {
    return prefill_linear_s(new_tokens) + a2_s * new_tokens * (cached_tokens + new_tokens / 2.0);
  }
  double decode_iteration_s(double batch, double context_tokens) const {
    return b0_s + b1_s * batch + b2_s * context_tokens;
  }
};

struct ModelShape {
  std::string model;
  double params = 0.0;
  int32_t layers = 0;
  int32_t hidden = 0;
  int32_t query_heads = 0;
  int32_t kv_heads = 0;
  int32_t head_dim = 0;
  int64_t weight_bytes = 0;
  int64_t kv_bytes_per_token = 0;
  int64_t max_context_tokens = 0;
};

struct GpuShape {
  std::string gpu;
  double dense_flops = 0.0;      // bf16 peak, per second
  double hbm_bytes_per_s = 0.0;  // peak
  int64_t device_bytes = 0;      // as the driver reports it
};

using ProfileKey = std::tuple<std::string, std::string, int32_t>;  // gpu, model, parallelism

// What KV capacity is computed from; stated in profiles.json.
struct CapacityRule {
  std::map<int32_t, int64_t> nccl_bytes;  // by tensor parallelism
};

struct FittedProfiles {
  std::map<ProfileKey, FittedProfile> entries;
  CapacityRule capacity;
};

// All throw InputError.
FittedProfiles load_fitted_profiles(const std::string& path);  // profiles.json
std::map<std::string, ModelShape> load_models(const std::string& path);
std::map<std::string, GpuShape> load_hardware(const std::string& path);

// Profile of a pair that was never measured: each coefficient is its roofline value times what
// measured entries have over theirs, interpolated by model size. Entries of the same GPU and
// parallelism are used, failing those of the same GPU, failing all. Marked derived.
// KV capacity follows the file's rule and may be 0 or less: then the model does not fit.
FittedProfile derive_profile(const FittedProfiles& known,
                             const std::map<std::string, ModelShape>& models,
                             const std::map<std::string, GpuShape>& gpus, const ModelShape& model,
                             const GpuShape& gpu, int32_t tensor_parallel);

}  // namespace hexagent::sim
