// Gateway: the library as a serving gateway sees it, and nothing of the engines. It opens a
// scheduler, tells it of the cluster, translates instances and reports into records, and hands out
// decisions. All of it goes through the public C ABI; every status is checked. Tests: tests/sim.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hexagent/hexagent.h"
#include "sim/cluster/resolved.h"
#include "sim/engine/sim_time.h"
#include "sim/run/clairvoyance.h"
#include "sim/run/knowledge.h"
#include "sim/workload/lengths.h"
#include "sim/workload/stream.h"

namespace hexagent::sim {

// A status of the library that the simulation did not expect.
class LibraryError : public std::runtime_error {
 public:
  LibraryError(const std::string& action, int32_t status)
      : std::runtime_error(action + ": " + hexagent_status_name(status) + ": " +
                           hexagent_status_text(status)) {}
};

// The cluster's workers one by one, in the file's order: entry i is the group of worker i.
std::vector<const ResolvedGroup*> worker_sites(const ResolvedCluster& cluster);

// Throws std::invalid_argument when the library knows no such policy or setting.
void check_policy(const std::string& policy,
                  const std::vector<std::pair<std::string, std::string>>& settings);

class Gateway {
 public:
  Gateway(const ResolvedCluster& cluster, const std::string& policy,
          const std::vector<std::pair<std::string, std::string>>& settings, uint64_t live_calls_max,
          const Knowledge& knowledge, uint64_t seed,
          const std::optional<Clairvoyance>& clairvoyance = std::nullopt);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Workflow ids of the library are instance + 1, since 0 means none.
  static uint64_t workflow_id(uint64_t instance) { return instance + 1; }
  static uint64_t instance_of(uint64_t workflow_id) { return workflow_id - 1; }

  // `horizon_s` is H_w, of which a clairvoyant scheduler alone is told.
  void begin(const WorkflowInstance& instance, TimeNs now, double horizon_s);
  void submit(const WorkflowInstance& instance, uint32_t call) { submit(instance, call, 0); }
  // Clairvoyant: all calls when the workflow arrives, those after a tool gap held, and the end of
  // such a gap. Without a gap the library itself knows when a call is ready.
  void submit_whole(const WorkflowInstance& instance);
  void release(const WorkflowInstance& instance, uint32_t call);
  void end(uint64_t instance);
  void report(const hexagent_report& report);
  void lose_worker(int32_t worker);
  void restore_worker(int32_t worker);
  void set(const std::string& key, const std::string& value);

  // Steps the scheduler and appends what it decided; verdicts are checked and left out.
  void step(TimeNs now, std::vector<hexagent_decision>& decisions);
  TimeNs next_timer() const {
    const TimeNs timer = hexagent_next_timer(scheduler_);
    return timer == kNever ? timer : timer - clock_lead_;
  }

  // Cost of hexagent_step() in wall time, nanoseconds, one entry a step.
  const std::vector<uint32_t>& step_costs_ns() const { return step_costs_ns_; }
  // Over every byte of every decision; equal hashes mean equal runs.
  uint64_t decision_hash() const { return decision_hash_; }
  hexagent_stats stats() const;
  hexagent_scheduler* scheduler() { return scheduler_; }

 private:
  uint32_t name(const std::string& text);
  uint64_t group(const std::string& text);
  void add_model_and_profiles();
  void add_worker(int32_t worker);
  void check(const std::string& action, int32_t status) const;
  void submit(const WorkflowInstance& instance, uint32_t call, uint32_t flags);

  const ResolvedCluster& cluster_;
  Knowledge knowledge_;
  uint64_t seed_;
  std::optional<Clairvoyance> clairvoyance_;
  TimeNs clock_lead_ = 0;  // of the library's clock before the simulation's
  std::vector<const ResolvedGroup*> sites_;
  hexagent_scheduler* scheduler_ = nullptr;
  std::map<std::string, uint32_t> names_;
  std::map<std::string, uint64_t> groups_;
  std::vector<uint32_t> incarnations_;
  std::vector<uint32_t> step_costs_ns_;
  uint64_t decision_hash_ = 0xcbf29ce484222325u;
  std::vector<hexagent_decision> batch_;
};

}  // namespace hexagent::sim
