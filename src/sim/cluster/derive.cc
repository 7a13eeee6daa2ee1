// Profiles for pairs without a measurement, scaled from those that have one.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "sim/cluster/fitted.h"

namespace hexagent::sim {
namespace {

// The coefficients of the two forms, in one order for values and for their roofline bases.
constexpr size_t kCoefficientCount = 8;
using Coefficients = std::array<double, kCoefficientCount>;

Coefficients coefficients_of(const FittedProfile& profile) {
  return {profile.a0_s,       profile.a1_s, profile.a2_s, profile.small_a0_s,
          profile.small_a1_s, profile.b0_s, profile.b1_s, profile.b2_s};
}

// What bounds each coefficient: reading the weights once (fixed parts), arithmetic per token,
// arithmetic per attention pair, reading one token's KV.
Coefficients roofline_of(const ModelShape& model, const GpuShape& gpu, int32_t tensor_parallel) {
  const double degree = tensor_parallel;
  const double flops = gpu.dense_flops * degree;
  const double bytes_per_s = gpu.hbm_bytes_per_s * degree;
  const double weights_s = static_cast<double>(model.weight_bytes) / bytes_per_s;
  const double token_s = 2.0 * model.params / flops;
  const double pair_s = 4.0 * model.layers * model.query_heads * model.head_dim / flops;
  const double kv_s = static_cast<double>(model.kv_bytes_per_token) / bytes_per_s;
  return {weights_s, token_s, pair_s, weights_s, token_s, weights_s, token_s, kv_s};
}

// One measured entry's coefficients over their roofline values.
struct Ratio {
  double log_params;
  Coefficients over_roofline;
};

// Interpolated in the logarithm of model size: overheads that the roofline leaves out, such as
// all-reduces, weigh less in large models. Beyond the measured sizes the nearest stands. Entries of
// one size (several GPUs or degrees, when nothing closer is known) count as their mean.
Coefficients interpolate(const std::vector<Ratio>& ratios, double log_params) {
  double low = -1e300;
  double high = 1e300;
  for (const Ratio& ratio : ratios) {
    if (ratio.log_params <= log_params) low = std::max(low, ratio.log_params);
    if (ratio.log_params >= log_params) high = std::min(high, ratio.log_params);
  }
  if (low < -1e299) low = high;
  if (high > 1e299) high = low;
  const double weight = high > low ? (log_params - low) / (high - low) : 0.0;
  Coefficients result{};
  for (const auto& [size, share] : {std::pair(low, 1.0 - weight), std::pair(high, weight)}) {
    Coefficients sum{};
    double count = 0.0;
    for (const Ratio& ratio : ratios) {
      if (ratio.log_params != size) continue;
      count += 1.0;
      for (size_t i = 0; i < kCoefficientCount; ++i) sum[i] += ratio.over_roofline[i];
    }
    for (size_t i = 0; i < kCoefficientCount; ++i) result[i] += share * sum[i] / count;
  }
  return result;
}

// Entries to scale from: the closest that there are.
std::vector<const FittedProfile*> closest_entries(const FittedProfiles& known,
                                                  const std::string& gpu, int32_t degree) {
  std::vector<const FittedProfile*> all;
  std::vector<const FittedProfile*> same_gpu;
  std::vector<const FittedProfile*> same_both;
  for (const auto& [key, profile] : known.entries) {
    all.push_back(&profile);
    if (profile.gpu != gpu) continue;
    same_gpu.push_back(&profile);
    if (profile.tensor_parallel == degree) same_both.push_back(&profile);
  }
  if (!same_both.empty()) return same_both;
  return same_gpu.empty() ? all : same_gpu;
}

int64_t capacity_tokens(const CapacityRule& rule, const ModelShape& model, const GpuShape& gpu,
                        int32_t tensor_parallel) {
  constexpr double kUsableShare = 0.90;
  constexpr double kEngineBytes = 3.5 * 1024.0 * 1024.0 * 1024.0;
  // A degree the file does not list takes the buffers of the next larger one it does.
  auto buffers = rule.nccl_bytes.lower_bound(tensor_parallel);
  if (buffers == rule.nccl_bytes.end() && !rule.nccl_bytes.empty()) --buffers;
  const double nccl_bytes =
      buffers == rule.nccl_bytes.end() ? 0.0 : static_cast<double>(buffers->second);
  const double device_bytes = static_cast<double>(gpu.device_bytes);
  const double free_bytes =
      tensor_parallel * (kUsableShare * device_bytes - kEngineBytes - nccl_bytes) -
      static_cast<double>(model.weight_bytes);
  return static_cast<int64_t>(
      std::floor(free_bytes / static_cast<double>(model.kv_bytes_per_token)));
}

}  // namespace

FittedProfile derive_profile(const FittedProfiles& known,
                             const std::map<std::string, ModelShape>& models,
                             const std::map<std::string, GpuShape>& gpus, const ModelShape& model,
                             const GpuShape& gpu, int32_t tensor_parallel) {
  std::vector<Ratio> ratios;
  FittedProfile derived;
  for (const FittedProfile* entry : closest_entries(known, gpu.gpu, tensor_parallel)) {
    const auto entry_model = models.find(entry->model);
    const auto entry_gpu = gpus.find(entry->gpu);
    if (entry_model == models.end() || entry_gpu == gpus.end()) continue;
    const Coefficients measured = coefficients_of(*entry);
    const Coefficients roofline =
        roofline_of(entry_model->second, entry_gpu->second, entry->tensor_parallel);
    Ratio& ratio = ratios.emplace_back(Ratio{std::log(entry_model->second.params), {}});
    for (size_t i = 0; i < kCoefficientCount; ++i) {
      ratio.over_roofline[i] = measured[i] / roofline[i];
    }
    derived.small_below_tokens = std::max(derived.small_below_tokens, entry->small_below_tokens);
    derived.prefill_fit_error = std::max(derived.prefill_fit_error, entry->prefill_fit_error);
    derived.decode_fit_error = std::max(derived.decode_fit_error, entry->decode_fit_error);
  }
  Coefficients result = roofline_of(model, gpu, tensor_parallel);
  if (!ratios.empty()) {
    const Coefficients factors = interpolate(ratios, std::log(model.params));
    for (size_t i = 0; i < kCoefficientCount; ++i) result[i] *= factors[i];
  }
  derived.gpu = gpu.gpu;
  derived.model = model.model;
  derived.tensor_parallel = tensor_parallel;
  derived.a0_s = result[0];
  derived.a1_s = result[1];
  derived.a2_s = result[2];
  derived.small_a0_s = result[3];
  derived.small_a1_s = result[4];
  derived.b0_s = result[5];
  derived.b1_s = result[6];
  derived.b2_s = result[7];
  derived.kv_bytes_per_token = model.kv_bytes_per_token;
  derived.kv_capacity_tokens = capacity_tokens(known.capacity, model, gpu, tensor_parallel);
  derived.derived = true;
  return derived;
}

}  // namespace hexagent::sim
