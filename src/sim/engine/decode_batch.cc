// Bookkeeping of one decode batch; see decode_batch.h.
// Tests: tests/unit/sim/engine/decode_batch_test.cc
#include "sim/engine/decode_batch.h"

#include <algorithm>
#include <stdexcept>

namespace hexagent::sim {

DecodeBatch::DecodeBatch(int64_t block_tokens)
    : block_tokens_(block_tokens), by_phase_(static_cast<size_t>(block_tokens), 0) {}

void DecodeBatch::add(int32_t slot, int64_t context_tokens, int64_t remaining_tokens) {
  if (slot < 0 || context_tokens < 1 || remaining_tokens < 1) {
    throw std::logic_error("decode batch: sequence without context or output");
  }
  const auto index = static_cast<size_t>(slot);
  if (index >= members_.size()) members_.resize(index + 1);
  if (members_[index].admission != 0) throw std::logic_error("decode batch: added twice");
  const uint64_t admission = ++last_admission_;
  members_[index] = Member{context_tokens - iteration_, iteration_ + remaining_tokens, admission};
  ++by_phase_[static_cast<size_t>(phase_of(members_[index].base))];
  context_sum_ += context_tokens;
  ++size_;
  endings_.push_back(Ending{members_[index].finish_iteration, admission, slot});
  std::push_heap(endings_.begin(), endings_.end(), ends_later);
  if (admissions_.size() > 64 + 2 * static_cast<size_t>(size_)) {
    std::erase_if(admissions_,
                  [this](const Admission& a) { return !is_current(a.slot, a.admission); });
  }
  admissions_.push_back(Admission{admission, slot});
}

int64_t DecodeBatch::remove(int32_t slot) {
  const int64_t context = context_tokens(slot);
  Member& member = members_[static_cast<size_t>(slot)];
  --by_phase_[static_cast<size_t>(phase_of(member.base))];
  context_sum_ -= context;
  --size_;
  member = Member{};
  return context;
}

void DecodeBatch::clear() {
  members_.clear();
  endings_.clear();
  admissions_.clear();
  std::fill(by_phase_.begin(), by_phase_.end(), 0);
  context_sum_ = 0;
  size_ = 0;
}

int64_t DecodeBatch::context_tokens(int32_t slot) const {
  const auto index = static_cast<size_t>(slot);
  if (index >= members_.size() || members_[index].admission == 0) {
    throw std::logic_error("decode batch: sequence is not in the batch");
  }
  return members_[index].base + iteration_;
}

void DecodeBatch::drop_stale_endings() {
  while (!endings_.empty() && !is_current(endings_.front().slot, endings_.front().admission)) {
    std::pop_heap(endings_.begin(), endings_.end(), ends_later);
    endings_.pop_back();
  }
}

int64_t DecodeBatch::iterations_to_finish() {
  drop_stale_endings();
  if (endings_.empty()) return std::numeric_limits<int64_t>::max();
  return endings_.front().iteration - iteration_;
}

int32_t DecodeBatch::pop_finished() {
  if (iterations_to_finish() > 0) return -1;
  const int32_t slot = endings_.front().slot;
  remove(slot);
  return slot;
}

int32_t DecodeBatch::latest() {
  while (!admissions_.empty() &&
         !is_current(admissions_.back().slot, admissions_.back().admission)) {
    admissions_.pop_back();
  }
  return admissions_.empty() ? -1 : admissions_.back().slot;
}

}  // namespace hexagent::sim
