// One end of a transfer between two threads of the benchmark: a transport, the messages that came
// for it, and what its thread does in a turn. As an endpoint drives one: a copy, then a look at
// what came. What is measured at a moment that the transport does not choose is done by at().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "hexagent/transport.h"
#include "tool/bench_transport.h"

namespace hexagent::tool {

class BenchEnd {
 public:
  BenchEnd();
  ~BenchEnd();
  BenchEnd(const BenchEnd&) = delete;
  BenchEnd& operator=(const BenchEnd&) = delete;

  // `options` may be null; `to` is the other end, of worker 3 - `worker`.
  void open(const hexagent_transport_ops* ops, uint32_t worker, const char* options, BenchEnd* to);

  // One turn of the end's loop, by its thread; sleeps a millisecond at most when idle. `budget` as
  // for progress().
  void turn(uint32_t budget);

  // [any thread] Has the end's thread do something, not before `when_ns` and not while the
  // transport copies. One thing at a time: wait for at_done() before the next.
  void at(int64_t when_ns, std::function<void()> action);
  bool at_done() const { return due_ns_.load(std::memory_order_acquire) == kNever; }

  const hexagent_transport_ops* ops = nullptr;
  hexagent_transport* transport = nullptr;
  // Called by the end's thread, for every event and every message that is sent; may be empty.
  std::function<void(const hexagent_transfer_event&)> on_event;
  std::function<void(const void*, size_t)> on_message;
  std::atomic<uint32_t> ups{0};
  std::atomic<uint32_t> quiesced{0};
  std::atomic<uint32_t> done{0};

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  static hexagent_status post_event(void* context, const hexagent_transfer_event* event);
  static hexagent_status send_control(void* context, uint32_t worker, const void* message,
                                      size_t size);
  void wake() const;
  void do_what_is_due();
  void rest();

  BenchEnd* other_ = nullptr;
  uint32_t other_worker_ = 0;
  int wake_;
  std::mutex mutex_;
  std::vector<std::vector<unsigned char>> inbox_;
  std::function<void()> action_;  // belongs to the end's thread from at() until at_done()
  std::atomic<int64_t> due_ns_{kNever};
};

// Source (worker 1), driven by the caller, and target (worker 2) with a thread of its own; a pool
// of as many blocks at each.
class BenchPair {
 public:
  static constexpr uint32_t kFragment = 16384;
  static constexpr uint32_t kRegions = 32;
  static constexpr size_t kBlockBytes = size_t{kFragment} * kRegions;
  static constexpr uint32_t kCopiesPerTurn = 2;  // as in src/endpoint/transport_port.cc

  // `options` may be null.
  BenchPair(const hexagent_transport_ops* ops, const char* options, uint32_t blocks);

  // Turns the source until `reached`; throws after a minute.
  void until(const std::function<bool()>& reached);
  // The target keeps the first `blocks` of the ids for a transfer; its token.
  uint64_t reserve(uint32_t blocks);
  // A transfer of them, to be filled in; it points into the pair.
  hexagent_kv_transfer describe(uint32_t blocks, uint64_t token) const;
  // By the source's thread.
  uint64_t submit(const hexagent_kv_transfer& transfer);
  // Until as many of the source's and of the target's have quiesced since the pair was made.
  void until_quiesced(uint32_t count);

  BenchEnd source;
  BenchEnd target;

 private:
  hexagent_kv_blocks blocks_of(uint64_t pool, uint32_t count) const;

  std::vector<int32_t> ids_;
  BenchMemory memory_[2];
  uint64_t give_ = 0;
  uint64_t take_ = 0;
  std::jthread target_thread_;  // the last, so that it ends before what it uses
};

}  // namespace hexagent::tool
