// PlanView: see plan_view.h.
#include "core/plan/plan_view.h"

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
      decode_stamps_(workers.capacity(), kNoStamp) {
  decode_rows_.reserve(workers.capacity());
  prefill_rows_.reserve(workers.capacity());
}

void PlanView::begin(TimeNs now) {
  now_ = now;
  ++stamp_;
}

void PlanView::look_at_prefill(uint32_t worker) const {
  prefill_outlooks_[worker] = PrefillOutlook::of(workers_[worker], load(worker), now_);
  prefill_stamps_[worker] = stamp_;
}

void PlanView::look_at_decode(uint32_t worker) const {
  decode_outlooks_[worker] = DecodeOutlook::of(workers_[worker], load(worker));
  decode_stamps_[worker] = stamp_;
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
