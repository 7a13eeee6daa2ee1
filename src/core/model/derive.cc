// Derived profiles: see derive.h.
//
// Prefill is bound by matrix arithmetic, decode by reading weights and KV. Peaks and the shares of
// them that are reached come with the GPU. The constants below are what is left over: one fit of
// this form, by least squares of log(derived / fitted), to the 32 measured entries of profiles.json
// (prefill of 128 to 8,192 tokens with 0 and 8,192 cached, decode of 1 to 128 sequences at 512 to
// 8,192 tokens). Errors against those entries stand in README.md beside this file and are held by
// the test; leaving a (GPU, model) pair out of the fit hardly changes its errors.
#include "core/model/derive.h"

#include <algorithm>
#include <cstdio>

namespace hexagent {
namespace {

constexpr double kDefaultShare = 0.75;
constexpr double kDefaultNvlink = 300e9;

// Below 1: embedding tables are parameters that prefill does not multiply with.
constexpr double kParametersUsed = 0.92;
constexpr double kAttentionShare = 0.655;  // of peak, not of the GEMM share
// Passes over a token's hidden vector a layer: norms, rotary, activation, residuals, and what a
// smaller GEMM on each of several GPUs loses.
constexpr double kElementwisePasses = 55.0;
constexpr double kReduceShare = 0.65;           // of NVLink bandwidth, large all-reduces
constexpr double kReduceShareOfDecode = 0.394;  // the same for the small ones of a decode step
constexpr double kReduceLatency_s = 19e-6;      // one small all-reduce under CUDA graphs
constexpr double kLayerOverhead_s = 9e-6;       // kernel starts that nothing hides, a layer
// Share of the weight read that arithmetic does not hide: in a large prefill, in a small one.
constexpr double kWeightsSeenLarge = 0.037;
constexpr double kWeightsSeenSmall = 0.61;
// A sequence more in a decode batch: its arithmetic is mostly hidden behind the weight read.
constexpr double kDecodeArithmeticSeen = 0.19;
constexpr double kKvReadShare = 0.85;  // of HBM bandwidth when KV is read
constexpr uint32_t kSmallBelowTokens = 512;

// KV rule of profiles.json: 0.90 of the device less 3.5 GiB and the NCCL buffers.
constexpr double kUsableMemory = 0.90;
constexpr double kReservedBytes = 3.5 * 1073741824.0;
constexpr double kNcclBytesOfTwo = 358612992.0;
constexpr double kNcclBytesOfMore = 411041792.0;

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

// What both phases are made of, for one instance.
struct Roofline {
  double arithmetic_s;     // a token through all matrices
  double elementwise_s;    // a token through everything else
  double reduce_s;         // a token's all-reduces at full NVLink bandwidth
  double weights_s;        // reading the weights once
  double overhead_s;       // of one iteration, however small
  double pair_s;           // one token attending to one other
  double context_token_s;  // reading the KV of one token
};

Roofline make_roofline(const hexagent_gpu& gpu, const hexagent_model& model,
                       uint32_t tensor_parallel) {
  const double gpus = tensor_parallel;
  const double layers = model.layers;
  const double gemm = gpu.gemm_share_of_peak > 0.0 ? gpu.gemm_share_of_peak : kDefaultShare;
  const double read =
      gpu.weight_read_share_of_peak > 0.0 ? gpu.weight_read_share_of_peak : kDefaultShare;
  const double nvlink = gpu.nvlink_bytes_per_s > 0.0 ? gpu.nvlink_bytes_per_s : kDefaultNvlink;
  const double hidden_bytes = 2.0 * model.hidden;
  // Two all-reduces a layer; a ring moves 2 (g - 1) / g of the message through every link.
  const double reduces = tensor_parallel > 1 ? 2.0 * layers : 0.0;
  const double ring = 2.0 * (gpus - 1.0) / gpus;
  // A KV head is not split: with more GPUs than heads, several hold the same one.
  const double kv_ways = model.kv_heads > 0 ? std::min<double>(gpus, model.kv_heads) : gpus;
  Roofline part = {};
  part.arithmetic_s = 2.0 * model.parameters / (gpus * gpu.peak_flops_per_s * gemm);
  part.elementwise_s = kElementwisePasses * layers * hidden_bytes / gpu.memory_bytes_per_s;
  part.reduce_s = reduces * ring * hidden_bytes / nvlink;
  part.weights_s = model.weight_bytes / (gpus * gpu.memory_bytes_per_s * read);
  part.overhead_s = layers * kLayerOverhead_s + reduces * kReduceLatency_s;
  part.pair_s = 4.0 * layers * model.query_heads * model.head_dim /
                (gpus * gpu.peak_flops_per_s * kAttentionShare);
  part.context_token_s =
      model.kv_bytes_per_token / (kv_ways * gpu.memory_bytes_per_s * kKvReadShare);
  return part;
}

void fill_times(const Roofline& part, hexagent_profile* profile) {
  profile->prefill_fixed_s = kWeightsSeenLarge * part.weights_s + part.overhead_s;
  profile->prefill_per_token_s =
      kParametersUsed * part.arithmetic_s + part.reduce_s / kReduceShare + part.elementwise_s;
  profile->prefill_per_pair_s = part.pair_s;
  // Below the threshold the weights have to be read whatever the number of tokens; the slope is
  // what makes both forms meet at the threshold, and is never negative.
  const double at_threshold =
      profile->prefill_fixed_s + profile->prefill_per_token_s * kSmallBelowTokens;
  profile->small_below_tokens = kSmallBelowTokens;
  profile->small_fixed_s =
      std::min(kWeightsSeenSmall * part.weights_s + part.overhead_s, at_threshold);
  profile->small_per_token_s = (at_threshold - profile->small_fixed_s) / kSmallBelowTokens;
  profile->decode_fixed_s = part.weights_s + part.overhead_s;
  profile->decode_per_sequence_s = kDecodeArithmeticSeen * part.arithmetic_s +
                                   part.reduce_s / kReduceShareOfDecode + part.elementwise_s;
  profile->decode_per_context_token_s = part.context_token_s;
}

// Bytes of KV that one instance has room for; negative when the weights do not fit.
double kv_room_bytes(const hexagent_gpu& gpu, const hexagent_model& model,
                     uint32_t tensor_parallel) {
  const double nccl = tensor_parallel == 1   ? 0.0
                      : tensor_parallel == 2 ? kNcclBytesOfTwo
                                             : kNcclBytesOfMore;
  return tensor_parallel * (kUsableMemory * gpu.memory_bytes - kReservedBytes - nccl) -
         model.weight_bytes;
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
  const double room = kv_room_bytes(gpu, model, tensor_parallel);
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
  fill_times(make_roofline(gpu, model, tensor_parallel), profile);
  profile->kv_bytes_per_token = model.kv_bytes_per_token;
  profile->kv_capacity_tokens = static_cast<uint64_t>(room / model.kv_bytes_per_token);
  profile->prefill_error = 0.0;
  profile->decode_error = 0.0;
  return HEXAGENT_OK;
}

}  // namespace hexagent
