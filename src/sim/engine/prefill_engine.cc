// Chunked prefill of one worker; see prefill_engine.h.
// Tests: tests/unit/sim/engine/prefill_engine_test.cc
#include "sim/engine/prefill_engine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace hexagent::sim {

PrefillEngine::PrefillEngine(const EngineConfig& config, const ContentTree* contents)
    : config_(config), cache_(contents, config.kv_capacity_tokens) {
  if (config.truth == nullptr || config.chunk_tokens < 1 || config.batch_tokens < 1) {
    throw std::logic_error("prefill engine: bad configuration");
  }
}

int32_t PrefillEngine::find(uint64_t id) const {
  const auto found = slot_of_id_.find(id);
  return found == slot_of_id_.end() ? -1 : found->second;
}

PrefillEngine::QueueKey PrefillEngine::key_of(int32_t slot) {
  const Prefill& prefill = at(slot);
  return {prefill.request.order_key, prefill.sequence, slot};
}

void PrefillEngine::forget(int32_t slot) {
  slot_of_id_.erase(at(slot).request.id);
  at(slot) = Prefill{};
  free_slots_.push_back(slot);
}

void PrefillEngine::wake(TimeNs now) { wake_at_ = std::min(wake_at_, now); }

void PrefillEngine::account(TimeNs now) {
  if (now < accounted_until_) throw std::logic_error("prefill engine: time runs backwards");
  if (busy_ && now > iteration_end_) {
    throw std::logic_error("prefill engine: driven past its next event");
  }
  stats_.kv_token_seconds += static_cast<double>(cache_.in_use_blocks() * cache_.block_tokens()) *
                             to_s(now - accounted_until_);
  accounted_until_ = now;
}

const EngineStats& PrefillEngine::stats(TimeNs now) {
  account(now);
  return stats_;
}

void PrefillEngine::submit(TimeNs now, const PrefillRequest& request) {
  account(now);
  if (request.prompt_tokens < 1) throw std::logic_error("prefill engine: empty prompt");
  if ((request.prompt_tokens + cache_.block_tokens() - 1) / cache_.block_tokens() >
      cache_.capacity_blocks()) {
    throw std::logic_error("prefill engine: prompt larger than the KV of the worker");
  }
  if (find(request.id) >= 0) throw std::logic_error("prefill engine: request submitted twice");
  int32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<int32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  at(slot).request = request;
  at(slot).sequence = next_sequence_++;
  slot_of_id_[request.id] = slot;
  queue_.insert(key_of(slot));
  waiting_tokens_ += request.prompt_tokens;
  wake(now);
}

bool PrefillEngine::reorder(TimeNs now, uint64_t id, int64_t order_key) {
  account(now);
  const int32_t slot = find(id);
  if (slot < 0 || at(slot).state != State::kWaiting) return false;
  queue_.erase(key_of(slot));
  at(slot).request.order_key = order_key;
  queue_.insert(key_of(slot));
  wake(now);  // a smaller request may be at the head now and fit where the old head did not
  return true;
}

bool PrefillEngine::abort(TimeNs now, uint64_t id) {
  account(now);
  const int32_t slot = find(id);
  if (slot < 0 || at(slot).state == State::kFinished) return false;
  if (at(slot).state == State::kWaiting) {
    queue_.erase(key_of(slot));
    waiting_tokens_ -= at(slot).request.prompt_tokens;
  } else {
    running_.erase(std::find(running_.begin(), running_.end(), slot));
    cache_.release(at(slot).lease);
  }
  forget(slot);
  wake(now);
  return true;
}

void PrefillEngine::release(TimeNs now, uint64_t id) {
  account(now);
  const int32_t slot = find(id);
  if (slot < 0 || at(slot).state != State::kFinished) {
    throw std::logic_error("prefill engine: release of a request that holds no finished prompt");
  }
  cache_.release(at(slot).lease);
  forget(slot);
  wake(now);
}

std::vector<uint64_t> PrefillEngine::lose(TimeNs now) {
  account(now);
  if (busy_) stats_.busy_s += to_s(now - iteration_start_);
  std::vector<std::pair<uint64_t, uint64_t>> lost;  // sequence, id
  for (const Prefill& prefill : slots_) {
    if (find(prefill.request.id) == static_cast<int32_t>(&prefill - slots_.data())) {
      lost.emplace_back(prefill.sequence, prefill.request.id);
    }
  }
  std::sort(lost.begin(), lost.end());
  std::vector<uint64_t> ids;
  for (const auto& entry : lost) ids.push_back(entry.second);
  slots_.clear();
  free_slots_.clear();
  slot_of_id_.clear();
  queue_.clear();
  running_.clear();
  cache_.clear();
  waiting_tokens_ = 0;
  busy_ = false;
  wake_at_ = kNever;
  return ids;
}

