// KvLedger: the KV cache of one worker as a promise: capacity, blocks reserved for our calls, and
// what others use (foreign, from heartbeats). Nothing is reserved unless reserved + foreign stay
// within capacity; foreign may rise later, then nothing fits until it falls (DESIGN section 5).
// Tests: tests/unit/core/cluster/kv_ledger_test.cc.
#pragma once

#include <cstdint>

#include "core/base/check.h"

namespace hexagent {

class KvLedger {
 public:
  KvLedger() = default;
  KvLedger(uint64_t capacity_tokens, uint32_t block_tokens)
      : block_tokens_(block_tokens), capacity_blocks_(capacity_tokens / block_tokens) {}

  uint64_t blocks_for(uint64_t tokens) const {
    return (tokens + block_tokens_ - 1) / block_tokens_;
  }
  bool fits(uint64_t tokens) const {
    return reserved_blocks_ + foreign_blocks_ + blocks_for(tokens) <= capacity_blocks_;
  }

  // Takes whole blocks for this many tokens; they must fit. Returns their number, for release().
  uint32_t reserve(uint64_t tokens) {
    HEXAGENT_CHECK(fits(tokens));
    const uint64_t blocks = blocks_for(tokens);
    reserved_blocks_ += blocks;
    return static_cast<uint32_t>(blocks);
  }
  void release(uint32_t blocks) {
    HEXAGENT_CHECK(blocks <= reserved_blocks_);
    reserved_blocks_ -= blocks;
  }

  void set_foreign(uint64_t tokens) { foreign_blocks_ = blocks_for(tokens); }

  // What the calls hold together, where a snapshot brought them back.
  void set_reserved(uint64_t blocks) {
    HEXAGENT_CHECK(blocks <= capacity_blocks_);
    reserved_blocks_ = blocks;
  }

  uint64_t free_tokens() const {
    const uint64_t used = reserved_blocks_ + foreign_blocks_;
    return used >= capacity_blocks_ ? 0 : (capacity_blocks_ - used) * block_tokens_;
  }
  uint64_t reserved_tokens() const { return reserved_blocks_ * block_tokens_; }
  uint64_t foreign_blocks() const { return foreign_blocks_; }
  uint64_t foreign_tokens() const { return foreign_blocks_ * block_tokens_; }
  uint64_t capacity_tokens() const { return capacity_blocks_ * block_tokens_; }

 private:
  uint32_t block_tokens_ = 16;
  uint64_t capacity_blocks_ = 0;
  uint64_t reserved_blocks_ = 0;
  uint64_t foreign_blocks_ = 0;
};

}  // namespace hexagent
