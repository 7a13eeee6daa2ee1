// PlanView: see plan_view.h.
#include "core/plan/plan_view.h"

#include <algorithm>

namespace hexagent {

PlanView::PlanView(const WorkerTable& workers, const LinkTable& links, const Settings& settings)
    : workers_(workers),
      links_(links),
      settings_(settings),
      trials_(workers.capacity()),
      stamps_(workers.capacity(), 0),
      prefill_outlooks_(workers.capacity()),
      decode_outlooks_(workers.capacity()),
      prefill_stamps_(workers.capacity(), kNoStamp),
      decode_stamps_(workers.capacity(), kNoStamp),
      joint_rows_(workers.capacity()) {}

void PlanView::begin(TimeNs now) {
  now_ = now;
  ++stamp_;
}

void PlanView::look_at_prefill(uint32_t worker) const {
  prefill_outlooks_[worker] = PrefillOutlook::of(workers_[worker], load(worker), now_);
  prefill_stamps_[worker] = stamp_;
}

void PlanView::look_at_decode(uint32_t worker) const {
  decode_outlooks_[worker] =
      DecodeOutlook::of(workers_[worker], load(worker), settings_.decode_places);
  decode_stamps_[worker] = stamp_;
}

// A fleet serves few models.
PoolColumns& PlanView::columns_of(uint32_t model) const {
  for (PoolColumns& known : pools_) {
    if (known.model == model) return known;
  }
  return pools_.emplace_back(model, workers_.capacity());
}

// A question may be about a part of a pool.
const PoolColumns& PlanView::columns(const ModelPool& pool) const {
  PoolColumns& columns = columns_of(pool.model);
  const bool same_size = columns.prefill_workers.size() == pool.prefill.size() &&
                         columns.decode_workers.size() == pool.decode.size();
  if (columns.stamp != stamp_ || !same_size) look_at_pool(pool, &columns);
  return columns;
}

void PlanView::look_at_pool(const ModelPool& pool, PoolColumns* columns) const {
  columns->stamp = stamp_;
  columns->prefill_workers = pool.prefill;
  columns->decode_workers = pool.decode;
  columns->prefill.resize(pool.prefill.size());
  for (size_t at = 0; at < pool.prefill.size(); ++at) {
    const uint32_t worker = pool.prefill[at];
    columns->prefill.set(at, prefill_outlook(worker), load(worker).prefill);
  }
  columns->decode.resize(pool.decode.size());
  for (size_t at = 0; at < pool.decode.size(); ++at) {
    columns->decode.set(at, decode_outlook(pool.decode[at]));
  }
}

void PlanView::changed(uint32_t index) {
  prefill_stamps_[index] = decode_stamps_[index] = kNoStamp;
  const uint32_t model = workers_[index].spec.model;
  const auto place_in = [&](const std::vector<uint32_t>& list) {
    const auto at = std::lower_bound(list.begin(), list.end(), index);
    return at != list.end() && *at == index ? static_cast<size_t>(at - list.begin()) : list.size();
  };
  for (PoolColumns& columns : pools_) {
    if (columns.stamp != stamp_ || columns.model != model) continue;
    const size_t prefill = place_in(columns.prefill_workers);
    const size_t decode = place_in(columns.decode_workers);
    if (prefill < columns.prefill_workers.size()) {
      columns.prefill.set(prefill, prefill_outlook(index), load(index).prefill);
    }
    if (decode < columns.decode_workers.size()) columns.decode.set(decode, decode_outlook(index));
  }
}

WorkerLoad& PlanView::trial(uint32_t worker) {
  if (!tried(worker)) {
    stamps_[worker] = stamp_;
    trials_[worker] = workers_[worker].load;
  }
  return trials_[worker];
}

void PlanView::book_prefill(const CallShape& shape, const Choice& choice, WorkerLoad* load) const {
  const Worker& worker = workers_[choice.prefill];
  load->prefill.add(worker.prefill_engine,
                    prefill_shape(shape.prompt_tokens, choice.prefill_cached), now_);
  load->kv_free_tokens -= worker.block_aligned(shape.prompt_tokens);
  ++load->calls_bound;
  if (choice.prefill == choice.decode) return;
  load->egress.bytes += worker.kv_bytes_per_token * (shape.prompt_tokens - choice.decode_cached);
  load->egress.flows += 1.0;
}

void PlanView::book_decode(const CallShape& shape, const Choice& choice, WorkerLoad* load) const {
  const Worker& worker = workers_[choice.decode];
  load->decode.promised_sequences += 1.0;
  load->decode.promised_context += shape.prompt_tokens + 0.5 * shape.output_tokens;
  load->decode.weight += shape.weight;
  load->kv_free_tokens -= worker.block_aligned(shape.reserve_tokens);
  if (choice.prefill == choice.decode) {  // one reservation serves both phases
    load->kv_free_tokens += worker.block_aligned(shape.prompt_tokens);
    return;
  }
  load->ingress.bytes += worker.kv_bytes_per_token * (shape.prompt_tokens - choice.decode_cached);
  load->ingress.flows += 1.0;
}

void PlanView::book(const CallShape& shape, const Choice& choice) {
  book_prefill(shape, choice, &trial(choice.prefill));
  book_decode(shape, choice, &trial(choice.decode));
  changed(choice.prefill);
  changed(choice.decode);
  ++rotation_;
}

void PlanView::book_dispatched(const CallShape& shape, const Choice& choice) {
  if (tried(choice.prefill)) book_prefill(shape, choice, &trials_[choice.prefill]);
  if (tried(choice.decode)) book_decode(shape, choice, &trials_[choice.decode]);
  changed(choice.prefill);
  changed(choice.decode);
  ++rotation_;
}

}  // namespace hexagent
