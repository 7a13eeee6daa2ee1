// Reaper: the thread on which communicators die. Ending one can take long, or, with a peer that is
// stuck, for ever; nobody else waits for that. Memory that a peer can still reach is freed here,
// too, some time after it was given up.
//
// Communicators that are to die together are all revoked before the first is aborted: an abort
// frees device memory, which waits for the kernels of the others. Tests:
// tests/unit/transport/cuda/cuda_faults_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "transport/plugins/cuda_nccl/device_runtime.h"
#include "transport/plugins/cuda_nccl/mark_table.h"
#include "transport/plugins/cuda_nccl/nccl_api.h"

namespace hexagent::transport {

class DeviceMemory;

// A communicator with what its kernels may still use.
struct DeadLink {
  NcclComm comm = nullptr;
  DeviceStream stream = nullptr;
  Mark* mark = nullptr;
  std::shared_ptr<DeviceMemory> memory;
};

class Reaper {
 public:
  // `close_ns`: how long the destructor waits for what is left.
  Reaper(std::shared_ptr<DeviceRuntime> runtime, std::shared_ptr<MarkTable> marks,
         const NcclApi& api, int64_t linger_ns, int64_t close_ns);
  // What is not done by then goes on by itself, and what it needs stays.
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  void bury(DeadLink link);
  // A function that has its argument called when the linger is over. It may outlive the reaper.
  // [any thread]
  std::function<void(std::function<void()>)> releaser() const;
  // For tests: nothing is left.
  bool idle() const;

 private:
  struct Work;

  std::shared_ptr<Work> work_;
};

}  // namespace hexagent::transport
