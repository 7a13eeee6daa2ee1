// C ABI: replaying a journal. The scheduler it lives in is a handle like any other, so that all
// questions can be asked of it.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "capi/check_input.h"
#include "capi/flaw.h"
#include "capi/guard.h"
#include "core/base/sized_struct.h"
#include "metrics/text_writer.h"
#include "runtime/journal_replay.h"

struct hexagent_replay {
  std::unique_ptr<hexagent::JournalFolder> folder;
  std::unique_ptr<hexagent::JournalReader> reader;
  std::unique_ptr<hexagent_scheduler> scheduler;
  std::unique_ptr<hexagent::JournalReplay> replay;
  uint32_t passed_over = 0;  // snapshots that were damaged, at open
  std::string passed_text;   // what the last of them was
  bool ended = false;        // nothing was replayed last: no decisions, no inputs
};

namespace hexagent {
namespace {

static_assert(HEXAGENT_INPUT_CONFIGURE == static_cast<int>(InputKind::kConfigure));
static_assert(HEXAGENT_INPUT_WORKER_RESYNC == static_cast<int>(InputKind::kWorkerResync));
static_assert(HEXAGENT_INPUT_LINK_MEASURED == static_cast<int>(InputKind::kLinkMeasured));
static_assert(HEXAGENT_INPUT_SUBMIT == static_cast<int>(InputKind::kSubmit));
static_assert(sizeof(hexagent_input) == 64);

void pass_over(const JournalFlaw& flaw, hexagent_replay* replay) {
  ++replay->passed_over;
  replay->passed_text = flaw.text;
}

// From the earliest place behind the snapshots that were given up.
hexagent_status open_reader(const char* path, hexagent_replay* replay, std::string* text) {
  const uint32_t above = replay->reader == nullptr ? 0 : replay->reader->end().snapshot;
  replay->reader = std::make_unique<JournalReader>(replay->folder.get());
  JournalReader& reader = *replay->reader;
  const bool opened = reader.open(JournalBegin::kEarliest, above);
  for (const JournalFlaw& flaw : reader.passed_over()) pass_over(flaw, replay);
  if (!opened) {
    *text = reader.flaw().text;
    return reader.flaw().status;
  }
  if (reader.end().segment != 0) return HEXAGENT_OK;
  *text = std::string(path) + ": no journal in this folder";
  return HEXAGENT_E_IO;
}

// False if the snapshot it begins with cannot be brought back: then there may be a later one.
bool make_scheduler(hexagent_replay* replay) {
  hexagent_config config;
  config.settings = replay->reader->header().settings;
  replay->replay.reset();
  replay->scheduler = std::make_unique<hexagent_scheduler>(config, nullptr);
  hexagent_scheduler* scheduler = replay->scheduler.get();
  replay->replay = std::make_unique<JournalReplay>(
      replay->reader.get(), &scheduler->core, &scheduler->names, &scheduler->labels,
      [scheduler](const Input& input) { return check_input(*scheduler, input); });
  replay->replay->check_snapshots();
  if (replay->replay->begin()) return true;
  pass_over(replay->replay->flaw(), replay);
  return false;
}

// Fills what open_replay() is about; `text` is for people.
hexagent_status open_replay(const char* path, uint32_t header_version,
                            std::unique_ptr<hexagent_replay>* opened, std::string* text) {
  if (path == nullptr) return HEXAGENT_E_ARGUMENT;
  if (header_version >> 8 != static_cast<uint32_t>(HEXAGENT_VERSION) >> 8) {
    return HEXAGENT_E_VERSION;
  }
  auto replay = std::make_unique<hexagent_replay>();
  const hexagent_status status = open_folder(path, FolderUse::kRead, &replay->folder, text);
  if (status != HEXAGENT_OK) return status;
  bool begun = false;
  while (!begun) {
    const hexagent_status opened_now = open_reader(path, replay.get(), text);
    if (opened_now != HEXAGENT_OK) return opened_now;
    begun = make_scheduler(replay.get());
  }
  *opened = std::move(replay);
  return HEXAGENT_OK;
}

void describe_snapshots(const hexagent_replay& replay, hexagent_replay_info* info) {
  const JournalReplay& past = *replay.replay;
  info->first_step = replay.reader->end().snapshot_steps;
  info->snapshot_segment = replay.reader->end().snapshot;
  info->snapshots_same = past.snapshots_same();
  info->snapshots_different = past.snapshots_different();
  info->snapshots_unread = replay.passed_over + past.snapshots_unread();
  const std::string& text =
      past.snapshot_text().empty() ? replay.passed_text : past.snapshot_text();
  TextWriter(info->snapshot_text, sizeof(info->snapshot_text)) << text;
}

hexagent_replay_info describe(const hexagent_replay& replay) {
  const JournalEnd& end = replay.reader->end();
  hexagent_replay_info info = {};
  info.library_version = replay.reader->header().library_version;
  info.step = end.steps;
  info.inputs = end.inputs;
  info.now_ns = end.last_now;
  describe_snapshots(replay, &info);
  if (replay.ended) {
    info.closed = end.closed ? 1 : 0;
    info.cut_frames = end.cut_frames;
    info.cut_bytes = end.cut_bytes;
    return info;
  }
  const JournalReplay& last = *replay.replay;
  info.inputs_count = last.inputs().input_count();
  info.decisions_count = static_cast<uint32_t>(last.decisions().size());
  info.recorded_count = last.inputs().head().decision_count;
  info.recorded_full = !last.recorded().empty() || info.recorded_count == 0 ? 1 : 0;
  info.different = last.same() ? 0 : 1;
  if (!last.same() && info.recorded_full != 0) info.first_different = last.first_different();
  return info;
}

int32_t replay_step(hexagent_replay* replay, hexagent_replay_info* info, hexagent_error* error) {
  hexagent_status status = check_size(info);
  if (status != HEXAGENT_OK) return status;
  status = handle_status(replay->scheduler.get());
  if (status != HEXAGENT_OK) return status;
  JournalItem item = JournalItem::kFlaw;
  status = guard_moving(replay->scheduler.get(), [&](hexagent_scheduler&) -> hexagent_status {
    item = replay->replay->step();
    return HEXAGENT_OK;
  });
  replay->ended = status != HEXAGENT_OK || item != JournalItem::kStep;
  if (status != HEXAGENT_OK) {
    tell(Flaw{status}, error);
    return status;
  }
  if (item == JournalItem::kFlaw) {
    const JournalFlaw& flaw = replay->replay->flaw();
    tell(flaw.status, HEXAGENT_FIELD_NONE, flaw.text.c_str(), error);
    return flaw.status;
  }
  replay->scheduler->driver.resume_at(replay->reader->end().last_now);
  write_sized(describe(*replay), info);
  tell(Flaw{}, error);
  return item == JournalItem::kStep ? 1 : 0;
}

int32_t copy_decisions(const hexagent_replay& replay, const std::vector<hexagent_decision>& from,
                       uint32_t first, hexagent_decision* decisions, uint32_t capacity) {
  if (decisions == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
  if (replay.ended || first >= from.size()) return 0;
  const auto count = static_cast<uint32_t>(std::min<size_t>(capacity, from.size() - first));
  if (count > 0) std::memcpy(decisions, &from[first], count * sizeof(*decisions));
  return static_cast<int32_t>(count);
}

hexagent_status copy_input(const hexagent_replay& replay, uint32_t index, hexagent_input* to_caller,
                           void* record, uint32_t capacity) {
  if (to_caller == nullptr || (record == nullptr && capacity > 0)) return HEXAGENT_E_ARGUMENT;
  if (replay.ended || index >= replay.replay->inputs().input_count()) return HEXAGENT_E_RANGE;
  const Input input = replay.replay->inputs().input(index);
  hexagent_input answer = {};
  answer.kind = static_cast<uint32_t>(input.kind);
  answer.worker = input.worker;
  answer.incarnation = input.incarnation;
  answer.user_data = input.user_data;
  answer.workflow = input.workflow;
  answer.call = input.call;
  answer.deps_count = input.deps_count;
  answer.prefixes_count = input.prefixes_count;
  // A change of a setting is a record of ours, not of the ABI.
  if (input.kind != InputKind::kConfigure) answer.record_size = input.record_size;
  *to_caller = answer;
  const uint32_t size = std::min(capacity, answer.record_size);
  if (size > 0) std::memcpy(record, input.record, size);
  return HEXAGENT_OK;
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_replay* hexagent_replay_open(const char* path, uint32_t header_version,
                                      hexagent_error* error) noexcept {
  using hexagent::Flaw;
  if (!hexagent::is_usable(error)) return nullptr;
  std::unique_ptr<hexagent_replay> replay;
  std::string text;
  const hexagent_status status = hexagent::guard_free(
      [&] { return hexagent::open_replay(path, header_version, &replay, &text); });
  if (text.empty()) {
    hexagent::tell(Flaw{status}, error);
  } else {
    hexagent::tell(status, HEXAGENT_FIELD_NONE, text.c_str(), error);
  }
  return replay.release();
}

void hexagent_replay_close(hexagent_replay* replay) noexcept { delete replay; }

int32_t hexagent_replay_step(hexagent_replay* replay, hexagent_replay_info* info,
                             hexagent_error* error) noexcept {
  if (replay == nullptr) return HEXAGENT_E_ARGUMENT;
  if (!hexagent::is_usable(error)) return HEXAGENT_E_STRUCT_SIZE;
  return hexagent::replay_step(replay, info, error);
}

int32_t hexagent_replay_decisions(const hexagent_replay* replay, uint32_t first,
                                  hexagent_decision* decisions, uint32_t capacity) noexcept {
  if (replay == nullptr) return HEXAGENT_E_ARGUMENT;
  return hexagent::copy_decisions(*replay, replay->replay->decisions(), first, decisions, capacity);
}

int32_t hexagent_replay_recorded(const hexagent_replay* replay, uint32_t first,
                                 hexagent_decision* decisions, uint32_t capacity) noexcept {
  if (replay == nullptr) return HEXAGENT_E_ARGUMENT;
  return hexagent::copy_decisions(*replay, replay->replay->recorded(), first, decisions, capacity);
}

hexagent_status hexagent_replay_input(const hexagent_replay* replay, uint32_t index,
                                      hexagent_input* input, void* record,
                                      uint32_t capacity) noexcept {
  if (replay == nullptr) return HEXAGENT_E_ARGUMENT;
  return hexagent::copy_input(*replay, index, input, record, capacity);
}

hexagent_scheduler* hexagent_replay_scheduler(hexagent_replay* replay) noexcept {
  return replay != nullptr ? replay->scheduler.get() : nullptr;
}

}  // extern "C"
