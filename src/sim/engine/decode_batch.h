// The sequences of one decode batch. Every iteration adds one token to each, so a sequence is
// stored by what does not change (context minus iteration number, iteration of its end) and an
// iteration costs O(1) however large the batch is. Which iteration takes how many new KV blocks
// follows from counting sequences by context modulo the block size. Sequences are named by the
// slots of the engine that owns the batch. Tests: tests/unit/sim/engine/decode_batch_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace hexagent::sim {

class DecodeBatch {
 public:
  explicit DecodeBatch(int64_t block_tokens);

  // Joins before the next iteration with `context_tokens` of KV and that many tokens to generate.
  void add(int32_t slot, int64_t context_tokens, int64_t remaining_tokens);
  // Leaves the batch; returns its context at the last completed iteration.
  int64_t remove(int32_t slot);
  void clear();

  int32_t size() const { return size_; }
  // Sum of contexts at the last completed iteration.
  int64_t context_sum() const { return context_sum_; }
  int64_t context_tokens(int32_t slot) const;
  // Iterations until the first sequence ends; the largest int64 when the batch is empty.
  int64_t iterations_to_finish();
  // New blocks that the iteration after `ahead` more completed ones will take.
  int64_t growth_blocks(int64_t ahead) const {
    return by_phase_[static_cast<size_t>(phase_of(-(iteration_ + ahead)))];
  }

  void step() {
    ++iteration_;
    context_sum_ += size_;
  }

  // Takes out one sequence that has generated all its tokens, by order of admission; -1 when none.
  int32_t pop_finished();
  // The sequence admitted last, -1 when the batch is empty.
  int32_t latest();

 private:
  struct Member {
    int64_t base = 0;  // context minus iteration number
    int64_t finish_iteration = 0;
    uint64_t admission = 0;  // 0: not in the batch
  };
  struct Ending {
    int64_t iteration;
    uint64_t admission;
    int32_t slot;
  };
  struct Admission {
    uint64_t admission;
    int32_t slot;
  };
  static bool ends_later(const Ending& a, const Ending& b) {
    return a.iteration != b.iteration ? a.iteration > b.iteration : a.admission > b.admission;
  }

  int64_t phase_of(int64_t value) const {
    const int64_t remainder = value % block_tokens_;
    return remainder < 0 ? remainder + block_tokens_ : remainder;
  }
  bool is_current(int32_t slot, uint64_t admission) const {
    return members_[static_cast<size_t>(slot)].admission == admission;
  }
  void drop_stale_endings();

  int64_t block_tokens_;
  int64_t iteration_ = 0;
  int64_t context_sum_ = 0;
  int32_t size_ = 0;
  uint64_t last_admission_ = 0;
  std::vector<Member> members_;        // by slot
  std::vector<int64_t> by_phase_;      // sequences by base modulo block size
  std::vector<Ending> endings_;        // heap, earliest first; may hold entries of those that left
  std::vector<Admission> admissions_;  // by admission; may hold entries of those that left
};

}  // namespace hexagent::sim
