// Journal: see journal.h.
#include "runtime/journal.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace hexagent {
namespace {

// One key of two settings.
bool is_same(const Settings& a, const Settings& b, uint32_t key) {
  const SettingChange left = setting_value(a, key);
  const SettingChange right = setting_value(b, key);
  return left.number == right.number && std::strcmp(left.name, right.name) == 0;
}

// Sizes of the shell's own queues: the core never looks at them.
bool is_of_the_shell(std::string_view key) {
  return key == "intake_bytes" || key == "decisions_max";
}

}  // namespace

TimeNs find_clock_shift(const JournalEnd& end, uint64_t boot, TimeNs now) {
  if (end.steps == 0) return 0;
  const TimeNs least = end.last_now - now;
  if (boot == 0 || end.boot == 0) return std::max<TimeNs>(0, least);
  // A file may say anything; a clock that leaves no room for the future is not believed.
  const bool goes_on = boot == end.boot && end.clock_shift < kTimeMaxNs / 2 - now;
  return goes_on ? std::max(end.clock_shift, least) : least;
}

hexagent_status Journal::fail(hexagent_status status, const std::string& trouble) {
  trouble_ = trouble;
  return status;
}

hexagent_status Journal::open(std::unique_ptr<JournalFolder> folder, const Settings& wanted) {
  folder_ = std::move(folder);
  wanted_ = settings_ = wanted;
  return read_begin();
}

hexagent_status Journal::read_begin() {
  reader_ = std::make_unique<JournalReader>(folder_.get());
  const bool opened = reader_->open(JournalBegin::kLatest, given_up_);
  const std::vector<JournalFlaw>& more = reader_->passed_over();
  passed_over_.insert(passed_over_.end(), more.begin(), more.end());
  if (!opened && given_up_ == 0) return fail(reader_->flaw().status, reader_->flaw().text);
  if (!opened) {
    const JournalFlaw& newest = passed_over_.front();
    return fail(newest.status, newest.text + "; and then " + reader_->flaw().text);
  }
  if (reader_->end().segment == 0) return HEXAGENT_OK;
  settings_ = reader_->header().settings;
  for (uint32_t key = 0; key < setting_count(); ++key) {
    const SettingInfo& info = setting_info(key);
    if (info.live || is_of_the_shell(info.key) || is_same(settings_, wanted_, key)) continue;
    return fail(HEXAGENT_E_STATE,
                std::string(info.key) + " is not what the journal was begun with");
  }
  return HEXAGENT_OK;
}

std::unique_ptr<Journal> Journal::try_older(hexagent_status* status) {
  auto next = std::make_unique<Journal>(options_);
  reader_.reset();
  next->folder_ = std::move(folder_);
  next->wanted_ = next->settings_ = wanted_;
  next->passed_over_ = std::move(passed_over_);
  next->given_up_ = at_fault_;
  *status = next->read_begin();
  return next;
}

hexagent_status Journal::recover(Scheduler* core, NameTable* names, NameTable* labels,
                                 const InputCheck& check, TimeNs now) {
  core_ = core;
  JournalReplay replay(reader_.get(), core, names, labels, check);
  if (!replay.begin()) {
    at_fault_ = reader_->end().snapshot;
    passed_over_.push_back(replay.flaw());
    return fail(replay.flaw().status, replay.flaw().text);
  }
  JournalItem item;
  while ((item = replay.step()) == JournalItem::kStep) {
    if (replay.same()) continue;
    return fail(HEXAGENT_E_DIFFERENT, "step " + std::to_string(replay.inputs().head().step) +
                                          " decides otherwise than recorded");
  }
  if (item == JournalItem::kFlaw) return fail(replay.flaw().status, replay.flaw().text);
  recovered_ = reader_->end();
  hexagent_stats stats = {};
  core->stats(&stats);
  recovered_decisions_ = stats.decisions;
  reader_.reset();  // with the segments it holds in memory
  note_changes(core->settings());
  JournalOptions options = options_;
  if (now != kNever) clock_shift_ = find_clock_shift(recovered_, options.boot, now);
  options.clock_shift = clock_shift_;
  writer_ = std::make_unique<JournalWriter>(folder_.get(), settings_, names, labels, options);
  const hexagent_status status = writer_->start(recovered_, *core);
  return status == HEXAGENT_OK ? status : fail(status, writer_->trouble());
}

const std::string& Journal::snapshot_trouble() const {
  const bool since = writer_ != nullptr && !writer_->snapshot_trouble().empty();
  return since || passed_over_.empty() ? writer_->snapshot_trouble() : passed_over_.back().text;
}

void Journal::finish(TimeNs now, Scheduler* core) noexcept {
  hexagent_decision dropped[64];
  while (core->take_decisions(dropped, 64) > 0) continue;
  // Steps that did nothing were not recorded, and moved the clock, which is state. After an orderly
  // shutdown the last one was.
  const bool open = writer_->status() == HEXAGENT_OK;
  if (open && writer_->has_news() && now > writer_->last_now()) writer_->end_of_step(now, *core);
  on_end();
  writer_->seal(*core);
}

void Journal::note_changes(const Settings& now) {
  for (uint32_t key = 0; key < setting_count(); ++key) {
    if (setting_info(key).live && !is_same(now, wanted_, key)) {
      changes_.push_back(setting_value(wanted_, key));
    }
  }
}

}  // namespace hexagent
