// Fleet: all simulated engines and the network between them, addressed by worker index, as one
// thing that has a next event and reports what happened. It executes what it is sent: where a call
// goes is never decided here. Tests: tests/sim.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sim/cluster/resolved.h"
#include "sim/engine/content.h"
#include "sim/engine/decode_engine.h"
#include "sim/engine/link.h"
#include "sim/engine/prefill_engine.h"
#include "sim/random.h"

namespace hexagent::sim {

// Who says it: a worker's prefill side, its decode side, or the network.
enum class ReportSource : uint8_t { kPrefill, kDecode, kLink };

struct FleetReport {
  ReportSource source = ReportSource::kPrefill;
  int32_t worker = -1;  // -1: the network
  Report report;
};

// Sums over all workers of a side, for utilisation between two moments.
struct FleetUse {
  double prefill_busy_s = 0.0;
  double decode_busy_s = 0.0;
  double egress_bytes = 0.0;
  double ingress_bytes = 0.0;
  double prefill_kv_token_s = 0.0;
  double decode_kv_token_s = 0.0;
  int64_t computed_tokens = 0;
  int64_t hit_tokens = 0;
  int64_t preemptions = 0;
};

class Fleet {
 public:
  // Hidden factors and jitter come from `seed` alone, so they are equal for every policy.
  Fleet(const ResolvedCluster& cluster, const ProfileSet& profiles, uint64_t seed);

  ContentTree& contents() { return contents_; }
  bool can_prefill(int32_t worker) const { return at(prefills_, worker) != nullptr; }
  bool can_decode(int32_t worker) const { return at(decodes_, worker) != nullptr; }
  PrefillEngine& prefill(int32_t worker) { return *at(prefills_, worker); }
  DecodeEngine& decode(int32_t worker) { return *at(decodes_, worker); }
  LinkNetwork& links() { return *links_; }
  int32_t worker_count() const { return static_cast<int32_t>(prefills_.size()); }

  TimeNs next_event() const;
  // Advances every engine whose event is due at `now`; reports in worker order, the network last.
  void advance(TimeNs now, std::vector<FleetReport>& out);

  FleetUse use(TimeNs now);
  // Capacity of the pools per second of time, to set FleetUse against.
  int32_t prefill_workers() const { return prefill_workers_; }
  int32_t decode_workers() const { return decode_workers_; }
  double prefill_nic_bytes_per_s() const { return prefill_nic_bytes_per_s_; }
  double decode_nic_bytes_per_s() const { return decode_nic_bytes_per_s_; }
  double prefill_kv_tokens() const { return prefill_kv_tokens_; }
  double decode_kv_tokens() const { return decode_kv_tokens_; }
  // Share of table look-ups that were beyond the measured range.
  double extrapolated_share() const;

  // Throws std::logic_error unless all work has ended and everything was released.
  void check_drained() const;

 private:
  template <class T>
  static const std::unique_ptr<T>& at(const std::vector<std::unique_ptr<T>>& all, int32_t worker) {
    return all[static_cast<size_t>(worker)];
  }

  ContentTree contents_;
  std::vector<std::unique_ptr<MeasuredProfile>> truths_;  // one a group
  std::vector<std::unique_ptr<PrefillEngine>> prefills_;  // null where the role lacks it
  std::vector<std::unique_ptr<DecodeEngine>> decodes_;
  std::unique_ptr<LinkNetwork> links_;
  Reports scratch_;
  int32_t prefill_workers_ = 0;
  int32_t decode_workers_ = 0;
  double prefill_nic_bytes_per_s_ = 0.0;
  double decode_nic_bytes_per_s_ = 0.0;
  double prefill_kv_tokens_ = 0.0;
  double decode_kv_tokens_ = 0.0;
};

}  // namespace hexagent::sim
