// Decoding: see journal_decode.h.
#include "wire/journal_decode.h"

#include <cstring>
#include <type_traits>

#include "journal_generated.h"

namespace hexagent {
namespace {

// A step nests three deep (step, input, record, prefix); a little more for what may come.
constexpr uint32_t kDepthMax = 8;
constexpr uint32_t kTablesMax = 1u << 20;

constexpr DecodeFlaw kSound = {};

DecodeFlaw damaged(const char* text) { return {HEXAGENT_E_DAMAGED, text}; }

// The root table of a payload, or null if it is not wholly sound.
template <class Table>
const Table* root(const uint8_t* payload, uint32_t length) {
  constexpr uint32_t kSmallest = 16;  // size, root, identifier; the verifier asserts on less
  if (length < kSmallest) return nullptr;
  flatbuffers::Verifier verifier(payload, length, kDepthMax, kTablesMax);
  if (!verifier.VerifySizePrefixedBuffer<Table>("HXJ1")) return nullptr;
  return flatbuffers::GetSizePrefixedRoot<Table>(payload);
}

// take_fields(table, record): the plain fields of each record, from the one list.
#define R(table_type, record_type) \
  void take_fields(const wire::table_type& table, record_type* record) {
#define F(field) record->field = table.field();
#define E() }
#include "wire/journal_fields.inc"

template <size_t Size>
bool take_bytes(const flatbuffers::Vector<uint8_t>* source, uint8_t (&target)[Size]) {
  if (source == nullptr) return true;
  if (source->size() != Size) return false;
  std::memcpy(target, source->data(), Size);
  return true;
}

DecodeFlaw take_setting(const wire::SettingRecord& record, SettingChange* change) {
  if (record.key() == nullptr) return damaged("a setting has no key");
  const std::string_view key(record.key()->c_str(), record.key()->size());
  for (change->key = 0; change->key < setting_count(); ++change->key) {
    if (setting_info(change->key).key == key) break;
  }
  if (change->key == setting_count()) return {HEXAGENT_E_VERSION, "a setting is not known here"};
  change->number = record.number();
  if (record.text() == nullptr) return kSound;
  if (record.text()->size() >= kPolicyTextMax) return damaged("the text of a setting is too long");
  std::memcpy(change->name, record.text()->c_str(), record.text()->size());
  return kSound;
}

// The record type an input of this kind must have.
wire::Record record_of(InputKind kind) {
  switch (kind) {
    case InputKind::kProfileSet:
      return wire::Record::ProfileRecord;
    case InputKind::kModelSet:
      return wire::Record::ModelRecord;
    case InputKind::kWorkerSet:
      return wire::Record::WorkerRecord;
    case InputKind::kHeartbeat:
      return wire::Record::HeartbeatRecord;
    case InputKind::kLinkSet:
      return wire::Record::LinkRecord;
    case InputKind::kWorkflowBegin:
      return wire::Record::WorkflowRecord;
    case InputKind::kSubmit:
      return wire::Record::CallRecord;
    case InputKind::kReport:
      return wire::Record::ReportRecord;
    case InputKind::kConfigure:
      return wire::Record::SettingRecord;
    case InputKind::kWorkerResync:
      return wire::Record::ResyncRecord;
    case InputKind::kLinkMeasured:
      return wire::Record::LinkSampleRecord;
    case InputKind::kWorkerDrain:
    case InputKind::kWorkerLost:
    case InputKind::kReady:
    case InputKind::kCallCancel:
    case InputKind::kWorkflowCancel:
    case InputKind::kWorkflowEnd:
      return wire::Record::NONE;
  }
  return wire::Record::NONE;
}

bool is_known(wire::Kind kind) {
  return kind > wire::Kind::None && kind <= wire::Kind::LinkMeasured;
}

template <class Record>
constexpr bool has_struct_size = requires(Record record) {
  record.struct_size;
};

}  // namespace

DecodeFlaw decode_header(const uint8_t* payload, uint32_t length, JournalHeader* header) {
  const auto* record = root<wire::HeaderRecord>(payload, length);
  if (record == nullptr) return damaged("the header is malformed");
  header->format = record->format();
  header->library_version = record->library_version();
  // Nothing else is believed of a format that is not ours.
  if (header->format != kJournalFormat) return {HEXAGENT_E_VERSION, "the format is not known here"};
  header->segment = record->segment();
  header->previous_bytes = record->previous_bytes();
  header->steps = record->steps();
  header->inputs = record->inputs();
  header->last_now = record->last_now();
  header->boot = record->boot();
  header->clock_shift = record->clock_shift();
  header->settings = Settings{};
  if (record->settings() == nullptr) return kSound;
  for (const wire::SettingRecord* setting : *record->settings()) {
    SettingChange change;
    const DecodeFlaw flaw = take_setting(*setting, &change);
    if (flaw.status != HEXAGENT_OK) return flaw;
    if (apply_setting(change, &header->settings) != HEXAGENT_OK) {
      return damaged("a setting is out of bounds");
    }
  }
  return kSound;
}

DecodeFlaw decode_names(const uint8_t* payload, uint32_t length, JournalNames* names) {
  const auto* record = root<wire::NamesRecord>(payload, length);
  if (record == nullptr) return damaged("a list of names is malformed");
  if (record->kind() > wire::NameKind::Label) return {HEXAGENT_E_VERSION, "names of unknown kind"};
  names->kind = static_cast<NameKind>(record->kind());
  names->first_id = record->first_id();
  names->texts.clear();
  if (record->texts() == nullptr) return kSound;
  for (const flatbuffers::String* text : *record->texts()) names->texts.push_back(text->str());
  return kSound;
}

DecodeFlaw decode_close(const uint8_t* payload, uint32_t length, uint64_t* steps,
                        uint64_t* inputs) {
  const auto* record = root<wire::CloseRecord>(payload, length);
  if (record == nullptr) return damaged("the closing record is malformed");
  *steps = record->steps();
  *inputs = record->inputs();
  return kSound;
}

DecodeFlaw decode_snapshot_header(const uint8_t* payload, uint32_t length, SnapshotHeader* header) {
  const auto* record = root<wire::SnapshotRecord>(payload, length);
  if (record == nullptr) return damaged("the head is malformed");
  header->format = record->format();
  header->library_version = record->library_version();
  if (header->format != kJournalFormat) return {HEXAGENT_E_VERSION, "the format is not known here"};
  header->segment = record->segment();
  header->steps = record->steps();
  header->inputs = record->inputs();
  header->sequence = record->sequence();
  header->last_now = record->last_now();
  header->state_bytes = record->state_bytes();
  return kSound;
}

DecodeFlaw decode_decisions(const uint8_t* payload, uint32_t length, uint64_t* step,
                            std::vector<hexagent_decision>* decisions) {
  const auto* record = root<wire::DecisionsRecord>(payload, length);
  if (record == nullptr) return damaged("a list of decisions is malformed");
  *step = record->step();
  if (record->decisions() == nullptr) return kSound;
  for (const wire::DecisionRecord* from : *record->decisions()) {
    decisions->push_back(
        {from->sequence(),
         from->journal_position(),
         from->user_data(),
         from->workflow(),
         from->call(),
         from->kind(),
         from->status(),
         from->worker(),
         from->peer_worker(),
         from->incarnation(),
         from->attempt(),
         from->time_ns(),
         from->expected_start_ns(),
         from->expected_end_ns(),
         from->order_key(),
         from->priority(),
         from->tokens(),
         from->cached_tokens(),
         from->field(),
         from->stretch_milli(),
         from->reserved0(),
         static_cast<int64_t>(from->reserved1() | uint64_t{from->reserved2()} << 32)});
  }
  return kSound;
}

void DecodedStep::clear() {
  head_ = {};
  inputs_.clear();
  records_.clear();
  deps_.clear();
  prefixes_.clear();
}

template <class Value>
void DecodedStep::keep(const Value& value, Entry* entry) {
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) <= sizeof(Record));
  entry->record = records_.size();
  entry->input.record_size = sizeof(value);
  records_.emplace_back();
  std::memcpy(records_.back().bytes, &value, sizeof(value));
}

