// From the inputs and decisions of a journal to a Chrome trace, which Perfetto opens.
//
// One process holds the workers: prefill, transfer and decode slices, each worker and phase with as
// many tracks as run side by side, since slices of one track must nest. Another holds workflows and
// calls as asynchronous spans, and a track of reveals, from which an arrow leads to the prefill of
// the call revealed. Times are microseconds from the first step on.
// Tests: tests/tool/journal_tool_test.cc.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tool/replay_session.h"

namespace hexagent::tool {

class TraceExport {
 public:
  // Takes the step the session has just replayed.
  void add_step(const ReplaySession& session);

  // Writes the trace; what has not ended by then ends with the last step.
  void write(std::FILE* file);

 private:
  using CallId = std::pair<uint64_t, uint64_t>;  // workflow, call

  // A phase that was dispatched and has not ended.
  struct Running {
    uint32_t worker = 0;
    uint32_t attempt = 0;
    int64_t start_ns = 0;
  };
  struct Call {
    std::string name;
    int64_t reveal_ns = 0;
    uint32_t prompt_tokens = 0;
    uint64_t arrow = 0;  // id of the arrow that waits for its prefill; 0 = it has arrived
    Running phases[4];   // by HEXAGENT_PHASE_*
    bool local = false;
  };
  struct Slice {
    uint32_t worker;
    uint32_t phase;
    int64_t start_ns;
    int64_t end_ns;
    CallId call;
    std::string name;
    uint64_t arrow;
    uint32_t tokens;
    bool done;
  };
  // Both ends of an asynchronous span, and reveals.
  struct Event {
    char type;  // b, e, s
    const char* category;
    int64_t time_ns;
    CallId call;
    std::string name;
    uint64_t arrow;
  };

  void add_submit(const ReplaySession& session, const hexagent_call& record);
  void add_report(const hexagent_report& record);
  void add_decision(const hexagent_decision& decision);
  void end_phase(const CallId& id, Call* call, uint32_t phase, int64_t start_ns, int64_t end_ns,
                 uint32_t tokens, bool done);
  void end_call(const CallId& id);
  void end_workflow(uint64_t workflow);

  void write_slices(std::FILE* file);
  void write_event(std::FILE* file, const Event& event);
  std::string time(int64_t time_ns) const;

  int64_t first_ns_ = -1;
  int64_t now_ns_ = 0;
  uint64_t arrows_ = 0;
  std::map<CallId, Call> calls_;
  std::map<uint64_t, std::string> workflows_;
  std::vector<Slice> slices_;
  std::vector<Event> events_;
};

}  // namespace hexagent::tool
