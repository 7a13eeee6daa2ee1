// Journal: see journal.h.
#include "runtime/journal.h"

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

hexagent_status Journal::fail(hexagent_status status, const std::string& trouble) {
  trouble_ = trouble;
  return status;
}

hexagent_status Journal::open(std::unique_ptr<JournalFolder> folder, const Settings& wanted) {
  folder_ = std::move(folder);
  wanted_ = settings_ = wanted;
  reader_ = std::make_unique<JournalReader>(folder_.get());
  if (!reader_->open()) return fail(reader_->flaw().status, reader_->flaw().text);
  if (reader_->end().segment == 0) return HEXAGENT_OK;
  settings_ = reader_->header().settings;
  for (uint32_t key = 0; key < setting_count(); ++key) {
    const SettingInfo& info = setting_info(key);
    if (info.live || is_of_the_shell(info.key) || is_same(settings_, wanted, key)) continue;
    return fail(HEXAGENT_E_STATE,
                std::string(info.key) + " is not what the journal was begun with");
  }
  return HEXAGENT_OK;
}

hexagent_status Journal::recover(Scheduler* core, NameTable* names, NameTable* labels,
                                 const InputCheck& check) {
  core_ = core;
  JournalReplay replay(reader_.get(), core, names, labels, check);
  Settings now = settings_;
  JournalItem item;
  while ((item = replay.step()) == JournalItem::kStep) {
    const DecodedStep& step = replay.inputs();
    if (!replay.same()) {
      return fail(HEXAGENT_E_DIFFERENT,
                  "step " + std::to_string(step.head().step) + " decides otherwise than recorded");
    }
    for (uint32_t i = 0; i < step.input_count(); ++i) {
      const Input input = step.input(i);
      if (input.kind != InputKind::kConfigure) continue;
      // As the core did; one that it refused changes nothing here either.
      static_cast<void>(apply_setting(*static_cast<const SettingChange*>(input.record), &now));
    }
  }
  if (item == JournalItem::kFlaw) return fail(replay.flaw().status, replay.flaw().text);
  recovered_ = reader_->end();
  hexagent_stats stats = {};
  core->stats(&stats);
  recovered_decisions_ = stats.decisions;
  reader_.reset();  // with the segments it holds in memory
  note_changes(now);
  writer_ = std::make_unique<JournalWriter>(folder_.get(), settings_, names, labels, options_);
  const hexagent_status status = writer_->start(recovered_, *core);
  return status == HEXAGENT_OK ? status : fail(status, writer_->trouble());
}

void Journal::note_changes(const Settings& now) {
  for (uint32_t key = 0; key < setting_count(); ++key) {
    if (setting_info(key).live && !is_same(now, wanted_, key)) {
      changes_.push_back(setting_value(wanted_, key));
    }
  }
}

}  // namespace hexagent
