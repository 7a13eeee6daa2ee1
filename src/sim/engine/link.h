// The network between workers: each has one egress and one ingress of fixed bandwidth, and flows
// share them fairly: rate = min(egress / flows leaving, ingress / flows entering). What one flow
// cannot use at its other end is not handed to its neighbours.
// A flow ends one latency after its last byte has left; a flow of 0 bytes takes the latency only.
// When a flow starts or ends only flows that share an end with it are rated anew.
//
// A held flow carries what does not exist yet: KV that a prefill is still computing. Its bytes
// become ready as feed() says, evenly over a while, until release() says that all are. It
// takes its share of the two ends while something is ready and waits, and else no more than what
// becomes ready; it counts as a flow all the while, as one that its other end slows down does. So
// between two calls of feed() a held flow has one event at most: when what was ready is used up.
// Tests: tests/unit/sim/engine/link_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/engine/event_queue.h"
#include "sim/engine/reports.h"
#include "sim/engine/sim_time.h"

namespace hexagent::sim {

struct LinkConfig {
  double egress_bytes_per_s = 0.0;
  double ingress_bytes_per_s = 0.0;
};

struct LinkStats {
  double egress_bytes = 0.0;  // moved, those of cancelled flows included
  double ingress_bytes = 0.0;
  double egress_busy_s = 0.0;  // time with at least one flow
  double ingress_busy_s = 0.0;
};

class LinkNetwork {
 public:
  LinkNetwork(std::vector<LinkConfig> workers, double latency_s);

  // Starts a flow; ids are the caller's and unique while the flow lives.
  void start(TimeNs now, uint64_t id, int32_t from, int32_t to, int64_t bytes);
  // Starts a flow of which nothing is ready; it takes part in the sharing from `begin` on, which is
  // reported. `begin` is not before `now`.
  void start_held(TimeNs now, uint64_t id, int32_t from, int32_t to, int64_t bytes, TimeNs begin);
  // Of a held flow's bytes `ready` are ready now, and `more` become so evenly until `until`, from
  // now or from its begin on, whichever is later. What was ready stays so.
  void feed(TimeNs now, uint64_t id, int64_t ready, int64_t more, TimeNs until);
  // All bytes of a held flow are ready: from here on it is like any other.
  void release(TimeNs now, uint64_t id);
  // False when there is no such flow (any more).
  bool cancel(TimeNs now, uint64_t id);
  // Cancels all flows from and to a lost worker; returns their ids in order of start.
  std::vector<uint64_t> lose(TimeNs now, int32_t worker);

  TimeNs next_event() const { return events_.next_time(); }
  void advance(TimeNs now, Reports& out);

  int32_t flows_out(int32_t worker) const { return count(ends_.at(index(worker)).out); }
  int32_t flows_in(int32_t worker) const { return count(ends_.at(index(worker)).in); }
  // Statistics up to `now`, moving flows included. Reading them disturbs nothing: settling a flow
  // here would round its remaining bytes and could shift its end by a nanosecond.
  LinkStats stats(TimeNs now, int32_t worker) const;
  // Throws std::logic_error when a flow is left.
  void check_drained() const;

 private:
  struct Flow {
    uint64_t id = 0;
    uint64_t sequence = 0;  // of start
    int32_t from = 0;
    int32_t to = 0;
    TimeNs start = 0;
    TimeNs rated_at = 0;  // when `remaining_bytes` was true
    double remaining_bytes = 0.0;
    double rate_bytes_per_s = 0.0;
    bool moving = false;  // bytes are still leaving; else only the latency is left
    bool live = false;
    bool awaits_begin = false;
    bool held = false;
    double total_bytes = 0.0;  // of a held flow, as are those below
    double ready_bytes = 0.0;  // at `grows_from`
    double more_bytes = 0.0;   // become ready until `grows_until`
    TimeNs grows_from = 0;
    TimeNs grows_until = 0;
    EventHandle event;
  };
  struct WorkerEnds {
    LinkConfig config;
    std::vector<int32_t> out;  // slots of moving flows, in order of start
    std::vector<int32_t> in;
    TimeNs out_since = 0;  // busy time is accounted up to here
    TimeNs in_since = 0;
    LinkStats stats;
  };

  static size_t index(int32_t value) { return static_cast<size_t>(value); }
  static int32_t count(const std::vector<int32_t>& flows) {
    return static_cast<int32_t>(flows.size());
  }
  Flow& at(int32_t slot) { return flows_[index(slot)]; }
  const Flow& at(int32_t slot) const { return flows_[index(slot)]; }
  static double ready_by(const Flow& flow, TimeNs now);
  static double sent_by(const Flow& flow, TimeNs now);
  int32_t open(uint64_t id, int32_t from, int32_t to, int64_t bytes, TimeNs start);
  Flow& held_flow(uint64_t id);
  void account(WorkerEnds& ends, TimeNs now);
  // Books what a moving flow has sent by `now`.
  void settle(Flow& flow, TimeNs now);
  void book(Flow& flow, double sent_bytes);
  void attach(int32_t slot, TimeNs now);
  void detach(int32_t slot, TimeNs now);
  void rate_sharers(int32_t from, int32_t to, TimeNs now);
  void rate(int32_t slot, TimeNs now);
  void rate_held(int32_t slot, double share_bytes_per_s, TimeNs now);
  void forget(int32_t slot);

  TimeNs latency_ns_;
  std::vector<WorkerEnds> ends_;
  std::vector<Flow> flows_;
  std::vector<int32_t> free_slots_;
  std::unordered_map<uint64_t, int32_t> slot_of_id_;  // looked up, never iterated
  EventQueue<int32_t> events_;
  uint64_t next_sequence_ = 0;
};

}  // namespace hexagent::sim
