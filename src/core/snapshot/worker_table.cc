// Snapshots of the worker table. What is implied by a worker's record, by the calls on it and by
// all workers together is worked out on loading.
#include "core/cluster/worker_table.h"

#include <algorithm>
#include <array>

#include "core/model/profile.h"
#include "core/snapshot/reader.h"
#include "core/snapshot/worker_fields.h"
#include "core/snapshot/writer.h"

namespace hexagent {
namespace {

// As validate_profile() wants it.
bool is_possible(const TimeModel& model) {
  return model.prefill_fixed + model.prefill_per_token > 0.0 &&
         model.decode_fixed + model.decode_per_sequence > 0.0 &&
         (model.small_below == 0.0 || model.small_fixed + model.small_per_token > 0.0);
}

}  // namespace

void WorkerTable::save(SnapshotWriter* writer) const {
  writer->begin("profiles");
  for (const hexagent_profile& profile : profiles_) {
    visit_profile(writer, &profile);
    writer->end_row();
  }
  writer->begin("models");
  for (const ModelPool& pool : pools_) {
    visit_model_pool(writer, &pool);
    writer->end_row();
  }
  save_layers(writer);
  writer->begin("workers");
  for (const Worker& worker : workers_) {
    const uint64_t foreign = worker.kv.foreign_blocks();
    writer->number("kv_foreign_blocks", &foreign, 0, kKvTokensMost);
    visit_worker(writer, &worker);
    writer->end_row();
  }
}

// Models whose layers were told, if there are any.
void WorkerTable::save_layers(SnapshotWriter* writer) const {
  bool begun = false;
  for (const ModelPool& pool : pools_) {
    if (pool.layers == 0) continue;
    if (!begun) writer->begin("model_layers");
    begun = true;
    writer->number("model", &pool.model);
    writer->number("layers", &pool.layers);
    writer->end_row();
  }
}

void WorkerTable::load(SnapshotReader* reader, uint32_t names_max) {
  load_profiles(reader);
  load_models(reader, names_max);
  if (reader->has_section("model_layers")) load_layers(reader);
  load_workers(reader);
  if (reader->sound()) rebuild_pools();
}

void WorkerTable::load_profiles(SnapshotReader* reader) {
  const uint32_t rows = reader->begin_unbounded("profiles");
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    uint32_t field = 0;
    visit_profile(reader, &profile);
    if (reader->sound() && validate_profile(profile, &field) != HEXAGENT_OK) {
      reader->refuse("", "a profile of impossible times");
    }
    reader->end_row();
    profiles_.push_back(profile);
  }
  std::vector<std::array<uint32_t, 3>> keys;
  for (const hexagent_profile& profile : profiles_) {
    keys.push_back({profile.gpu, profile.model, profile.tensor_parallel});
  }
  std::sort(keys.begin(), keys.end());
  const bool twins = std::adjacent_find(keys.begin(), keys.end()) != keys.end();
  if (twins) reader->refuse("", "two profiles of one GPU, model and parallelism");
}

void WorkerTable::load_models(SnapshotReader* reader, uint32_t names_max) {
  const uint32_t rows = reader->begin("models", names_max);
  std::vector<uint32_t> models;
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    ModelPool pool;
    visit_model_pool(reader, &pool);
    reader->end_row();
    pools_.push_back(pool);
    models.push_back(pool.model);
  }
  std::sort(models.begin(), models.end());
  const bool twins = std::adjacent_find(models.begin(), models.end()) != models.end();
  if (twins) reader->refuse("model", "is there twice");
}

void WorkerTable::load_layers(SnapshotReader* reader) {
  const uint32_t rows = reader->begin("model_layers", pools_.size());
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t model = 0;
    uint32_t layers = 0;
    reader->number("model", &model);
    reader->number("layers", &layers, 1, UINT32_MAX);
    if (!reader->sound()) return;
    if (pool(model) == nullptr) return reader->refuse("model", "is not among the models");
    if (pool(model)->layers != 0) return reader->refuse("model", "is there twice");
    reader->end_row();
    pool_of(model).layers = layers;
  }
}

void WorkerTable::load_workers(SnapshotReader* reader) {
  const uint32_t rows = reader->begin("workers", capacity_);
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    Worker worker;
    uint64_t foreign = 0;
    reader->number("kv_foreign_blocks", &foreign, 0, kKvTokensMost);
    visit_worker(reader, &worker);
    if (!reader->sound()) return;
    hexagent_worker& spec = worker.spec;
    spec.struct_size = sizeof(spec);
    worker.kv_capacity_tokens = spec.kv_capacity_tokens;
    worker.prefill_engine.chunk_tokens = spec.prefill_chunk_tokens;
    worker.prefill_engine.batch_tokens = spec.prefill_batch_tokens;
    worker.decode_engine.model = worker.prefill_engine.model;
    worker.decode_engine.batch_max = spec.decode_batch_max;
    worker.kv = KvLedger(spec.kv_capacity_tokens, spec.block_tokens);
    // A heartbeat tells of the capacity at most, in blocks that are begun.
    if (foreign > worker.kv.blocks_for(spec.kv_capacity_tokens)) {
      reader->refuse("kv_foreign_blocks", "are more than the worker has");
    }
    worker.kv.set_foreign(foreign * spec.block_tokens);
    if (!is_possible(worker.prefill_engine.model)) {
      reader->refuse("", "a worker of impossible times");
    }
    if (find(spec.worker) != kNoWorker) reader->refuse("worker", "is there twice");
    if (pool(spec.model) == nullptr) reader->refuse("model", "is not among the models");
    if (!reader->sound()) return;
    reader->end_row();
    ids_.insert(spec.worker, 0, row);
    workers_.push_back(worker);
  }
}

}  // namespace hexagent
