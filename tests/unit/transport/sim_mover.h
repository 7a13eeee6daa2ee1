// A mover in simulated time: one link out, one copier in, each doing its jobs one after the other
// at a given rate. Bytes move for real, at the latest moment that a real mover could: when the job
// ends. So a test sees every write that comes too late.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "transport/engine/mover.h"

namespace hexagent::transport {

inline constexpr int64_t kSimNever = INT64_MAX;

// Staging of all simulated workers by a number, as if it were shared memory.
struct SimMemory {
  std::map<uint64_t, std::shared_ptr<std::vector<unsigned char>>> regions;
  uint64_t next = 1;
  // When the bytes of a slot are there that were pushed into it last, where a link buffers.
  std::map<std::pair<const void*, uint32_t>, int64_t> arrivals;
};

class SimMover : public Mover {
 public:
  SimMover(const int64_t* now_ns, SimMemory* memory, uint32_t peers_max)
      : now_ns_(now_ns), memory_(memory), ends_(peers_max) {}

  double link_bytes_per_s = 10e9;
  double scatter_bytes_per_s = 40e9;
  int64_t setup_ns = 0;  // of each push
  // As sockets do: a push ends when it is packed, at this rate, and the link carries it afterwards.
  // 0 = it ends when it has arrived.
  double pack_bytes_per_s = 0.0;
  // Called when a job would end; may say how it ends instead. `staged` is the chunk's memory.
  std::function<hexagent_status(const MoveJob&, bool pushing, unsigned char* staged)> fault;
  uint64_t scattered = 0;
  // When each push begins, and of how many blocks its transfer is.
  std::vector<std::pair<int64_t, uint32_t>> begun;

  hexagent_status accepts(const hexagent_kv_pool&) const override { return HEXAGENT_OK; }
  hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                               unsigned char* address, size_t* size) override {
    const uint64_t id = memory_->next++;
    ends_[peer].own = std::make_shared<std::vector<unsigned char>>(size_t{slots} * slot_bytes);
    ends_[peer].own_slot_bytes = slot_bytes;
    memory_->regions[id] = ends_[peer].own;
    std::memcpy(address, &id, sizeof(id));
    *size = sizeof(id);
    return HEXAGENT_OK;
  }
  hexagent_status attach(uint32_t peer, uint32_t, uint32_t slot_bytes, const unsigned char* address,
                         size_t size) override {
    uint64_t id = 0;
    if (size != sizeof(id)) return HEXAGENT_E_ARGUMENT;
    std::memcpy(&id, address, sizeof(id));
    const auto found = memory_->regions.find(id);
    if (found == memory_->regions.end()) return HEXAGENT_E_SYSTEM;
    ends_[peer].other = found->second;
    ends_[peer].other_slot_bytes = slot_bytes;
    return HEXAGENT_OK;
  }
  void close_peer(uint32_t peer) override { ends_[peer] = {}; }

  void push(const MoveJob& job) override {
    const End& end = ends_[job.peer];
    const bool buffers = pack_bytes_per_s > 0.0;
    add(&pushes_, job, end.other, end.other_slot_bytes,
        buffers ? pack_bytes_per_s : link_bytes_per_s, buffers ? 0 : setup_ns);
    if (buffers) {
      link_free_ns_ = std::max(link_free_ns_, pushes_.back().end_ns) + setup_ns +
                      time_of(job.staged_bytes, link_bytes_per_s);
      memory_->arrivals[{end.other.get(), job.slot}] = link_free_ns_;
    }
    begun.emplace_back(pushes_.back().begin_ns, job.copy->block_count);
  }
  void scatter(const MoveJob& job) override {
    const End& end = ends_[job.peer];
    const auto there = memory_->arrivals.find({end.own.get(), job.slot});
    add(&scatters_, job, end.own, end.own_slot_bytes, scatter_bytes_per_s, 0,
        there == memory_->arrivals.end() ? 0 : there->second);
  }
  bool drop(uint64_t ticket) override {
    return drop_from(&pushes_, ticket) || drop_from(&scatters_, ticket);
  }
  void stop() override { stopped_ = true; }
  uint32_t run(uint32_t, MoveResult* results, uint32_t room) override {
    uint32_t count = 0;
    for (std::deque<Job>* jobs : {&pushes_, &scatters_}) {
      while (count < room && !jobs->empty() && (stopped_ || jobs->front().end_ns <= *now_ns_)) {
        results[count++] = finish(jobs->front(), jobs == &pushes_);
        jobs->pop_front();
      }
    }
    return count;
  }

  // When a job ends that runs; kSimNever when idle.
  int64_t next_end_ns() const {
    int64_t next = kSimNever;
    if (!pushes_.empty()) next = pushes_.front().end_ns;
    if (!scatters_.empty()) next = std::min(next, scatters_.front().end_ns);
    return next;
  }

 private:
  using Region = std::shared_ptr<std::vector<unsigned char>>;
  struct End {
    Region own;
    Region other;
    uint32_t own_slot_bytes = 0;
    uint32_t other_slot_bytes = 0;
  };
  struct Job {
    MoveJob job;
    Region region;  // kept, as a late write needs memory that is nobody else's
    uint32_t slot_bytes;
    int64_t begin_ns;
    int64_t end_ns;
  };

  static int64_t time_of(uint64_t bytes, double rate) {
    return static_cast<int64_t>(static_cast<double>(bytes) / rate * 1e9);
  }
  void add(std::deque<Job>* jobs, const MoveJob& job, const Region& region, uint32_t slot_bytes,
           double rate, int64_t setup, int64_t earliest_ns = 0) {
    int64_t begin = std::max(*now_ns_, earliest_ns);
    if (!jobs->empty()) begin = std::max(begin, jobs->back().end_ns);
    const int64_t end = begin + setup + time_of(job.staged_bytes, rate);
    jobs->push_back({job, region, slot_bytes, begin, end});
  }
  bool drop_from(std::deque<Job>* jobs, uint64_t ticket) const {
    for (auto at = jobs->begin(); at != jobs->end(); ++at) {
      if (at->job.ticket != ticket) continue;
      if (at->begin_ns <= *now_ns_ && at == jobs->begin()) return false;
      jobs->erase(at);
      return true;
    }
    return false;
  }
  MoveResult finish(const Job& job, bool pushing) {
    unsigned char* staged = job.region->data() + size_t{job.job.slot} * job.slot_bytes;
    const Chunk chunk = {job.job.copy, job.job.first_fragment, job.job.fragment_count, staged};
    MoveResult result = {job.job.ticket, HEXAGENT_OK, 0};
    if (pushing) result.sum = gather(portable_kernels(), chunk, job.job.sum, Store::kCached);
    if (fault) result.status = fault(job.job, pushing, staged);
    if (!pushing) {
      result.sum = scatter_now(chunk, job.job.sum);
      ++scattered;
    }
    return result;
  }
  static uint64_t scatter_now(const Chunk& chunk, SumOption sum) {
    return hexagent::transport::scatter(portable_kernels(), chunk, sum, Store::kCached);
  }

  const int64_t* now_ns_;
  SimMemory* memory_;
  std::vector<End> ends_;
  std::deque<Job> pushes_;
  std::deque<Job> scatters_;
  int64_t link_free_ns_ = 0;
  bool stopped_ = false;
};

}  // namespace hexagent::transport
