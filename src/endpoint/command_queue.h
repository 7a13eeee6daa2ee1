// CommandQueue: what the engine wants, on its way to the endpoint's thread; bounded.
// Tests: tests/unit/endpoint/endpoint_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "hexagent/endpoint.h"
#include "runtime/question.h"

namespace hexagent::endpoint {

struct Command {
  enum class Kind { kReserve, kSend, kRefuse, kLayersReady, kQuestion };

  Kind kind = Kind::kQuestion;
  uint64_t transfer = 0;
  hexagent_kv_blocks blocks = {};  // its ids are those below
  std::vector<int32_t> ids;
  uint32_t flags = 0;
  uint32_t layers = 0;
  void* event = nullptr;
  hexagent_status status = HEXAGENT_OK;
  Question* question = nullptr;
};

class CommandQueue {
 public:
  explicit CommandQueue(uint32_t capacity) : capacity_(capacity) {}

  // [any thread] False when there is no room, or all is over. May throw std::bad_alloc.
  bool push(Command&& command) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_ || commands_.size() >= capacity_) return false;
    commands_.push_back(std::move(command));
    return true;
  }

  // [endpoint's thread]
  bool pop(Command* command) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (commands_.empty()) return false;
    *command = std::move(commands_.front());
    commands_.pop_front();
    return true;
  }

  // [endpoint's thread] Nothing is taken from now on; what waits is still handed out.
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }

 private:
  std::mutex mutex_;
  std::deque<Command> commands_;
  const uint32_t capacity_;
  bool closed_ = false;
};

}  // namespace hexagent::endpoint
