// A device made of host memory. Streams hold closures that are tried until they succeed; each time
// the mover or a test turns to the device, all streams go on as far as they can. A test may hold
// the device back, so that kernels stay under way, or break it.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "transport/plugins/cuda_nccl/mark_table.h"
#include "unit/transport/cuda/host_kernel.h"

namespace hexagent::transport {

class FakeDevice : public DeviceRuntime {
 public:
  using Operation = std::function<bool()>;  // true: done
  struct Stream {
    FakeDevice* device;
    std::deque<Operation> operations;
  };

  explicit FakeDevice(unsigned char number = 1) : number_(number) {}
  ~FakeDevice() override {
    for (const auto& [memory, bytes] : memory_) std::free(memory);
    for (void* memory : pinned_) std::free(memory);
  }

  // -- for tests
  void hold(bool held) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    held_ = held;
  }
  void break_down() {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    broken_ = true;
  }
  // Memory of a test's pool counts as the device's.
  void adopt(const void* memory, size_t bytes) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    adopted_[reinterpret_cast<uintptr_t>(memory)] = bytes;
  }
  void turn() {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (held_ || broken_) return;
    for (bool busy = true; busy;) {
      busy = false;
      for (const auto& stream : streams_) {
        while (!stream->operations.empty() && stream->operations.front()()) {
          stream->operations.pop_front();
          busy = true;
        }
      }
    }
  }
  size_t live_memory() {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    return memory_.size();
  }
  size_t live_streams() {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    return streams_.size();
  }
  size_t live_imports() {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    return imports_;
  }
  uint32_t copies = 0;              // launched
  uint32_t hold_at = ~0u;           // holds the device back as soon as so many are
  uint32_t allocations_left = ~0u;  // then there is no memory
  bool can_export = true;
  bool can_import = true;

  // -- DeviceRuntime
  int32_t enter() override {
    turn();
    return 7;
  }
  void leave(int32_t before) override {
    if (before != 7) std::abort();
  }
  void uuid(unsigned char* out) const override { std::memset(out, number_, kDeviceUuidBytes); }
  bool owns(uint64_t address) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    for (const auto& [memory, bytes] : adopted_) {
      if (address >= memory && address < memory + bytes) return true;
    }
    // A device knows memory of its number, whichever runtime of the process took it.
    return known_memory(address, number_);
  }
  hexagent_status health() override {
    turn();
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    return broken_ ? HEXAGENT_E_SYSTEM : HEXAGENT_OK;
  }
  void* allocate(size_t bytes) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (allocations_left == 0) return nullptr;
    --allocations_left;
    constexpr size_t kPage = 512;
    void* memory = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
    std::memset(memory, 0, bytes);
    memory_[memory] = bytes;
    note_memory(number_, memory, bytes);
    return memory;
  }
  void release(void* memory) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (memory_.erase(memory) != 1) std::abort();
    note_memory(number_, memory, 0);
    std::free(memory);
  }
  void* allocate_pinned(size_t bytes) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    pinned_.push_back(std::calloc(1, bytes));
    return pinned_.back();
  }
  void release_pinned(void* memory) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (std::erase(pinned_, memory) != 1) std::abort();
    std::free(memory);
  }
  bool export_memory(void* memory, unsigned char* handle) override {
    std::memset(handle, 0, kIpcHandleBytes);
    std::memcpy(handle, &memory, sizeof(memory));
    return can_export;
  }
  void* import_memory(const unsigned char* handle) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (!can_import) return nullptr;
    void* memory = nullptr;
    std::memcpy(&memory, handle, sizeof(memory));
    ++imports_;
    return memory;
  }
  void release_import(void*) override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    --imports_;
  }
  DeviceStream make_stream() override {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    streams_.push_back(std::make_unique<Stream>(Stream{this, {}}));
    return streams_.back().get();
  }
  void release_stream(DeviceStream stream) override {
    turn();
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    std::erase_if(streams_, [stream](const auto& each) { return each.get() == stream; });
  }
  // An event is a test's atomic flag.
  hexagent_status event_state(void* event) override {
    return static_cast<std::atomic<bool>*>(event)->load() ? HEXAGENT_OK : HEXAGENT_E_AGAIN;
  }
  hexagent_status upload(void* to, const void* from, size_t bytes, DeviceStream stream) override {
    return enqueue(stream, [to, from, bytes] {
      std::memcpy(to, from, bytes);
      return true;
    });
  }
  hexagent_status launch_copy(const CopyLaunch& launch, DeviceStream stream) override {
    if (++copies == hold_at) hold(true);
    return enqueue(stream, [launch] {
      const uint64_t sum = run_kernel(launch.plan, launch.pack, kWarpLanes * launch.blocks);
      if (launch.counters->sum != 0 || launch.counters->blocks != 0) std::abort();
      write_mark(launch.mark, sum, launch.sequence);
      return true;
    });
  }
  hexagent_status launch_mark(Mark* mark, uint64_t sequence, DeviceStream stream) override {
    return enqueue(stream, [mark, sequence] {
      write_mark(mark, 0, sequence);
      return true;
    });
  }
  hexagent_status enqueue(DeviceStream stream, Operation operation) {
    const std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (broken_) return HEXAGENT_E_SYSTEM;
    static_cast<Stream*>(stream)->operations.push_back(std::move(operation));
    return HEXAGENT_OK;
  }

 private:
  static void write_mark(Mark* mark, uint64_t sum, uint64_t sequence) {
    mark->sum = sum;
    std::atomic_ref<uint64_t>(mark->sequence).store(sequence, std::memory_order_release);
  }
  // What is allocated on all devices of the process.
  struct Everything {
    std::mutex mutex;
    std::map<std::pair<unsigned char, uintptr_t>, size_t> bytes;
  };
  static Everything& everything() {
    static Everything all;
    return all;
  }
  static void note_memory(unsigned char number, void* memory, size_t bytes) {
    const std::lock_guard<std::mutex> lock(everything().mutex);
    const std::pair<unsigned char, uintptr_t> key = {number, reinterpret_cast<uintptr_t>(memory)};
    if (bytes != 0) {
      everything().bytes[key] = bytes;
    } else {
      everything().bytes.erase(key);
    }
  }
  static bool known_memory(uint64_t address, unsigned char number) {
    const std::lock_guard<std::mutex> lock(everything().mutex);
    for (const auto& [key, bytes] : everything().bytes) {
      if (key.first == number && address >= key.second && address < key.second + bytes) return true;
    }
    return false;
  }

  unsigned char number_;
  std::recursive_mutex mutex_;
  bool held_ = false;
  bool broken_ = false;
  std::map<void*, size_t> memory_;
  std::map<uintptr_t, size_t> adopted_;
  std::vector<void*> pinned_;
  size_t imports_ = 0;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace hexagent::transport
