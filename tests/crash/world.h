// What the world outside remembers of a scheduler that crashes again and again: clients know what
// they were acknowledged, engines what they were sent. It says when a decision contradicts that.
//
// Nothing acknowledged is lost: every decision that was shown is in the journal with the same
// bytes, and every call that was ACCEPTED is known to the recovered scheduler until it is done.
// No call is decided twice:
//   - a sequence number stands for one decision, for ever; none is shown again;
//   - a call is ACCEPTED once, is CALL_DONE once, and no engine is sent it afterwards;
//   - of one attempt of a call there is at most one PREFILL, one TRANSFER, one DECODE;
//   - an engine is sent a PREFILL of a call that it was sent already only if the scheduler crashed
//     in between before it had told of the next phase: then the engine does not hold that phase and
//     says so, and the call is planned again as another attempt.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent::test {

inline constexpr uint32_t kWorkers = 4;  // 1, 2 prefill; 3, 4 decode
inline constexpr uint32_t kEager = 1;    // its decode worker goes on with no word of ours
inline constexpr uint32_t kSubmitters = 4;
inline constexpr uint64_t kCalls = 3;  // ids 1 ... of each workflow; the last one is its LAST

// user_data of a call is workflow * kCallScale + call, of a workflow the same with call 0; of all
// other inputs it lies beyond these.
inline constexpr uint64_t kCallScale = 100;
inline constexpr uint64_t kOtherInputs = uint64_t{1} << 40;

struct CallMemory {
  bool accepted = false;
  bool done = false;
  uint32_t sent_in = 0;             // number of the life that sent `prefill`
  hexagent_decision prefill = {};   // the last one shown, sequence 0 = none
  hexagent_decision transfer = {};  // likewise
};

struct WorkflowMemory {
  bool accepted = false;
  bool done = false;
  CallMemory calls[kCalls + 1];  // [0] is not used
};

// Workflow ids of one submitter are kSubmitters apart.
inline uint32_t submitter_of(uint64_t workflow) {
  return static_cast<uint32_t>(workflow % kSubmitters);
}

struct World {
  std::map<uint64_t, WorkflowMemory> workflows;  // handed in at least once
  std::vector<hexagent_decision> shown;
  std::set<uint32_t> workers;  // ACCEPTED
  bool profile = false;        // ACCEPTED
  uint32_t life = 0;           // 1 = before the first crash

  // Takes a decision that was polled; what is wrong with it, or nothing.
  std::string see(const hexagent_decision& decision) {
    if (!shown.empty() && decision.sequence <= shown.back().sequence) {
      return say(decision, "a sequence number is shown twice");
    }
    shown.push_back(decision);
    const char* flaw = take(decision);
    return flaw[0] == '\0' ? std::string() : say(decision, flaw);
  }

  // After a crash: `history` is every decision of the journal, from the first one on.
  std::string recall(const std::vector<hexagent_decision>& history) {
    for (const hexagent_decision& decision : shown) {
      if (decision.sequence > history.size()) return say(decision, "it was shown and is lost");
      if (std::memcmp(&history[decision.sequence - 1], &decision, sizeof(decision)) != 0) {
        return say(decision, "another decision has its sequence number");
      }
    }
    return judge(history);
  }

  // Highest number of a workflow among those of its submitter.
  uint64_t newest() const {
    uint64_t number = 0;
    for (const auto& [id, workflow] : workflows) number = std::max(number, id / kSubmitters);
    return number;
  }

  // The scheduler has recovered, and what recall() was given is on disk now. What ended without
  // having been shown is over as well; it would say so if it were asked.
  void adopt() {
    for (const auto& [id, call] : ended_) {
      WorkflowMemory& workflow = workflows[id];
      (call == 0 ? workflow.done : workflow.calls[call].done) = true;
    }
  }

