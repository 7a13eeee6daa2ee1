// NcclLink: one communicator of two, in which one end only sends and the other only receives.
//
// Two-sided calls of NCCL have to meet, and a kernel that waits for its counterpart holds a
// multiprocessor. So both ends enqueue the same operations in the same order, and only when the
// counterpart has promised to: see cuda_mover.h. The first operation of all is 16 bytes that nobody
// reads: NCCL makes its connections when first used, which is not to count as a chunk's time.
// Traffic the other way has a communicator of its own; in a common one, sends that cross would wait
// for each other for ever.
//
// Calls never block. After one that answers "in progress" nothing may be enqueued in the stream,
// since the kernel is not in it yet; run() asks until it is. NCCL has no time-outs; here a
// connection and each operation have one. Tests: tests/unit/transport/cuda/cuda_faults_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "transport/plugins/cuda_nccl/nccl_api.h"
#include "transport/plugins/cuda_nccl/reaper.h"

namespace hexagent::transport {

struct LinkOperation {
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint64_t bytes = 0;
  unsigned char* memory = nullptr;
};

struct LinkSettings {
  int32_t ctas_max = 8;
  int64_t connect_ns = 30'000'000'000;  // communicators of large machines take seconds
  int64_t operation_ns = 2'000'000'000;
};

class NcclLink {
 public:
  enum class Side { kReceiver, kSender };  // and rank

  // `stream`, `mark` and `memory` go with the communicator when that dies.
  NcclLink(const NcclApi& api, DeviceRuntime* runtime, const LinkSettings& settings, Side side,
           const NcclId& id);
  NcclLink(const NcclLink&) = delete;
  NcclLink& operator=(const NcclLink&) = delete;

  // Begins to connect; false: there is no stream or mark, or NCCL refuses.
  bool start(MarkTable* marks, std::shared_ptr<DeviceMemory> memory, int64_t now_ns);
  bool ready() const { return warm_ && !broken(); }
  bool broken() const { return state_ == State::kBroken; }
  // Something that no mark will tell is being waited for.
  bool wants_polling() const { return state_ == State::kConnecting || state_ == State::kEnqueuing; }
  bool idle() const { return operations_.empty(); }

  // False: more than can be under way; the link is broken.
  bool add(const LinkOperation& operation);
  void run(int64_t now_ns);
  // The next operation that is done, in order.
  bool take_done(LinkOperation* out);

  // For the reaper; nothing but the destructor may follow.
  DeadLink take_dead();

 private:
  enum class State { kNew, kConnecting, kIdle, kEnqueuing, kBroken };
  struct Entry {
    LinkOperation operation;
    uint64_t sequence;  // 0 = not enqueued
  };

  bool settled(int64_t now_ns);
  bool first_done() const;
  void enqueue_next(int64_t now_ns);
  void mark_enqueued();
  void watch(int64_t now_ns);

  NcclApi api_;
  DeviceRuntime* runtime_;
  LinkSettings settings_;
  Side side_;
  NcclId id_;
  State state_ = State::kNew;
  DeadLink parts_;
  std::vector<Entry> operations_;  // in order
  uint32_t enqueued_ = 0;          // of them, from the front
  uint64_t last_sequence_ = 0;
  int64_t deadline_ns_ = 0;  // of the connection, or of the first operation
  int64_t asked_ns_ = 0;
  bool warm_ = false;
};

}  // namespace hexagent::transport
