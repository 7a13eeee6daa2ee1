// Device memory that lives as long as somebody uses it: a peer's record, a job under way, a
// communicator that has not died yet. Then it goes to the reaper, since a peer that was lent it may
// still write it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "transport/plugins/cuda_nccl/device_runtime.h"

namespace hexagent::transport {

class DeviceMemory {
 public:
  enum class Kind {
    kOwn,       // of allocate()
    kImported,  // of import_memory()
    kBorrowed   // another transport's, in this process
  };
  using ReleaseLater = std::function<void(std::function<void()>)>;

  DeviceMemory(std::shared_ptr<DeviceRuntime> runtime, ReleaseLater later, void* memory, Kind kind)
      : runtime_(std::move(runtime)),
        later_(std::move(later)),
        memory_(static_cast<unsigned char*>(memory)),
        kind_(kind) {}
  ~DeviceMemory() {
    if (kind_ == Kind::kBorrowed) return;
    later_([runtime = runtime_, memory = memory_, kind = kind_] {
      if (kind == Kind::kOwn) runtime->release(memory);
      if (kind == Kind::kImported) runtime->release_import(memory);
    });
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  unsigned char* at(uint64_t offset) const { return memory_ + offset; }

 private:
  std::shared_ptr<DeviceRuntime> runtime_;
  ReleaseLater later_;
  unsigned char* memory_;
  Kind kind_;
};

}  // namespace hexagent::transport
