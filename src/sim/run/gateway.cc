// Gateway: see gateway.h.
#include "sim/run/gateway.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace hexagent::sim {

namespace {

hexagent_config* make_config(const std::string& policy,
                             const std::vector<std::pair<std::string, std::string>>& settings,
                             uint64_t live_calls_max, size_t workers) {
  hexagent_config* config = hexagent_config_create();
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  const auto set = [&](const std::string& key, const std::string& value) {
    if (hexagent_config_set(config, key.c_str(), value.c_str(), &error) == HEXAGENT_OK) return;
    hexagent_config_free(config);
    throw std::invalid_argument(error.text);
  };
  set("policy", policy);
  set("calls_max", std::to_string(live_calls_max));
  set("workflows_max", std::to_string(live_calls_max));
  set("workers_max", std::to_string(std::max<size_t>(workers, 16)));
  set("workflow_idle_ttl_s", "1000000000");
  for (const auto& [key, value] : settings) set(key, value);
  return config;
}

}  // namespace

void check_policy(const std::string& policy,
                  const std::vector<std::pair<std::string, std::string>>& settings) {
  hexagent_config_free(make_config(policy, settings, 16, 1));
}

std::vector<const ResolvedGroup*> worker_sites(const ResolvedCluster& cluster) {
  std::vector<const ResolvedGroup*> sites;
  for (const ResolvedGroup& group : cluster.groups) {
    sites.insert(sites.end(), static_cast<size_t>(group.count), &group);
  }
  return sites;
}

Gateway::Gateway(const ResolvedCluster& cluster, const std::string& policy,
                 const std::vector<std::pair<std::string, std::string>>& settings,
                 uint64_t live_calls_max, const Knowledge& knowledge, uint64_t seed,
                 const std::optional<Clairvoyance>& clairvoyance)
    : cluster_(cluster),
      knowledge_(knowledge),
      seed_(seed),
      clairvoyance_(clairvoyance),
      sites_(worker_sites(cluster)),
      incarnations_(sites_.size(), 1),
      batch_(256) {
  if (clairvoyance_) {
    knowledge_ = Knowledge{};
    knowledge_.lengths.kind = LengthKnowledge::Kind::kOracle;
    if (clairvoyance_->order == Clairvoyance::Order::kDeadline) clock_lead_ = clock_lead();
  }
  hexagent_config* config = make_config(policy, settings, live_calls_max, sites_.size());
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  scheduler_ = hexagent_open(config, HEXAGENT_VERSION, &error);
  hexagent_config_free(config);
  if (scheduler_ == nullptr) throw LibraryError("open: " + std::string(error.text), error.status);
  add_model_and_profiles();
  for (int32_t worker = 0; worker < static_cast<int32_t>(sites_.size()); ++worker) {
    add_worker(worker);
  }
}

Gateway::~Gateway() { hexagent_close(scheduler_); }

void Gateway::check(const std::string& action, int32_t status) const {
  if (status < 0) throw LibraryError(action, status);
}

uint32_t Gateway::name(const std::string& text) {
  if (text.empty()) return 0;
  const auto known = names_.find(text);
  if (known != names_.end()) return known->second;
  const int32_t id = hexagent_name(scheduler_, text.data(), static_cast<uint32_t>(text.size()));
  check("name " + text, id);
  names_.emplace(text, static_cast<uint32_t>(id));
  return static_cast<uint32_t>(id);
}

uint64_t Gateway::group(const std::string& text) {
  return groups_.emplace(text, groups_.size() + 1).first->second;
}

void Gateway::add_model_and_profiles() {
  hexagent_model model = {};
  model.struct_size = sizeof(model);
  model.model = name(cluster_.model.model);
  model.max_context_tokens = static_cast<uint32_t>(cluster_.model.max_context_tokens);
  model.kv_bytes_per_token = static_cast<uint32_t>(cluster_.model.kv_bytes_per_token);
  model.layers = static_cast<uint32_t>(cluster_.model.layers);
  check("model", hexagent_model_set(scheduler_, &model, 0, nullptr));
  for (const ResolvedGroup& group : cluster_.groups) {
    const FittedProfile fitted = told_profile(group.fitted, knowledge_.model_error, seed_);
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    profile.gpu = name(fitted.gpu);
    profile.model = name(fitted.model);
    profile.tensor_parallel = static_cast<uint32_t>(fitted.tensor_parallel);
    profile.prefill_fixed_s = fitted.a0_s;
    profile.prefill_per_token_s = fitted.a1_s;
    profile.prefill_per_pair_s = fitted.a2_s;
    profile.small_fixed_s = fitted.small_a0_s;
    profile.small_per_token_s = fitted.small_a1_s;
    profile.small_below_tokens = static_cast<uint32_t>(fitted.small_below_tokens);
    profile.decode_fixed_s = fitted.b0_s;
    profile.decode_per_sequence_s = fitted.b1_s;
    profile.decode_per_context_token_s = fitted.b2_s;
    profile.kv_capacity_tokens = static_cast<uint64_t>(fitted.kv_capacity_tokens);
    profile.kv_bytes_per_token = static_cast<uint32_t>(fitted.kv_bytes_per_token);
    profile.derived = fitted.derived ? 1 : 0;
    check("profile " + fitted.gpu, hexagent_profile_set(scheduler_, &profile, 0, nullptr));
  }
}

