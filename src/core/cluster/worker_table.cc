// WorkerTable: see worker_table.h.
#include "core/cluster/worker_table.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/cluster/link_table.h"

namespace hexagent {
namespace {

// Values a zero in hexagent_worker stands for; the header states them field by field.
constexpr uint32_t kBlockTokens = 16;
constexpr int64_t kRoundTripNs = 1'000'000;
constexpr uint32_t kLinkLatencyNs = 20'000;
constexpr uint32_t kDecodeBatchMax = 256;
constexpr uint32_t kPrefillBatchTokens = 8192;
constexpr uint32_t kPrefillChunkTokens = 2048;

template <class T>
void fill(T* value, T initial) {
  if (*value == T{}) *value = initial;
}

hexagent_worker with_defaults(hexagent_worker record, const hexagent_profile& profile) {
  fill(&record.tensor_parallel, 1u);
  fill(&record.block_tokens, kBlockTokens);
  fill(&record.kv_capacity_tokens, profile.kv_capacity_tokens);
  fill(&record.dispatch_round_trip_ns, kRoundTripNs);
  fill(&record.ingress_bytes_per_s, kNicBytesPerS);
  fill(&record.egress_bytes_per_s, kNicBytesPerS);
  fill(&record.link_latency_ns, kLinkLatencyNs);
  fill(&record.decode_batch_max, kDecodeBatchMax);
  fill(&record.prefill_batch_tokens, kPrefillBatchTokens);
  fill(&record.prefill_chunk_tokens, kPrefillChunkTokens);
  return record;
}

}  // namespace

WorkerTable::WorkerTable(uint32_t workers_max) : capacity_(workers_max), ids_(workers_max) {
  workers_.reserve(workers_max);
}

hexagent_status WorkerTable::set_profile(const hexagent_profile& profile, uint32_t* field) {
  const hexagent_status status = validate_profile(profile, field);
  if (status != HEXAGENT_OK) return status;
  for (hexagent_profile& known : profiles_) {
    if (known.gpu == profile.gpu && known.model == profile.model &&
        known.tensor_parallel == profile.tensor_parallel) {
      known = profile;  // workers set from now on use it; those running keep theirs
      return HEXAGENT_OK;
    }
  }
  profiles_.push_back(profile);
  return HEXAGENT_OK;
}

hexagent_status WorkerTable::set_model(const hexagent_model& model, uint32_t* field) {
  if (model.model == 0) {
    *field = HEXAGENT_FIELD_MODEL;
    return HEXAGENT_E_NAME;
  }
  ModelPool& pool = pool_of(model.model);
  pool.max_context_tokens = model.max_context_tokens;
  pool.layers = model.layers;
  return HEXAGENT_OK;
}

const hexagent_profile* WorkerTable::find_profile(uint32_t gpu, uint32_t model,
                                                  uint32_t parallel) const {
  for (const hexagent_profile& profile : profiles_) {
    if (profile.gpu == gpu && profile.model == model && profile.tensor_parallel == parallel) {
      return &profile;
    }
  }
  return nullptr;
}

hexagent_status WorkerTable::check(const hexagent_worker& record, uint32_t* field) const {
  *field = HEXAGENT_FIELD_PROFILE;
  const uint32_t parallel = std::max(record.tensor_parallel, 1u);
  const hexagent_profile* profile = find_profile(record.gpu, record.model, parallel);
  if (profile == nullptr) return HEXAGENT_E_UNKNOWN_PROFILE;
  *field = HEXAGENT_FIELD_KV_CAPACITY;
  const hexagent_worker whole = with_defaults(record, *profile);
  if (whole.kv_capacity_tokens < whole.block_tokens) return HEXAGENT_E_NEVER_FITS;
  *field = HEXAGENT_FIELD_CAPACITY;
  const uint32_t index = find(record.worker);
  if (index == kNoWorker) return size() < capacity_ ? HEXAGENT_OK : HEXAGENT_E_FULL;
  const Worker& known = workers_[index];
  if (known.state != WorkerState::kLost && known.spec.incarnation == record.incarnation) {
    // What the calls there were planned on cannot change under them.
    *field = HEXAGENT_FIELD_ROLE;
    if (known.spec.role != record.role) return HEXAGENT_E_STATE;
    *field = HEXAGENT_FIELD_MODEL;
    if (known.spec.model != record.model) return HEXAGENT_E_STATE;
    *field = HEXAGENT_FIELD_KV_CAPACITY;
    if (known.kv_capacity_tokens != whole.kv_capacity_tokens ||
        known.spec.block_tokens != whole.block_tokens) {
      return HEXAGENT_E_STATE;
    }
    *field = HEXAGENT_FIELD_BATCH;
    if (known.spec.prefill_chunk_tokens != whole.prefill_chunk_tokens) return HEXAGENT_E_STATE;
  }
  *field = HEXAGENT_FIELD_NONE;
  return HEXAGENT_OK;
}

uint32_t WorkerTable::set(const hexagent_worker& record, TimeNs now) {
  const uint32_t parallel = std::max(record.tensor_parallel, 1u);
  const hexagent_profile* profile = find_profile(record.gpu, record.model, parallel);
  HEXAGENT_CHECK(profile != nullptr);
  uint32_t index = find(record.worker);
  const bool added = index == kNoWorker;
  if (added) {
    index = size();
    workers_.emplace_back();
    ids_.insert(record.worker, 0, index);
  }
  Worker& worker = workers_[index];
  const bool restarted =
      added || worker.state == WorkerState::kLost || worker.spec.incarnation != record.incarnation;
  if (restarted) {
    HEXAGENT_CHECK(worker.prefill_count == 0 && worker.decode_count == 0);
    const uint32_t bound = worker.load.calls_bound;  // they decode elsewhere and will end
    worker = Worker{};
    worker.load.calls_bound = bound;
  }
  worker.spec = with_defaults(record, *profile);
  worker.state = WorkerState::kServing;
  worker.kv_bytes_per_token = static_cast<double>(profile->kv_bytes_per_token);
  worker.kv_capacity_tokens = worker.spec.kv_capacity_tokens;
  worker.prefill_engine.model = make_time_model(*profile);
  worker.prefill_engine.chunk_tokens = worker.spec.prefill_chunk_tokens;
  worker.prefill_engine.batch_tokens = worker.spec.prefill_batch_tokens;
  worker.decode_engine.model = worker.prefill_engine.model;
  worker.decode_engine.batch_max = worker.spec.decode_batch_max;
  worker.ingress_most_bytes_per_s = worker.spec.ingress_bytes_per_s;
  if (restarted) {
    worker.kv = KvLedger(worker.kv_capacity_tokens, worker.spec.block_tokens);
    worker.load.kv_free_tokens = static_cast<int64_t>(worker.kv.free_tokens());
    worker.load.decode.clock_time = now;
  }
  rebuild_pools();
  return index;
}

void WorkerTable::set_state(uint32_t index, WorkerState state) {
  workers_[index].state = state;
  rebuild_pools();
}

const ModelPool* WorkerTable::pool(uint32_t model) const {
  for (const ModelPool& pool : pools_) {
    if (pool.model == model) return &pool;
  }
  return nullptr;
}

void WorkerTable::note_use(TimeNs now, double memory_s) {
  for (ModelPool& pool : pools_) {
    double busy = 0.0;
    for (const uint32_t index : pool.prefill) {
      busy += workers_[index].load.prefill.count > 0 ? 1.0 : 0.0;
    }
    const auto all = static_cast<double>(pool.prefill.size());
    pool.prefill_use.note(now, all > 0.0 ? busy / all : 0.0, memory_s);
  }
}

ModelPool& WorkerTable::pool_of(uint32_t model) {
  for (ModelPool& pool : pools_) {
    if (pool.model == model) return pool;
  }
  pools_.emplace_back();
  pools_.back().model = model;
  return pools_.back();
}

void WorkerTable::add_kind(std::vector<uint32_t>* kinds, uint32_t index) const {
  for (uint32_t known : *kinds) {
    if (workers_[known].spec.gpu == workers_[index].spec.gpu &&
        workers_[known].spec.tensor_parallel == workers_[index].spec.tensor_parallel) {
      return;
    }
  }
  kinds->push_back(index);
}

void WorkerTable::rebuild_pools() {
  for (ModelPool& pool : pools_) {
    pool.prefill.clear();
    pool.decode.clear();
    pool.prefill_kinds.clear();
    pool.decode_kinds.clear();
    pool.egress_max_bytes_per_s = 0.0;
    pool.prefill_kv_tokens = 0.0;
    pool.link_latency_s = 0.0;
  }
  for (uint32_t index = 0; index < size(); ++index) {
    const Worker& worker = workers_[index];
    if (!worker.is_serving()) continue;
    ModelPool& pool = pool_of(worker.spec.model);
    if (worker.can_prefill()) {
      const double latency_s = static_cast<double>(worker.spec.link_latency_ns) * 1e-9;
      pool.link_latency_s =
          pool.prefill.empty() ? latency_s : std::min(pool.link_latency_s, latency_s);
      pool.egress_max_bytes_per_s =
          std::max(pool.egress_max_bytes_per_s, worker.spec.egress_bytes_per_s);
      pool.prefill_kv_tokens += static_cast<double>(worker.kv_capacity_tokens);
      pool.prefill.push_back(index);
      add_kind(&pool.prefill_kinds, index);
      const PrefillEngine& engine = worker.prefill_engine;
      if (pool.prefill.size() == 1 ||
          engine.model.prefill_per_token < pool.prefill_reference.model.prefill_per_token) {
        pool.prefill_reference = engine;
        pool.prefill_reference.factor = 1.0;
      }
    }
    if (worker.can_decode()) {
      pool.decode.push_back(index);
      add_kind(&pool.decode_kinds, index);
    }
  }
}

uint64_t WorkerTable::memory_bytes() const {
  return workers_.capacity() * sizeof(Worker) + profiles_.capacity() * sizeof(hexagent_profile) +
         ids_.memory_bytes();
}

}  // namespace hexagent
