// JournalEncoder: see journal_encode.h.
#include "wire/journal_encode.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/base/check.h"
#include "journal_generated.h"
#include "wire/frame.h"

namespace hexagent {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr size_t kFirstBytes = 64 * 1024;

// add_fields(record, builder): the plain fields of each record, from the one list.
#define R(table, record_type) \
  void add_fields(const record_type& record, wire::table##Builder* table_builder) {
#define F(field) table_builder->add_##field(record.field);
#define E() }
#include "wire/journal_fields.inc"

template <class Table, class Record>
Offset<void> plain(FlatBufferBuilder* builder, const void* source) {
  Record record;
  std::memcpy(&record, source, sizeof(record));
  typename Table::Builder table(*builder);
  add_fields(record, &table);
  return table.Finish().Union();
}

template <size_t Size>
Offset<flatbuffers::Vector<uint8_t>> bytes_unless_zero(FlatBufferBuilder* builder,
                                                       const uint8_t (&bytes)[Size]) {
  const auto is_set = [](uint8_t byte) { return byte != 0; };
  if (std::none_of(bytes, bytes + Size, is_set)) return 0;
  return builder->CreateVector(bytes, Size);
}

using PrefixOffsets = std::vector<Offset<wire::PrefixRecord>>;

Offset<void> call(FlatBufferBuilder* builder, const Input& input, PrefixOffsets* scratch) {
  hexagent_call record;
  std::memcpy(&record, input.record, sizeof(record));
  const auto trace_id = bytes_unless_zero(builder, record.trace_id);
  const auto span_id = bytes_unless_zero(builder, record.span_id);
  Offset<flatbuffers::Vector<uint64_t>> deps = 0;
  if (input.deps_count > 0) deps = builder->CreateVector(input.deps, input.deps_count);
  Offset<flatbuffers::Vector<Offset<wire::PrefixRecord>>> prefixes = 0;
  if (input.prefixes_count > 0) {
    scratch->clear();
    for (uint32_t i = 0; i < input.prefixes_count; ++i) {
      wire::PrefixRecordBuilder prefix(*builder);
      add_fields(input.prefixes[i], &prefix);
      scratch->push_back(prefix.Finish());
    }
    prefixes = builder->CreateVector(*scratch);
  }
  wire::CallRecordBuilder table(*builder);
  add_fields(record, &table);
  table.add_trace_id(trace_id);
  table.add_span_id(span_id);
  table.add_deps(deps);
  table.add_prefixes(prefixes);
  return table.Finish().Union();
}

Offset<void> resync(FlatBufferBuilder* builder, const Input& input) {
  hexagent_resync record;
  std::memcpy(&record, input.record, sizeof(record));
  const auto held = input.deps_count > 0 ? builder->CreateVector(input.deps, input.deps_count) : 0;
  wire::ResyncRecordBuilder table(*builder);
  add_fields(record, &table);
  table.add_held(held);
  return table.Finish().Union();
}

Offset<wire::SettingRecord> setting(FlatBufferBuilder* builder, std::string_view key, double number,
                                    std::string_view text) {
  const auto key_text = builder->CreateString(key.data(), key.size());
  const auto value_text = text.empty() ? 0 : builder->CreateString(text.data(), text.size());
  return wire::CreateSettingRecord(*builder, key_text, number, value_text);
}

// Text up to the zero that ends it, or all of the array.
std::string_view bounded_text(const char (&text)[kPolicyTextMax]) {
  return {text, static_cast<size_t>(std::find(text, text + kPolicyTextMax, '\0') - text)};
}

Offset<void> change(FlatBufferBuilder* builder, const Input& input) {
  SettingChange record;
  std::memcpy(&record, input.record, sizeof(record));
  HEXAGENT_CHECK(record.key < setting_count());
  const SettingInfo& info = setting_info(record.key);
  const std::string_view text = info.is_name ? bounded_text(record.name) : std::string_view();
  return setting(builder, info.key, record.number, text).Union();
}

struct Encoded {
  wire::Record type = wire::Record::NONE;
  Offset<void> offset = 0;
};

Encoded encode_record(FlatBufferBuilder* builder, const Input& input, PrefixOffsets* scratch) {
  using wire::Record;
  switch (input.kind) {
    case InputKind::kProfileSet:
      return {Record::ProfileRecord,
              plain<wire::ProfileRecord, hexagent_profile>(builder, input.record)};
    case InputKind::kModelSet:
      return {Record::ModelRecord, plain<wire::ModelRecord, hexagent_model>(builder, input.record)};
    case InputKind::kWorkerSet:
      return {Record::WorkerRecord,
              plain<wire::WorkerRecord, hexagent_worker>(builder, input.record)};
    case InputKind::kHeartbeat:
      return {Record::HeartbeatRecord,
              plain<wire::HeartbeatRecord, hexagent_heartbeat>(builder, input.record)};
    case InputKind::kLinkSet:
      return {Record::LinkRecord, plain<wire::LinkRecord, hexagent_link>(builder, input.record)};
    case InputKind::kWorkflowBegin:
      return {Record::WorkflowRecord,
              plain<wire::WorkflowRecord, hexagent_workflow>(builder, input.record)};
    case InputKind::kSubmit:
      return {Record::CallRecord, call(builder, input, scratch)};
    case InputKind::kReport:
      return {Record::ReportRecord,
              plain<wire::ReportRecord, hexagent_report>(builder, input.record)};
    case InputKind::kConfigure:
      return {Record::SettingRecord, change(builder, input)};
    case InputKind::kLinkMeasured:
      return {Record::LinkSampleRecord,
              plain<wire::LinkSampleRecord, hexagent_link_sample>(builder, input.record)};
    case InputKind::kWorkerResync:
      return {Record::ResyncRecord, resync(builder, input)};
    case InputKind::kWorkerDrain:
    case InputKind::kWorkerLost:
    case InputKind::kReady:
    case InputKind::kCallCancel:
    case InputKind::kWorkflowCancel:
    case InputKind::kWorkflowEnd:
      return {};
  }
  return {};
}

}  // namespace

struct JournalEncoder::Builder {
  FlatBufferBuilder fbb{kFirstBytes};
  std::vector<Offset<wire::InputRecord>> inputs;
  PrefixOffsets prefixes;  // of the call being encoded