void Gateway::add_worker(int32_t index) {
  const ResolvedGroup& worker = *sites_[static_cast<size_t>(index)];
  const ClusterFile& file = cluster_.file;
  hexagent_worker record = {};
  record.struct_size = sizeof(record);
  record.worker = static_cast<uint32_t>(index + 1);
  record.incarnation = incarnations_[static_cast<size_t>(index)];
  record.role = worker.role == WorkerRole::kPrefill  ? HEXAGENT_ROLE_PREFILL
                : worker.role == WorkerRole::kDecode ? HEXAGENT_ROLE_DECODE
                                                     : HEXAGENT_ROLE_BOTH;
  record.gpu = name(worker.fitted.gpu);
  record.model = name(worker.fitted.model);
  record.tensor_parallel = static_cast<uint32_t>(worker.fitted.tensor_parallel);
  record.binding = file.decode_binding == DecodeBinding::kPrefillStart
                       ? HEXAGENT_BINDING_PREFILL_START
                       : HEXAGENT_BINDING_PREFILL_END;
  record.block_tokens = static_cast<uint32_t>(file.block_tokens);
  record.kv_capacity_tokens = static_cast<uint64_t>(worker.fitted.kv_capacity_tokens);
  record.dispatch_round_trip_ns = to_ns(file.dispatch_round_trip_ms * 1e-3);
  record.ingress_bytes_per_s = worker.nic_bytes_per_s;
  record.egress_bytes_per_s = worker.nic_bytes_per_s;
  record.link_latency_ns = static_cast<uint32_t>(to_ns(file.link_latency_s()));
  record.decode_batch_max = static_cast<uint32_t>(file.decode_batch_max);
  record.prefill_batch_tokens = static_cast<uint32_t>(file.batch_tokens);
  record.prefill_chunk_tokens = static_cast<uint32_t>(file.chunk_tokens);
  record.flags = file.delta_transfer ? HEXAGENT_WORKER_DELTA_TRANSFER : 0;
  if (worker.layerwise) record.flags |= HEXAGENT_WORKER_LAYERWISE;
  check("worker", hexagent_worker_set(scheduler_, &record, 0, nullptr));
}

void Gateway::begin(const WorkflowInstance& instance, TimeNs now, double horizon_s) {
  hexagent_workflow record = {};
  record.workflow = workflow_id(instance.index);
  record.arrival_ns = now + clock_lead_;
  if (clairvoyance_ && clairvoyance_->order == Clairvoyance::Order::kDeadline) {
    record.arrival_ns = told_arrival(*clairvoyance_, instance, horizon_s);
  } else if (clairvoyance_) {
    record.slo_scale_milli = told_scale_milli(clairvoyance_->urgency(instance));
  }
  record.class_name = name(instance.workflow->class_name);
  hexagent_status result = HEXAGENT_OK;
  check("workflow", hexagent_workflow_begin(scheduler_, &record, 1, &result));
  check("workflow", result);
}

void Gateway::submit_whole(const WorkflowInstance& instance) {
  for (const TraceCall& call : instance.workflow->calls) {
    submit(instance, call.id, call.tool_delay_s > 0.0 ? HEXAGENT_CALL_HELD : 0);
  }
}

void Gateway::release(const WorkflowInstance& instance, uint32_t call) {
  if (instance.workflow->calls[call].tool_delay_s <= 0.0) return;
  check("ready", hexagent_ready(scheduler_, workflow_id(instance.index), call, call));
}

