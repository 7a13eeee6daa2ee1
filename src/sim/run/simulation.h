// Simulation: one run in virtual time. It connects three things that do not know each other: the
// stream of workflows, the gateway (the library behind its C ABI) and the fleet of engines.
//
// What travels between gateway and engines takes half a dispatch round trip each way. With decode
// binding prefill_start the engines move the KV and start the decode by themselves; with
// prefill_end they wait for the TRANSFER decision. Workers that send layer by layer begin to once
// the first layer of the prompt's first chunk is computed and space is reserved. Safety is checked
// all along: every call ends exactly once, none starts before its parents ended, no KV arrives
// before it is computed, and at the end every engine is drained.
// Tests: tests/sim.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/event_queue.h"
#include "sim/engine/layer_feed.h"
#include "sim/run/fleet.h"
#include "sim/run/gateway.h"
#include "sim/run/run_config.h"
#include "sim/study/horizon.h"
#include "sim/study/result.h"
#include "sim/workload/stream.h"

namespace hexagent::sim {

class Simulation {
 public:
  explicit Simulation(const RunConfig& config);

  // Runs to the end: until every measured workflow has ended, or the bound of EXPERIMENTS
  // section 1.
  RunResult run();

  // Over every decision of the run; equal for equal runs.
  uint64_t decision_hash() const { return gateway_.decision_hash(); }

 private:
  enum class EventKind : uint8_t { kArrival, kReveal, kDecision, kReport, kEnd, kLoss, kRestore };
  struct Event {
    EventKind kind = EventKind::kArrival;
    uint32_t call = 0;
    uint64_t instance = 0;
    hexagent_decision decision = {};
    hexagent_report report = {};
  };

  // A workflow in the run.
  struct Live {
    WorkflowInstance instance;
    std::vector<uint32_t> deps_left;  // by call
    std::vector<uint8_t> done;        // by call
    std::vector<uint64_t> flight;     // by call: the attempt under way, 0 = none
    double horizon_s = 0.0;
    uint32_t calls_left = 0;
    bool measured = false;
  };

  // One attempt of a call, known to the engines by its index + 1.
  struct Flight {
    uint64_t instance = 0;
    uint32_t call = 0;
    uint32_t attempt = 0;
    int32_t prefill = -1;
    int32_t decode = -1;
    bool local = false;
    bool prefill_over = false;
    bool reserved = false;  // KV space on the decode worker granted
    bool moving = false;    // maybe held back by the prefill, until that is over
    bool transfer_over = false;
    bool ended = false;
    int64_t resident_tokens = 0;  // on the decode worker before the transfer
  };

  // arrivals and reveals
  bool is_drain() const { return config_.drain_rate_per_s > 0.0; }
  void schedule_next_arrival();
  void start_drain();
  void arrive(WorkflowInstance instance);
  void reveal(uint64_t instance, uint32_t call);
  void finish_workflow(uint64_t instance, TimeNs end);
  ContentId content_of(const Live& live, uint32_t call);
  ContentId source_of(const Live& live, uint32_t call, int64_t* shared);

  // decisions on their way to the engines (engine_link.cc)
  void deliver(const hexagent_decision& decision);
  void start_prefill(const hexagent_decision& decision);
  void reserve(uint64_t flight, int64_t priority);
  void move_kv(uint64_t flight);
  void move_layers(uint64_t flight);
  LayeredKv kv_to_move(uint64_t flight);
  void withdraw(const hexagent_decision& decision);
  void drop(uint64_t flight);
  DecodeRequest decode_request(uint64_t flight, int64_t priority);

  // reports on their way to the gateway (engine_link.cc)
  void take(const FleetReport& report);
  void finish_call(uint64_t flight, TimeNs end);
  void send_report(uint64_t flight, uint32_t phase, uint32_t outcome, const Report& report,
                   uint32_t tokens, int64_t bytes);
  void handle(const Event& event);
  void lose(int32_t worker);

  bool is_layerwise(int32_t worker) const { return layerwise_[static_cast<size_t>(worker)]; }
  bool is_down(int32_t worker) const { return down_[static_cast<size_t>(worker)]; }
  Flight& flight(uint64_t id) { return flights_[static_cast<size_t>(id - 1)]; }
  Live& live(uint64_t instance) { return live_.at(instance); }
  void begin_measuring();
  bool over() const;
  bool hopeless() const;
  void fill_result(RunResult* result);

  RunConfig config_;
  HorizonCluster horizon_cluster_;
  WorkloadStream stream_;
  Gateway gateway_;
  Fleet fleet_;
  EventQueue<Event> events_;
  std::map<uint64_t, Live> live_;
  std::map<uint64_t, std::vector<ContentId>> contents_;  // by instance, kept for later turns
  std::map<std::string, ContentId> groups_;
  std::map<std::string, int64_t> group_tokens_;
  std::vector<Flight> flights_;
  std::vector<bool> down_;                      // by worker
  std::vector<bool> layerwise_;                 // by worker
  std::map<uint64_t, WorkflowInstance> turns_;  // later turns of sessions, waiting for their time
  std::vector<FleetReport> reports_;
  std::vector<hexagent_decision> decisions_;
  std::vector<WorkflowRecord> records_;
  std::map<std::string, uint32_t> classes_;
  std::optional<WorkflowInstance> pending_;  // next open arrival
  TimeNs now_ = 0;
  TimeNs half_trip_ = 0;
  TimeNs measure_from_ = 0;
  TimeNs measure_until_ = kNever;  // arrival of the last measured workflow
  TimeNs give_up_at_ = kNever;
  uint32_t measured_ = 0;           // arrived
  uint32_t measured_open_ = 0;      // arrived, not ended
  uint32_t measured_hopeless_ = 0;  // ended above give_up_stretch
  bool measuring_ = false;
  FleetUse use_before_;
  FleetUse use_after_;
};

}  // namespace hexagent::sim
