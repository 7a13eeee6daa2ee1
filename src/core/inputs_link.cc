// Inputs about links: what is declared of pairs of domains, and what was measured between workers.
#include "core/links.h"
#include "core/state.h"
#include "core/verdict.h"

namespace hexagent {
namespace {

// One end that a sample names; 0 is any.
Verdict check_end(const State& state, uint32_t id, uint32_t incarnation, uint32_t role) {
  if (id == 0) return {};
  const uint32_t index = state.workers.find(id);
  if (index == kNoWorker) return {HEXAGENT_E_UNKNOWN_WORKER, HEXAGENT_FIELD_WORKER};
  const Worker& worker = state.workers[index];
  const bool stale = incarnation != 0 && incarnation != worker.spec.incarnation;
  if (stale || worker.state == WorkerState::kLost) {
    return {HEXAGENT_E_STALE, HEXAGENT_FIELD_INCARNATION};
  }
  if ((worker.spec.role & role) == 0) return {HEXAGENT_E_STATE, HEXAGENT_FIELD_ROLE};
  return {};
}

}  // namespace

void fill_link_info(const State& state, uint32_t source, uint32_t target,
                    hexagent_link_info* info) {
  const hexagent_worker& from = state.workers[source].spec;
  const hexagent_worker& to = state.workers[target].spec;
  const LinkPath path = state.links.path(from, to);
  info->bytes_per_s = path.bytes_per_s;
  info->declared_bytes_per_s = state.links.declared(from, to).bytes_per_s;
  info->setup_ns = to_ns(path.latency_s);
  info->queue_ns = to_ns(path.queue_s);
  const LearntLink* pair = state.links.learnt(from.worker, to.worker);
  if (pair == nullptr) return;
  info->samples = pair->samples;
  info->setup_samples = pair->setup_samples;
  info->queue_samples = pair->queue_samples;
}

void apply_link(State* state, const Input& input) {
  const auto& record = *static_cast<const hexagent_link*>(input.record);
  if (!state->links.set(record)) {
    return state->refuse(input, input.user_data, HEXAGENT_E_FULL, HEXAGENT_FIELD_CAPACITY);
  }
  state->accept(input, input.user_data);
}

bool learn_link(State* state, const LinkSample& sample) {
  if (state->settings.learning == 0.0) return true;
  const uint32_t source = sample.source == 0 ? kNoWorker : state->workers.find(sample.source);
  const uint32_t target = sample.target == 0 ? kNoWorker : state->workers.find(sample.target);
  const hexagent_worker* from = source == kNoWorker ? nullptr : &state->workers[source].spec;
  const hexagent_worker* to = target == kNoWorker ? nullptr : &state->workers[target].spec;
  if (!state->links.learn(sample, from, to)) {
    ++state->counters.link_outliers;
    return false;
  }
  ++state->counters.link_samples;
  if (to != nullptr) {
    state->workers[target].ingress_most_bytes_per_s = state->links.ingress_most(*to);
  }
  return true;  // the next plan goes by it; none is made for it
}

void apply_link_measured(State* state, const Input& input) {
  const auto& record = *static_cast<const hexagent_link_sample*>(input.record);
  Verdict verdict =
      check_end(*state, record.source_worker, record.source_incarnation, HEXAGENT_ROLE_PREFILL);
  if (verdict.status == HEXAGENT_OK) {
    verdict =
        check_end(*state, record.target_worker, record.target_incarnation, HEXAGENT_ROLE_DECODE);
  }
  const bool silent = (record.flags & HEXAGENT_SAMPLE_SILENT) != 0;
  if (verdict.status != HEXAGENT_OK) {
    if (!silent) state->refuse(input, record.user_data, verdict.status, verdict.field);
    return;
  }
  LinkSample sample;
  sample.source = record.source_worker;
  sample.target = record.target_worker;
  if (record.bytes != 0) {
    sample.bytes_per_s = static_cast<double>(record.bytes) / to_s(record.duration_ns);
  }
  if ((record.flags & HEXAGENT_SAMPLE_SETUP) != 0) sample.setup_s = to_s(record.setup_ns);
  if ((record.flags & HEXAGENT_SAMPLE_QUEUE) != 0) sample.queue_s = to_s(record.queue_ns);
  if (!learn_link(state, sample) && !silent) {
    state->refuse(input, record.user_data, HEXAGENT_E_RANGE, HEXAGENT_FIELD_BANDWIDTH);
  }
}

hexagent_status Scheduler::link_query(uint32_t source_id, uint32_t target_id,
                                      hexagent_link_info* info) const {
  const uint32_t source = state_->workers.find(source_id);
  const uint32_t target = state_->workers.find(target_id);
  if (source == kNoWorker || target == kNoWorker) return HEXAGENT_E_UNKNOWN_WORKER;
  fill_link_info(*state_, source, target, info);
  return HEXAGENT_OK;
}

void Scheduler::visit_links(uint32_t most, const LinkVisit& visit) const {
  for (const LearntLink& link : state_->links.all_learnt()) {
    if (link.source == 0 || link.target == 0) continue;
    if (most-- == 0) return;
    hexagent_link_info info = {};
    if (link_query(link.source, link.target, &info) != HEXAGENT_OK) continue;
    visit(link.source, link.target, info);
  }
}

}  // namespace hexagent
