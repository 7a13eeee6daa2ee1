// BlockUse: which blocks of which pool are in use by transfers. Blocks that are to be written
// belong to one transfer alone; blocks that are read may be shared, as prefixes are. An engine that
// hands out a block twice would otherwise find out by wrong tokens.
// Tests: tests/unit/endpoint/endpoint_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "hexagent/transport.h"

namespace hexagent::endpoint {

class BlockUse {
 public:
  void add_pool(uint64_t pool, uint32_t block_count) { pools_[pool].assign(block_count, 0); }
  void remove_pool(uint64_t pool) { pools_.erase(pool); }

  // HEXAGENT_OK; HEXAGENT_E_STALE (no such pool), HEXAGENT_E_RANGE (no such block),
  // HEXAGENT_E_DUPLICATE (in use); then nothing is claimed.
  hexagent_status claim(uint64_t pool, const std::vector<int32_t>& ids, bool writes) {
    const auto found = pools_.find(pool);
    if (found == pools_.end()) return HEXAGENT_E_STALE;
    std::vector<int32_t>& uses = found->second;
    for (const int32_t id : ids) {
      if (id < 0 || static_cast<uint64_t>(id) >= uses.size()) return HEXAGENT_E_RANGE;
    }
    for (size_t at = 0; at < ids.size(); ++at) {
      int32_t& use = uses[static_cast<size_t>(ids[at])];
      if (writes ? use != 0 : use == kWritten) {
        release_first(&uses, ids, at, writes);
        return HEXAGENT_E_DUPLICATE;
      }
      use = writes ? kWritten : use + 1;
    }
    return HEXAGENT_OK;
  }

  // What claim() has granted.
  void release(uint64_t pool, const std::vector<int32_t>& ids, bool writes) {
    const auto found = pools_.find(pool);
    if (found != pools_.end()) release_first(&found->second, ids, ids.size(), writes);
  }

 private:
  static constexpr int32_t kWritten = -1;  // otherwise the number of readers

  static void release_first(std::vector<int32_t>* uses, const std::vector<int32_t>& ids,
                            size_t count, bool writes) {
    for (size_t at = 0; at < count; ++at) {
      int32_t& use = (*uses)[static_cast<size_t>(ids[at])];
      use = writes ? 0 : use - 1;
    }
  }

  std::map<uint64_t, std::vector<int32_t>> pools_;
};

}  // namespace hexagent::endpoint