 private:
  // Once per call, per attempt of a call, per input.
  std::string judge(const std::vector<hexagent_decision>& history) {
    std::set<std::tuple<uint64_t, uint64_t, uint32_t, uint32_t>> once;
    std::set<std::pair<uint64_t, uint64_t>> done;
    for (const hexagent_decision& decision : history) {
      const uint32_t kind = decision.kind;
      const bool sends = kind == HEXAGENT_DECISION_PREFILL || kind == HEXAGENT_DECISION_TRANSFER ||
                         kind == HEXAGENT_DECISION_DECODE || kind == HEXAGENT_DECISION_LOCAL;
      const bool answers = kind == HEXAGENT_DECISION_ACCEPTED && decision.user_data < kOtherInputs;
      const bool ends =
          kind == HEXAGENT_DECISION_CALL_DONE || kind == HEXAGENT_DECISION_WORKFLOW_DONE;
      if (!sends && !answers && !ends) continue;
      const uint32_t attempt = sends ? decision.attempt : 0;
      if (!once.insert({decision.workflow, decision.call, attempt, kind}).second) {
        return say(decision, "it was decided twice");
      }
      if (sends && done.count({decision.workflow, decision.call}) != 0) {
        return say(decision, "the call was done before in the journal");
      }
      if (ends) done.insert({decision.workflow, decision.call});
    }
    ended_.swap(done);
    return {};
  }

  const char* take(const hexagent_decision& decision) {
    switch (decision.kind) {
      case HEXAGENT_DECISION_ACCEPTED:
        return take_accepted(decision);
      case HEXAGENT_DECISION_REFUSED:
        return take_refused(decision);
      case HEXAGENT_DECISION_PREFILL:
        return take_prefill(decision);
      case HEXAGENT_DECISION_TRANSFER: {
        CallMemory& call = workflows[decision.workflow].calls[decision.call];
        if (call.done) return "the call was done";
        if (call.prefill.attempt != decision.attempt) return "a transfer of what was not sent";
        if (call.transfer.sequence != 0) return "a second transfer";
        call.transfer = decision;
        return "";
      }
      case HEXAGENT_DECISION_CALL_DONE:
      case HEXAGENT_DECISION_WORKFLOW_DONE: {
        WorkflowMemory& workflow = workflows[decision.workflow];
        bool& done = decision.call == 0 ? workflow.done : workflow.calls[decision.call].done;
        if (decision.status != HEXAGENT_OK) return "it has failed";
        if (done) return "it was done";
        done = true;
        return "";
      }
      case HEXAGENT_DECISION_LOCAL:
        return "no worker has both roles";
      default:
        return "";
    }
  }

  const char* take_accepted(const hexagent_decision& decision) {
    if (decision.status != HEXAGENT_OK) return "not on disk though the disk works";
    if (decision.worker != 0 && decision.user_data >= kOtherInputs) workers.insert(decision.worker);
    if (decision.user_data == kOtherInputs) profile = true;
    if (decision.user_data >= kOtherInputs) return "";
    bool& accepted = accepted_of(decision.user_data);
    if (accepted) return "it was accepted before";
    accepted = true;
    return "";
  }

  // An input that was not acknowledged is handed in again after a crash; it may be there. Reports
  // are repeated too, and found to be late.
  const char* take_refused(const hexagent_decision& decision) {
    if (decision.user_data >= kOtherInputs) return "";
    if (decision.status != HEXAGENT_E_DUPLICATE && decision.status != HEXAGENT_E_ENDED) {
      return "refused for another reason than that it is there";
    }
    if (life < 2) return "there was no crash, so it cannot be there";
    accepted_of(decision.user_data) = true;
    return "";
  }

  const char* take_prefill(const hexagent_decision& decision) {
    CallMemory& call = workflows[decision.workflow].calls[decision.call];
    if (call.done) return "the call was done";
    if (call.transfer.sequence != 0) return "an engine has been sent the next phase";
    if (call.prefill.sequence != 0) {
      if (decision.attempt <= call.prefill.attempt) return "the same attempt is sent again";
      if (call.sent_in == life) return "sent again without a crash in between";
    }
    call.prefill = decision;
    call.sent_in = life;
    return "";
  }

  bool& accepted_of(uint64_t user_data) {
    WorkflowMemory& workflow = workflows[user_data / kCallScale];
    const uint64_t call = user_data % kCallScale;
    return call == 0 ? workflow.accepted : workflow.calls[call].accepted;
  }

  std::set<std::pair<uint64_t, uint64_t>> ended_;

  static std::string say(const hexagent_decision& decision, const char* what) {
    return "decision " + std::to_string(decision.sequence) + " of kind " +
           std::to_string(decision.kind) + ", workflow " + std::to_string(decision.workflow) +
           ", call " + std::to_string(decision.call) + ", attempt " +
           std::to_string(decision.attempt) + ", status " + std::to_string(decision.status) + ": " +
           what;
  }
};

}  // namespace hexagent::test
