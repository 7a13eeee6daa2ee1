// Derived profiles: see derive.h.
//
// Prefill is bound by matrix arithmetic, decode by reading weights and KV. The shares of peak
// reached come with the GPU (roofline_fallback of profiles.json); the constants below are what is
// left over when the form is set against the measured entries (README.md beside this file).
#include "core/model/derive.h"

#include <algorithm>
#include <cstdio>

namespace hexagent {
namespace {

constexpr double kDefaultShare = 0.75;
constexpr double kDefaultNvlink = 300e9;
constexpr double kAttentionShare = 0.5;        // of the GEMM share, FlashAttention on long prompts
constexpr double kLayerOverhead_s = 35e-6;     // launches, norms and activations of one layer
constexpr double kAllReduceLatency_s = 12e-6;  // one small all-reduce under CUDA graphs
constexpr double kKvReadShare = 0.9;    // of HBM bandwidth when KV is read (measured 0.75-0.95)
constexpr double kUsableMemory = 0.90;  // KV rule of profiles.json: 0.90 of the device ...
constexpr double kReservedBytes = 3.5 * 1073741824.0;  // ... less 3.5 GiB ...
constexpr double kNcclBytes = 411041792.0;             // ... and the NCCL buffers
constexpr uint32_t kSmallBelowTokens = 512;

struct Check {
  const char* name;
  double value;
  double low;
  double high;
  uint32_t field;
};

bool all_in_range(const Check* checks, size_t count, uint32_t* field, char* text, size_t size) {
  for (size_t i = 0; i < count; ++i) {
    const Check& check = checks[i];
    if (check.value >= check.low && check.value <= check.high) continue;  // false for NaN
    *field = check.field;
    std::snprintf(text, size, "%s is %g; it must be between %g and %g", check.name, check.value,
                  check.low, check.high);
    return false;
  }
  return true;
}

}  // namespace

hexagent_status derive_profile(const hexagent_gpu& gpu, const hexagent_model& model,
                               uint32_t tensor_parallel, hexagent_profile* profile, uint32_t* field,
                               char* text, size_t text_size) {
  const Check checks[] = {
      {"tensor_parallel", static_cast<double>(tensor_parallel), 1, 64,
       HEXAGENT_FIELD_TENSOR_PARALLEL},
      {"peak_flops_per_s", gpu.peak_flops_per_s, 1e12, 1e18, HEXAGENT_FIELD_GPU},
      {"memory_bytes_per_s", gpu.memory_bytes_per_s, 1e10, 1e15, HEXAGENT_FIELD_GPU},
      {"memory_bytes", gpu.memory_bytes, 1e9, 1e14, HEXAGENT_FIELD_GPU},
      {"gemm_share_of_peak", gpu.gemm_share_of_peak, 0, 1, HEXAGENT_FIELD_GPU},
      {"weight_read_share_of_peak", gpu.weight_read_share_of_peak, 0, 1, HEXAGENT_FIELD_GPU},
      {"nvlink_bytes_per_s", gpu.nvlink_bytes_per_s, 0, 1e15, HEXAGENT_FIELD_GPU},
      {"parameters", model.parameters, 1e6, 1e14, HEXAGENT_FIELD_MODEL},
      {"weight_bytes", model.weight_bytes, 1e6, 1e15, HEXAGENT_FIELD_MODEL},
      {"layers", static_cast<double>(model.layers), 1, 10000, HEXAGENT_FIELD_MODEL},
      {"hidden", static_cast<double>(model.hidden), 1, 1e6, HEXAGENT_FIELD_MODEL},
      {"query_heads", static_cast<double>(model.query_heads), 1, 1e5, HEXAGENT_FIELD_MODEL},
      {"head_dim", static_cast<double>(model.head_dim), 1, 1e5, HEXAGENT_FIELD_MODEL},
      {"kv_bytes_per_token", static_cast<double>(model.kv_bytes_per_token), 1, 1e9,
       HEXAGENT_FIELD_MODEL},
  };
  if (!all_in_range(checks, sizeof(checks) / sizeof(checks[0]), field, text, text_size)) {
    return HEXAGENT_E_RANGE;
  }
  const double gpus = tensor_parallel;
  const double gemm = gpu.gemm_share_of_peak > 0.0 ? gpu.gemm_share_of_peak : kDefaultShare;
  const double read =
      gpu.weight_read_share_of_peak > 0.0 ? gpu.weight_read_share_of_peak : kDefaultShare;
  const double nvlink = gpu.nvlink_bytes_per_s > 0.0 ? gpu.nvlink_bytes_per_s : kDefaultNvlink;
  const double flops = gpus * gpu.peak_flops_per_s * gemm;
  const double layers = model.layers;
  // Two all-reduces a layer; a ring moves 2 (g - 1) / g of the message through every link.
  const double ring = tensor_parallel > 1 ? 2.0 * (gpus - 1.0) / gpus : 0.0;
  const double reduce_per_token = 2.0 * layers * ring * 2.0 * model.hidden / nvlink;
  const double reduce_fixed = tensor_parallel > 1 ? 2.0 * layers * kAllReduceLatency_s : 0.0;
  const double overhead = layers * kLayerOverhead_s + reduce_fixed;
  const double weights = model.weight_bytes / (gpus * gpu.memory_bytes_per_s * read);

  const double room = gpus * (kUsableMemory * gpu.memory_bytes - kReservedBytes -
                              (tensor_parallel > 1 ? kNcclBytes : 0.0)) -
                      model.weight_bytes;
  if (room < model.kv_bytes_per_token) {
    *field = HEXAGENT_FIELD_KV_CAPACITY;
    std::snprintf(text, text_size, "the weights of %.3g bytes leave no room for KV on %u GPUs",
                  model.weight_bytes, tensor_parallel);
    return HEXAGENT_E_NEVER_FITS;
  }

  profile->gpu = gpu.gpu;
  profile->model = model.model;
  profile->tensor_parallel = tensor_parallel;
  profile->derived = 1;
  profile->prefill_fixed_s = overhead;
  profile->prefill_per_token_s = 2.0 * model.parameters / flops + reduce_per_token;
  profile->prefill_per_pair_s =
      4.0 * layers * model.query_heads * model.head_dim / (flops * kAttentionShare);
  // Below the threshold the weights have to be read whatever the number of tokens; the slope is
  // what makes both forms meet at the threshold.
  const double at_threshold =
      profile->prefill_fixed_s + profile->prefill_per_token_s * kSmallBelowTokens;
  profile->small_below_tokens = kSmallBelowTokens;
  profile->small_fixed_s = std::min(weights + overhead, at_threshold);
  profile->small_per_token_s = (at_threshold - profile->small_fixed_s) / kSmallBelowTokens;
  profile->decode_fixed_s = weights + overhead;
  profile->decode_per_sequence_s = 2.0 * model.parameters / flops + reduce_per_token;
  profile->decode_per_context_token_s =
      model.kv_bytes_per_token / (gpus * gpu.memory_bytes_per_s * kKvReadShare);
  profile->kv_bytes_per_token = model.kv_bytes_per_token;
  profile->kv_capacity_tokens = static_cast<uint64_t>(room / model.kv_bytes_per_token);
  profile->prefill_error = 0.0;
  profile->decode_error = 0.0;
  return HEXAGENT_OK;
}

}  // namespace hexagent
