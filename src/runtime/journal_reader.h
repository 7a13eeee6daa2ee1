// JournalReader: the frames of a journal in order, checked as a whole before they are handed out.
//
// A journal is a folder of segments 0000000001.journal, 0000000002.journal ... Each is read whole
// into memory. What its last valid byte is, is decided first:
//   - the header of the next segment states it; whatever lies beyond was cut by a recovery;
//   - in the last segment it is the end of the last whole step in the unbroken row of frames from
//     the start. If a later frame says that the first bad byte was on disk (frame.h, `synced`),
//     the segment is damaged: that is an error with file and offset, never a silent cut. Otherwise
//     the tail was torn by a crash, which is normal.
// So a step comes out whole or not at all. Tests: tests/unit/runtime/journal_reader_test.cc,
// tests/crash, tests/fuzz/journal_reader_fuzz.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/journal_file.h"
#include "wire/frame.h"
#include "wire/journal_decode.h"
#include "wire/journal_records.h"

namespace hexagent {

// "0000000007.journal"
std::string segment_name(uint32_t segment);

// Where a journal ends; what a writer that goes on has to know.
struct JournalEnd {
  uint32_t segment = 0;   // the last one; 0 = there is no journal yet
  uint64_t bytes = 0;     // of it that count
  uint64_t sequence = 0;  // of the last frame
  uint64_t steps = 0;
  uint64_t inputs = 0;
  TimeNs last_now = 0;
  bool closed = false;      // in good order
  uint64_t cut_bytes = 0;   // torn tail beyond `bytes`
  uint32_t cut_frames = 0;  // whole frames among them, behind a hole or of a step that has no end
};

// What is wrong with a journal: HEXAGENT_E_IO, _DAMAGED or _VERSION, with file and offset in words.
struct JournalFlaw {
  hexagent_status status = HEXAGENT_OK;
  std::string text;
};

// What next() found.
enum class JournalItem { kStep, kEnd, kFlaw };

// After a flaw nothing more comes. Functions may throw std::bad_alloc.
class JournalReader {
 public:
  // The folder must outlive the reader.
  explicit JournalReader(JournalFolder* folder) : folder_(folder) {}

  // Lists the segments and reads the first one's header. A folder without any is no flaw: then
  // end().segment stays 0 and next() says kEnd.
  bool open();

  // Of the first segment: with what the journal was begun.
  const JournalHeader& header() const { return first_header_; }

  JournalItem next();

  // What next() found, until it is called again. Names were interned before the step (or the end)
  // they come with; each segment tells those of the segments before once more.
  const std::vector<JournalNames>& names() const { return names_; }
  const DecodedStep& step() const { return step_; }
  // The decisions of the step, if the journal keeps them in full.
  const std::vector<hexagent_decision>& decisions() const { return decisions_; }

  const JournalEnd& end() const { return end_; }
  const JournalFlaw& flaw() const { return flaw_; }

 private:
  struct Segment {
    std::vector<uint8_t> bytes;
    JournalHeader header;
    uint64_t limit = 0;  // bytes that count
  };

  bool fail(hexagent_status status, uint32_t segment, uint64_t offset, const std::string& what);
  bool list_segments();
  bool load(uint32_t number, Segment* segment);
  bool find_limit();
  bool judge_tail(uint64_t bad_at, uint64_t complete);
  bool enter_segment();
  JournalItem take(const Frame& frame);
  JournalItem take_step(const Frame& frame);

  JournalFolder* folder_;
  uint32_t segments_ = 0;  // how many there are
  Segment now_;
  Segment next_;  // read ahead for its header, if there is one
  uint64_t offset_ = 0;
  JournalHeader first_header_;
  std::vector<JournalNames> names_;
  DecodedStep step_;
  std::vector<hexagent_decision> decisions_;
  JournalEnd end_;
  JournalFlaw flaw_;
};

}  // namespace hexagent
