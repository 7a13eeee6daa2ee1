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
  // What lies in the source's own blocks, by slot.
  struct Loan {
    MoveJob job;
    int64_t read_from_ns = kSimNever;  // when the target's read begins
    hexagent_status taken_back = HEXAGENT_OK;
  };
  std::map<std::pair<const void*, uint32_t>, Loan> loans;
  Loan* find_loan(const void* region, uint32_t slot, uint32_t generation) {
    const auto found = loans.find({region, slot});
    if (found == loans.end() || found->second.job.slot_generation != generation) return nullptr;
    return &found->second;
  }
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
  // Says of each transfer whether the target reads it where it lies: as late as it can.
  std::function<bool()> lend;
  bool settles = true;  // false: nothing is announced yet
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
  void close_peer(uint32_t peer) override {
    for (auto& [place, loan] : memory_->loans) {
      if (place.first == ends_[peer].other.get()) loan.taken_back = HEXAGENT_E_PEER;
    }
    ends_[peer] = {};
  }
  bool settled(uint32_t) const override { return settles; }
  bool lends(uint32_t, const KvCopy&, bool) override { return lend && lend(); }
  bool take_back(uint32_t peer, uint32_t slot, uint32_t generation, hexagent_status why) override {
    SimMemory::Loan* loan = memory_->find_loan(ends_[peer].other.get(), slot, generation);
    if (loan == nullptr) return true;
    if (loan->read_from_ns <= *now_ns_) return false;
    loan->taken_back = why;
    return true;
  }

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
    SimMemory::Loan* loan = memory_->find_loan(end.own.get(), job.slot, job.slot_generation);
    if (loan != nullptr) loan->read_from_ns = scatters_.back().begin_ns;
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
    SimMemory::Loan* loan =
        pushing ? nullptr
                : memory_->find_loan(job.region.get(), job.job.slot, job.job.slot_generation);
    if (pushing && job.job.lends) {
      std::vector<unsigned char> passing(job.job.staged_bytes);
      result.sum = pack(job.job, passing.data());
      result.lent = true;
      memory_->loans[{job.region.get(), job.job.slot}] = {job.job, kSimNever, HEXAGENT_OK};
    } else if (pushing) {
      result.sum = pack(job.job, staged);
    } else if (loan != nullptr && loan->taken_back != HEXAGENT_OK) {
      result.status = loan->taken_back;
      return result;
    } else if (loan != nullptr) {
      pack(loan->job, staged);
      memory_->loans.erase({job.region.get(), job.job.slot});
    }
    if (fault) result.status = fault(job.job, pushing, staged);
    if (!pushing) {
      result.sum = scatter_now(chunk, job.job.sum);
      ++scattered;
    }
    return result;
  }
  static uint64_t pack(const MoveJob& job, unsigned char* staged) {
    const Chunk chunk = {job.copy, job.first_fragment, job.fragment_count, staged};
    return gather(portable_kernels(), chunk, job.sum, Store::kCached);
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
