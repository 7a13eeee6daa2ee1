// Snapshots in a journal's folder: see journal_snapshot.h.
#include "runtime/journal_snapshot.h"

#include <algorithm>
#include <memory>

#include "wire/frame.h"
#include "wire/journal_decode.h"
#include "wire/journal_encode.h"
#include "wire/snapshot.h"
#include "wire/snapshot_head.h"

namespace hexagent {
namespace {

JournalFlaw flaw_of(hexagent_status status, uint32_t segment, const std::string& what) {
  return {status, snapshot_name(segment) + ": " + what};
}

// One number of a section that is not the same, in words.
std::string compare_columns(const SnapshotSection& now, const SnapshotSection& then) {
  if (now.rows != then.rows) {
    return now.name + " has " + std::to_string(now.rows) + " rows, the snapshot " +
           std::to_string(then.rows);
  }
  for (size_t i = 0; i < std::min(now.columns.size(), then.columns.size()); ++i) {
    const SnapshotColumn& left = now.columns[i];
    const SnapshotColumn& right = then.columns[i];
    if (left.name != right.name) break;
    // A column of one value is that of every row.
    const size_t rows = std::max(left.values.size(), right.values.size());
    for (size_t row = 0; row < rows; ++row) {
      const uint64_t a = left.values[left.values.size() == 1 ? 0 : row];
      const uint64_t b = right.values[right.values.size() == 1 ? 0 : row];
      if (a == b) continue;
      return now.name + ", " + left.name + ", row " + std::to_string(row) + ": " +
             std::to_string(a) + ", in the snapshot " + std::to_string(b);
    }
  }
  return now.columns.size() == then.columns.size() ? "" : now.name + " has other columns";
}

std::string first_difference(const SnapshotSections& now, const SnapshotSections& then) {
  for (size_t i = 0; i < std::min(now.size(), then.size()); ++i) {
    if (now[i].name != then[i].name) break;
    const std::string difference = compare_columns(now[i], then[i]);
    if (!difference.empty()) return difference;
  }
  return "its bytes are others";
}

hexagent_status write_file(JournalFolder* folder, const std::string& name,
                           const std::vector<uint8_t>& head, const std::vector<uint8_t>& state) {
  std::unique_ptr<JournalFile> file;
  const std::string draft = draft_name(name);
  hexagent_status status = folder->create(draft, &file);
  if (status == HEXAGENT_OK) status = file->append(head.data(), head.size());
  if (status == HEXAGENT_OK) status = file->append(state.data(), state.size());
  if (status == HEXAGENT_OK) status = file->sync();
  file.reset();
  if (status == HEXAGENT_OK) status = folder->rename(draft, name);
  return status;
}

// Bytes of a segment with its snapshot, as remove_old() counts them.
hexagent_status weigh(JournalFolder* folder, const JournalLayout& layout, uint32_t segment,
                      uint64_t* weight) {
  uint64_t bytes = 0;
  hexagent_status status = folder->size(segment_name(segment), &bytes);
  *weight = std::max(bytes, kKeepLeast);
  if (status != HEXAGENT_OK || !layout.has_snapshot(segment)) return status;
  status = folder->size(snapshot_name(segment), &bytes);
  *weight += std::max(bytes, kKeepLeast);
  return status;
}

// The first segment to be kept: one with a snapshot, or 1.
hexagent_status find_first_kept(JournalFolder* folder, const JournalLayout& layout, uint32_t newest,
                                uint32_t fallback, uint64_t keep_bytes, uint32_t* first) {
  *first = 1;
  if (fallback == 0) return HEXAGENT_OK;
  uint64_t sum = 0;
  uint32_t fits = newest;  // from here on it does
  while (fits > layout.segments.front()) {
    uint64_t weight = 0;
    const hexagent_status status = weigh(folder, layout, fits - 1, &weight);
    if (status != HEXAGENT_OK) return status;
    if (sum + weight > keep_bytes) break;
    sum += weight;
    --fits;
  }
  if (fits == 1) return HEXAGENT_OK;
  const auto begin = std::lower_bound(layout.snapshots.begin(), layout.snapshots.end(), fits);
  *first = begin == layout.snapshots.end() ? fallback : std::min(*begin, fallback);
  return HEXAGENT_OK;
}

}  // namespace

JournalFlaw read_snapshot(JournalFolder* folder, uint32_t segment, JournalSnapshot* snapshot) {
  *snapshot = {};
  if (folder->read(snapshot_name(segment), &snapshot->file) != HEXAGENT_OK) {
    return {HEXAGENT_E_IO, folder->trouble()};
  }
  Frame frame;
  if (!read_frame(snapshot->file.data(), snapshot->file.size(), &frame) ||
      frame.type != FrameType::kSnapshot) {
    return flaw_of(HEXAGENT_E_DAMAGED, segment, "it does not begin as a snapshot does");
  }
  snapshot->state_at = frame.size;
  const DecodeFlaw flaw = decode_snapshot_header(frame.payload, frame.length, &snapshot->head);
  if (flaw.status != HEXAGENT_OK) return flaw_of(flaw.status, segment, flaw.text);
  if (snapshot->head.segment != segment) {
    return flaw_of(HEXAGENT_E_DAMAGED, segment, "it is that of another segment");
  }
  if (snapshot->head.state_bytes != snapshot->state_size()) {
    return flaw_of(HEXAGENT_E_DAMAGED, segment, "it is not as long as it says");
  }
  return {};
}

JournalFlaw restore(const JournalSnapshot& snapshot, Scheduler* core) {
  const SnapshotHeader& head = snapshot.head;
  std::string text;
  if (!decode_snapshot(snapshot.state(), snapshot.state_size(), core, &text)) {
    return flaw_of(HEXAGENT_E_DAMAGED, head.segment, text);
  }
  hexagent_stats stats = {};
  core->stats(&stats);
  if (stats.inputs == head.inputs) return {};
  return flaw_of(HEXAGENT_E_DAMAGED, head.segment, "its state is that of another moment");
}

std::string compare(const JournalSnapshot& snapshot, const Scheduler& core) {
  const std::vector<uint8_t> bytes = encode_snapshot(core);
  if (bytes.size() == snapshot.state_size() &&
      std::equal(bytes.begin(), bytes.end(), snapshot.state())) {
    return {};
  }
  SnapshotSections then;
  SnapshotSections now;
  std::string text;
  if (!decode_sections(snapshot.state(), snapshot.state_size(), &then, &text)) return text;
  core.save(&now);
  return first_difference(now, then);
}

hexagent_status write_snapshot(JournalFolder* folder, const SnapshotHeader& head,
                               const Scheduler& core, uint64_t* bytes) {
  const std::vector<uint8_t> state = encode_snapshot(core);
  if (state.empty()) return HEXAGENT_E_RANGE;
  SnapshotHeader complete = head;
  complete.state_bytes = state.size();
  JournalEncoder encoder;
  const Payload payload = encoder.snapshot(complete);
  Frame frame;
  frame.type = FrameType::kSnapshot;
  frame.payload = payload.bytes;
  frame.length = payload.length;
  std::vector<uint8_t> first;
  append_frame(frame, &first);
  *bytes = first.size() + state.size();
  return write_file(folder, snapshot_name(head.segment), first, state);
}

hexagent_status remove_old(JournalFolder* folder, uint32_t newest, uint32_t fallback,
                           uint64_t keep_bytes, uint64_t* removed) {
  JournalLayout layout;
  if (!list_journal(folder, &layout)) return HEXAGENT_E_IO;
  if (!layout.has_segment(newest)) return HEXAGENT_OK;
  uint32_t first = 1;
  const hexagent_status status =
      find_first_kept(folder, layout, newest, fallback, keep_bytes, &first);
  if (status != HEXAGENT_OK) return status;
  // Oldest first, so that what is left is always the end of a journal.
  for (const std::vector<uint32_t>* list : {&layout.before, &layout.segments}) {
    for (const uint32_t segment : *list) {
      if (segment >= first) break;
      if (folder->remove(segment_name(segment)) != HEXAGENT_OK) return HEXAGENT_E_IO;
      ++*removed;
    }
  }
  for (const uint32_t snapshot : layout.snapshots) {
    if (snapshot >= first) break;
    if (folder->remove(snapshot_name(snapshot)) != HEXAGENT_OK) return HEXAGENT_E_IO;
  }
  return HEXAGENT_OK;
}

hexagent_status remove_strays(JournalFolder* folder, uint32_t last) {
  JournalLayout layout;
  if (!list_journal(folder, &layout)) return HEXAGENT_E_IO;
  for (const uint32_t snapshot : layout.snapshots) {
    if (snapshot > last) layout.drafts.push_back(snapshot_name(snapshot));
  }
  for (const std::string& name : layout.drafts) {
    if (folder->remove(name) != HEXAGENT_OK) return HEXAGENT_E_IO;
  }
  return HEXAGENT_OK;
}

}  // namespace hexagent
