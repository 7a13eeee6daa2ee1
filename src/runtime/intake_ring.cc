// IntakeRing: see intake_ring.h.
//
// Positions count slots and never wrap (2^63 of them last for centuries); a slot's index is its
// position modulo the capacity. Three atomics order everything:
//
//   tail_      claims. Whoever moves it from t to t + n owns the slots of positions t to t + n - 1.
//   sequence   publication of the entry at one position: producer to consumer.
//   head_      release of slots: consumer to producers. head_seen_ passes its values on.
//
// Stale sequences: the consumer looks only at the position where the next entry begins. There the
// word must be that very position + 1. A header left by an earlier lap holds a smaller number, and
// so does a word that pop() has cleared because an entry's data lay over it.
#include "runtime/intake_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "core/base/check.h"

namespace hexagent {
namespace {

constexpr uint64_t kAlignBytes = 16;  // of records, deps and prefixes

constexpr uint64_t aligned(uint64_t size_bytes) {
  return (size_bytes + kAlignBytes - 1) / kAlignBytes * kAlignBytes;
}

constexpr uint64_t deps_bytes(uint64_t count) { return count * sizeof(uint64_t); }

constexpr uint64_t prefixes_bytes(uint64_t count) { return count * sizeof(hexagent_prefix); }

void copy_part(std::byte** target, const void* source, uint64_t size_bytes) {
  if (size_bytes == 0) return;
  std::memcpy(*target, source, size_bytes);
  *target += aligned(size_bytes);
}

const void* take_part(const std::byte** source, uint64_t size_bytes) {
  if (size_bytes == 0) return nullptr;
  const std::byte* part = *source;
  *source += aligned(size_bytes);
  return part;
}

}  // namespace

IntakeRing::IntakeRing(uint64_t size_bytes)
    : capacity_(std::bit_ceil(std::max<uint64_t>(1, size_bytes / kSlotBytes))),
      mask_(capacity_ - 1),
      entry_slots_max_(std::min(capacity_, kEntrySlotsMax)),
      slots_(std::make_unique<Slot[]>(capacity_ + entry_slots_max_ - 1)) {
  static_assert(std::is_trivially_copyable_v<Slot> && alignof(Slot) % kAlignBytes == 0);
  static_assert(std::atomic_ref<uint64_t>::is_always_lock_free);
}

IntakeRing::Push IntakeRing::claim(uint64_t slots, bool after_close, uint64_t* position) {
  if (slots > entry_slots_max_) return Push::kFull;
  const auto exceeds = [&](uint64_t begin, uint64_t head) {
    // Signed: a tail read long ago may lie behind the head; then the exchange below fails.
    return static_cast<int64_t>(begin + slots - head) > static_cast<int64_t>(capacity_);
  };
  // Relaxed: nothing is read through it, and the exchange verifies it.
  uint64_t tail = tail_.load(std::memory_order_relaxed);
  for (;;) {
    if ((tail & kClosedBit) != 0 && !after_close) return Push::kClosed;
    const uint64_t begin = tail & ~kClosedBit;
    // Acquire: pairs with the release below, and through it with the store of head_ in release(),
    // by way of the producer that read that. So the consumer's last reads and clears of all slots
    // before the position seen happen before our writes to them.
    if (exceeds(begin, head_seen_.load(std::memory_order_acquire))) {
      // Acquire: pairs with release(). head_ only grows, so a stale value errs towards full.
      const uint64_t head = head_.load(std::memory_order_acquire);
      if (exceeds(begin, head)) return Push::kFull;
      // Release: passes on what the acquire above has shown. Two producers may store in the wrong
      // order and move head_seen_ back, which costs another look and nothing else.
      head_seen_.store(head, std::memory_order_release);
    }
    // Release: pairs with end(). Whoever sees our claim also sees what we did before it, above all
    // reading the clock. Other producers need nothing of us, so failure is relaxed.
    if (tail_.compare_exchange_weak(tail, tail + slots, std::memory_order_release,
                                    std::memory_order_relaxed)) {
      *position = begin;
      return Push::kDone;
    }
  }
}

void IntakeRing::publish(uint64_t position) {
  // Release: pairs with published(); the entry's bytes are visible to whoever sees the number.
  std::atomic_ref<uint64_t>(slot(position).sequence).store(position + 1, std::memory_order_release);
}

bool IntakeRing::published(uint64_t position) const {
  // Acquire: pairs with publish(). The word is no data of an entry at this moment: `position` is
  // where an entry begins, so until pop() nobody writes there but the producer's publish().
  return std::atomic_ref<uint64_t>(slot(position).sequence).load(std::memory_order_acquire) ==
         position + 1;
}

IntakeRing::Push IntakeRing::try_push(const Input& input) {
  const uint64_t data_bytes = aligned(input.record_size) + aligned(deps_bytes(input.deps_count)) +
                              aligned(prefixes_bytes(input.prefixes_count));
  const uint64_t slots = 1 + (data_bytes + kSlotBytes - 1) / kSlotBytes;
  uint64_t position = 0;
  const Push claimed = claim(slots, false, &position);
  if (claimed != Push::kDone) return claimed;
  Slot& header = slot(position);
  header.slots = static_cast<uint32_t>(slots);
  header.kind = static_cast<uint32_t>(input.kind);
  header.worker = input.worker;
  header.incarnation = input.incarnation;
  header.deps_count = input.deps_count;
  header.prefixes_count = input.prefixes_count;
  header.record_size = input.record_size;
  header.user_data = input.user_data;
  header.workflow = input.workflow;
  header.call = input.call;
  auto* data = reinterpret_cast<std::byte*>(&header + 1);
  copy_part(&data, input.record, input.record_size);
  copy_part(&data, input.deps, deps_bytes(input.deps_count));
  copy_part(&data, input.prefixes, prefixes_bytes(input.prefixes_count));
  publish(position);
  return Push::kDone;
}

IntakeRing::Push IntakeRing::try_push(Question* question) {
  uint64_t position = 0;
  const Push claimed = claim(1, true, &position);
  if (claimed != Push::kDone) return claimed;
  Slot& header = slot(position);
  header.slots = 1;
  header.kind = kQuestionKind;
  header.user_data = reinterpret_cast<uintptr_t>(question);
  publish(position);
  return Push::kDone;
}

void IntakeRing::close() {
  // Release: as a claim, see end(). Claims compare the whole word, so none succeeds from before the
  // bit was set; there is no moment in which a producer has checked and not yet claimed.
  tail_.fetch_or(kClosedBit, std::memory_order_release);
}

uint64_t IntakeRing::end() const {
  // Acquire: pairs with claims, so that a clock read after this is later than one that a producer
  // read before it pushed.
  return tail_.load(std::memory_order_acquire) & ~kClosedBit;
}

bool IntakeRing::front(Entry* entry) const {
  if (!published(position_)) return false;
  const Slot& header = slot(position_);
  entry->is_input = header.kind != kQuestionKind;
  if (!entry->is_input) {
    entry->question = reinterpret_cast<Question*>(header.user_data);
    return true;
  }
  Input& input = entry->input;
  input.kind = static_cast<InputKind>(header.kind);
  input.worker = header.worker;
  input.incarnation = header.incarnation;
  input.deps_count = header.deps_count;
  input.prefixes_count = header.prefixes_count;
  input.record_size = header.record_size;
  input.user_data = header.user_data;
  input.workflow = header.workflow;
  input.call = header.call;
  const auto* data = reinterpret_cast<const std::byte*>(&header + 1);
  input.record = take_part(&data, header.record_size);
  input.deps = static_cast<const uint64_t*>(take_part(&data, deps_bytes(header.deps_count)));
  input.prefixes =
      static_cast<const hexagent_prefix*>(take_part(&data, prefixes_bytes(header.prefixes_count)));
  return true;
}

void IntakeRing::pop() {
  Slot* header = &slot(position_);
  const uint64_t slots = header->slots;
  HEXAGENT_CHECK(slots > 0 && slots <= entry_slots_max_);
  // Data may look like any sequence. Relaxed would not be wrong, plain is enough: nobody else looks
  // at these words until release() has moved head_.
  for (uint64_t i = 1; i < slots; ++i) header[i].sequence = 0;
  position_ += slots;
  if (position_ - released_ >= capacity_ / 8) release();
}

void IntakeRing::release() {
  released_ = position_;
  // Release: pairs with claim(); our reads and clears of all slots before are over.
  head_.store(position_, std::memory_order_release);
}

bool IntakeRing::empty() const { return !published(position_); }

bool IntakeRing::drained() const {
  // Acquire: as end(). A question may still come after this; an input cannot.
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  return (tail & kClosedBit) != 0 && (tail & ~kClosedBit) == position_;
}

Question* IntakeRing::steal_question(uint64_t* from) {
  *from = std::max(*from, position_);
  // Ends: past the last claim nothing is published. A slot of the lap before is no trap, since its
  // sequence is another one.
  while (published(*from)) {
    Slot& header = slot(*from);
    *from += header.slots;
    if (header.kind != kQuestionKind || header.user_data == 0) continue;
    // The entry stays, emptied: only the consumer touches a published entry.
    auto* question = reinterpret_cast<Question*>(header.user_data);
    header.user_data = 0;
    return question;
  }
  return nullptr;
}

uint64_t IntakeRing::memory_bytes() const {
  return (capacity_ + entry_slots_max_ - 1) * sizeof(Slot);
}

}  // namespace hexagent
