// Shape of workflows, calls, prefixes and reports. See shape.h.
#include "capi/shape_checker.h"

namespace hexagent {
namespace {

constexpr uint32_t kSloScaleMaxMilli = 1'000'000;  // a thousand horizons
constexpr uint32_t kRemainingCallsMax = 1u << 24;
constexpr uint64_t kTransferBytesMax = 1ULL << 50;

// Is [offset, offset + count) inside an array of `size`? Without overflow.
bool inside(uint32_t offset, uint32_t count, uint32_t size) {
  return count == 0 || (offset <= size && count <= size - offset);
}

void check_prefix(const hexagent_prefix& prefix, uint32_t prompt_tokens, ShapeChecker* checker) {
  constexpr uint32_t kField = HEXAGENT_FIELD_PREFIXES;
  checker->number("prefix.tokens", kField, prefix.tokens, 1, prompt_tokens)
      .number("prefix.cached_tokens", kField, prefix.cached_tokens, 0, prefix.tokens)
      .rule(prefix.worker != 0 || prefix.cached_tokens == 0, HEXAGENT_E_RANGE,
            "prefix.cached_tokens", kField, prefix.cached_tokens, "names no worker")
      .zero("prefix.reserved0", prefix.reserved0)
      .zeros("prefix.reserved", prefix.reserved);
}

}  // namespace

Flaw check_workflow(const hexagent_scheduler& scheduler, const hexagent_workflow& record) {
  return ShapeChecker(&scheduler)
      .id("workflow", HEXAGENT_FIELD_WORKFLOW, record.workflow)
      .time("arrival_ns", HEXAGENT_FIELD_TIME, record.arrival_ns, kTimeMaxNs)
      .time("deadline_ns", HEXAGENT_FIELD_DEADLINE, record.deadline_ns, kDurationMaxNs)
      .number("slo_scale_milli", HEXAGENT_FIELD_SLO_SCALE, record.slo_scale_milli, 0,
              kSloScaleMaxMilli)
      .rule(record.deadline_ns == 0 || record.slo_scale_milli == 0, HEXAGENT_E_RANGE,
            "slo_scale_milli", HEXAGENT_FIELD_SLO_SCALE, record.slo_scale_milli,
            "not together with deadline_ns")
      .name("class_name", HEXAGENT_FIELD_CLASS, record.class_name, true)
      .name("tenant", HEXAGENT_FIELD_TENANT, record.tenant, true)
      .number("tier", HEXAGENT_FIELD_TIER, record.tier, 0, HEXAGENT_TIER_BATCH)
      .time("ttft_limit_ns", HEXAGENT_FIELD_TIME, record.ttft_limit_ns, kDurationMaxNs)
      .time("tpot_limit_ns", HEXAGENT_FIELD_TIME, record.tpot_limit_ns, kDurationMaxNs)
      .name("template_name", HEXAGENT_FIELD_TEMPLATE, record.template_name, true)
      .number("remaining_calls_p50", HEXAGENT_FIELD_HINTS, record.remaining_calls_p50, 0,
              kRemainingCallsMax)
      .number("remaining_calls_p90", HEXAGENT_FIELD_HINTS, record.remaining_calls_p90, 0,
              kRemainingCallsMax)
      .quantile("remaining_calls_p90", HEXAGENT_FIELD_HINTS, record.remaining_calls_p90,
                record.remaining_calls_p50)
      .number("remaining_tokens_p50", HEXAGENT_FIELD_HINTS, record.remaining_tokens_p50, 0,
              kKvTokensMax)
      .number("remaining_tokens_p90", HEXAGENT_FIELD_HINTS, record.remaining_tokens_p90, 0,
              kKvTokensMax)
      .quantile("remaining_tokens_p90", HEXAGENT_FIELD_HINTS, record.remaining_tokens_p90,
                record.remaining_tokens_p50)
      .flags("flags", record.flags, 0)
      .zeros("reserved", record.reserved)
      .flaw();
}

Flaw check_call(const hexagent_scheduler& scheduler, const hexagent_call& record,
                const CallArrays& arrays) {
  ShapeChecker checker(&scheduler);
  checker.id("workflow", HEXAGENT_FIELD_WORKFLOW, record.workflow)
      .name("stage", HEXAGENT_FIELD_STAGE, record.stage, true)
      .name("model", HEXAGENT_FIELD_MODEL, record.model, false)
      .number("prompt_tokens", HEXAGENT_FIELD_PROMPT_TOKENS, record.prompt_tokens, 1, kTokensMax)
      .number("max_output_tokens", HEXAGENT_FIELD_MAX_OUTPUT_TOKENS, record.max_output_tokens, 0,
              kTokensMax)
      .number("output_tokens_p50", HEXAGENT_FIELD_OUTPUT_TOKENS, record.output_tokens_p50, 0,
              kTokensMax)
      .number("output_tokens_p90", HEXAGENT_FIELD_OUTPUT_TOKENS, record.output_tokens_p90, 0,
              kTokensMax)
      .quantile("output_tokens_p90", HEXAGENT_FIELD_OUTPUT_TOKENS, record.output_tokens_p90,
                record.output_tokens_p50)
      .number("deps_count", HEXAGENT_FIELD_DEPS, record.deps_count, 0, kDepsMax)
      .rule(inside(record.deps_offset, record.deps_count, arrays.deps_count), HEXAGENT_E_ARGUMENT,
            "deps_offset", HEXAGENT_FIELD_DEPS, record.deps_offset, "leads out of the array")
      .number("prefixes_count", HEXAGENT_FIELD_PREFIXES, record.prefixes_count, 0, kPrefixesMax)
      .rule(inside(record.prefixes_offset, record.prefixes_count, arrays.prefixes_count),
            HEXAGENT_E_ARGUMENT, "prefixes_offset", HEXAGENT_FIELD_PREFIXES, record.prefixes_offset,
            "leads out of the array")
      .labels("labels_required", record.labels_required)
      .labels("labels_excluded", record.labels_excluded)
      .flags("flags", record.flags, HEXAGENT_CALL_HELD | HEXAGENT_CALL_LAST)
      .zero("reserved0", record.reserved0)
      .zeros("reserved", record.reserved);
  for (uint32_t i = 0; checker.sound() && i < record.prefixes_count; ++i) {
    check_prefix(arrays.prefixes[record.prefixes_offset + i], record.prompt_tokens, &checker);
  }
  return checker.flaw();
}

Flaw check_report(const hexagent_report& record) {
  const bool transfer = record.phase == HEXAGENT_PHASE_TRANSFER;
  const bool quiesced = record.outcome == HEXAGENT_OUTCOME_QUIESCED;
  const bool measured = (record.flags & HEXAGENT_REPORT_MEASURED) != 0;
  return ShapeChecker()
      .id("workflow", HEXAGENT_FIELD_WORKFLOW, record.workflow)
      .number("phase", HEXAGENT_FIELD_PHASE, record.phase, HEXAGENT_PHASE_PREFILL,
              HEXAGENT_PHASE_DECODE)
      .number("outcome", HEXAGENT_FIELD_OUTCOME, record.outcome, HEXAGENT_OUTCOME_STARTED,
              HEXAGENT_OUTCOME_QUIESCED)
      .time("start_ns", HEXAGENT_FIELD_TIME, record.start_ns, kTimeMaxNs)
      .time("end_ns", HEXAGENT_FIELD_TIME, record.end_ns, kTimeMaxNs)
      .number("tokens", HEXAGENT_FIELD_TOKENS, record.tokens, 0, kTokensMax)
      .number("cached_tokens", HEXAGENT_FIELD_TOKENS, record.cached_tokens, 0, kTokensMax)
      .number("bytes", HEXAGENT_FIELD_TOKENS, record.bytes, 0, kTransferBytesMax)
      .flags("flags", record.flags, HEXAGENT_REPORT_CACHED_TOKENS | HEXAGENT_REPORT_MEASURED)
      .rule(!quiesced || record.worker != 0, HEXAGENT_E_RANGE, "worker", HEXAGENT_FIELD_WORKER,
            record.worker, "which of the two ends has quiesced?")
      .rule(!quiesced || transfer, HEXAGENT_E_RANGE, "phase", HEXAGENT_FIELD_PHASE, record.phase,
            "only transfers quiesce")
      .rule(!measured || (transfer && record.outcome == HEXAGENT_OUTCOME_DONE), HEXAGENT_E_RANGE,
            "flags", HEXAGENT_FIELD_FLAGS, record.flags,
            "only transfers that are done measure a link")
      .rule(!measured || (record.start_ns != 0 && record.end_ns > record.start_ns),
            HEXAGENT_E_RANGE, "start_ns", HEXAGENT_FIELD_TIME,
            static_cast<uint64_t>(record.start_ns), "a measurement needs start and end")
      .rule(!measured || record.bytes != 0, HEXAGENT_E_RANGE, "bytes", HEXAGENT_FIELD_BANDWIDTH,
            record.bytes, "a measurement needs the bytes moved")
      .zeros("reserved", record.reserved)
      .flaw();
}

}  // namespace hexagent