void Gateway::submit(const WorkflowInstance& instance, uint32_t index, uint32_t flags) {
  const TraceCall& body = instance.workflow->calls[index];
  const CallLengths& lengths = instance.calls[index];
  std::vector<uint64_t> deps(body.deps.begin(), body.deps.end());
  hexagent_prefix prefix = {};
  prefix.tokens = static_cast<uint32_t>(lengths.shared_tokens);
  switch (lengths.source) {
    case PrefixSource::kNone:
      break;
    case PrefixSource::kGroup:
      prefix.group = group(body.prefix_group);
      break;
    case PrefixSource::kCall:
      prefix.call = static_cast<uint64_t>(lengths.source_call);
      break;
    case PrefixSource::kInstance:
      prefix.workflow = workflow_id(static_cast<uint64_t>(lengths.source_instance));
      prefix.call = static_cast<uint64_t>(lengths.source_call);
      break;
  }
  hexagent_call record = {};
  record.workflow = workflow_id(instance.index);
  record.call = index;
  record.flags = flags;
  record.user_data = index;
  record.stage = name(body.stage);
  record.model = name(cluster_.model.model);
  record.prompt_tokens = static_cast<uint32_t>(lengths.prompt_tokens);
  const LengthHint hint =
      length_hint(knowledge_.lengths, lengths.output_tokens, seed_, instance.index, index);
  record.output_tokens_p50 = hint.p50;
  record.output_tokens_p90 = hint.p90;
  record.deps_count = static_cast<uint32_t>(deps.size());
  record.prefixes_count = prefix.tokens > 0 ? 1 : 0;
  hexagent_status result = HEXAGENT_OK;
  check("call", hexagent_submit(scheduler_, &record, 1, deps.data(), record.deps_count, &prefix,
                                record.prefixes_count, &result));
  check("call", result);
}

void Gateway::end(uint64_t instance) {
  check("workflow end", hexagent_workflow_end(scheduler_, workflow_id(instance), 0));
}

void Gateway::report(const hexagent_report& report) {
  hexagent_status result = HEXAGENT_OK;
  hexagent_report record = report;
  record.end_ns += clock_lead_;
  if (record.start_ns != 0) record.start_ns += clock_lead_;
  check("report", hexagent_complete(scheduler_, &record, 1, &result));
  check("report", result);
}

void Gateway::lose_worker(int32_t worker) {
  const uint32_t incarnation = incarnations_[static_cast<size_t>(worker)]++;
  check("worker lost",
        hexagent_worker_lost(scheduler_, static_cast<uint32_t>(worker + 1), incarnation, 0));
}

void Gateway::restore_worker(int32_t worker) { add_worker(worker); }

void Gateway::set(const std::string& key, const std::string& value) {
  check("set " + key, hexagent_configure(scheduler_, key.c_str(), value.c_str(), nullptr));
}

hexagent_stats Gateway::stats() const {
  hexagent_stats stats = {};
  stats.struct_size = sizeof(stats);
  check("stats", hexagent_stats_read(scheduler_, &stats));
  return stats;
}

void Gateway::step(TimeNs now, std::vector<hexagent_decision>& decisions) {
  const auto before = std::chrono::steady_clock::now();
  check("step", hexagent_step(scheduler_, now + clock_lead_));
  const auto after = std::chrono::steady_clock::now();
  const auto cost = std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count();
  step_costs_ns_.push_back(static_cast<uint32_t>(std::min<int64_t>(cost, UINT32_MAX)));
  for (;;) {
    const int32_t count =
        hexagent_poll(scheduler_, batch_.data(), static_cast<uint32_t>(batch_.size()));
    check("poll", count);
    if (count == 0) return;
    for (int32_t i = 0; i < count; ++i) {
      const hexagent_decision& decision = batch_[static_cast<size_t>(i)];
      const auto* bytes = reinterpret_cast<const unsigned char*>(&decision);
      for (size_t at = 0; at < sizeof(decision); ++at) {
        decision_hash_ = (decision_hash_ ^ bytes[at]) * 0x100000001b3u;  // FNV-1a
      }
      if (decision.kind == HEXAGENT_DECISION_ACCEPTED) continue;
      // A late report about a call that was withdrawn is refused as stale, rightly; nothing else
      // is.
      const bool late =
          decision.status == HEXAGENT_E_STALE || decision.status == HEXAGENT_E_STATE ||
          decision.status == HEXAGENT_E_DUPLICATE || decision.status == HEXAGENT_E_UNKNOWN_WORKFLOW;
      if (decision.kind == HEXAGENT_DECISION_REFUSED) {
        if (!late) {
          throw LibraryError("refused input, " + std::string(hexagent_field_name(decision.field)),
                             decision.status);
        }
        continue;
      }
      decisions.push_back(decision);
    }
  }
}

}  // namespace hexagent::sim
