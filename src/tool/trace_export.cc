// TraceExport: see trace_export.h.
#include "tool/trace_export.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

namespace hexagent::tool {
namespace {

constexpr int kWorkersProcess = 1;
constexpr int kWorkflowsProcess = 2;
constexpr const char* kPhaseNames[] = {"", "prefill", "transfer", "decode"};

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string id_text(const std::pair<uint64_t, uint64_t>& call) {
  return std::to_string(call.first) + "/" + std::to_string(call.second);
}

template <class Record>
Record record_as(const ReplaySession::Record& bytes) {
  Record record;
  std::memcpy(&record, bytes.bytes, sizeof(record));
  return record;
}

}  // namespace

void TraceExport::add_step(const ReplaySession& session) {
  now_ns_ = session.info.now_ns;
  if (first_ns_ < 0) first_ns_ = now_ns_;
  for (uint32_t i = 0; i < session.info.inputs_count; ++i) {
    ReplaySession::Record record;
    const hexagent_input input = session.input(i, &record);
    if (input.kind == HEXAGENT_INPUT_SUBMIT) add_submit(session, record_as<hexagent_call>(record));
    if (input.kind == HEXAGENT_INPUT_REPORT) add_report(record_as<hexagent_report>(record));
    if (input.kind == HEXAGENT_INPUT_WORKFLOW_BEGIN) {
      const auto begun = record_as<hexagent_workflow>(record);
      if (workflows_.count(begun.workflow) != 0) continue;  // will be refused
      std::string name = session.name(begun.class_name);
      if (name.empty()) name = "workflow";
      events_.push_back({'b', "workflow", now_ns_, {begun.workflow, 0}, name, 0});
      workflows_[begun.workflow] = std::move(name);
    }
  }
  for (const hexagent_decision& decision : session.decisions()) add_decision(decision);
}

void TraceExport::add_submit(const ReplaySession& session, const hexagent_call& record) {
  const CallId id = {record.workflow, record.call};
  if (calls_.count(id) != 0 || workflows_.count(record.workflow) == 0) return;  // will be refused
  Call& call = calls_[id];
  call.name = session.name(record.stage);
  if (call.name.empty()) call.name = "call " + std::to_string(record.call);
  call.reveal_ns = now_ns_;
  call.prompt_tokens = record.prompt_tokens;
  call.arrow = ++arrows_;
  events_.push_back({'b', "call", now_ns_, id, call.name, 0});
  events_.push_back({'s', "reveal", now_ns_, id, call.name, call.arrow});
}

// Reports come before the decisions that follow from them, in one step.
void TraceExport::add_report(const hexagent_report& record) {
  const auto known = calls_.find({record.workflow, record.call});
  if (known == calls_.end() || record.phase < 1 || record.phase > 3) return;
  Call& call = known->second;
  Running& running = call.phases[record.phase];
  if (record.attempt != 0 && running.attempt != 0 && record.attempt != running.attempt) return;
  if (record.outcome == HEXAGENT_OUTCOME_STARTED) {
    if (running.worker != 0) running.start_ns = record.end_ns != 0 ? record.end_ns : now_ns_;
    return;
  }
  if (record.outcome == HEXAGENT_OUTCOME_PROGRESS) return;
  const int64_t end_ns = record.end_ns != 0 ? record.end_ns : now_ns_;
  // A later phase that is over tells that the earlier ones are.
  for (uint32_t phase = 1; phase < record.phase; ++phase) {
    const int64_t start_ns = record.start_ns != 0 ? record.start_ns : end_ns;
    end_phase(known->first, &call, phase, 0, start_ns, 0, true);
  }
  const bool done = record.outcome == HEXAGENT_OUTCOME_DONE;
  end_phase(known->first, &call, record.phase, record.start_ns, end_ns, record.tokens, done);
  if (call.local && record.phase == HEXAGENT_PHASE_PREFILL && done) {
    call.phases[HEXAGENT_PHASE_DECODE] = {record.worker, record.attempt, end_ns};
  }
}

void TraceExport::add_decision(const hexagent_decision& decision) {
  const CallId id = {decision.workflow, decision.call};
  const auto known = calls_.find(id);
  switch (decision.kind) {
    case HEXAGENT_DECISION_PREFILL:
    case HEXAGENT_DECISION_LOCAL:
      if (known == calls_.end()) return;
      known->second.local = decision.kind == HEXAGENT_DECISION_LOCAL;
      known->second.phases[HEXAGENT_PHASE_PREFILL] = {decision.worker, decision.attempt,
                                                      decision.time_ns};
      return;
    case HEXAGENT_DECISION_TRANSFER:
    case HEXAGENT_DECISION_DECODE: {
      if (known == calls_.end()) return;
      const bool decode = decision.kind == HEXAGENT_DECISION_DECODE;
      const int phase = decode ? HEXAGENT_PHASE_DECODE : HEXAGENT_PHASE_TRANSFER;
      known->second.phases[phase] = {decision.worker, decision.attempt, decision.time_ns};
      return;
    }
    case HEXAGENT_DECISION_ABORT:
      if (known == calls_.end()) return;
      for (uint32_t phase = 1; phase <= 3; ++phase) {
        end_phase(id, &known->second, phase, 0, now_ns_, 0, false);
      }
      return;
    case HEXAGENT_DECISION_CALL_DONE:
      return end_call(id);
    case HEXAGENT_DECISION_WORKFLOW_DONE:
      return end_workflow(decision.workflow);
    default:
      return;
  }
}

void TraceExport::end_phase(const CallId& id, Call* call, uint32_t phase, int64_t start_ns,
                            int64_t end_ns, uint32_t tokens, bool done) {
  Running& running = call->phases[phase];
  if (running.worker == 0) return;
  Slice slice = {
      running.worker, phase, start_ns != 0 ? start_ns : running.start_ns, end_ns, id, call->name, 0,
      tokens,         done};
  if (phase == HEXAGENT_PHASE_PREFILL) {
    slice.tokens = call->prompt_tokens;
    std::swap(slice.arrow, call->arrow);
  }
  slice.start_ns = std::min(slice.start_ns, slice.end_ns);
  slices_.push_back(std::move(slice));
  running = {};
}

void TraceExport::end_call(const CallId& id) {
  const auto known = calls_.find(id);
  if (known == calls_.end()) return;
  for (uint32_t phase = 1; phase <= 3; ++phase) {
    end_phase(id, &known->second, phase, 0, now_ns_, 0, false);
  }
  events_.push_back({'e', "call", now_ns_, id, known->second.name, 0});
  calls_.erase(known);
}

void TraceExport::end_workflow(uint64_t workflow) {
  const auto known = workflows_.find(workflow);
  if (known == workflows_.end()) return;
  while (true) {
    const auto call = calls_.lower_bound({workflow, 0});
    if (call == calls_.end() || call->first.first != workflow) break;
    end_call(CallId(call->first));
  }
  events_.push_back({'e', "workflow", now_ns_, {workflow, 0}, known->second, 0});
  workflows_.erase(known);
}

std::string TraceExport::time(int64_t time_ns) const {
  const int64_t ns = std::max<int64_t>(time_ns - first_ns_, 0);
  char text[40];
  std::snprintf(text, sizeof(text), "%lld.%03lld", static_cast<long long>(ns / 1000),
                static_cast<long long>(ns % 1000));
  return text;
}

void TraceExport::write_event(std::FILE* file, const Event& event) {
  const std::string at = time(event.time_ns);
  const std::string name = quoted(event.name);
  if (event.type == 's') {
    // An arrow starts in a slice, so the reveal has one, however short.
    std::fprintf(file,
                 ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":1,\"ts\":%s,\"dur\":0.001,\"name\":%s,"
                 "\"args\":{\"call\":\"%s\"}}",
                 kWorkflowsProcess, at.c_str(), name.c_str(), id_text(event.call).c_str());
    std::fprintf(file,
                 ",\n{\"ph\":\"s\",\"pid\":%d,\"tid\":1,\"ts\":%s,\"id\":%llu,\"cat\":\"reveal\","
                 "\"name\":\"placed\"}",
                 kWorkflowsProcess, at.c_str(), static_cast<unsigned long long>(event.arrow));
    return;
  }
  const bool workflow = event.category[0] == 'w';
  const std::string id = workflow ? std::to_string(event.call.first) : id_text(event.call);
  std::fprintf(file,
               ",\n{\"ph\":\"%c\",\"pid\":%d,\"tid\":1,\"ts\":%s,\"cat\":\"%s\",\"id\":\"%s\","
               "\"name\":%s}",
               event.type, kWorkflowsProcess, at.c_str(), event.category, id.c_str(), name.c_str());
}

// Slices by worker, phase and start; each goes to the first track that is free.
void TraceExport::write_slices(std::FILE* file) {
  constexpr uint32_t kTracksMax = 1000;  // of one worker and phase
  std::stable_sort(slices_.begin(), slices_.end(), [](const Slice& a, const Slice& b) {
    return std::tie(a.worker, a.phase, a.start_ns) < std::tie(b.worker, b.phase, b.start_ns);
  });
  std::vector<int64_t> free_at;
  uint64_t group = UINT64_MAX;
  for (const Slice& slice : slices_) {
    const uint64_t own = uint64_t{slice.worker} * 4 + slice.phase;
    if (own != group) free_at.clear();
    group = own;
    const auto found = std::find_if(free_at.begin(), free_at.end(),
                                    [&](int64_t free) { return free <= slice.start_ns; });
    const auto lane = static_cast<uint32_t>(found - free_at.begin());
    const auto track =
        static_cast<unsigned long long>(own * kTracksMax + std::min(lane, kTracksMax - 1));
    if (found == free_at.end()) {
      free_at.push_back(slice.end_ns);
      std::fprintf(file,
                   ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%llu,\"name\":\"thread_name\",\"args\":"
                   "{\"name\":\"worker %u %s %u\"}}",
                   kWorkersProcess, track, slice.worker, kPhaseNames[slice.phase], lane + 1);
    } else {
      *found = slice.end_ns;
    }
    std::fprintf(file,
                 ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":%llu,\"ts\":%s,\"dur\":%lld.%03lld,"
                 "\"name\":%s,\"cat\":\"%s\",\"args\":{\"call\":\"%s\",\"tokens\":%u,\"done\":%s}}",
                 kWorkersProcess, track, time(slice.start_ns).c_str(),
                 static_cast<long long>((slice.end_ns - slice.start_ns) / 1000),
                 static_cast<long long>((slice.end_ns - slice.start_ns) % 1000),
                 quoted(slice.name).c_str(), kPhaseNames[slice.phase], id_text(slice.call).c_str(),
                 slice.tokens, slice.done ? "true" : "false");
    if (slice.arrow == 0) continue;
    std::fprintf(file,
                 ",\n{\"ph\":\"f\",\"bp\":\"e\",\"pid\":%d,\"tid\":%llu,\"ts\":%s,\"id\":%llu,"
                 "\"cat\":\"reveal\",\"name\":\"placed\"}",
                 kWorkersProcess, track, time(slice.start_ns).c_str(),
                 static_cast<unsigned long long>(slice.arrow));
  }
}

void TraceExport::write(std::FILE* file) {
  while (!workflows_.empty()) end_workflow(uint64_t{workflows_.begin()->first});
  std::fprintf(file, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  std::fprintf(
      file, "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"workers\"}}",
      kWorkersProcess);
  std::fprintf(file,
               ",\n{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":"
               "\"workflows\"}}",
               kWorkflowsProcess);
  std::fprintf(file,
               ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":"
               "\"reveals\"}}",
               kWorkflowsProcess);
  for (const Event& event : events_) write_event(file, event);
  write_slices(file);
  std::fprintf(file, "\n]}\n");
}

}  // namespace hexagent::tool
