// What the driver asks of a decode worker; see decode_engine.h. What happens between two iterations
// is in decode_schedule.cc. Tests: tests/unit/sim/engine/decode_engine_test.cc
#include "sim/engine/decode_engine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace hexagent::sim {

DecodeEngine::DecodeEngine(const EngineConfig& config, const ContentTree* contents)
    : config_(config),
      cache_(contents, config.kv_capacity_tokens),
      batch_(contents->block_tokens()) {
  if (config.truth == nullptr || config.decode_batch_max < 1 || config.chunk_tokens < 1 ||
      config.batch_tokens <= config.decode_batch_max) {
    throw std::logic_error("decode engine: bad configuration");
  }
}

int32_t DecodeEngine::find(uint64_t id) const {
  const auto found = slot_of_id_.find(id);
  return found == slot_of_id_.end() ? -1 : found->second;
}

int32_t DecodeEngine::find_or_throw(uint64_t id) const {
  const int32_t slot = find(id);
  if (slot < 0) throw std::logic_error("decode engine: unknown request");
  return slot;
}

int32_t DecodeEngine::create(const DecodeRequest& request) {
  if (request.prompt_tokens < 1 || request.output_tokens < 1) {
    throw std::logic_error("decode engine: request without prompt or output");
  }
  // Alone on the worker it must be able to end, else preemption would go round for ever.
  if (blocks_for(request.prompt_tokens + request.output_tokens) > cache_.capacity_blocks()) {
    throw std::logic_error("decode engine: context larger than the KV of the worker");
  }
  if (find(request.id) >= 0) throw std::logic_error("decode engine: request submitted twice");
  int32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<int32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  at(slot).request = request;
  at(slot).number = next_number_++;
  slot_of_id_[request.id] = slot;
  return slot;
}

void DecodeEngine::forget(int32_t slot) {
  slot_of_id_.erase(at(slot).request.id);
  at(slot) = Sequence{};
  free_slots_.push_back(slot);
}

DecodeEngine::QueueKey DecodeEngine::key_of(int32_t slot) {
  return {at(slot).request.priority, at(slot).number, slot};
}

void DecodeEngine::account(TimeNs now) {
  if (now < accounted_until_) throw std::logic_error("decode engine: time runs backwards");
  if (!stretch_ends_.empty() && now > stretch_ends_.back()) {
    throw std::logic_error("decode engine: driven past its next event");
  }
  stats_.kv_token_seconds += static_cast<double>(cache_.in_use_blocks() * cache_.block_tokens()) *
                             to_s(now - accounted_until_);
  accounted_until_ = now;
}

void DecodeEngine::catch_up(TimeNs now) {
  while (stretch_index_ + 1 < stretch_ends_.size() && stretch_ends_[stretch_index_] <= now) {
    const TimeNs end = stretch_ends_[stretch_index_++];
    account(end);
    stats_.busy_s += to_s(end - iteration_start_);
    stats_.decoded_tokens += batch_.size();
    ++stats_.iterations;
    iteration_start_ = end;
    ++jitter_first_;
    batch_.step();
    if (!cache_.grow(batch_.growth_blocks(0))) {
      throw std::logic_error("decode engine: a planned iteration found no KV block");
    }
  }
  account(now);
}

void DecodeEngine::cut_stretch() {
  if (!stretch_ends_.empty()) stretch_ends_.resize(stretch_index_ + 1);
}

std::optional<int64_t> DecodeEngine::reserve(TimeNs now, const DecodeRequest& request,
                                             bool share_prefix) {
  catch_up(now);
  const int32_t slot = create(request);
  at(slot).share_prefix = share_prefix;
  if (space_queue_.empty() && preempted_.empty() && acquire_space(slot)) {
    cut_stretch();
    return at(slot).cached_tokens;
  }
  space_queue_.insert(key_of(slot));
  wake(now);
  return std::nullopt;
}

void DecodeEngine::submit(TimeNs now, uint64_t id) {
  catch_up(now);
  const int32_t slot = find_or_throw(id);
  Sequence& sequence = at(slot);
  if (sequence.state != State::kReserved) {
    throw std::logic_error("decode engine: submit without a granted reservation");
  }
  cache_.publish(sequence.lease, sequence.request.prompt_tokens);
  sequence.state = State::kArrived;
  arrived_.insert(key_of(slot));
  cut_stretch();
  if (stretch_ends_.empty()) wake(now);
}

