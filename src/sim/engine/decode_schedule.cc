// What a decode worker does between two iterations: ends sequences, seats waiting ones, takes KV
// blocks, preempts, grants space, and plans the next stretch of iterations. See decode_engine.h.
// Order at each boundary: finish, readmit preempted, seat arrivals, grow (preempting the latest
// where blocks run out), then give space to newcomers. Preempted sequences go before newcomers, so
// that reservations cannot starve them; an arrival that holds its KV may pass a preempted sequence
// that does not fit, since otherwise the two could wait for each other for ever.
// Tests: tests/unit/sim/engine/decode_engine_test.cc
#include <algorithm>
#include <stdexcept>

#include "sim/engine/decode_engine.h"

namespace hexagent::sim {

// Longest stretch worked out ahead. Calls from outside discard what is left of it, so a longer one
// wastes work on busy workers and gains nothing on quiet ones.
static constexpr int64_t kStretchMax = 64;

void DecodeEngine::finish_iteration(Reports& out) {
  const TimeNs now = stretch_ends_.back();
  stretch_ends_.clear();
  stretch_index_ = 0;
  stats_.busy_s += to_s(now - iteration_start_);
  stats_.decoded_tokens += batch_.size();
  ++stats_.iterations;
  ++jitter_first_;
  batch_.step();
  for (const int32_t slot : first_pending_) {
    const Sequence& sequence = at(slot);
    out.push_back(Report{ReportKind::kFirstToken, sequence.request.id, now, sequence.decode_start,
                         sequence.cached_tokens, 1});
  }
  first_pending_.clear();
  for (int32_t slot = batch_.pop_finished(); slot >= 0; slot = batch_.pop_finished()) {
    finish_sequence(slot, now, out);
  }
  finish_local_chunks(now, out);
}

void DecodeEngine::finish_local_chunks(TimeNs now, Reports& out) {
  size_t kept = 0;
  for (const int32_t slot : local_running_) {
    Sequence& sequence = at(slot);
    sequence.done_tokens += sequence.chunk_tokens;
    stats_.computed_tokens += sequence.chunk_tokens;
    sequence.chunk_tokens = 0;
    cache_.publish(sequence.lease, sequence.done_tokens);
    if (sequence.done_tokens < sequence.request.prompt_tokens) {
      local_running_[kept++] = slot;
      continue;
    }
    sequence.state = State::kArrived;
    arrived_.insert(key_of(slot));
    out.push_back(Report{ReportKind::kPrefillFinished, sequence.request.id, now,
                         sequence.prefill_start, sequence.cached_tokens,
                         sequence.request.prompt_tokens - sequence.cached_tokens});
  }
  local_running_.resize(kept);
}

void DecodeEngine::finish_sequence(int32_t slot, TimeNs now, Reports& out) {
  const Sequence& sequence = at(slot);
  const int64_t context = sequence.request.prompt_tokens + sequence.request.output_tokens;
  cache_.claim(sequence.lease, blocks_for(context) - sequence.leased_blocks);
  cache_.publish(sequence.lease, context);
  cache_.release(sequence.lease);
  out.push_back(Report{ReportKind::kDecodeFinished, sequence.request.id, now, sequence.decode_start,
                       sequence.cached_tokens, sequence.request.output_tokens});
  forget(slot);
}

void DecodeEngine::schedule(TimeNs now, Reports& out) {
  recompute_tokens_ = 0;
  recompute_attention_s_ = 0.0;
  const int64_t preemptions_before = stats_.preemptions;
  do {
    admit(now);
    take_growth(now, out);
    // A lone arrival that could not grow has just given its blocks back: let the next one try.
  } while (batch_.size() == 0 && !arrived_.empty());
  grant_space(now, out);
  // Without a preemption nobody refused here could get in before something ends: space and seats
  // only shrink meanwhile. What a preemption has freed is offered after one iteration.
  start_iteration(now, stats_.preemptions == preemptions_before ? kStretchMax : 1, out);
}

void DecodeEngine::admit(TimeNs now) {
  while (batch_.size() < config_.decode_batch_max && readmit_head(now)) {
  }
  while (batch_.size() < config_.decode_batch_max && !arrived_.empty()) {
    const int32_t slot = std::get<2>(*arrived_.begin());
    const int64_t context = at(slot).request.prompt_tokens;
    const int64_t growth =
        batch_.growth_blocks(0) + (blocks_for(context + 1) - blocks_for(context));
    // Waiting is cheaper than being preempted at once, except when nobody would run.
    if (growth > cache_.available_blocks() && batch_.size() > 0) break;
    arrived_.erase(arrived_.begin());
    seat(slot, now);
  }
}

bool DecodeEngine::readmit_head(TimeNs now) {
  if (preempted_.empty()) return false;
  const int32_t slot = preempted_.front();
  Sequence& sequence = at(slot);
  const int64_t context = sequence.request.prompt_tokens + sequence.generated_tokens;
  const int64_t growth = batch_.growth_blocks(0) + (blocks_for(context + 1) - blocks_for(context));
  const LeaseId lease = cache_.acquire(sequence.request.content, context, context - 1, growth);
  if (lease == kNoLease) return false;
  preempted_.pop_front();
  sequence.lease = lease;
  sequence.leased_blocks = blocks_for(context);
  const int64_t hit = cache_.pinned_tokens(lease);
  recompute_tokens_ += context - hit;
  recompute_attention_s_ += config_.truth->prefill_attention_s(context - hit, hit);
  stats_.recomputed_tokens += context - hit;
  // Strictly they are there at the end of the iteration; no transfer could end before that anyway.
  cache_.publish(lease, context);
  seat(slot, now);
  return true;
}

void DecodeEngine::seat(int32_t slot, TimeNs now) {
  Sequence& sequence = at(slot);
  sequence.state = State::kRunning;
  if (sequence.generated_tokens == 0) {
    sequence.decode_start = now;
    first_pending_.push_back(slot);
  }
  batch_.add(slot, sequence.request.prompt_tokens + sequence.generated_tokens,
             sequence.request.output_tokens - sequence.generated_tokens);
}

void DecodeEngine::take_growth(TimeNs now, Reports& out) {
  while (batch_.size() > 0 && batch_.growth_blocks(0) > cache_.available_blocks()) {
    preempt(batch_.latest(), now, out);
  }
  if (!cache_.grow(batch_.growth_blocks(0))) {
    throw std::logic_error("decode engine: no KV block after preemption");
  }
}

void DecodeEngine::preempt(int32_t slot, TimeNs now, Reports& out) {
  Sequence& sequence = at(slot);
  const int64_t context = batch_.remove(slot);
  cache_.claim(sequence.lease, blocks_for(context) - sequence.leased_blocks);
  cache_.release(sequence.lease);
  std::erase(first_pending_, slot);
  sequence.lease = kNoLease;
  sequence.leased_blocks = 0;
  sequence.generated_tokens = context - sequence.request.prompt_tokens;
  sequence.state = State::kPreempted;
  preempted_.push_front(slot);
  ++stats_.preemptions;
  out.push_back(Report{ReportKind::kPreempted, sequence.request.id, now, sequence.decode_start, 0,
                       sequence.generated_tokens});
}

void DecodeEngine::grant_space(TimeNs now, Reports& out) {
  while (!space_queue_.empty() && preempted_.empty()) {
    const int32_t slot = std::get<2>(*space_queue_.begin());
    const auto seats_taken = static_cast<int64_t>(local_running_.size() + arrived_.size()) +
                             static_cast<int64_t>(batch_.size());
    if (at(slot).is_local && seats_taken >= config_.decode_batch_max) return;
    if (!acquire_space(slot)) return;
    space_queue_.erase(space_queue_.begin());
    cut_stretch();
    if (at(slot).is_local) {
      local_running_.push_back(slot);
    } else {
      out.push_back(Report{ReportKind::kKvReserved, at(slot).request.id, now, now,
                           at(slot).cached_tokens, 0});
    }
  }
}

bool DecodeEngine::acquire_space(int32_t slot) {
  Sequence& sequence = at(slot);
  const int64_t prompt = sequence.request.prompt_tokens;
  int64_t hit_limit = sequence.share_prefix ? prompt : 0;
  if (sequence.is_local) hit_limit = prompt - 1;  // one token has to be computed to sample from
  sequence.lease = cache_.acquire(sequence.request.content, prompt, hit_limit);
  if (sequence.lease == kNoLease) return false;
  sequence.leased_blocks = blocks_for(prompt);
  sequence.cached_tokens = cache_.pinned_tokens(sequence.lease);
  sequence.done_tokens = sequence.cached_tokens;
  sequence.state = sequence.is_local ? State::kLocalPrefill : State::kReserved;
  stats_.hit_tokens += sequence.cached_tokens;
  return true;
}

void DecodeEngine::start_iteration(TimeNs now, int64_t stretch_max, Reports& out) {
  int64_t prefill_tokens = recompute_tokens_;
  double attention_s = recompute_attention_s_;
  int64_t budget_tokens = config_.batch_tokens - batch_.size();
  for (const int32_t slot : local_running_) {
    Sequence& sequence = at(slot);
    const int64_t rest = sequence.request.prompt_tokens - sequence.done_tokens;
    sequence.chunk_tokens = std::min({config_.chunk_tokens, rest, budget_tokens});
    if (sequence.chunk_tokens == 0) continue;
    budget_tokens -= sequence.chunk_tokens;
    prefill_tokens += sequence.chunk_tokens;
    attention_s += config_.truth->prefill_attention_s(sequence.chunk_tokens, sequence.done_tokens);
    if (sequence.prefill_start != kNever) continue;
    sequence.prefill_start = now;
    out.push_back(Report{ReportKind::kPrefillStarted, sequence.request.id, now, now,
                         sequence.cached_tokens, 0});
  }
  if (batch_.size() == 0 && prefill_tokens == 0) return;
  double extra_s = 0.0;
  if (prefill_tokens > 0) extra_s = config_.truth->prefill_linear_s(prefill_tokens) + attention_s;
  const bool quiet = prefill_tokens == 0 && first_pending_.empty();
  plan_stretch(now, quiet ? std::min(stretch_max, batch_.iterations_to_finish()) : 1, extra_s);
}

void DecodeEngine::plan_stretch(TimeNs now, int64_t stretch_max, double extra_s) {
  if (jitter_first_ >= 256) {
    jitters_.erase(jitters_.begin(), jitters_.begin() + static_cast<std::ptrdiff_t>(jitter_first_));
    jitter_first_ = 0;
  }
  const int32_t batch = batch_.size();
  const double linear_s = batch > 0 ? config_.truth->decode_linear_s(batch) : 0.0;
  int64_t context_sum = batch_.context_sum();
  int64_t available_blocks = cache_.available_blocks();
  TimeNs end = now;
  for (int64_t i = 0; i < stretch_max; ++i) {
    if (i > 0) {
      available_blocks -= batch_.growth_blocks(i);
      if (available_blocks < 0) break;  // the boundary before it has to preempt
    }
    double model_s = linear_s + extra_s;
    if (batch > 0) model_s += config_.truth->decode_attention_s(batch, context_sum);
    end += to_ns(config_.factor * jitter_ahead(static_cast<size_t>(i)) * model_s);
    stretch_ends_.push_back(end);
    context_sum += batch;
  }
  iteration_start_ = now;
}

double DecodeEngine::jitter_ahead(size_t index) {
  while (jitters_.size() <= jitter_first_ + index) {
    jitters_.push_back(draw_jitter(config_.random, config_.jitter_sd));
  }
  return jitters_[jitter_first_ + index];
}

}  // namespace hexagent::sim
