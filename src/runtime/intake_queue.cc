// IntakeQueue: see intake_queue.h.
//
// An entry is its length in units, the Input, the record, the deps and the prefixes, in one piece:
// one that does not fit before the end of the memory leaves a length of 0 there and starts at the
// front.
#include "runtime/intake_queue.h"

#include <cstring>
#include <type_traits>

#include "core/base/check.h"

namespace hexagent {
namespace {

constexpr uint64_t kUnitBytes = 16;
constexpr uint64_t kEndMark = 0;

constexpr uint64_t units_for(uint64_t size_bytes) {
  return (size_bytes + kUnitBytes - 1) / kUnitBytes;
}

uint64_t deps_bytes(const Input& input) { return uint64_t{input.deps_count} * sizeof(uint64_t); }

uint64_t prefixes_bytes(const Input& input) {
  return uint64_t{input.prefixes_count} * sizeof(hexagent_prefix);
}

constexpr uint64_t kLengthUnits = 1;
constexpr uint64_t kInputUnits = units_for(sizeof(Input));

}  // namespace

IntakeQueue::IntakeQueue(uint64_t size_bytes)
    : capacity_(size_bytes / kUnitBytes),
      units_(std::make_unique_for_overwrite<Unit[]>(capacity_)) {
  static_assert(sizeof(Unit) == kUnitBytes);
  static_assert(std::is_trivially_copyable_v<Input>);
}

// Moves tail_ to where `needed` contiguous units are free.
bool IntakeQueue::find_place(uint64_t needed) {
  if (count_ == 0) {
    head_ = tail_ = 0;
    return needed <= capacity_;
  }
  if (tail_ <= head_) return head_ - tail_ >= needed;
  if (capacity_ - tail_ >= needed) return true;
  if (head_ < needed) return false;
  if (tail_ < capacity_) std::memcpy(units_[tail_].bytes, &kEndMark, sizeof(kEndMark));
  tail_ = 0;
  return true;
}

void* IntakeQueue::append(uint64_t* position, const void* source, uint64_t size_bytes) {
  if (size_bytes == 0) return nullptr;
  void* target = units_[*position].bytes;
  if (source != nullptr) std::memcpy(target, source, size_bytes);
  *position += units_for(size_bytes);
  return target;
}

bool IntakeQueue::try_push(const Input& input) {
  const uint64_t needed = kLengthUnits + kInputUnits + units_for(input.record_size) +
                          units_for(deps_bytes(input)) + units_for(prefixes_bytes(input));
  if (!find_place(needed)) return false;
  uint64_t position = tail_;
  append(&position, &needed, sizeof(needed));
  void* place = append(&position, nullptr, sizeof(Input));
  Input copy = input;
  copy.record = append(&position, input.record, input.record_size);
  copy.deps = static_cast<uint64_t*>(append(&position, input.deps, deps_bytes(input)));
  copy.prefixes =
      static_cast<hexagent_prefix*>(append(&position, input.prefixes, prefixes_bytes(input)));
  std::memcpy(place, &copy, sizeof(copy));
  tail_ += needed;
  ++count_;
  HEXAGENT_CHECK(position == tail_);
  return true;
}

Input IntakeQueue::front() const {
  HEXAGENT_CHECK(count_ > 0);
  Input input;
  std::memcpy(&input, units_[head_ + kLengthUnits].bytes, sizeof(input));
  return input;
}

void IntakeQueue::pop() {
  HEXAGENT_CHECK(count_ > 0);
  uint64_t length = 0;
  std::memcpy(&length, units_[head_].bytes, sizeof(length));
  head_ += length;
  if (--count_ == 0) return;  // the next push starts afresh
  if (head_ < capacity_) std::memcpy(&length, units_[head_].bytes, sizeof(length));
  if (head_ == capacity_ || length == kEndMark) head_ = 0;
}

}  // namespace hexagent
