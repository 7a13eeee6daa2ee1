// The fields of calls and workflows that a snapshot holds. What lists and other records imply is
// not among them: links, counts, flags and urgencies are worked out on loading.
#pragma once

#include "core/snapshot/bounds.h"
#include "core/workflow/workflow.h"

namespace hexagent {

// A field that is added here or there has to be in the lists below, or be worked out on loading.
static_assert(sizeof(Call) == 608 && sizeof(Workflow) == 152);
static_assert(sizeof(CallTimes) == 88 && sizeof(CallPlan) == 72 && sizeof(ShadowCall) == 40);

template <class Archive, class Record>
void visit_times(Archive* archive, Record* times) {
  archive->time("deps_end", &times->deps_end);
  archive->time("revealed", &times->revealed);
  archive->time("ready", &times->ready);
  archive->time("dispatched", &times->dispatched);
  archive->time("prefill_start", &times->prefill_start);
  archive->time("prefill_end", &times->prefill_end);
  archive->time("transfer_start", &times->transfer_start);
  archive->time("transfer_end", &times->transfer_end);
  archive->time("decode_start", &times->decode_start);
  archive->time("first_token", &times->first_token);
  archive->time("decode_end", &times->decode_end);
}

template <class Archive, class Record>
void visit_plan(Archive* archive, Record* plan) {
  archive->real("order_key", &plan->order_key, -kAmountMost, kAmountMost);
  archive->real("delta_s", &plan->delta_s, -kSecondsMost, kSecondsMost);
  archive->real("cost_s", &plan->cost_s, -kWeightMost, kWeightMost);
  archive->number("prefill_cached", &plan->prefill_cached);
  archive->number("decode_cached", &plan->decode_cached);
  archive->time("prefill_start", &plan->prefill_start, 0, kExpectedMaxNs);
  archive->time("prefill_end", &plan->prefill_end, 0, kExpectedMaxNs);
  archive->time("transfer_start", &plan->transfer_start, 0, kExpectedMaxNs);
  archive->time("transfer_end", &plan->transfer_end, 0, kExpectedMaxNs);
  archive->time("decode_end", &plan->decode_end, 0, kExpectedMaxNs);
}

// Worker indexes in it are checked against `workers`.
template <class Archive, class Record>
void visit_shadow(Archive* archive, Record* shadow, uint64_t workers) {
  archive->index("told_decode", &shadow->told_decode, workers);
  archive->index("our_prefill", &shadow->our_prefill, workers);
  archive->index("our_decode", &shadow->our_decode, workers);
  archive->real("ours_s", &shadow->ours_s, -kSecondsMost, kSecondsMost);
  archive->real("theirs_s", &shadow->theirs_s, -kSecondsMost, kSecondsMost);
  archive->time("placed", &shadow->placed);
}

template <class Archive, class Record>
void visit_standalone(Archive* archive, Record* call) {
  archive->real("standalone_s", &call->standalone_s, -kSecondsMost, kSecondsMost);
  archive->real("tail_s", &call->tail_s, -kSecondsMost, kSecondsMost);
  archive->real("settled_path_s", &call->settled_path_s, -kSecondsMost, kSecondsMost);
  archive->real("base_path_s", &call->base_path_s, -kSecondsMost, kSecondsMost);
  archive->real("path_s", &call->path_s, -kSecondsMost, kSecondsMost);
  archive->real("prefill_s", &call->prefill_s, -kSecondsMost, kSecondsMost);
  archive->real("base_attained_s", &call->base_attained_s, -kSecondsMost, kSecondsMost);
  archive->real("attained_s", &call->attained_s, -kSecondsMost, kSecondsMost);
}

template <class Archive, class Record>
void visit_ahead(Archive* archive, Record* call) {
  archive->real("work_s", &call->ahead.work_s, 0.0, kSecondsMost);
  archive->real("path_s", &call->ahead.path_s, 0.0, kSecondsMost);
  archive->real("stage_path_s", &call->ahead.stage_path_s, 0.0, kSecondsMost);
  archive->real("rank_s", &call->ahead.rank_s, 0.0, kSecondsMost);
  archive->real("work_done_s", &call->ahead_work_done_s, 0.0, kSecondsMost);
  archive->number("calls_done", &call->ahead_calls_done);
}

// Where it runs and what it takes there.
template <class Archive, class Record>
void visit_running(Archive* archive, Record* call, uint64_t workers) {
  archive->flag("local", &call->local);
  archive->flag("decode_locked", &call->decode_locked);
  archive->index("prefill_worker", &call->prefill_worker, workers);
  archive->index("decode_worker", &call->decode_worker, workers);
  archive->index("avoid_worker", &call->avoid_worker, workers);
  archive->index("kept_prefill", &call->kept_prefill, workers);
  archive->index("kept_decode", &call->kept_decode, workers);
  archive->time("kept_at", &call->kept_at);
  archive->number("prefill_blocks", &call->prefill_blocks);
  archive->number("decode_blocks", &call->decode_blocks);
  archive->number("prefill_hit", &call->prefill_hit, 0, kTokensMost);
  archive->number("decode_hit", &call->decode_hit, 0, kTokensMost);
  archive->real("decode_clock", &call->decode_clock, -kAmountMost, kAmountMost);
  archive->real("transfer_bytes", &call->transfer_bytes, 0.0, kWholeMost);
  archive->real("weight", &call->weight, 0.0, kWeightMost);
  archive->whole("sent_order_key", &call->sent_order_key, -kOrderKeyMost, kOrderKeyMost);
  archive->number("sent_sequence", &call->sent_sequence);
}

template <class Archive, class Record>
void visit_call(Archive* archive, Record* call, uint64_t workers) {
  archive->number("call", &call->id);
  archive->number("user_data", &call->user_data);
  archive->number("labels_required", &call->labels_required);
  archive->number("labels_excluded", &call->labels_excluded);
  archive->number("stage", &call->stage);
  archive->number("model", &call->model);
  archive->number("prompt_tokens", &call->prompt_tokens, 1, kTokensMost);
  archive->number("max_output_tokens", &call->max_output_tokens);
  archive->number("state", &call->state, static_cast<uint64_t>(CallState::kHeld),
                  static_cast<uint64_t>(CallState::kCancelled));
  archive->flag("held", &call->held);
  archive->flag("streaming", &call->streaming);
  archive->flag("unserved", &call->unserved);
  archive->number("attempt", &call->attempt);
  archive->number("retries", &call->retries);
  archive->real("output_mean", &call->output_mean, 1.0, static_cast<double>(kTokensMost) + 1.0);
  archive->number("output_reserve", &call->output_reserve, 1, kTokensMost + 1);
  archive->number("output_seen", &call->output_seen);
  archive->number("content", &call->content);
  archive->number("own_prefix_tokens", &call->own_prefix_tokens, 0, kTokensMost);
  archive->real("charged_s", &call->charged_s, -kSecondsMost, kSecondsMost);
  archive->time("forecast_end", &call->forecast_end, 0, kExpectedMaxNs);
  visit_standalone(archive, call);
  visit_running(archive, call, workers);
  archive->group("ahead");
  visit_ahead(archive, call);
  archive->group("time");
  visit_times(archive, &call->times);
  archive->group("plan");
  visit_plan(archive, &call->plan);
  archive->group("shadow");
  visit_shadow(archive, &call->shadow, workers);
}

template <class Archive, class Record>
void visit_source(Archive* archive, Record* source) {
  archive->number("content", &source->node);
  archive->number("generation", &source->generation);
  archive->number("tokens", &source->tokens);
}

template <class Archive, class Record>
void visit_workflow(Archive* archive, Record* workflow) {
  archive->number("workflow", &workflow->id);
  archive->number("user_data", &workflow->user_data);
  archive->number("sequence", &workflow->sequence);
  archive->time("arrival", &workflow->arrival);
  archive->time("deadline", &workflow->deadline, 0, kExpectedMaxNs);
  archive->time("last_activity", &workflow->last_activity);
  archive->number("slo_scale_milli", &workflow->slo_scale_milli);
  archive->number("class_name", &workflow->class_name);
  archive->number("tenant", &workflow->tenant);
  archive->number("tier", &workflow->tier, 0, HEXAGENT_TIER_BATCH);
  archive->flag("ended", &workflow->ended);
  archive->flag("failed", &workflow->failed);
  archive->flag("risk_told", &workflow->risk_told);
  archive->flag("sent", &workflow->sent);
  archive->flag("inside", &workflow->inside);
  archive->flag("stuck", &workflow->stuck);
  archive->number("wanted_tokens", &workflow->wanted_tokens, 0, kTokensMost);
  archive->number("wanted_model", &workflow->wanted_model);
  archive->real("horizon_s", &workflow->horizon_s, 0.0, kSecondsMost);
  archive->real("attained_s", &workflow->attained_s, 0.0, kSecondsMost);
  archive->real("remaining_s", &workflow->remaining_s, 0.0, kSecondsMost);
  archive->real("work_done_s", &workflow->work_done_s, 0.0, kSecondsMost);
  archive->real("expected_s", &workflow->expected_s, 0.0, kSecondsMost);
}

}  // namespace hexagent
