// JournalReplay: see journal_replay.h.
#include "runtime/journal_replay.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/status.h"
#include "wire/decision_hash.h"

namespace hexagent {

JournalReplay::JournalReplay(JournalReader* reader, Scheduler* core, NameTable* names,
                             NameTable* labels, InputCheck check)
    : reader_(reader), core_(core), names_(names), labels_(labels), check_(std::move(check)) {}

JournalItem JournalReplay::fail(hexagent_status status, const std::string& text) {
  const JournalEnd& end = reader_->end();
  flaw_ = {status, segment_name(end.segment) + ", step " + std::to_string(end.steps) + ": " + text};
  return JournalItem::kFlaw;
}

// Ids must come out as they went in; those known already must be the same text.
bool JournalReplay::intern(const JournalNames& names) {
  NameTable* table = names.kind == NameKind::kLabel ? labels_ : names_;
  uint32_t id = names.first_id;
  for (const std::string& text : names.texts) {
    if (id == 0 || id > table->size() + 1) return false;
    if (table->intern(text) != static_cast<int32_t>(id)) return false;
    ++id;
  }
  return true;
}

bool JournalReplay::begin() {
  if (begun_) return flaw_.status == HEXAGENT_OK;
  begun_ = true;
  segment_ = reader_->end().segment;
  if (reader_->snapshot() == nullptr) return true;
  flaw_ = restore(*reader_->snapshot(), core_);
  reader_->drop_snapshot();
  return flaw_.status == HEXAGENT_OK;
}

void JournalReplay::come_past(uint32_t segment) {
  while (segment_ < segment) {
    ++segment_;
    if (checks_ && reader_->has_snapshot(segment_)) check_snapshot(segment_);
  }
}

void JournalReplay::check_snapshot(uint32_t segment) {
  JournalSnapshot snapshot;
  const JournalFlaw flaw = read_snapshot(reader_->folder(), segment, &snapshot);
  if (flaw.status != HEXAGENT_OK) {
    ++snapshots_unread_;
    snapshot_text_ = flaw.text;
    return;
  }
  const std::string difference = compare(snapshot, *core_);
  ++(difference.empty() ? snapshots_same_ : snapshots_different_);
  if (!difference.empty()) snapshot_text_ = snapshot_name(segment) + ": " + difference;
}

JournalItem JournalReplay::step() {
  if (!begin()) return JournalItem::kFlaw;
  if (flaw_.status != HEXAGENT_OK) return JournalItem::kFlaw;
  decisions_.clear();
  same_ = true;
  const JournalItem item = reader_->next();
  if (item == JournalItem::kFlaw) {
    flaw_ = reader_->flaw();
    return item;
  }
  for (const JournalNames& names : reader_->names()) {
    if (!intern(names)) return fail(HEXAGENT_E_DAMAGED, "names are out of order");
  }
  come_past(reader_->end().segment);
  if (item == JournalItem::kEnd) return item;
  const DecodedStep& recorded = reader_->step();
  const StepHead& head = recorded.head();
  for (uint32_t i = 0; i < recorded.input_count(); ++i) {
    const Input input = recorded.input(i);
    const hexagent_status status = check_ ? check_(input) : HEXAGENT_OK;
    if (status != HEXAGENT_OK) {
      return fail(HEXAGENT_E_DAMAGED, "input " + std::to_string(head.first_input + i) +
                                          " cannot have been taken: " + status_text(status));
    }
    core_->apply(input, head.now);
  }
  core_->advance(head.now);
  DecisionHash hash;
  decisions_.resize(core_->decision_count());
  core_->take_decisions(decisions_.data(), core_->decision_count());
  for (const hexagent_decision& decision : decisions_) hash.add(decision);
  same_ = decisions_.size() == head.decision_count && hash.value() == head.decision_hash;
  return JournalItem::kStep;
}

JournalItem JournalReplay::run() {
  for (;;) {
    const JournalItem item = step();
    if (item != JournalItem::kStep) return item;
    if (!same_) return fail(HEXAGENT_E_DIFFERENT, "decisions are not those of the journal");
  }
}

uint32_t JournalReplay::first_different() const {
  const auto count = static_cast<uint32_t>(std::min(decisions_.size(), recorded().size()));
  for (uint32_t i = 0; i < count; ++i) {
    if (std::memcmp(&decisions_[i], &recorded()[i], sizeof(decisions_[i])) != 0) return i;
  }
  return count;
}

}  // namespace hexagent
