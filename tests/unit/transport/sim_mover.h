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
};

class SimMover : public Mover {
 public:
  SimMover(const int64_t* now_ns, SimMemory* memory, uint32_t peers_max)
      : now_ns_(now_ns), memory_(memory), ends_(peers_max) {}

  double link_bytes_per_s = 10e9;
  double scatter_bytes_per_s = 40e9;
  int64_t setup_ns = 0;  // of each push
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
    add(&pushes_, job, end.other, end.other_slot_bytes, link_bytes_per_s, setup_ns);
    begun.emplace_back(pushes_.back().begin_ns, job.copy->block_count);
  }
  void scatter(const MoveJob& job) override {
    const End& end = ends_[job.peer];
    add(&scatters_, job, end.own, end.own_slot_bytes, scatter_bytes_per_s, 0);
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

  void add(std::deque<Job>* jobs, const MoveJob& job, const Region& region, uint32_t slot_bytes,
           double rate, int64_t setup) {
    const int64_t begin = jobs->empty() ? *now_ns_ : std::max(*now_ns_, jobs->back().end_ns);
    const auto took = static_cast<int64_t>(static_cast<double>(job.staged_bytes) / rate * 1e9);
    jobs->push_back({job, region, slot_bytes, begin, begin + setup + took});
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
  bool stopped_ = false;
};

}  // namespace hexagent::transport
