// Shape of profiles, models, workers, links and heartbeats. See shape.h.
#include <algorithm>

#include "capi/shape_checker.h"
#include "core/cluster/link_table.h"

namespace hexagent {
namespace {

constexpr double kStepMaxS = 1e3;  // no coefficient of a time model comes near
constexpr double kRateMax = 1e16;  // bytes per second; ten thousand times a fast NIC
constexpr double kBytesMax = 1e16;
constexpr double kFlopsMax = 1e19;
constexpr uint32_t kDimensionMax = 1u << 24;
constexpr uint64_t kSampleBytesMax = 1ULL << 56;
constexpr int64_t kSampleMaxNs = 3'600 * kSecondNs;
constexpr int64_t kSetupMaxNs = 60 * kSecondNs;
constexpr int64_t kRoundTripMaxNs = 3'600 * kSecondNs;
constexpr uint32_t kBlockTokensMax = 65'536;
constexpr uint32_t kDecodeBatchMax = 65'536;

}  // namespace

Flaw check_profile(const hexagent_scheduler& scheduler, const hexagent_profile& record) {
  constexpr uint32_t kField = HEXAGENT_FIELD_PROFILE;
  return ShapeChecker(&scheduler)
      .name("gpu", HEXAGENT_FIELD_GPU, record.gpu, false)
      .name("model", HEXAGENT_FIELD_MODEL, record.model, false)
      .number("tensor_parallel", HEXAGENT_FIELD_TENSOR_PARALLEL, record.tensor_parallel, 1,
              kTensorParallelMax)
      .real("prefill_fixed_s", kField, record.prefill_fixed_s, 0.0, kStepMaxS)
      .real("prefill_per_token_s", kField, record.prefill_per_token_s, 0.0, kStepMaxS)
      .real("prefill_per_pair_s", kField, record.prefill_per_pair_s, 0.0, kStepMaxS)
      .real("small_fixed_s", kField, record.small_fixed_s, 0.0, kStepMaxS)
      .real("small_per_token_s", kField, record.small_per_token_s, 0.0, kStepMaxS)
      .real("decode_fixed_s", kField, record.decode_fixed_s, 0.0, kStepMaxS)
      .real("decode_per_sequence_s", kField, record.decode_per_sequence_s, 0.0, kStepMaxS)
      .real("decode_per_context_token_s", kField, record.decode_per_context_token_s, 0.0, kStepMaxS)
      .number("small_below_tokens", kField, record.small_below_tokens, 0, kTokensMax)
      .number("derived", kField, record.derived, 0, 1)
      .number("kv_capacity_tokens", HEXAGENT_FIELD_KV_CAPACITY, record.kv_capacity_tokens, 0,
              kKvTokensMax)
      .number("kv_bytes_per_token", kField, record.kv_bytes_per_token, 1, UINT32_MAX)
      .zero("reserved", record.reserved)
      .real("prefill_error", kField, record.prefill_error, 0.0, kStepMaxS)
      .real("decode_error", kField, record.decode_error, 0.0, kStepMaxS)
      .flaw();
}

Flaw check_gpu(const hexagent_gpu& record) {
  constexpr uint32_t kField = HEXAGENT_FIELD_GPU;
  return ShapeChecker()
      .real("peak_flops_per_s", kField, record.peak_flops_per_s, 1.0, kFlopsMax)
      .real("memory_bytes_per_s", kField, record.memory_bytes_per_s, 1.0, kRateMax)
      .real("memory_bytes", kField, record.memory_bytes, 1.0, kBytesMax)
      .real("gemm_share_of_peak", kField, record.gemm_share_of_peak, 0.0, 1.0)
      .real("weight_read_share_of_peak", kField, record.weight_read_share_of_peak, 0.0, 1.0)
      .real("nvlink_bytes_per_s", kField, record.nvlink_bytes_per_s, 1.0, kRateMax)
      .flaw();
}

Flaw check_model_shape(const hexagent_model& record) {
  constexpr uint32_t kField = HEXAGENT_FIELD_MODEL;
  return ShapeChecker()
      .number("max_context_tokens", kField, record.max_context_tokens, 0, 2 * kTokensMax)
      .real("parameters", kField, record.parameters, 1.0, kBytesMax)
      .real("weight_bytes", kField, record.weight_bytes, 1.0, kBytesMax)
      .number("layers", kField, record.layers, 0, kDimensionMax)
      .number("hidden", kField, record.hidden, 0, kDimensionMax)
      .number("query_heads", kField, record.query_heads, 0, kDimensionMax)
      .number("kv_heads", kField, record.kv_heads, 0, kDimensionMax)
      .number("head_dim", kField, record.head_dim, 0, kDimensionMax)
      .zero("reserved", record.reserved)
      .flaw();
}

Flaw check_model(const hexagent_scheduler& scheduler, const hexagent_model& record) {
  ShapeChecker checker(&scheduler);
  checker.name("model", HEXAGENT_FIELD_MODEL, record.model, false);
  return checker.sound() ? check_model_shape(record) : checker.flaw();
}

Flaw check_worker(const hexagent_scheduler& scheduler, const hexagent_worker& record) {
  const bool layerwise = (record.flags & HEXAGENT_WORKER_LAYERWISE) != 0;
  return ShapeChecker(&scheduler)
      .id("worker", HEXAGENT_FIELD_WORKER, record.worker)
      .number("role", HEXAGENT_FIELD_ROLE, record.role, HEXAGENT_ROLE_PREFILL, HEXAGENT_ROLE_BOTH)
      .name("gpu", HEXAGENT_FIELD_GPU, record.gpu, false)
      .name("model", HEXAGENT_FIELD_MODEL, record.model, false)
      .number("tensor_parallel", HEXAGENT_FIELD_TENSOR_PARALLEL, record.tensor_parallel, 0,
              kTensorParallelMax)
      .number("engine", HEXAGENT_FIELD_ENGINE, record.engine, 0, HEXAGENT_ENGINE_SGLANG)
      .number("binding", HEXAGENT_FIELD_BINDING, record.binding, 0, HEXAGENT_BINDING_PREFILL_END)
      .number("block_tokens", HEXAGENT_FIELD_BLOCK_TOKENS, record.block_tokens, 0, kBlockTokensMax)
      .number("kv_capacity_tokens", HEXAGENT_FIELD_KV_CAPACITY, record.kv_capacity_tokens, 0,
              kKvTokensMax)
      .labels("labels", record.labels)
      .time("dispatch_round_trip_ns", HEXAGENT_FIELD_ROUND_TRIP, record.dispatch_round_trip_ns,
            kRoundTripMaxNs)
      .real("ingress_bytes_per_s", HEXAGENT_FIELD_BANDWIDTH, record.ingress_bytes_per_s, 1.0,
            kRateMax)
      .real("egress_bytes_per_s", HEXAGENT_FIELD_BANDWIDTH, record.egress_bytes_per_s, 1.0,
            kRateMax)
      .number("decode_batch_max", HEXAGENT_FIELD_BATCH, record.decode_batch_max, 0, kDecodeBatchMax)
      .number("prefill_batch_tokens", HEXAGENT_FIELD_BATCH, record.prefill_batch_tokens, 0,
              kTokensMax)
      .number("prefill_chunk_tokens", HEXAGENT_FIELD_BATCH, record.prefill_chunk_tokens, 0,
              kTokensMax)
      .name("host_domain", HEXAGENT_FIELD_DOMAIN, record.host_domain, true)
      .name("rack_domain", HEXAGENT_FIELD_DOMAIN, record.rack_domain, true)
      .name("zone_domain", HEXAGENT_FIELD_DOMAIN, record.zone_domain, true)
      .flags("flags", record.flags,
             HEXAGENT_WORKER_DELTA_TRANSFER | HEXAGENT_WORKER_ENDPOINT | HEXAGENT_WORKER_LAYERWISE)
      .rule(!layerwise || record.binding == HEXAGENT_BINDING_PREFILL_START, HEXAGENT_E_RANGE,
            "flags", HEXAGENT_FIELD_FLAGS, record.flags, "LAYERWISE needs binding PREFILL_START")
      .rule(!layerwise || (record.flags & HEXAGENT_WORKER_ENDPOINT) == 0, HEXAGENT_E_RANGE, "flags",
            HEXAGENT_FIELD_FLAGS, record.flags, "an ENDPOINT cannot be LAYERWISE")
      .flaw();
}

Flaw check_link(const hexagent_scheduler& scheduler, const hexagent_link& record) {
  return ShapeChecker(&scheduler)
      .name("source_domain", HEXAGENT_FIELD_DOMAIN, record.source_domain, false)
      .name("target_domain", HEXAGENT_FIELD_DOMAIN, record.target_domain, false)
      .real("bytes_per_s", HEXAGENT_FIELD_BANDWIDTH, record.bytes_per_s, 1.0, kRateMax)
      .flaw();
}

Flaw check_link_sample(const hexagent_link_sample& record) {
  constexpr uint32_t kKnown =
      HEXAGENT_SAMPLE_SETUP | HEXAGENT_SAMPLE_QUEUE | HEXAGENT_SAMPLE_SILENT;
  const bool any_worker = record.source_worker != 0 || record.target_worker != 0;
  const bool whole = (record.bytes == 0) == (record.duration_ns == 0);
  const double duration_s = static_cast<double>(record.duration_ns) * 1e-9;
  const double rate = record.bytes == 0 || !whole
                          ? kMeasuredLeast
                          : static_cast<double>(record.bytes) / std::max(duration_s, 1e-9);
  return ShapeChecker()
      .rule(any_worker, HEXAGENT_E_RANGE, "source_worker", HEXAGENT_FIELD_WORKER, 0,
            "neither source nor target is named")
      .number("bytes", HEXAGENT_FIELD_BANDWIDTH, record.bytes, 0, kSampleBytesMax)
      .time("duration_ns", HEXAGENT_FIELD_TIME, record.duration_ns, kSampleMaxNs)
      .time("setup_ns", HEXAGENT_FIELD_LATENCY, record.setup_ns, kSetupMaxNs)
      .time("queue_ns", HEXAGENT_FIELD_TIME, record.queue_ns, kSampleMaxNs)
      .rule(whole, HEXAGENT_E_RANGE, "duration_ns", HEXAGENT_FIELD_TIME,
            static_cast<uint64_t>(record.duration_ns), "bytes and duration belong together")
      .real("bytes", HEXAGENT_FIELD_BANDWIDTH, rate, kMeasuredLeast, kMeasuredMost)
      .flags("flags", record.flags, kKnown)
      .zero("reserved", record.reserved)
      .flaw();
}

Flaw check_heartbeat(const hexagent_heartbeat& record) {
  return ShapeChecker()
      .id("worker", HEXAGENT_FIELD_WORKER, record.worker)
      .number("kv_used_tokens", HEXAGENT_FIELD_KV_CAPACITY, record.kv_used_tokens, 0, kKvTokensMax)
      .number("queued_prefill_tokens", HEXAGENT_FIELD_TOKENS, record.queued_prefill_tokens, 0,
              kKvTokensMax)
      .flags("flags", record.flags, 0)
      .zeros("reserved", record.reserved)
      .flaw();
}

Flaw check_resync(const hexagent_resync& record) {
  return ShapeChecker()
      .id("worker", HEXAGENT_FIELD_WORKER, record.worker)
      .zeros("reserved", record.reserved)
      .flaw();
}

Flaw check_held_call(const hexagent_held_call& record) {
  return ShapeChecker()
      .id("workflow", HEXAGENT_FIELD_WORKFLOW, record.workflow)
      .zero("reserved0", record.reserved0)
      .zeros("reserved", record.reserved)
      .flaw();
}

}  // namespace hexagent
