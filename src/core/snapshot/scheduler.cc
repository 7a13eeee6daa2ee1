// Snapshots of a whole core: settings and single numbers, the tables, the lists that lead through
// several of them. The order of loading is that of what needs what. See sections.h.
#include "core/scheduler.h"

#include <cstring>

#include "core/base/check.h"
#include "core/plan/entrance.h"
#include "core/snapshot/calls_on_workers.h"
#include "core/snapshot/reader.h"
#include "core/snapshot/sections.h"
#include "core/snapshot/state_fields.h"
#include "core/snapshot/transfers.h"
#include "core/snapshot/writer.h"
#include "core/state.h"

namespace hexagent {
namespace {

// ---- settings: numbers by key, the policy letter by letter ----

// The shell's own queues, which the core never looks at, may have another size than then.
bool is_kept(const SettingInfo& info) {
  return !info.is_name && info.key != "intake_bytes" && info.key != "decisions_max";
}

void save_settings(SnapshotWriter* writer, const Settings& settings) {
  writer->begin("settings");
  for (uint32_t key = 0; key < setting_count(); ++key) {
    const SettingInfo& info = setting_info(key);
    if (!is_kept(info)) continue;
    const double number = setting_value(settings, key).number;
    writer->real(info.key.data(), &number, info.minimum, info.maximum);
  }
  writer->end_row();
  writer->begin("policy");
  for (const char* letter = settings.policy; *letter != '\0'; ++letter) {
    const auto code = static_cast<uint8_t>(*letter);
    writer->number("letter", &code);
    writer->end_row();
  }
}

// Limits must be those of this core; the others become what they were. A key that came with a later
// release than the snapshot stays as it is.
void load_settings(SnapshotReader* reader, Settings* settings) {
  reader->begin_one("settings");
  for (uint32_t key = 0; key < setting_count(); ++key) {
    const SettingInfo& info = setting_info(key);
    if (!is_kept(info) || !reader->has(info.key.data())) continue;
    SettingChange change = setting_value(*settings, key);
    const double present = change.number;
    reader->real(info.key.data(), &change.number, info.minimum, info.maximum);
    if (!info.live && change.number != present) {
      reader->refuse(info.key.data(), "is not as it was when the snapshot was made");
    }
    if (apply_setting(change, settings) != HEXAGENT_OK) {
      reader->refuse(info.key.data(), "is out of bounds");
    }
  }
  reader->end_row();
  char policy[kPolicyTextMax] = {};
  const uint32_t letters = reader->begin("policy", kPolicyTextMax - 1);
  for (uint32_t i = 0; i < letters; ++i) {
    uint8_t code = 0;
    reader->number("letter", &code);
    reader->end_row();
    policy[i] = static_cast<char>(code);
  }
  PolicyPieces pieces;
  if (reader->sound() && !find_policy(policy, &pieces)) {
    return reader->refuse("letter", "the policy is not known here");
  }
  std::memcpy(settings->policy, policy, sizeof(policy));
}

// ---- lists of calls ----

void save_call_list(SnapshotWriter* writer, const char* section,
                    const std::vector<uint32_t>& calls) {
  writer->begin(section);
  for (uint32_t call : calls) {
    writer->number("call", &call);
    writer->end_row();
  }
}

// Calls `add(call)` for each row, which is a live call in this state that is on neither list yet.
template <class Add>
void load_call_list(SnapshotReader* reader, const char* section, const State& state,
                    CallState call_state, Add&& add) {
  const uint32_t rows = reader->begin(section, state.workflows.call_count());
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t call = 0;
    reader->number("call", &call);
    if (!reader->sound()) return;
    if (!state.workflows.is_call(call) || state.workflows.call(call).state != call_state ||
        state.workflows.call(call).waiting_slot != kNoIndex) {
      return reader->refuse("call", "does not belong there");
    }
    add(call);
    reader->end_row();
  }
}

void load_waiting(SnapshotReader* reader, State* state) {
  load_call_list(reader, "waiting", *state, CallState::kReady, [&](uint32_t index) {
    const Call& call = state->workflows.call(index);
    Workflow& workflow = state->workflows.workflow_of(call);
    if (!state->queued.count(call.model, workflow.tier)) {
      return reader->refuse("call", "is of a model without waiting work");
    }
    state->waiting.add(&state->workflows, index, state->urgency_of(call), !workflow.inside);
    ++state->tenants[workflow.tenant].calls_waiting;
    ++workflow.calls_ready;
  });
  load_call_list(reader, "prefilled", *state, CallState::kPrefilled,
                 [&](uint32_t index) { state->prefilled.add(&state->workflows, index); });
}

// Who is at work follows from the calls.
void load_work(State* state) {
  for (uint32_t index = state->workflows.least_active(); index != kNoIndex;) {
    Workflow& workflow = state->workflows.workflow(index);
    count_work(state, &workflow);
    index = workflow.idle_next;
  }
}

void load_tables(SnapshotReader* reader, State* state) {
  const auto names_max = static_cast<uint32_t>(state->settings.names_max);
  state->workers.load(reader, names_max);
  state->links.load(reader);
  for (uint32_t index = 0; index < state->workers.size() && reader->sound(); ++index) {
    Worker& worker = state->workers[index];
    worker.ingress_most_bytes_per_s = state->links.ingress_most(worker.spec);
    state->working_set.prepare(worker.spec.model);
    state->view.prepare(worker.spec.model);
  }
  state->contents.load(reader);
  state->lengths.load(reader);
  state->remainders.load(reader);
  state->tenants.load(reader);
  state->queued.load(reader, names_max);
  state->shadow.regrets.load(reader);
  state->workflows.load(reader, state->workers.size());
}

}  // namespace

void Scheduler::save(SnapshotSections* sections) const {
  const State& state = *state_;
  HEXAGENT_CHECK(state.decisions.empty());
  SnapshotWriter writer(sections);
  save_settings(&writer, state.settings);
  writer.begin("scheduler");
  visit_state(&writer, &state);
  writer.end_row();
  state.workers.save(&writer);
  state.links.save(&writer);
  state.contents.save(&writer);
  state.lengths.save(&writer);
  state.remainders.save(&writer);
  state.tenants.save(&writer);
  state.queued.save(&writer);
  state.shadow.regrets.save(&writer);
  state.workflows.save(&writer);
  save_calls_on_workers(&writer, state);
  save_call_list(&writer, "waiting", state.waiting.calls());
  save_call_list(&writer, "prefilled", state.prefilled.calls());
  save_transfers(&writer, state);
}

bool Scheduler::load(const SnapshotSections& sections, std::string* flaw) {
  State* state = state_.get();
  HEXAGENT_CHECK(state->counters.inputs == 0);
  SnapshotReader reader(sections);
  load_settings(&reader, &state->settings);
  find_policy(state->settings.policy, &state->policy);
  reader.begin_one("scheduler");
  visit_state(&reader, state);
  reader.end_row();
  load_tables(&reader, state);
  if (reader.sound()) load_calls_on_workers(&reader, state);
  if (reader.sound()) load_waiting(&reader, state);
  if (reader.sound()) load_transfers(&reader, state);
  if (reader.sound()) check_calls(&reader, state);
  if (reader.sound()) load_work(state);
  reader.finish();
  if (reader.sound()) {
    const char* broken = audit();
    if (broken != nullptr) reader.refuse(std::string("the whole: ") + broken);
  }
  *flaw = reader.flaw();
  return reader.sound();
}

}  // namespace hexagent
