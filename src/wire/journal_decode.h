// From payloads of journal frames to records. Tests: tests/unit/wire/journal_codec_test.cc,
// tests/fuzz/journal_reader_fuzz.cc.
//
// The bytes are not trusted: each payload passes the FlatBuffers verifier, with bounds on depth and
// tables, before anything in it is looked at. What comes out is well formed, not yet sensible:
// ids, names and numbers are as they stood there. Everything here may throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <vector>

#include "core/input.h"
#include "wire/journal_records.h"

namespace hexagent {

// What is wrong with a payload. HEXAGENT_E_DAMAGED: no record of the kind; HEXAGENT_E_VERSION: it
// is one that only another release understands.
struct DecodeFlaw {
  hexagent_status status = HEXAGENT_OK;
  const char* text = "";
};

DecodeFlaw decode_header(const uint8_t* payload, uint32_t length, JournalHeader* header);
DecodeFlaw decode_names(const uint8_t* payload, uint32_t length, JournalNames* names);
DecodeFlaw decode_close(const uint8_t* payload, uint32_t length, uint64_t* steps, uint64_t* inputs);
DecodeFlaw decode_snapshot_header(const uint8_t* payload, uint32_t length, SnapshotHeader* header);

// Appends the decisions to the list.
DecodeFlaw decode_decisions(const uint8_t* payload, uint32_t length, uint64_t* step,
                            std::vector<hexagent_decision>* decisions);

// The inputs of one step, with all they point to. Keeps its memory from step to step.
class DecodedStep {
 public:
  void clear();

  // Adds a part of a step; the head is that of the last part.
  DecodeFlaw append(const uint8_t* payload, uint32_t length);

  const StepHead& head() const { return head_; }
  uint32_t input_count() const { return static_cast<uint32_t>(inputs_.size()); }

  // Its pointers are good until the next append() or clear().
  Input input(uint32_t index) const;

 private:
  // Holds any record of input.h.
  struct alignas(16) Record {
    unsigned char bytes[128];
  };
  struct Entry {
    Input input;  // without pointers
    uint64_t record = 0;
    uint64_t deps = 0;
    uint64_t prefixes = 0;
  };

  template <class Value>
  void keep(const Value& value, Entry* entry);
  template <class Table>
  DecodeFlaw take_record(const Table& table, Entry* entry);
  template <class Table>
  DecodeFlaw take_call(const Table& table, Entry* entry);
  template <class Table>
  DecodeFlaw take_resync(const Table& table, Entry* entry);

  StepHead head_;
  std::vector<Entry> inputs_;
  std::vector<Record> records_;
  std::vector<uint64_t> deps_;
  std::vector<hexagent_prefix> prefixes_;
};

}  // namespace hexagent
