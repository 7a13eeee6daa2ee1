// Watcher: the thread that makes a device's progress readable at a descriptor. While something runs
// it looks at the marks, which are words of our own memory, every few microseconds; else it sleeps.
// A callback of the driver's at the end of each kernel would do without it, and costs several
// microseconds of the progress thread a launch. Tests: tests/unit/transport/cuda/parts_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "hexagent/transport.h"
#include "transport/plugins/cuda_nccl/mark_table.h"

namespace hexagent::transport {

class Watcher {
 public:
  explicit Watcher(std::shared_ptr<MarkTable> marks) : marks_(std::move(marks)) {}
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  hexagent_status start();  // HEXAGENT_OK or HEXAGENT_E_SYSTEM
  int32_t descriptor() const { return descriptor_; }

  // The descriptor is no longer readable. What the device does from now on makes it so again.
  void clear();
  // Makes it readable now: there is work that no mark will tell of.
  void signal() const;
  // Watch for marks; and, with `poll`, become readable every now and then in any case.
  void watch(bool marks, bool poll);

 private:
  void run();

  std::shared_ptr<MarkTable> marks_;
  int32_t descriptor_ = -1;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable news_;
  // Read by the thread without the mutex while it watches: the latest value is enough, and what
  // else changed with it is nothing that the thread reads.
  std::atomic<bool> marks_wanted_ = false;
  std::atomic<bool> poll_wanted_ = false;
  std::atomic<bool> ending_ = false;
};

}  // namespace hexagent::transport