template <class Table>
DecodeFlaw DecodedStep::take_call(const Table& table, Entry* entry) {
  hexagent_call record = {};
  take_fields(table, &record);
  if (!take_bytes(table.trace_id(), record.trace_id) ||
      !take_bytes(table.span_id(), record.span_id)) {
    return damaged("a trace id of a call has a wrong length");
  }
  entry->deps = deps_.size();
  entry->prefixes = prefixes_.size();
  if (table.deps() != nullptr) {
    for (uint64_t dep : *table.deps()) deps_.push_back(dep);
    entry->input.deps_count = record.deps_count = table.deps()->size();
  }
  if (table.prefixes() != nullptr) {
    for (const auto* prefix : *table.prefixes()) {
      prefixes_.push_back({});
      take_fields(*prefix, &prefixes_.back());
    }
    entry->input.prefixes_count = record.prefixes_count = table.prefixes()->size();
  }
  keep(record, entry);
  return kSound;
}

template <class Table>
DecodeFlaw DecodedStep::take_resync(const Table& table, Entry* entry) {
  hexagent_resync record = {};
  take_fields(table, &record);
  entry->deps = deps_.size();
  if (table.held() != nullptr) {
    for (uint64_t word : *table.held()) deps_.push_back(word);
    entry->input.deps_count = table.held()->size();
  }
  keep(record, entry);
  return kSound;
}