void DecodeEngine::submit_local(TimeNs now, const DecodeRequest& request) {
  catch_up(now);
  const int32_t slot = create(request);
  at(slot).is_local = true;
  space_queue_.insert(key_of(slot));
  wake(now);
}

bool DecodeEngine::reorder(TimeNs now, uint64_t id, int64_t priority) {
  catch_up(now);
  const int32_t slot = find(id);
  if (slot < 0) return false;
  const State state = at(slot).state;
  if (state != State::kWaitingSpace && state != State::kArrived) return false;
  std::set<QueueKey>& queue = state == State::kArrived ? arrived_ : space_queue_;
  queue.erase(key_of(slot));
  at(slot).request.priority = priority;
  queue.insert(key_of(slot));
  wake(now);
  return true;
}

bool DecodeEngine::cancel(TimeNs now, uint64_t id) {
  catch_up(now);
  const int32_t slot = find(id);
  if (slot < 0) return false;
  Sequence& sequence = at(slot);
  switch (sequence.state) {
    case State::kWaitingSpace:
      space_queue_.erase(key_of(slot));
      break;
    case State::kReserved:
      break;
    case State::kLocalPrefill:
      std::erase(local_running_, slot);
      break;
    case State::kArrived:
      arrived_.erase(key_of(slot));
      break;
    case State::kRunning:
      // The iteration in progress has taken its block for the next token already.
      cache_.claim(sequence.lease, blocks_for(batch_.remove(slot) + 1) - sequence.leased_blocks);
      std::erase(first_pending_, slot);
      break;
    case State::kPreempted:
      std::erase(preempted_, slot);
      break;
  }
  if (sequence.lease != kNoLease) cache_.release(sequence.lease);
  forget(slot);
  cut_stretch();
  wake(now);
  return true;
}

std::vector<uint64_t> DecodeEngine::lose(TimeNs now) {
  catch_up(now);
  if (!stretch_ends_.empty()) stats_.busy_s += to_s(now - iteration_start_);
  std::vector<std::pair<uint64_t, uint64_t>> lost;  // number, id
  for (const Sequence& sequence : slots_) {
    if (find(sequence.request.id) == static_cast<int32_t>(&sequence - slots_.data())) {
      lost.emplace_back(sequence.number, sequence.request.id);
    }
  }
  std::sort(lost.begin(), lost.end());
  std::vector<uint64_t> ids;
  for (const auto& entry : lost) ids.push_back(entry.second);
  slots_.clear();
  free_slots_.clear();
  slot_of_id_.clear();
  space_queue_.clear();
  arrived_.clear();
  preempted_.clear();
  local_running_.clear();
  first_pending_.clear();
  stretch_ends_.clear();
  stretch_index_ = 0;
  batch_.clear();
  cache_.clear();
  wake_at_ = kNever;
  return ids;
}

TimeNs DecodeEngine::next_event() const {
  return stretch_ends_.empty() ? wake_at_ : std::min(wake_at_, stretch_ends_.back());
}

void DecodeEngine::advance(TimeNs now, Reports& out) {
  while (next_event() <= now) {
    const TimeNs time = next_event();
    catch_up(time);
    wake_at_ = kNever;
    if (!stretch_ends_.empty() && stretch_ends_.back() == time) {
      finish_iteration(out);
      schedule(time, out);
    } else if (stretch_ends_.empty()) {
      schedule(time, out);
    } else {
      grant_space(time, out);
    }
  }
  catch_up(now);
}

const EngineStats& DecodeEngine::stats(TimeNs now) {
  catch_up(now);
  return stats_;
}

int64_t DecodeEngine::generated_tokens(TimeNs now, uint64_t id) {
  catch_up(now);
  const int32_t slot = find_or_throw(id);
  if (at(slot).state != State::kRunning) return at(slot).generated_tokens;
  return batch_.context_tokens(slot) - at(slot).request.prompt_tokens;
}

void DecodeEngine::check_drained() const {
  if (!slot_of_id_.empty() || cache_.in_use_blocks() != 0 || cache_.lease_count() != 0) {
    throw std::logic_error("decode engine: requests or blocks left at the end");
  }
}

}  // namespace hexagent::sim