  template <class Table>
  Payload finish(Offset<Table> root) {
    fbb.FinishSizePrefixed(root, "HXJ1");
    HEXAGENT_CHECK(fbb.GetSize() <= kFramePayloadMax);
    return {fbb.GetBufferPointer(), fbb.GetSize()};
  }
};

JournalEncoder::JournalEncoder() : builder_(std::make_unique<Builder>()) {
  builder_->inputs.reserve(1024);
}

JournalEncoder::~JournalEncoder() = default;

void JournalEncoder::forget() {
  builder_->fbb.Clear();
  builder_->inputs.clear();
}

void JournalEncoder::add(const Input& input) {
  // The first input of a step ends the life of the payload before it.
  if (builder_->inputs.empty()) forget();
  FlatBufferBuilder* fbb = &builder_->fbb;
  const Encoded record = encode_record(fbb, input, &builder_->prefixes);
  wire::InputRecordBuilder table(*fbb);
  table.add_kind(static_cast<wire::Kind>(input.kind));
  table.add_worker(input.worker);
  table.add_incarnation(input.incarnation);
  table.add_user_data(input.user_data);
  table.add_workflow(input.workflow);
  table.add_call(input.call);
  table.add_record_type(record.type);
  table.add_record(record.offset);
  builder_->inputs.push_back(table.Finish());
}

uint32_t JournalEncoder::input_count() const {
  return static_cast<uint32_t>(builder_->inputs.size());
}

uint64_t JournalEncoder::size() const {
  return builder_->inputs.empty() ? 0 : builder_->fbb.GetSize();
}

Payload JournalEncoder::step(const StepHead& head) {
  FlatBufferBuilder* fbb = &builder_->fbb;
  if (builder_->inputs.empty()) forget();
  const auto inputs = builder_->inputs.empty() ? 0 : fbb->CreateVector(builder_->inputs);
  builder_->inputs.clear();
  return builder_->finish(wire::CreateStepRecord(*fbb, head.now, head.step, head.first_input,
                                                 inputs, head.decision_count, head.decision_hash));
}

Payload JournalEncoder::header(const JournalHeader& header) {
  forget();
  FlatBufferBuilder* fbb = &builder_->fbb;
  std::vector<Offset<wire::SettingRecord>> settings;
  for (uint32_t key = 0; key < setting_count(); ++key) {
    const SettingInfo& info = setting_info(key);
    const SettingChange value = setting_value(header.settings, key);
    settings.push_back(setting(fbb, info.key, value.number,
                               info.is_name ? bounded_text(value.name) : std::string_view()));
  }
  const auto list = fbb->CreateVector(settings);
  return builder_->finish(wire::CreateHeaderRecord(
      *fbb, header.format, header.library_version, header.segment, header.previous_bytes,
      header.steps, header.inputs, header.last_now, list, header.boot, header.clock_shift));
}

Payload JournalEncoder::names(NameKind kind, uint32_t first_id, const std::string_view* texts,
                              uint32_t count) {
  forget();
  FlatBufferBuilder* fbb = &builder_->fbb;
  std::vector<Offset<flatbuffers::String>> strings;
  for (uint32_t i = 0; i < count; ++i) {
    strings.push_back(fbb->CreateString(texts[i].data(), texts[i].size()));
  }
  const auto list = fbb->CreateVector(strings);
  return builder_->finish(
      wire::CreateNamesRecord(*fbb, static_cast<wire::NameKind>(kind), first_id, list));
}

Payload JournalEncoder::decisions(uint64_t step, const hexagent_decision* decisions,
                                  uint32_t count) {
  static_assert(sizeof(wire::DecisionRecord) == sizeof(hexagent_decision));
  static_assert(offsetof(hexagent_decision, priority) == 96);
  forget();
  FlatBufferBuilder* fbb = &builder_->fbb;
  const auto list = fbb->CreateVectorOfStructs<wire::DecisionRecord>(
      count, [&](size_t i, wire::DecisionRecord* record) {
        const hexagent_decision& d = decisions[i];
        const auto deadline = static_cast<uint64_t>(d.deadline_ns);
        *record = wire::DecisionRecord(
            d.sequence, d.journal_position, d.user_data, d.workflow, d.call, d.kind, d.status,
            d.worker, d.peer_worker, d.incarnation, d.attempt, d.time_ns, d.expected_start_ns,
            d.expected_end_ns, d.order_key, d.priority, d.tokens, d.cached_tokens, d.field,
            d.stretch_milli, d.risk_milli, static_cast<uint32_t>(deadline),
            static_cast<uint32_t>(deadline >> 32));
      });
  return builder_->finish(wire::CreateDecisionsRecord(*fbb, step, list));
}

Payload JournalEncoder::close(uint64_t steps, uint64_t inputs) {
  forget();
  return builder_->finish(wire::CreateCloseRecord(builder_->fbb, steps, inputs));
}

Payload JournalEncoder::snapshot(const SnapshotHeader& header) {
  forget();
  return builder_->finish(wire::CreateSnapshotRecord(
      builder_->fbb, header.format, header.library_version, header.segment, header.steps,
      header.inputs, header.sequence, header.last_now, header.state_bytes));
}

}  // namespace hexagent
