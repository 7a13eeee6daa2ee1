// Fleet: see fleet.h.
#include "sim/run/fleet.h"

#include <algorithm>

#include "sim/run/worker_factors.h"

namespace hexagent::sim {

Fleet::Fleet(const ResolvedCluster& cluster, const ProfileSet& profiles, uint64_t seed)
    : contents_(cluster.file.block_tokens) {
  const ClusterFile& file = cluster.file;
  const std::vector<WorkerFactors> factors = worker_factors(cluster, seed);
  const Random jitters = Random(seed).split(hash_text("iteration jitter"));
  std::vector<LinkConfig> ends;
  for (const ResolvedGroup& group : cluster.groups) {
    truths_.push_back(std::make_unique<MeasuredProfile>(measured_profile(profiles, group)));
    for (int32_t i = 0; i < group.count; ++i) {
      const uint64_t index = ends.size();
      EngineConfig config;
      config.truth = truths_.back().get();
      config.kv_capacity_tokens = group.fitted.kv_capacity_tokens;
      config.jitter_sd = file.iteration_jitter;
      config.chunk_tokens = file.chunk_tokens;
      config.batch_tokens = file.batch_tokens;
      config.decode_batch_max = file.decode_batch_max;
      prefills_.emplace_back();
      decodes_.emplace_back();
      if (group.role != WorkerRole::kDecode) {
        config.reports_progress = group.layerwise;
        config.factor = factors[index].prefill;
        config.random = jitters.split(2 * index);
        prefills_.back() = std::make_unique<PrefillEngine>(config, &contents_);
        ++prefill_workers_;
        prefill_nic_bytes_per_s_ += group.nic_bytes_per_s;
        prefill_kv_tokens_ += static_cast<double>(group.fitted.kv_capacity_tokens);
      }
      if (group.role != WorkerRole::kPrefill) {
        config.factor = factors[index].decode;
        config.random = jitters.split(2 * index + 1);
        decodes_.back() = std::make_unique<DecodeEngine>(config, &contents_);
        ++decode_workers_;
        decode_nic_bytes_per_s_ += group.nic_bytes_per_s;
        decode_kv_tokens_ += static_cast<double>(group.fitted.kv_capacity_tokens);
      }
      ends.push_back({group.nic_bytes_per_s, group.nic_bytes_per_s});
    }
  }
  links_ = std::make_unique<LinkNetwork>(ends, file.link_latency_s());
}

TimeNs Fleet::next_event() const {
  TimeNs next = links_->next_event();
  for (const auto& engine : prefills_) {
    if (engine != nullptr) next = std::min(next, engine->next_event());
  }
  for (const auto& engine : decodes_) {
    if (engine != nullptr) next = std::min(next, engine->next_event());
  }
  return next;
}

void Fleet::advance(TimeNs now, std::vector<FleetReport>& out) {
  const auto collect = [&](ReportSource source, int32_t worker) {
    for (const Report& report : scratch_) out.push_back({source, worker, report});
    scratch_.clear();
  };
  for (int32_t worker = 0; worker < worker_count(); ++worker) {
    if (can_prefill(worker) && prefill(worker).next_event() <= now) {
      prefill(worker).advance(now, scratch_);
      collect(ReportSource::kPrefill, worker);
    }
    if (can_decode(worker) && decode(worker).next_event() <= now) {
      decode(worker).advance(now, scratch_);
      collect(ReportSource::kDecode, worker);
    }
  }
  if (links_->next_event() > now) return;
  links_->advance(now, scratch_);
  collect(ReportSource::kLink, -1);
}

FleetUse Fleet::use(TimeNs now) {
  FleetUse use;
  for (int32_t worker = 0; worker < worker_count(); ++worker) {
    const LinkStats link = links_->stats(now, worker);
    use.egress_bytes += link.egress_bytes;
    use.ingress_bytes += link.ingress_bytes;
    if (can_prefill(worker)) {
      const EngineStats& stats = prefill(worker).stats(now);
      use.prefill_busy_s += stats.busy_s;
      use.prefill_kv_token_s += stats.kv_token_seconds;
      use.computed_tokens += stats.computed_tokens;
      use.hit_tokens += stats.hit_tokens;
    }
    if (can_decode(worker)) {
      const EngineStats& stats = decode(worker).stats(now);
      use.decode_busy_s += stats.busy_s;
      use.decode_kv_token_s += stats.kv_token_seconds;
      use.preemptions += stats.preemptions;
    }
  }
  return use;
}

double Fleet::extrapolated_share() const {
  int64_t lookups = 0;
  int64_t extrapolated = 0;
  for (const auto& truth : truths_) {
    const LookupCounts& counts = truth->counts();
    for (const LookupCount* count : {&counts.prefill_attention, &counts.decode_attention}) {
      lookups += count->lookups;
      extrapolated += count->extrapolated;
    }
  }
  return lookups == 0 ? 0.0 : static_cast<double>(extrapolated) / static_cast<double>(lookups);
}

void Fleet::check_drained() const {
  for (const auto& engine : prefills_) {
    if (engine != nullptr) engine->check_drained();
  }
  for (const auto& engine : decodes_) {
    if (engine != nullptr) engine->check_drained();
  }
  links_->check_drained();
}

}  // namespace hexagent::sim
