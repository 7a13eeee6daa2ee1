// IntakeRing: inputs on their way to the core; bounded, lock-free, many producers, one consumer.
//
// Any thread pushes, the thread that steps the core takes. Everything is in one order, the order in
// which pushes claimed their place; that order is what the core sees and the journal records. A
// push never waits and never allocates: full is an answer, and the ABI says HEXAGENT_E_AGAIN.
//
// The design is Vyukov's bounded queue, in which every slot carries a sequence number that tells
// when it is published, widened in two ways: an entry takes as many slots of 64 bytes as its
// record, deps and prefixes need, claimed by one compare-and-swap, and the consumer's position
// tells what is free. Honestly said: a producer that is stopped between its claim and its
// publication delays the consumer, and so all that was pushed after it; it does not delay other
// producers. The happens-before argument stands in intake_ring.cc, beside each operation.
// Tests: tests/unit/runtime/intake_ring_test.cc. Benchmark: `hexagent bench ring`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/input.h"
#include "runtime/question.h"

namespace hexagent {

class IntakeRing {
 public:
  enum class Push { kDone, kFull, kClosed };

  // What the consumer finds.
  struct Entry {
    bool is_input;
    Input input;         // if it is one
    Question* question;  // else; null when it was stolen
  };

  // Rounds the size up to a power of two of slots. May throw std::bad_alloc.
  explicit IntakeRing(uint64_t size_bytes);

  // [any thread] Copies an input with all it points to. kFull: no room now; an empty ring has room
  // for any entry of at most kEntrySlotsMax slots that is not larger than the ring.
  Push try_push(const Input& input);

  // [any thread] Also possible after close(): what is left may still be asked about.
  Push try_push(Question* question);

  // [any thread] From here on no input is taken; those already claimed are delivered.
  void close();

  // [any thread] The position behind everything claimed so far.
  uint64_t end() const;

  // [consumer] Position of the next entry to take.
  uint64_t position() const { return position_; }

  // [consumer] False when nothing is published at the front. The pointers lead into the ring and
  // are good until pop().
  bool front(Entry* entry) const;

  // [consumer] Not when front() is false. Producers get the room by and by.
  void pop();

  // [consumer] Producers get all of it now. To be called before the consumer turns to anything
  // else; within a run of pops, telling them of every single one costs more than the taking.
  void release();

  // [consumer] Nothing is published at the front.
  bool empty() const;

  // [consumer] Closed, and every claimed entry was taken.
  bool drained() const;

  // [consumer] The first question at or behind `*from`, which is taken out of its entry; null when
  // there is none. `*from` moves on, so that repeated calls see each entry once. For the time when
  // inputs must wait and those who ask must not.
  Question* steal_question(uint64_t* from);

  uint64_t memory_bytes() const;

  static constexpr uint64_t kSlotBytes = 64;
  static constexpr uint64_t kEntrySlotsMax = 1024;

 private:
  // The first slot of an entry is its header; record, deps and prefixes follow in whole and lie
  // over the headers of the slots after it.
  struct alignas(kSlotBytes) Slot {
    uint64_t sequence;  // position + 1 of the entry that begins here and is published
    uint32_t slots;     // of the entry
    uint32_t kind;      // InputKind, or kQuestionKind
    uint32_t worker;
    uint32_t incarnation;
    uint32_t deps_count;
    uint32_t prefixes_count;
    uint32_t record_size;  // bytes
    uint32_t reserved;
    uint64_t user_data;  // of a question: its address, 0 once it was stolen
    uint64_t workflow;
    uint64_t call;
  };
  static_assert(sizeof(Slot) == kSlotBytes);

  static constexpr uint32_t kQuestionKind = 0;  // no InputKind has this value
  static constexpr uint64_t kClosedBit = uint64_t{1} << 63;

  Push claim(uint64_t slots, bool after_close, uint64_t* position);
  void publish(uint64_t position);
  bool published(uint64_t position) const;
  Slot& slot(uint64_t position) const { return slots_[position & mask_]; }

  uint64_t capacity_;  // slots
  uint64_t mask_;
  uint64_t entry_slots_max_;
  // One overhang long: an entry that begins near the end runs over it instead of being split.
  std::unique_ptr<Slot[]> slots_;

  // Producers' line: where the next claim begins (with kClosedBit), and a position that the
  // consumer had certainly reached, so that producers rarely look at the consumer's line.
  alignas(kSlotBytes) std::atomic<uint64_t> tail_{0};
  std::atomic<uint64_t> head_seen_{0};

  // Consumer's line.
  alignas(kSlotBytes) std::atomic<uint64_t> head_{0};
  uint64_t position_ = 0;  // what is taken; head_ follows it
  uint64_t released_ = 0;  // the value of head_
};

}  // namespace hexagent
