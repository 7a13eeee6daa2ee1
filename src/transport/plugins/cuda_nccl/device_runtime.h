// DeviceRuntime: the seam to a device. What the mover asks of CUDA, and nothing else, so that tests
// run its state machine on a device made of host memory. Streams and events are opaque: NCCL and
// the engine's own CUDA code use the same ones.
//
// All calls are for one device. The real one is cuda_runtime.cu, the other
// tests/unit/transport/cuda/fake_device.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hexagent/transport.h"
#include "transport/plugins/cuda_nccl/copy_plan.h"

namespace hexagent::transport {

using DeviceStream = void*;

// What a device writes into host memory when it has come to a point in a stream. `sequence` is
// written last, and never falls.
struct Mark {
  uint64_t sum;
  uint64_t sequence;
};

// Where a kernel counts its blocks, in device memory, zero before and after.
struct CopyCounters {
  uint64_t sum;
  uint64_t blocks;
};

struct CopyLaunch {
  CopyPlan plan;  // its lists and its chunk in memory of the device
  bool pack = false;
  uint32_t blocks = 1;  // of 256 threads
  CopyCounters* counters = nullptr;
  Mark* mark = nullptr;
  uint64_t sequence = 0;
};

inline constexpr size_t kIpcHandleBytes = 64;
inline constexpr size_t kDeviceUuidBytes = 16;

class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;

  // The thread's current device becomes ours; the answer is for leave(), which puts back what was.
  virtual int32_t enter() = 0;
  virtual void leave(int32_t before) = 0;

  virtual void uuid(unsigned char* out) const = 0;
  // Is this an address of memory on our device?
  virtual bool owns(uint64_t address) = 0;
  // HEXAGENT_OK, or HEXAGENT_E_SYSTEM: the device or its driver failed for good; nothing runs any
  // more that was launched.
  virtual hexagent_status health() = 0;

  virtual void* allocate(size_t bytes) = 0;  // zeroed; null when there is none
  virtual void release(void* memory) = 0;
  // Host memory that the device writes by the same address.
  virtual void* allocate_pinned(size_t bytes) = 0;  // zeroed
  virtual void release_pinned(void* memory) = 0;

  // Memory of allocate() for another process of this machine, and such memory here; null: it cannot
  // be had.
  virtual bool export_memory(void* memory, unsigned char* handle) = 0;
  virtual void* import_memory(const unsigned char* handle) = 0;
  virtual void release_import(void* memory) = 0;

  virtual DeviceStream make_stream() = 0;  // null when there is none
  // When all in it is done: no mark of it is written after that. May block for as long.
  virtual void release_stream(DeviceStream stream) = 0;

  // HEXAGENT_OK: what was before the event is done; HEXAGENT_E_AGAIN: not yet.
  virtual hexagent_status event_state(void* event) = 0;

  // In the order of the stream; HEXAGENT_OK or HEXAGENT_E_SYSTEM. `from` is pinned and stays.
  virtual hexagent_status upload(void* to, const void* from, size_t bytes, DeviceStream stream) = 0;
  virtual hexagent_status launch_copy(const CopyLaunch& launch, DeviceStream stream) = 0;
  virtual hexagent_status launch_mark(Mark* mark, uint64_t sequence, DeviceStream stream) = 0;
};

// Our device is the thread's current one while this lives.
class DeviceScope {
 public:
  explicit DeviceScope(DeviceRuntime* runtime) : runtime_(runtime), before_(runtime->enter()) {}
  ~DeviceScope() { runtime_->leave(before_); }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  DeviceRuntime* runtime_;
  int32_t before_;
};

}  // namespace hexagent::transport
