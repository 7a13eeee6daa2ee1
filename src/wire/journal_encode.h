// From records to payloads of journal frames. Tests: tests/unit/wire/journal_codec_test.cc.
//
// The encoder keeps its memory between frames: once it has seen the largest step, it allocates no
// more. Everything here may throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/input.h"
#include "wire/journal_records.h"

namespace hexagent {

// Bytes that live until the encoder's next use.
struct Payload {
  const uint8_t* bytes = nullptr;
  uint32_t length = 0;
};

class JournalEncoder {
 public:
  JournalEncoder();
  ~JournalEncoder();
  JournalEncoder(const JournalEncoder&) = delete;
  JournalEncoder& operator=(const JournalEncoder&) = delete;

  // Inputs gather until step() makes them a payload; nothing else may be encoded in between.
  void add(const Input& input);
  uint32_t input_count() const;
  uint64_t size() const;  // bytes gathered, roughly
  Payload step(const StepHead& head);
  void forget();  // drops what has gathered

  Payload header(const JournalHeader& header);
  Payload names(NameKind kind, uint32_t first_id, const std::string_view* texts, uint32_t count);
  Payload decisions(uint64_t step, const hexagent_decision* decisions, uint32_t count);
  Payload close(uint64_t steps, uint64_t inputs);
  Payload snapshot(const SnapshotHeader& header);

 private:
  struct Builder;
  std::unique_ptr<Builder> builder_;
};

}  // namespace hexagent
