// JournalReader: see journal_reader.h.
#include "runtime/journal_reader.h"

#include <algorithm>
#include <utility>

namespace hexagent {
namespace {

// Is a step under way after this frame? Names may come between its parts.
bool is_step_open(FrameType type, bool before) {
  if (type == FrameType::kStepPart || type == FrameType::kDecisions) return true;
  return type == FrameType::kNames && before;
}

}  // namespace

bool JournalReader::fail(hexagent_status status, uint32_t segment, uint64_t offset,
                         const std::string& what) {
  flaw_.status = status;
  flaw_.text = segment_name(segment) + " at byte " + std::to_string(offset) + ": " + what;
  return false;
}

// Settles where to begin, and end_ with it.
bool JournalReader::find_begin(JournalBegin begin, uint32_t given_up) {
  const uint32_t first = layout_.segments.front();
  std::vector<uint32_t> choice;
  for (const uint32_t snapshot : layout_.snapshots) {
    if (layout_.has_segment(snapshot)) choice.push_back(snapshot);
  }
  if (begin == JournalBegin::kLatest) std::reverse(choice.begin(), choice.end());
  if (begin == JournalBegin::kEarliest && first == 1) choice.clear();
  const auto tried = std::find(choice.begin(), choice.end(), given_up);
  if (tried != choice.end()) choice.erase(choice.begin(), tried + 1);
  for (const uint32_t snapshot : choice) {
    if (take_snapshot(snapshot)) return true;
  }
  if (first == 1) return true;
  if (passed_over_.empty()) {
    return fail(HEXAGENT_E_DAMAGED, first - 1, 0,
                "the segment is missing, and there is no snapshot to begin with");
  }
  flaw_ = passed_over_.front();
  flaw_.text += "; and " + segment_name(first - 1) + " is missing";
  return false;
}

bool JournalReader::take_snapshot(uint32_t segment) {
  const JournalFlaw flaw = read_snapshot(folder_, segment, &snapshot_);
  if (flaw.status != HEXAGENT_OK) {
    passed_over_.push_back(flaw);
    drop_snapshot();
    return false;
  }
  has_snapshot_ = true;
  const SnapshotHeader& head = snapshot_.head;
  end_.segment = segment - 1;
  end_.sequence = head.sequence;
  end_.steps = end_.snapshot_steps = head.steps;
  end_.inputs = head.inputs;
  end_.last_now = head.last_now;
  end_.snapshot = segment;
  return true;
}

void JournalReader::drop_snapshot() {
  has_snapshot_ = false;
  snapshot_ = {};
}

bool JournalReader::load(uint32_t number, Segment* segment) {
  if (folder_->read(segment_name(number), &segment->bytes) != HEXAGENT_OK) {
    flaw_ = {HEXAGENT_E_IO, folder_->trouble()};
    return false;
  }
  // A segment gets its name only after its header is on disk, so this is never a torn tail.
  Frame frame;
  if (!read_frame(segment->bytes.data(), segment->bytes.size(), &frame) ||
      frame.type != FrameType::kHeader) {
    return fail(HEXAGENT_E_DAMAGED, number, 0, "the segment does not begin with a header");
  }
  const DecodeFlaw flaw = decode_header(frame.payload, frame.length, &segment->header);
  if (flaw.status != HEXAGENT_OK) return fail(flaw.status, number, 0, flaw.text);
  if (segment->header.segment != number) {
    return fail(HEXAGENT_E_DAMAGED, number, 0, "the header is that of another segment");
  }
  return true;
}

bool JournalReader::open(JournalBegin begin, uint32_t given_up) {
  if (!list_journal(folder_, &layout_)) {
    flaw_ = {HEXAGENT_E_IO, folder_->trouble()};
    return false;
  }
  if (layout_.segments.empty()) return true;
  last_ = layout_.segments.back();
  if (!find_begin(begin, given_up) || !load(end_.segment + 1, &next_)) return false;
  first_header_ = next_.header;
  // Of the segment before the first one nothing else is known.
  if (has_snapshot_) end_.bytes = first_header_.previous_bytes;
  return enter_segment();
}

// Goes from the segment that is done, if any, to the one that was read ahead.
bool JournalReader::enter_segment() {
  const uint32_t number = end_.segment + 1;
  std::swap(now_, next_);
  const JournalHeader& header = now_.header;
  if (header.steps != end_.steps || header.inputs != end_.inputs ||
      header.last_now != end_.last_now || header.previous_bytes != end_.bytes) {
    return fail(HEXAGENT_E_DAMAGED, number, 0,
                "the header does not go on where the last one ended");
  }
  end_.segment = number;
  end_.boot = header.boot;
  end_.clock_shift = header.clock_shift;
  end_.closed = false;
  offset_ = 0;
  if (number < last_ && !load(number + 1, &next_)) return false;
  return find_limit();
}

// Walks the row of frames and settles how many bytes of the segment count.
bool JournalReader::find_limit() {
  const bool last = end_.segment == last_;
  const uint64_t size = now_.bytes.size();
  const uint64_t stated = last ? size : next_.header.previous_bytes;
  if (stated > size)
    return fail(HEXAGENT_E_DAMAGED, end_.segment, size, "the segment is too short");
  uint64_t at = 0;
  uint64_t complete = 0;
  uint64_t sequence = end_.sequence;
  bool open = false;
  Frame frame;
  while (at < stated && read_frame(now_.bytes.data() + at, stated - at, &frame) &&
         frame.sequence == sequence + 1) {
    sequence = frame.sequence;
    at += frame.size;
    open = is_step_open(frame.type, open);
    if (!open) complete = at;
  }
  if (complete == 0) return fail(HEXAGENT_E_DAMAGED, end_.segment, 0, "the header is out of order");
  now_.limit = complete;
  if (!last) {
    if (complete == stated) return true;
    return fail(HEXAGENT_E_DAMAGED, end_.segment, at, "a frame is damaged");
  }
  end_.cut_bytes = size - complete;
  return judge_tail(at, complete);
}

// Looks on behind the first bad byte: is there a frame that knows it was on disk?
bool JournalReader::judge_tail(uint64_t bad_at, uint64_t complete) {
  const uint8_t* bytes = now_.bytes.data();
  const uint64_t size = now_.bytes.size();
  Frame frame;
  for (uint64_t at = complete; at < bad_at; at += frame.size) {
    if (!read_frame(bytes + at, size - at, &frame)) break;
    ++end_.cut_frames;
  }
  for (uint64_t at = bad_at; at < size;) {
    // The bad frame itself, if only its place in the order is wrong, counts as well.
    if (!read_frame(bytes + at, size - at, &frame)) {
      at += kFrameAlign;
      continue;
    }
    if (frame.synced > bad_at) {
      return fail(HEXAGENT_E_DAMAGED, end_.segment, bad_at, "a frame is damaged");
    }
    ++end_.cut_frames;
    at += frame.size;
  }
  return true;
}

JournalItem JournalReader::next() {
  if (flaw_.status != HEXAGENT_OK) return JournalItem::kFlaw;
  names_.clear();
  step_.clear();
  decisions_.clear();
  for (;;) {
    if (end_.segment == 0) return JournalItem::kEnd;
    if (offset_ == now_.limit) {
      end_.bytes = now_.limit;
      if (end_.segment == last_) return JournalItem::kEnd;
      if (!enter_segment()) return JournalItem::kFlaw;
    }
    Frame frame;
    // Checked by find_limit(), so this cannot fail.
    if (!read_frame(now_.bytes.data() + offset_, now_.limit - offset_, &frame)) {
      fail(HEXAGENT_E_DAMAGED, end_.segment, offset_, "a frame is damaged");
      return JournalItem::kFlaw;
    }
    const JournalItem item = take(frame);
    if (item == JournalItem::kFlaw) return item;
    offset_ += frame.size;
    end_.sequence = frame.sequence;
    if (item != JournalItem::kEnd) return item;
  }
}

// kEnd: nothing to hand out yet, go on with the next frame.
JournalItem JournalReader::take(const Frame& frame) {
  if (end_.closed) {
    fail(HEXAGENT_E_DAMAGED, end_.segment, offset_, "a frame follows the closing one");
    return JournalItem::kFlaw;
  }
  switch (frame.type) {
    case FrameType::kSnapshot:
    case FrameType::kControl:
      break;
    case FrameType::kHeader:
      if (offset_ == 0) return JournalItem::kEnd;  // read by load()
      fail(HEXAGENT_E_DAMAGED, end_.segment, offset_, "a second header");
      return JournalItem::kFlaw;
    case FrameType::kNames: {
      names_.emplace_back();
      const DecodeFlaw flaw = decode_names(frame.payload, frame.length, &names_.back());
      if (flaw.status == HEXAGENT_OK) return JournalItem::kEnd;
      fail(flaw.status, end_.segment, offset_, flaw.text);
      return JournalItem::kFlaw;
    }
    case FrameType::kStep:
    case FrameType::kStepPart:
      return take_step(frame);
    case FrameType::kDecisions: {
      uint64_t step = 0;
      const DecodeFlaw flaw = decode_decisions(frame.payload, frame.length, &step, &decisions_);
      if (flaw.status == HEXAGENT_OK && step == end_.steps + 1) return JournalItem::kEnd;
      const bool sound = flaw.status == HEXAGENT_OK;
      fail(sound ? HEXAGENT_E_DAMAGED : flaw.status, end_.segment, offset_,
           sound ? "decisions of another step" : flaw.text);
      return JournalItem::kFlaw;
    }
    case FrameType::kClose: {
      uint64_t steps = 0;
      uint64_t inputs = 0;
      const DecodeFlaw flaw = decode_close(frame.payload, frame.length, &steps, &inputs);
      if (flaw.status != HEXAGENT_OK || steps != end_.steps || inputs != end_.inputs) {
        fail(HEXAGENT_E_DAMAGED, end_.segment, offset_, "the closing record is wrong");
        return JournalItem::kFlaw;
      }
      end_.closed = true;
      return JournalItem::kEnd;
    }
  }
  fail(HEXAGENT_E_VERSION, end_.segment, offset_, "a frame of a type not known here");
  return JournalItem::kFlaw;
}

JournalItem JournalReader::take_step(const Frame& frame) {
  const uint64_t inputs_before = end_.inputs + step_.input_count();
  const DecodeFlaw flaw = step_.append(frame.payload, frame.length);
  if (flaw.status != HEXAGENT_OK) {
    fail(flaw.status, end_.segment, offset_, flaw.text);
    return JournalItem::kFlaw;
  }
  const StepHead& head = step_.head();
  if (head.step != end_.steps + 1 || head.first_input != inputs_before + 1 ||
      head.now < end_.last_now) {
    fail(HEXAGENT_E_DAMAGED, end_.segment, offset_, "a step is out of order");
    return JournalItem::kFlaw;
  }
  if (frame.type == FrameType::kStepPart) return JournalItem::kEnd;
  end_.steps = head.step;
  end_.inputs += step_.input_count();
  end_.last_now = head.now;
  return JournalItem::kStep;
}

}  // namespace hexagent