void PrefillEngine::advance(TimeNs now, Reports& out) {
  while (next_event() <= now) {
    const TimeNs time = next_event();
    account(time);
    if (busy_) finish_iteration(out);
    wake_at_ = kNever;
    start_iteration(time, out);
  }
  account(now);
}

void PrefillEngine::finish_iteration(Reports& out) {
  busy_ = false;
  stats_.busy_s += to_s(iteration_end_ - iteration_start_);
  ++stats_.iterations;
  size_t kept = 0;
  for (const int32_t slot : running_) {
    Prefill& prefill = at(slot);
    prefill.done_tokens += prefill.chunk_tokens;
    stats_.computed_tokens += prefill.chunk_tokens;
    prefill.chunk_tokens = 0;
    cache_.publish(prefill.lease, prefill.done_tokens);
    if (prefill.done_tokens < prefill.request.prompt_tokens) {
      running_[kept++] = slot;
      continue;
    }
    prefill.state = State::kFinished;
    out.push_back(Report{ReportKind::kPrefillFinished, prefill.request.id, iteration_end_,
                         prefill.start, prefill.cached_tokens,
                         prefill.request.prompt_tokens - prefill.cached_tokens});
  }
  running_.resize(kept);
}

bool PrefillEngine::admit(int32_t slot) {
  Prefill& prefill = at(slot);
  // At least one token has to be computed, else the engine would have no output to sample from.
  prefill.lease = cache_.acquire(prefill.request.content, prefill.request.prompt_tokens,
                                 prefill.request.prompt_tokens - 1);
  if (prefill.lease == kNoLease) return false;
  prefill.cached_tokens = cache_.pinned_tokens(prefill.lease);
  prefill.done_tokens = prefill.cached_tokens;
  stats_.hit_tokens += prefill.cached_tokens;
  prefill.state = State::kRunning;
  running_.push_back(slot);
  return true;
}

void PrefillEngine::start_iteration(TimeNs now, Reports& out) {
  int64_t batch_tokens = 0;
  double attention_s = 0.0;
  const auto add_chunk = [&](Prefill& prefill) {
    prefill.chunk_tokens =
        std::min({config_.chunk_tokens, prefill.request.prompt_tokens - prefill.done_tokens,
                  config_.batch_tokens - batch_tokens});
    if (prefill.chunk_tokens == 0) return;
    batch_tokens += prefill.chunk_tokens;
    attention_s += config_.truth->prefill_attention_s(prefill.chunk_tokens, prefill.done_tokens);
  };
  for (const int32_t slot : running_) add_chunk(at(slot));
  while (batch_tokens < config_.batch_tokens && !queue_.empty()) {
    const QueueKey head = *queue_.begin();
    const int32_t slot = std::get<2>(head);
    if (!admit(slot)) break;  // head of line: nothing behind it may overtake
    queue_.erase(head);
    waiting_tokens_ -= at(slot).request.prompt_tokens;
    at(slot).start = now;
    out.push_back(Report{ReportKind::kPrefillStarted, at(slot).request.id, now, now,
                         at(slot).cached_tokens, 0});
    add_chunk(at(slot));
  }
  if (batch_tokens == 0) return;
  const double model_s = config_.truth->prefill_linear_s(batch_tokens) + attention_s;
  const double jitter = draw_jitter(config_.random, config_.jitter_sd);
  iteration_start_ = now;
  iteration_end_ = now + to_ns(config_.factor * jitter * model_s);
  busy_ = true;
  if (!config_.reports_progress) return;
  for (const int32_t slot : running_) {
    out.push_back(Report{ReportKind::kPrefillProgress, at(slot).request.id, now, at(slot).start,
                         at(slot).cached_tokens, 0});
  }
}

std::optional<PrefillProgress> PrefillEngine::progress(uint64_t id) const {
  const int32_t slot = find(id);
  if (slot < 0) return std::nullopt;
  const Prefill& prefill = slots_[static_cast<size_t>(slot)];
  if (prefill.state != State::kRunning) return std::nullopt;
  return PrefillProgress{prefill.done_tokens, prefill.chunk_tokens, iteration_start_,
                         iteration_end_, prefill.start == iteration_start_};
}

void PrefillEngine::check_drained() const {
  if (!slot_of_id_.empty() || cache_.in_use_blocks() != 0 || cache_.lease_count() != 0) {
    throw std::logic_error("prefill engine: requests or pins left at the end");
  }
}

}  // namespace hexagent::sim
