// JournalReader: the frames of a journal in order, checked as a whole before they are handed out.
//
// A journal is a folder of segments 0000000001.journal, 0000000002.journal ... Each is read whole
// into memory. What its last valid byte is, is decided first:
//   - the header of the next segment states it; whatever lies beyond was cut by a recovery;
//   - in the last segment it is the end of the last whole step in the unbroken row of frames from
//     the start. If a later frame says that the first bad byte was on disk (frame.h, `synced`),
//     the segment is damaged: that is an error with file and offset, never a silent cut. Otherwise
//     the tail was torn by a crash, which is normal.
// So a step comes out whole or not at all.
//
// A journal may begin with a snapshot instead of segment 1 (journal_snapshot.h): then the segments
// before it are not looked at. A recovery takes the newest snapshot that reads well, a replay the
// earliest place there is; a snapshot that is damaged is passed over. Tests:
// tests/unit/runtime/journal_reader_test.cc, tests/crash, tests/fuzz/journal_reader_fuzz.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/journal_file.h"
#include "runtime/journal_flaw.h"
#include "runtime/journal_layout.h"
#include "runtime/journal_snapshot.h"
#include "wire/frame.h"
#include "wire/journal_decode.h"
#include "wire/journal_records.h"

namespace hexagent {

// Where a journal ends; what a writer that goes on has to know.
struct JournalEnd {
  uint32_t segment = 0;   // the last one; 0 = there is no journal yet
  uint64_t bytes = 0;     // of it that count
  uint64_t sequence = 0;  // of the last frame
  uint64_t steps = 0;
  uint64_t inputs = 0;
  TimeNs last_now = 0;
  uint64_t boot = 0;  // of the last segment's header, as the shift
  TimeNs clock_shift = 0;
  bool closed = false;      // in good order
  uint64_t cut_bytes = 0;   // torn tail beyond `bytes`
  uint32_t cut_frames = 0;  // whole frames among them, behind a hole or of a step that has no end
  uint32_t snapshot = 0;    // the segment whose snapshot it began with; 0 = with segment 1
  uint64_t snapshot_steps = 0;  // of `steps`, those the snapshot stands for
};

// Where to begin.
enum class JournalBegin {
  kEarliest,  // to see as much as there is
  kLatest     // to be done soon
};

// What next() found.
enum class JournalItem { kStep, kEnd, kFlaw };

// After a flaw nothing more comes. Functions may throw std::bad_alloc.
class JournalReader {
 public:
  // The folder must outlive the reader.
  explicit JournalReader(JournalFolder* folder) : folder_(folder) {}

  // Lists the segments and reads the header of the first one to be read. A folder without any is no
  // flaw: then end().segment stays 0 and next() says kEnd. `given_up`: segment of a
  // snapshot that is not to be taken, nor any that would be tried before it; 0 = none. Once only.
  bool open(JournalBegin begin = JournalBegin::kEarliest, uint32_t given_up = 0);

  // Of that segment: with what the journal was begun.
  const JournalHeader& header() const { return first_header_; }

  // The state that the first step follows on; null = that of a fresh core. A journal is longer than
  // its snapshot is needed: drop_snapshot() frees it.
  const JournalSnapshot* snapshot() const { return has_snapshot_ ? &snapshot_ : nullptr; }
  void drop_snapshot();

  // Which snapshots were passed over, and why.
  const std::vector<JournalFlaw>& passed_over() const { return passed_over_; }

  // Is there a snapshot of this segment?
  bool has_snapshot(uint32_t segment) const { return layout_.has_snapshot(segment); }
  JournalFolder* folder() const { return folder_; }

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
  bool find_begin(JournalBegin begin, uint32_t given_up);
  bool take_snapshot(uint32_t segment);
  bool load(uint32_t number, Segment* segment);
  bool find_limit();
  bool judge_tail(uint64_t bad_at, uint64_t complete);
  bool enter_segment();
  JournalItem take(const Frame& frame);
  JournalItem take_step(const Frame& frame);

  JournalFolder* folder_;
  JournalLayout layout_;
  uint32_t last_ = 0;  // segment; 0 = there is none
  JournalSnapshot snapshot_;
  bool has_snapshot_ = false;
  std::vector<JournalFlaw> passed_over_;
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