template <class Table>
DecodeFlaw DecodedStep::take_record(const Table& table, Entry* entry) {
  const auto plain = [&](auto record, const auto* from) {
    take_fields(*from, &record);
    if constexpr (has_struct_size<decltype(record)>) record.struct_size = sizeof(record);
    keep(record, entry);
    return kSound;
  };
  switch (table.record_type()) {
    case wire::Record::NONE:
      return kSound;
    case wire::Record::ProfileRecord:
      return plain(hexagent_profile{}, table.record_as_ProfileRecord());
    case wire::Record::ModelRecord:
      return plain(hexagent_model{}, table.record_as_ModelRecord());
    case wire::Record::WorkerRecord:
      return plain(hexagent_worker{}, table.record_as_WorkerRecord());
    case wire::Record::HeartbeatRecord:
      return plain(hexagent_heartbeat{}, table.record_as_HeartbeatRecord());
    case wire::Record::LinkRecord:
      return plain(hexagent_link{}, table.record_as_LinkRecord());
    case wire::Record::LinkSampleRecord:
      return plain(hexagent_link_sample{}, table.record_as_LinkSampleRecord());
    case wire::Record::WorkflowRecord:
      return plain(hexagent_workflow{}, table.record_as_WorkflowRecord());
    case wire::Record::ReportRecord:
      return plain(hexagent_report{}, table.record_as_ReportRecord());
    case wire::Record::CallRecord:
      return take_call(*table.record_as_CallRecord(), entry);
    case wire::Record::ResyncRecord:
      return take_resync(*table.record_as_ResyncRecord(), entry);
    case wire::Record::SettingRecord: {
      SettingChange change;
      const DecodeFlaw flaw = take_setting(*table.record_as_SettingRecord(), &change);
      if (flaw.status == HEXAGENT_OK) keep(change, entry);
      return flaw;
    }
  }
  return damaged("an input has a record of unknown type");
}

DecodeFlaw DecodedStep::append(const uint8_t* payload, uint32_t length) {
  const auto* step = root<wire::StepRecord>(payload, length);
  if (step == nullptr) return damaged("a step is malformed");
  head_ = {step->now(), step->step(), step->first_input(), step->decision_count(),
           step->decision_hash()};
  if (step->inputs() == nullptr) return kSound;
  for (const wire::InputRecord* table : *step->inputs()) {
    if (!is_known(table->kind())) return {HEXAGENT_E_VERSION, "an input of a kind not known here"};
    Entry entry = {Input{static_cast<InputKind>(table->kind())}};
    // The verifier passes a union type it does not know, and one that has a type but no value.
    if (table->record_type() != record_of(entry.input.kind) ||
        (table->record() == nullptr) != (table->record_type() == wire::Record::NONE)) {
      return damaged("an input has the record of another kind");
    }
    entry.input.worker = table->worker();
    entry.input.incarnation = table->incarnation();
    entry.input.user_data = table->user_data();
    entry.input.workflow = table->workflow();
    entry.input.call = table->call();
    const DecodeFlaw flaw = take_record(*table, &entry);
    if (flaw.status != HEXAGENT_OK) return flaw;
    inputs_.push_back(entry);
  }
  return kSound;
}

Input DecodedStep::input(uint32_t index) const {
  const Entry& entry = inputs_[index];
  Input input = entry.input;
  if (input.record_size > 0) input.record = records_[entry.record].bytes;
  if (input.deps_count > 0) input.deps = &deps_[entry.deps];
  if (input.prefixes_count > 0) input.prefixes = &prefixes_[entry.prefixes];
  return input;
}

}  // namespace hexagent
