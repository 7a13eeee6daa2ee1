// Copy lanes: streams in which pack and unpack kernels run side by side, each with the memory that
// one launch needs. Tests: tests/unit/transport/cuda/cuda_mover_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "transport/copy/gather.h"
#include "transport/plugins/cuda_nccl/mark_table.h"

namespace hexagent::transport {

struct LaneResult {
  uint64_t ticket = 0;
  hexagent_status status = HEXAGENT_OK;
  uint64_t sum = 0;
};

class CopyLanes {
 public:
  CopyLanes(std::shared_ptr<DeviceRuntime> runtime, std::shared_ptr<MarkTable> marks,
            uint32_t blocks_max);
  ~CopyLanes();
  CopyLanes(const CopyLanes&) = delete;
  CopyLanes& operator=(const CopyLanes&) = delete;

  // HEXAGENT_OK or HEXAGENT_E_NO_MEMORY.
  hexagent_status open(uint32_t count);

  bool has_room() const { return free_count_ > 0; }
  bool busy() const { return free_count_ < lanes_.size(); }
  // Launches a copy; there is room. The lists of the chunk are read during the call only.
  // HEXAGENT_OK, _NO_MEMORY, _RANGE (no chunk that a slot could hold) or _SYSTEM.
  hexagent_status start(uint64_t ticket, const Chunk& chunk, SumOption sum, bool pack,
                        int64_t now_ns);
  // One that has ended; all of them, failed, once the device has.
  bool take_done(int64_t now_ns, LaneResult* out);

 private:
  struct Lane {
    DeviceStream stream = nullptr;
    Mark* mark = nullptr;
    CopyCounters* counters = nullptr;
    unsigned char* lists = nullptr;         // on the device
    unsigned char* pinned_lists = nullptr;  // where they are uploaded from
    size_t lists_bytes = 0;
    uint64_t sequence = 0;
    uint64_t ticket = 0;
    bool used = false;
    int64_t begin_ns = 0;
  };

  bool make_room(Lane* lane, size_t bytes);
  hexagent_status upload_lists(Lane* lane, const Chunk& chunk, CopyPlan* plan);

  std::shared_ptr<DeviceRuntime> runtime_;
  std::shared_ptr<MarkTable> marks_;
  uint32_t blocks_max_;
  std::vector<Lane> lanes_;
  size_t free_count_ = 0;
  int64_t asked_ns_ = 0;
};

}  // namespace hexagent::transport
