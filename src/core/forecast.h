// Forecast: when would calls end that were admitted now? One estimate behind hexagent_what_if() and
// behind admission, so that the two never disagree.
//
// It assumes that nothing else arrives: a call waits for what its worker was sent and for the work
// that waits in the library at its own tier or an earlier one, since what has waited comes before
// what is new. Both are worked off while the call still waits for its dependencies. Decode batches
// are as they are now, with the calls given in them. Tests: tests/unit/core/forecast_test.cc.
#pragma once

#include "core/state.h"

namespace hexagent {

// A call record as a call of its own: what a placement reads, nothing stored.
Call probe_of(Scheduler::State* state, const hexagent_call& record, const hexagent_prefix* prefixes,
              uint32_t class_name);

// Starts a forecast: the cluster as it is at this moment.
void begin_forecast(Scheduler::State* state);

// The same for a question: once it has been answered nothing is left of it that a plan could see.
// Questions are not in the journal, so a replay would else decide otherwise.
class QuestionForecast {
 public:
  explicit QuestionForecast(Scheduler::State* state)
      : state_(state), rotation_(state->view.rotation()), backlog_s_(state->view.backlog_s) {
    begin_forecast(state);
  }
  ~QuestionForecast() {
    state_->view.turn_back(rotation_);
    state_->view.backlog_s = backlog_s_;
  }
  QuestionForecast(const QuestionForecast&) = delete;
  QuestionForecast& operator=(const QuestionForecast&) = delete;

 private:
  Scheduler::State* state_;
  uint64_t rotation_;
  double backlog_s_;
};

// Seconds from now to the end of a call that is ready in `start_s`. The call is booked, so that
// those forecast after it see it. False: no worker serves it.
bool forecast_call(Scheduler::State* state, const Call& call, uint32_t tier, double start_s,
                   double* end_s);

// The call by itself on this cluster, seconds.
double forecast_alone_s(const Scheduler::State& state, const Call& call);

}  // namespace hexagent
