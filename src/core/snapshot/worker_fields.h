// The fields of workers, profiles, models and links that a snapshot holds. What the record of a
// worker and the calls on it imply is not among them.
#pragma once

#include "core/cluster/worker_table.h"
#include "core/snapshot/bounds.h"

namespace hexagent {

// A field that is added here or there has to be in the lists below, or be worked out on loading.
static_assert(sizeof(Worker) == 784 && sizeof(PrefillLoad) == 200 && sizeof(DecodeLoad) == 56);
static_assert(sizeof(PrefillEngine) == 96 && sizeof(TimeModel) == 72);
static_assert(sizeof(hexagent_worker) == 112 && sizeof(hexagent_profile) == 120);

template <class Archive, class Record>
void visit_profile(Archive* archive, Record* profile) {
  archive->number("gpu", &profile->gpu);
  archive->number("model", &profile->model);
  archive->number("tensor_parallel", &profile->tensor_parallel);
  archive->real("prefill_fixed_s", &profile->prefill_fixed_s, 0.0, kSecondsMost);
  archive->real("prefill_per_token_s", &profile->prefill_per_token_s, 0.0, kSecondsMost);
  archive->real("prefill_per_pair_s", &profile->prefill_per_pair_s, 0.0, kSecondsMost);
  archive->real("small_fixed_s", &profile->small_fixed_s, 0.0, kSecondsMost);
  archive->real("small_per_token_s", &profile->small_per_token_s, 0.0, kSecondsMost);
  archive->real("decode_fixed_s", &profile->decode_fixed_s, 0.0, kSecondsMost);
  archive->real("decode_per_sequence_s", &profile->decode_per_sequence_s, 0.0, kSecondsMost);
  archive->real("decode_per_context_token_s", &profile->decode_per_context_token_s, 0.0,
                kSecondsMost);
  archive->number("small_below_tokens", &profile->small_below_tokens);
  archive->number("derived", &profile->derived);
  archive->number("kv_capacity_tokens", &profile->kv_capacity_tokens, 0, kKvTokensMost);
  archive->number("kv_bytes_per_token", &profile->kv_bytes_per_token);
  archive->real("prefill_error", &profile->prefill_error, 0.0, kAmountMost);
  archive->real("decode_error", &profile->decode_error, 0.0, kAmountMost);
}

template <class Archive, class Record>
void visit_time_model(Archive* archive, Record* model) {
  archive->real("prefill_fixed", &model->prefill_fixed, 0.0, 1e3);
  archive->real("prefill_per_token", &model->prefill_per_token, 0.0, 1e3);
  archive->real("prefill_per_pair", &model->prefill_per_pair, 0.0, 1e3);
  archive->real("small_fixed", &model->small_fixed, 0.0, 1e3);
  archive->real("small_per_token", &model->small_per_token, 0.0, 1e3);
  archive->real("small_below", &model->small_below, 0.0, 0x1p32);
  archive->real("decode_fixed", &model->decode_fixed, 0.0, 1e3);
  archive->real("decode_per_sequence", &model->decode_per_sequence, 0.0, 1e3);
  archive->real("decode_per_context_token", &model->decode_per_context_token, 0.0, 1e3);
}

// The pools of a model but for what its workers imply. The reference outlives the workers it came
// from.
template <class Archive, class Record>
void visit_model_pool(Archive* archive, Record* pool) {
  archive->number("model", &pool->model, 1, UINT32_MAX);
  archive->number("max_context_tokens", &pool->max_context_tokens);
  visit_time_model(archive, &pool->prefill_reference.model);
  archive->real("chunk_tokens", &pool->prefill_reference.chunk_tokens, 1.0, 0x1p32);
  archive->real("batch_tokens", &pool->prefill_reference.batch_tokens, 1.0, 0x1p32);
  Utilisation::visit(archive, &pool->prefill_use);
}

template <class Archive, class Record>
void visit_worker_record(Archive* archive, Record* spec) {
  archive->number("worker", &spec->worker, 1, UINT32_MAX);
  archive->number("incarnation", &spec->incarnation);
  archive->number("role", &spec->role, HEXAGENT_ROLE_PREFILL, HEXAGENT_ROLE_BOTH);
  archive->number("gpu", &spec->gpu);
  archive->number("model", &spec->model);
  archive->number("tensor_parallel", &spec->tensor_parallel, 1, UINT32_MAX);
  archive->number("engine", &spec->engine);
  archive->number("binding", &spec->binding);
  archive->number("block_tokens", &spec->block_tokens, 1, 1u << 30);
  archive->number("kv_capacity_tokens", &spec->kv_capacity_tokens, 1, kKvTokensMost);
  archive->number("labels", &spec->labels);
  archive->time("dispatch_round_trip_ns", &spec->dispatch_round_trip_ns);
  archive->real("ingress_bytes_per_s", &spec->ingress_bytes_per_s, 1e-9, kAmountMost);
  archive->real("egress_bytes_per_s", &spec->egress_bytes_per_s, 1e-9, kAmountMost);
  archive->number("link_latency_ns", &spec->link_latency_ns);
  archive->number("decode_batch_max", &spec->decode_batch_max, 1, UINT32_MAX);
  archive->number("prefill_batch_tokens", &spec->prefill_batch_tokens, 1, UINT32_MAX);
  archive->number("prefill_chunk_tokens", &spec->prefill_chunk_tokens, 1, UINT32_MAX);
  archive->number("host_domain", &spec->host_domain);
  archive->number("rack_domain", &spec->rack_domain);
  archive->number("zone_domain", &spec->zone_domain);
  archive->number("flags", &spec->flags);
}

template <class Archive, class Record>
void visit_prefill_load(Archive* archive, Record* load) {
  archive->real("tokens", &load->tokens, -kAmountMost, kAmountMost);
  archive->real("pairs", &load->pairs, -kAmountMost, kAmountMost);
  archive->real("next_iteration_tokens", &load->next_iteration_tokens, -kAmountMost, kAmountMost);
  archive->reals("shared_tokens", &load->shared_tokens, -kAmountMost, kAmountMost);
  archive->reals("shared_pairs", &load->shared_pairs, -kAmountMost, kAmountMost);
  archive->numbers("longest", &load->longest);
  // A little of the work may be done ahead of the clock, and a dispatch arrives later than now.
  archive->time("reference", &load->reference, -kTimeMaxNs, 2 * kTimeMaxNs);
}

template <class Archive, class Record>
void visit_decode_load(Archive* archive, Record* load) {
  archive->real("context", &load->context, -kAmountMost, kAmountMost);
  archive->real("promised_context", &load->promised_context, -kAmountMost, kAmountMost);
  archive->real("weight", &load->weight, -kWeightMost, kWeightMost);
  archive->real("clock_iterations", &load->clock_iterations, -kAmountMost, kAmountMost);
  archive->time("clock_time", &load->clock_time);
}

template <class Archive, class Record>
void visit_worker(Archive* archive, Record* worker) {
  visit_worker_record(archive, &worker->spec);
  archive->number("state", &worker->state, static_cast<uint64_t>(WorkerState::kServing),
                  static_cast<uint64_t>(WorkerState::kLost));
  visit_time_model(archive, &worker->prefill_engine.model);
  archive->real("kv_bytes_per_token", &worker->kv_bytes_per_token, 1.0, 0x1p32);
  archive->real("prefill_factor", &worker->prefill_engine.factor, 0.25, 4.0);
  archive->real("decode_factor", &worker->decode_engine.factor, 0.25, 4.0);
  archive->real("ingress_bytes", &worker->load.ingress.bytes, 0.0, kWholeMost);
  archive->real("egress_bytes", &worker->load.egress.bytes, 0.0, kWholeMost);
  archive->time("last_prefill_dispatch", &worker->last_prefill_dispatch);
  archive->time("last_prefill_end", &worker->last_prefill_end);
  archive->time("freed_at", &worker->freed_at);
  archive->number("prefills", &worker->prefill_count);
  archive->number("decodes", &worker->decode_count);
  archive->group("prefill_load");
  visit_prefill_load(archive, &worker->load.prefill);
  archive->group("decode_load");
  visit_decode_load(archive, &worker->load.decode);
  archive->group("prefill_calibration");
  Calibration::visit(archive, &worker->prefill_calibration);
  archive->group("decode_calibration");
  Calibration::visit(archive, &worker->decode_calibration);
}

template <class Archive, class Record>
void visit_link(Archive* archive, Record* link) {
  archive->number("source_domain", &link->source_domain);
  archive->number("target_domain", &link->target_domain);
  archive->number("latency_ns", &link->latency_ns);
  archive->real("bytes_per_s", &link->bytes_per_s, 0.0, kAmountMost);
}

}  // namespace hexagent
