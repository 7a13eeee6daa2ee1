// WaitingShapes: what bounds on the finish and the key of waiting calls are made of, by their slots
// in the waiting list. Plans that score calls look at all of these, of thousands of calls, so each
// number has an array of its own and compilers work on several at once; integers are exact in
// doubles. But for the last two nothing changes while a call waits.
// Tests: tests/unit/core/plan/waiting_list_test.cc, finish_bound_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/cluster/worker.h"
#include "core/plan/urgency.h"
#include "core/workflow/workflow.h"

namespace hexagent {

class WaitingShapes {
 public:
  // The model of calls that not every worker of theirs may serve; it is no name.
  static constexpr double kNotAnywhere = -1.0;

  const double* models() const { return models_.data(); }
  const double* prompts() const { return prompts_.data(); }    // tokens
  const double* reserves() const { return reserves_.data(); }  // tokens, prompt and output
  const double* outputs() const { return outputs_.data(); }    // tokens as expected
  // The projected finish that a call's urgency was computed with, where orders want one.
  const double* projections_s() const { return projections_s_.data(); }
  // How much the key rises with a second of that, and what it is at least.
  const double* slopes() const { return slopes_.data(); }
  const double* floors() const { return floors_.data(); }

  void reserve(uint32_t count) {
    for (std::vector<double>* values : all()) values->reserve(count);
  }
  void add(const Call& call, const Urgency& urgency) {
    const bool anywhere =
        (call.labels_required | call.labels_excluded) == 0 && call.avoid_worker == kNoWorker;
    models_.push_back(anywhere ? call.model : kNotAnywhere);
    prompts_.push_back(call.prompt_tokens);
    reserves_.push_back(static_cast<double>(call.prompt_tokens) + call.output_reserve);
    outputs_.push_back(call.output_mean);
    projections_s_.push_back(call.standalone_s);
    slopes_.push_back(1.0 / urgency.span_s);
    floors_.push_back(urgency.least());
  }
  void set_urgency(uint32_t slot, const Urgency& urgency) {
    slopes_[slot] = 1.0 / urgency.span_s;
    floors_[slot] = urgency.least();
  }
  // The last call takes this slot.
  void remove(uint32_t slot) {
    for (std::vector<double>* values : all()) {
      (*values)[slot] = values->back();
      values->pop_back();
    }
  }

 private:
  std::array<std::vector<double>*, 7> all() {
    return {&models_, &prompts_, &reserves_, &outputs_, &projections_s_, &slopes_, &floors_};
  }

  std::vector<double> models_;
  std::vector<double> prompts_;
  std::vector<double> reserves_;
  std::vector<double> outputs_;
  std::vector<double> projections_s_;
  std::vector<double> slopes_;
  std::vector<double> floors_;
};

}  // namespace hexagent
