// Marks: the words in host memory by which a device tells how far a stream has come. One block for
// a whole transport, so that the watcher looks at all of them at once. Tests:
// tests/unit/transport/cuda/parts_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "transport/plugins/cuda_nccl/device_runtime.h"

namespace hexagent::transport {

// The device writes `sum` before `sequence`, with a fence that reaches us; so who reads `sequence`
// with acquire sees the sum that belongs to it.
inline uint64_t read_sequence(const Mark* mark) {
  auto* sequence = const_cast<uint64_t*>(&mark->sequence);
  return std::atomic_ref<uint64_t>(*sequence).load(std::memory_order_acquire);
}

class MarkTable {
 public:
  // Null when there is no memory.
  static std::unique_ptr<MarkTable> make(std::shared_ptr<DeviceRuntime> runtime, uint32_t count) {
    auto* marks = static_cast<Mark*>(runtime->allocate_pinned(count * sizeof(Mark)));
    if (marks == nullptr) return nullptr;
    return std::unique_ptr<MarkTable>(new MarkTable(std::move(runtime), marks, count));
  }
  ~MarkTable() { runtime_->release_pinned(marks_); }
  MarkTable(const MarkTable&) = delete;
  MarkTable& operator=(const MarkTable&) = delete;

  // A mark of nobody else's; null when all are taken. It goes back when no kernel can write it any
  // more. [any thread]
  Mark* take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return nullptr;
    Mark* mark = free_.back();
    free_.pop_back();
    // The watcher may be looking at it, as at all of them.
    std::atomic_ref<uint64_t>(mark->sequence).store(0, std::memory_order_relaxed);
    return mark;
  }
  void give_back(Mark* mark) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(mark);
  }
  // Changes whenever a device has come further. [any thread]
  uint64_t fingerprint() const {
    uint64_t all = 0;
    for (uint32_t at = 0; at < count_; ++at) all = all * 31 + read_sequence(&marks_[at]);
    return all;
  }

 private:
  MarkTable(std::shared_ptr<DeviceRuntime> runtime, Mark* marks, uint32_t count)
      : runtime_(std::move(runtime)), marks_(marks), count_(count) {
    for (uint32_t at = count; at > 0; --at) free_.push_back(&marks[at - 1]);
  }

  std::shared_ptr<DeviceRuntime> runtime_;
  Mark* marks_;
  uint32_t count_;
  std::mutex mutex_;
  std::vector<Mark*> free_;
};

}  // namespace hexagent::transport
