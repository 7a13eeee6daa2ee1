// The single numbers of a core that a snapshot holds. Not among them: decisions, which belong to
// the shell, notices, which were told, and scratch that a plan fills anew.
#pragma once

#include "core/snapshot/bounds.h"
#include "core/state.h"

namespace hexagent {

// A field that is added there has to be in the lists below, unless it is one of the shell's.
static_assert(sizeof(hexagent_stats) == 336 && sizeof(RegretHistogram) == 784 &&
              sizeof(ShadowTotals) == 72 + sizeof(RegretHistogram));

template <class Archive, class Record>
void visit_counters(Archive* archive, Record* counters) {
  archive->number("inputs", &counters->inputs);
  archive->number("refused", &counters->refused);
  archive->number("rejected", &counters->rejected);
  archive->number("decisions", &counters->decisions);
  archive->number("plans", &counters->plans);
  archive->number("workflows_done", &counters->workflows_done);
  archive->number("workflows_cancelled", &counters->workflows_cancelled);
  archive->number("calls_done", &counters->calls_done);
  archive->number("calls_failed", &counters->calls_failed);
  archive->number("calls_retried", &counters->calls_retried);
  archive->number("prefix_hit_tokens", &counters->prefix_hit_tokens);
  archive->number("prompt_tokens", &counters->prompt_tokens);
  archive->number("transfer_bytes", &counters->transfer_bytes);
  archive->added("transfers_failed", &counters->transfers_failed);
  archive->added("transfers_reprioritised", &counters->transfers_reprioritised);
  archive->added("link_samples", &counters->link_samples);
  archive->added("link_outliers", &counters->link_outliers);
  archive->added("kv_quiesce_timeouts", &counters->kv_quiesce_timeouts);
}

template <class Archive, class Record>
void visit_shadow_totals(Archive* archive, Record* totals) {
  archive->number("placed", &totals->placed);
  archive->number("agreed", &totals->agreed);
  archive->number("finished", &totals->finished);
  archive->real("ours_s", &totals->ours_s, -kAmountMost, kAmountMost);
  archive->real("theirs_s", &totals->theirs_s, -kAmountMost, kAmountMost);
  archive->real("finished_theirs_s", &totals->finished_theirs_s, -kAmountMost, kAmountMost);
  archive->real("realised_s", &totals->realised_s, -kAmountMost, kAmountMost);
  archive->real("error_s", &totals->error_s, -kAmountMost, kAmountMost);
  archive->real("regret_max_s", &totals->regret_max_s, -kAmountMost, kAmountMost);
}

template <class Archive, class Record>
void visit_state(Archive* archive, Record* state) {
  archive->time("now", &state->now);
  archive->flag("plan_needed", &state->plan_needed);
  archive->flag("tiers_in_use", &state->tiers_in_use);
  archive->time("plan_at", &state->plan_at, 0, kNever);
  archive->time("planned_at", &state->planned_at, -1, kTimeMaxNs);
  archive->number("next_decision", &state->next_decision);
  archive->group("view");  // round robin goes by the one, explanations before a plan by the other
  PlanView::visit(archive, &state->view, kSecondsMost);
  archive->group("horizons");
  RecentMean::visit(archive, &state->horizons_s, kSecondsMost);
  archive->group("stretches");
  RecentMean::visit(archive, &state->stretches, kSecondsMost);
  archive->group("counters");
  visit_counters(archive, &state->counters);
  archive->group("shadow");
  visit_shadow_totals(archive, &state->shadow);
}

}  // namespace hexagent
