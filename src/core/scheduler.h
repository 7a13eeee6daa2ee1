// Scheduler: the deterministic core. It takes inputs with their time, keeps the state of workflows,
// workers and contents, plans, and queues decisions. It has no thread, clock, file or randomness.
//
// Same inputs and times in, same decisions out, byte for byte. The shells (src/runtime, src/capi)
// own everything that waits. Tests:
// tests/unit/core/scheduler_*_test.cc, tests/model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/input.h"
#include "core/notice.h"
#include "core/settings.h"
#include "hexagent/hexagent.h"

namespace hexagent {

struct SnapshotSection;

using LinkVisit = std::function<void(uint32_t, uint32_t, const hexagent_link_info&)>;

class Scheduler {
 public:
  // Takes all memory for the limits of `settings`. May throw std::bad_alloc, nothing else.
  explicit Scheduler(const Settings& settings);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Takes one input. `now` never runs backwards (the shell checks it).
  void apply(const Input& input, TimeNs now);

  // Fires timers due and plans if anything changed. Call once after the inputs of one moment.
  void advance(TimeNs now);

  // Earliest timer, or kNever.
  TimeNs next_timer() const;

  // False if advance(now) would only move the clock on.
  bool is_due(TimeNs now) const;

  // Decisions waiting; take up to `capacity`, oldest first.
  uint32_t decision_count() const;
  uint32_t take_decisions(hexagent_decision* decisions, uint32_t capacity);

  // One of the decisions waiting, without taking it; 0 is the oldest. The journal looks at them.
  const hexagent_decision& decision(uint32_t index) const;

  // What an operator should hear of, since it was last asked for; see notice.h.
  NoticeBoard& notices();

  // Questions. None of them changes anything.
  int32_t call_state(uint64_t workflow, uint64_t call) const;
  int32_t placement_query(const hexagent_call& call, const hexagent_prefix* prefixes,
                          hexagent_placement* placements, uint32_t capacity) const;
  hexagent_status what_if(const hexagent_workflow& workflow, const hexagent_call* calls,
                          uint32_t count, const uint64_t* deps, const hexagent_prefix* prefixes,
                          hexagent_forecast* forecast) const;
  hexagent_status explain(uint64_t workflow, uint64_t call, std::string* text) const;
  hexagent_status workflow_query(uint64_t workflow, hexagent_workflow_info* info) const;
  hexagent_status shadow_query(hexagent_shadow_info* info) const;
  // Calls `visit(source, target, info)` for pairs of workers that were measured, the first `most`.
  void visit_links(uint32_t most, const LinkVisit& visit) const;
  hexagent_status link_query(uint32_t source, uint32_t target, hexagent_link_info* info) const;
  hexagent_status worker_query(uint32_t worker, hexagent_worker_info* info) const;
  void stats(hexagent_stats* stats) const;

  // The live settings, as they are now.
  const Settings& settings() const;

  // Everything that decides what comes next, between two steps; no decisions may be waiting. May
  // throw std::bad_alloc, as load() may. See snapshot/sections.h.
  void save(std::vector<SnapshotSection>* sections) const;

  // Brings a core of the same limits, which has taken no input yet, to that state. What the
  // sections say is not trusted: on false `flaw` names section and column, and this core is of no
  // use any more.
  bool load(const std::vector<SnapshotSection>& sections, std::string* flaw);

  // Every invariant of the ledgers and tables, slowly; for tests and debug simulations.
  // Returns nullptr, or a sentence that names what is broken.
  const char* audit() const;

  // Appends what is known, line by line, when an invariant has failed. Ids and numbers only.
  void rescue_text(std::string* text) const;

  struct State;  // state.h; the core's own files work on it

 private:
  std::unique_ptr<State> state_;
};

}  // namespace hexagent
