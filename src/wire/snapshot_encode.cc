// From a core to bytes: see snapshot.h.
#include <algorithm>
#include <cstring>

#include "snapshot_generated.h"
#include "wire/crc32c.h"
#include "wire/snapshot.h"
#include "wire/snapshot_head.h"

namespace hexagent {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

// Bytes of one value of a column.
uint64_t width_of(const SnapshotColumn& column) {
  const uint64_t most = *std::max_element(column.values.begin(), column.values.end());
  if (most <= UINT8_MAX) return sizeof(uint8_t);
  if (most <= UINT16_MAX) return sizeof(uint16_t);
  return most <= UINT32_MAX ? sizeof(uint32_t) : sizeof(uint64_t);
}

// Room for the buffer, roughly and not too little.
uint64_t size_of(const SnapshotSections& sections) {
  constexpr uint64_t kEach = 128;  // of a table, its name and their alignment
  uint64_t size = kEach;
  for (const SnapshotSection& section : sections) {
    size += kEach;
    for (const SnapshotColumn& column : section.columns) {
      size += kEach + (column.values.size() == 1 ? 0 : column.values.size() * width_of(column));
    }
  }
  return size;
}

template <class Number>
Offset<flatbuffers::Vector<Number>> list(FlatBufferBuilder* builder, const SnapshotColumn& column) {
  std::vector<Number> narrow(column.values.size());
  for (size_t i = 0; i < narrow.size(); ++i) narrow[i] = static_cast<Number>(column.values[i]);
  return builder->CreateVector(narrow);
}

Offset<wire::ColumnRecord> encode(FlatBufferBuilder* builder, const SnapshotColumn& column) {
  const auto name = builder->CreateString(column.name);
  if (column.values.size() == 1) {
    return wire::CreateColumnRecord(*builder, name, column.values[0]);
  }
  Offset<flatbuffers::Vector<uint8_t>> bytes = 0;
  Offset<flatbuffers::Vector<uint16_t>> shorts = 0;
  Offset<flatbuffers::Vector<uint32_t>> words = 0;
  Offset<flatbuffers::Vector<uint64_t>> longs = 0;
  switch (width_of(column)) {
    case sizeof(uint8_t):
      bytes = list<uint8_t>(builder, column);
      break;
    case sizeof(uint16_t):
      shorts = list<uint16_t>(builder, column);
      break;
    case sizeof(uint32_t):
      words = list<uint32_t>(builder, column);
      break;
    default:
      longs = list<uint64_t>(builder, column);
  }
  return wire::CreateColumnRecord(*builder, name, 0, bytes, shorts, words, longs);
}

}  // namespace

std::vector<uint8_t> encode_sections(const SnapshotSections& sections) {
  const uint64_t room = size_of(sections);
  if (room > kSnapshotMax) return {};
  FlatBufferBuilder builder(static_cast<size_t>(room));
  std::vector<Offset<wire::SectionRecord>> records;
  std::vector<Offset<wire::ColumnRecord>> columns;
  for (const SnapshotSection& section : sections) {
    columns.clear();
    for (const SnapshotColumn& column : section.columns) {
      columns.push_back(encode(&builder, column));
    }
    const auto name = builder.CreateString(section.name);
    const auto list = builder.CreateVector(columns);
    records.push_back(wire::CreateSectionRecord(builder, name, section.rows, list));
  }
  const auto list = builder.CreateVector(records);
  wire::FinishStateRecordBuffer(builder, wire::CreateStateRecord(builder, kSnapshotFormat, list));
  std::vector<uint8_t> bytes(kSnapshotHeadSize + builder.GetSize());
  std::memcpy(bytes.data() + kSnapshotHeadSize, builder.GetBufferPointer(), builder.GetSize());
  seal_snapshot(&bytes);
  return bytes;
}

void seal_snapshot(std::vector<uint8_t>* bytes) {
  const SnapshotHead head = {kSnapshotMagic, 0, bytes->size() - kSnapshotHeadSize};
  store_head(head, bytes->data());
  store_head({head.magic,
              crc32c(0, bytes->data() + kSnapshotCheckedFrom, bytes->size() - kSnapshotCheckedFrom),
              head.length},
             bytes->data());
}

std::vector<uint8_t> encode_snapshot(const Scheduler& core) {
  SnapshotSections sections;
  core.save(&sections);
  return encode_sections(sections);
}

}  // namespace hexagent
