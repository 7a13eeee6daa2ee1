// From bytes to a core: see snapshot.h.
#include <cstring>

#include "snapshot_generated.h"
#include "wire/crc32c.h"
#include "wire/snapshot.h"
#include "wire/snapshot_head.h"

namespace hexagent {
namespace {

bool refuse(std::string* flaw, const std::string& text) {
  *flaw = text;
  return false;
}

// Takes sections out of a verified buffer. Tables may point to one list or text many times, so that
// few bytes could ask for much memory: what is taken is bounded by the bytes there are, as it is in
// every snapshot that was written.
class Taker {
 public:
  Taker(uint64_t size, std::string* flaw) : left_(size), flaw_(flaw) {}

  bool take_section(const wire::SectionRecord& record, SnapshotSection* section) {
    section->rows = record.rows();
    if (!take_name(record.name(), &section->name)) return false;
    const uint32_t columns = record.columns() == nullptr ? 0 : record.columns()->size();
    for (uint32_t i = 0; i < columns; ++i) {
      const wire::ColumnRecord& source = *record.columns()->Get(i);
      SnapshotColumn column;
      if (!take_name(source.name(), &column.name)) return false;
      if (!append(source.bytes(), &column.values) || !append(source.shorts(), &column.values) ||
          !append(source.words(), &column.values) || !append(source.longs(), &column.values)) {
        return false;
      }
      if (column.values.empty()) column.values.push_back(source.same());
      const size_t count = column.values.size();
      if (count != 1 && count != section->rows) {
        return refuse(flaw_, "section " + shown_name(section->name) + ", column " +
                                 shown_name(column.name) + ": " + std::to_string(count) +
                                 " values for " + std::to_string(section->rows) + " rows");
      }
      section->columns.push_back(std::move(column));
    }
    return true;
  }

 private:
  bool spend(uint64_t bytes) {
    if (bytes > left_) return refuse(flaw_, "holds less than it says");
    left_ -= bytes;
    return true;
  }

  bool take_name(const flatbuffers::String* text, std::string* name) {
    if (text == nullptr) return true;
    if (!spend(text->size())) return false;
    *name = text->str();
    return true;
  }

  template <class List>
  bool append(const List* list, std::vector<uint64_t>* values) {
    if (list == nullptr) return true;
    if (!spend(uint64_t{list->size()} * sizeof(*list->data()))) return false;
    values->reserve(values->size() + list->size());
    for (auto value : *list) values->push_back(value);
    return true;
  }

  uint64_t left_;  // bytes that may still be taken
  std::string* flaw_;
};

}  // namespace

bool decode_sections(const uint8_t* bytes, size_t size, SnapshotSections* sections,
                     std::string* flaw) {
  constexpr size_t kSmallest = kSnapshotHeadSize + 16;  // the verifier asserts on less
  if (size < kSmallest) return refuse(flaw, "too short for a snapshot");
  const SnapshotHead head = load_head(bytes);
  if (head.magic != kSnapshotMagic) return refuse(flaw, "no snapshot");
  if (head.length != size - kSnapshotHeadSize || head.length > kSnapshotMax) {
    return refuse(flaw, "the length is not that of the snapshot");
  }
  if (head.checksum != crc32c(0, bytes + kSnapshotCheckedFrom, size - kSnapshotCheckedFrom)) {
    return refuse(flaw, "the checksum is wrong");
  }
  // Aligned as the buffer needs it, wherever the bytes come from.
  std::vector<uint64_t> aligned((size + 7) / 8);
  std::memcpy(aligned.data(), bytes, size);
  const uint8_t* buffer = reinterpret_cast<const uint8_t*>(aligned.data()) + kSnapshotHeadSize;
  constexpr uint32_t kSnapshotDepthMax =
      8;  // snapshot, section, column; a little more for what may come
  constexpr uint32_t kSnapshotTablesMax = 1u << 16;
  flatbuffers::Verifier verifier(buffer, size - kSnapshotHeadSize, kSnapshotDepthMax,
                                 kSnapshotTablesMax);
  if (!wire::VerifyStateRecordBuffer(verifier)) return refuse(flaw, "malformed");
  const wire::StateRecord* record = wire::GetStateRecord(buffer);
  if (record->format() != kSnapshotFormat) return refuse(flaw, "the format is not known here");
  if (record->sections() == nullptr) return refuse(flaw, "no sections");
  Taker taker(size, flaw);
  for (const wire::SectionRecord* section : *record->sections()) {
    sections->emplace_back();
    if (!taker.take_section(*section, &sections->back())) return false;
  }
  return true;
}

bool decode_snapshot(const uint8_t* bytes, size_t size, Scheduler* core, std::string* flaw) {
  SnapshotSections sections;
  return decode_sections(bytes, size, &sections, flaw) && core->load(sections, flaw);
}

}  // namespace hexagent
