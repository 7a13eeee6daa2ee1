// JournalWriter: see journal_writer.h.
#include "runtime/journal_writer.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "core/base/check.h"
#include "wire/decision_hash.h"

namespace hexagent {
namespace {

// A step whose inputs take more than this goes into several frames, so that no frame comes near
// the bound of the reader, however large the intake queue is.
constexpr uint64_t kPartBytes = 1u << 20;
constexpr uint32_t kNamesPerFrame = 1024;
constexpr uint32_t kDecisionsPerFrame = 4096;

}  // namespace

JournalWriter::JournalWriter(JournalFolder* folder, const Settings& settings,
                             const NameTable* names, const NameTable* labels,
                             const JournalOptions& options)
    : folder_(folder), settings_(settings), names_(names), labels_(labels), options_(options) {
  buffer_.reserve(static_cast<size_t>(2 * options_.buffer_bytes));
  texts_.reserve(kNamesPerFrame);
  if (options_.full_decisions) decisions_.reserve(kDecisionsPerFrame);
}

void JournalWriter::fail(hexagent_status status, const std::string& trouble) {
  if (status_ != HEXAGENT_OK) return;
  status_ = status;
  trouble_ = trouble;
  ++stats_.failures;
  file_.reset();
  buffer_.clear();
}

// Runs one piece of work; whatever stops it ends the journal, never the caller.
template <class Body>
void JournalWriter::attempt(Body&& body) noexcept {
  if (status_ != HEXAGENT_OK) return;
  try {
    if (!body()) fail(HEXAGENT_E_IO, folder_->trouble());
  } catch (const std::bad_alloc&) {
    fail(HEXAGENT_E_NO_MEMORY, {});
  } catch (...) {
    fail(HEXAGENT_E_INTERNAL, {});
  }
}

hexagent_status JournalWriter::start(const JournalEnd& end, const Scheduler& core) {
  end_ = end;
  good_snapshot_ = end.snapshot;
  snapshot_steps_ = end.snapshot_steps;
  hexagent_stats so_far = {};
  core.stats(&so_far);
  last_decision_ = durable_decision_ = so_far.decisions;
  durable_steps_ = end.steps;
  synced_at_ = end.last_now;
  attempt([&] {
    // What the process before left to the operating system must be on disk before this segment
    // says that it counts.
    if (end.segment > 0 && folder_->sync(segment_name(end.segment)) != HEXAGENT_OK) return false;
    if (remove_strays(folder_, end.segment) != HEXAGENT_OK) return false;
    return rotate(end.steps > end.snapshot_steps ? &core : nullptr);
  });
  return status_;
}

void JournalWriter::queue(FrameType type, const Payload& payload) {
  Frame frame;
  frame.type = type;
  frame.sequence = ++end_.sequence;
  frame.synced = synced_;
  frame.payload = payload.bytes;
  frame.length = payload.length;
  append_frame(frame, &buffer_);
}

void JournalWriter::queue_names(NameKind kind, const NameTable& table, uint32_t* written) {
  while (*written < table.size()) {
    const uint32_t count = std::min(kNamesPerFrame, table.size() - *written);
    texts_.clear();
    for (uint32_t i = 0; i < count; ++i) texts_.push_back(table.text(*written + 1 + i));
    queue(FrameType::kNames, side_encoder_.names(kind, *written + 1, texts_.data(), count));
    *written += count;
  }
}

// The segment gets its name when header and names are on disk, so that a crash leaves no segment
// without them.
bool JournalWriter::begin_segment() {
  JournalHeader header;
  header.library_version = HEXAGENT_VERSION;
  header.segment = end_.segment + 1;
  header.previous_bytes = end_.segment == 0 ? 0 : end_.bytes;
  header.steps = end_.steps;
  header.inputs = end_.inputs;
  header.last_now = end_.last_now;
  header.settings = settings_;
  header.boot = options_.boot;
  header.clock_shift = options_.clock_shift;
  HEXAGENT_CHECK(buffer_.empty());
  synced_ = written_ = 0;
  names_written_ = labels_written_ = 0;
  queue(FrameType::kHeader, side_encoder_.header(header));
  queue_new_names();
  const std::string name = segment_name(header.segment);
  const std::string draft = name + ".new";
  if (folder_->create(draft, &file_) != HEXAGENT_OK) return false;
  if (!flush() || !sync()) return false;
  if (folder_->rename(draft, name) != HEXAGENT_OK) return false;
  end_.segment = header.segment;
  ++stats_.segments;
  return true;
}

// `core`: at rest, or null for none to take a snapshot of.
bool JournalWriter::rotate(const Scheduler* core) {
  rotation_due_ = false;
  const JournalEnd before = end_;
  if (!begin_segment()) return false;
  if (options_.snapshots && core != nullptr) take_snapshot(before, *core);
  return true;
}

// After its segment, which is on disk by now. Whatever becomes of it, the journal goes on.
void JournalWriter::take_snapshot(const JournalEnd& before, const Scheduler& core) {
  SnapshotHeader head;
  head.library_version = HEXAGENT_VERSION;
  head.segment = end_.segment;
  head.steps = before.steps;
  head.inputs = before.inputs;
  head.sequence = before.sequence;
  head.last_now = before.last_now;
  try {
    uint64_t bytes = 0;
    const hexagent_status status = write_snapshot(folder_, head, core, &bytes);
    if (status != HEXAGENT_OK) {
      const bool refused = status == HEXAGENT_E_IO;
      skip_snapshot(refused ? folder_->trouble() : "the state is too large for a snapshot");
      // Its draft takes room that may be what is lacking. What is left of it is removed at open.
      if (refused) static_cast<void>(folder_->remove(draft_name(snapshot_name(head.segment))));
      return;
    }
    ++stats_.snapshots;
    stats_.snapshot_bytes = bytes;
    const uint32_t before_it = std::exchange(good_snapshot_, head.segment);
    snapshot_steps_ = head.steps;
    if (options_.keep_bytes == 0) return;
    if (remove_old(folder_, head.segment, before_it, options_.keep_bytes,
                   &stats_.segments_removed) != HEXAGENT_OK) {
      snapshot_trouble_ = folder_->trouble();
    }
  } catch (const std::bad_alloc&) {
    skip_snapshot("no memory for a snapshot");
  }
}

void JournalWriter::skip_snapshot(const std::string& trouble) {
  ++stats_.snapshots_skipped;
  snapshot_trouble_ = trouble;
}

bool JournalWriter::flush() {
  if (buffer_.empty()) return true;
  if (file_->append(buffer_.data(), buffer_.size()) != HEXAGENT_OK) return false;
  ++stats_.writes;
  stats_.bytes += buffer_.size();
  written_ += buffer_.size();
  end_.bytes = written_;
  buffer_.clear();
  dirty_ = true;
  return true;
}

bool JournalWriter::sync() {
  if (file_->sync() != HEXAGENT_OK) return false;
  ++stats_.syncs;
  synced_ = written_;
  synced_at_ = end_.last_now;
  durable_steps_ = end_.steps;
  durable_decision_ = last_decision_;
  dirty_ = false;
  return true;
}

void JournalWriter::input(const Input& input) noexcept {
  if (status_ != HEXAGENT_OK) {
    ++stats_.inputs_lost;
    return;
  }
  attempt([&] {
    encoder_.add(input);
    if (encoder_.size() < kPartBytes) return true;
    queue_new_names();
    const uint64_t count = encoder_.input_count();
    queue(FrameType::kStepPart, encoder_.step(head_of_step(end_.last_now)));
    part_inputs_ += count;
    return true;
  });
}

void JournalWriter::end_of_step(TimeNs now, const Scheduler& core) noexcept {
  if (status_ != HEXAGENT_OK) {
    ++stats_.steps_lost;
    return;
  }
  attempt([&] {
    queue_new_names();
    queue_step(now, core);
    const uint64_t size = written_ + buffer_.size();
    rotation_due_ = size >= options_.segment_bytes;
    const bool rests = core.decision_count() == 0;
    const bool waits = options_.snapshots && size < options_.segment_bytes / 4 * 5;
    if (rotation_due_ && (rests || !waits)) {
      if (options_.snapshots && !rests) skip_snapshot("decisions are not polled");
      return flush() && sync() && rotate(rests ? &core : nullptr);
    }
    if (interval_is_over(now)) return flush() && sync();
    return buffer_.size() < options_.buffer_bytes || flush();
  });
}

void JournalWriter::at_rest(const Scheduler& core) noexcept {
  if (!rotation_due_ || core.decision_count() > 0) return;
  attempt([&] { return flush() && sync() && rotate(&core); });
}

StepHead JournalWriter::head_of_step(TimeNs now) const {
  StepHead head;
  head.now = now;
  head.step = end_.steps + 1;
  head.first_input = end_.inputs + part_inputs_ + 1;
  return head;
}

void JournalWriter::queue_new_names() {
  queue_names(NameKind::kName, *names_, &names_written_);
  queue_names(NameKind::kLabel, *labels_, &labels_written_);
}

void JournalWriter::queue_step(TimeNs now, const Scheduler& core) {
  StepHead head = head_of_step(now);
  const uint32_t waiting = core.decision_count();
  const uint64_t newest = waiting > 0 ? core.decision(waiting - 1).sequence : last_decision_;
  // Fails if somebody took decisions before the journal had seen them.
  HEXAGENT_CHECK(newest >= last_decision_ && newest - last_decision_ <= waiting);
  head.decision_count = static_cast<uint32_t>(newest - last_decision_);
  const uint32_t first = waiting - head.decision_count;
  DecisionHash hash;
  for (uint32_t i = first; i < waiting; ++i) hash.add(core.decision(i));
  head.decision_hash = hash.value();
  if (options_.full_decisions) queue_decisions(core, first);
  const uint64_t inputs = part_inputs_ + encoder_.input_count();
  queue(FrameType::kStep, encoder_.step(head));
  part_inputs_ = 0;
  last_decision_ = newest;
  end_.steps = head.step;
  end_.inputs += inputs;
  end_.last_now = now;
  ++stats_.steps;
  stats_.inputs += inputs;
}

void JournalWriter::queue_decisions(const Scheduler& core, uint32_t first) {
  const uint32_t waiting = core.decision_count();
  while (first < waiting) {
    const uint32_t count = std::min(kDecisionsPerFrame, waiting - first);
    decisions_.clear();
    for (uint32_t i = 0; i < count; ++i) decisions_.push_back(core.decision(first + i));
    queue(FrameType::kDecisions, side_encoder_.decisions(end_.steps + 1, decisions_.data(), count));
    first += count;
  }
}

bool JournalWriter::interval_is_over(TimeNs now) const {
  return options_.durability == Durability::kInterval && now >= next_sync();
}

TimeNs JournalWriter::unsynced_for(TimeNs now) const {
  const bool all = status_ == HEXAGENT_OK ? !dirty_ && buffer_.empty() : stats_.failures == 0;
  return all ? 0 : std::max<TimeNs>(0, now - synced_at_);
}

TimeNs JournalWriter::next_sync() const {
  return synced_at_ > kNever - options_.sync_interval_ns ? kNever
                                                         : synced_at_ + options_.sync_interval_ns;
}

TimeNs JournalWriter::next_timer() const {
  const bool waits = options_.durability == Durability::kInterval && status_ == HEXAGENT_OK &&
                     (dirty_ || !buffer_.empty());
  return waits ? next_sync() : kNever;
}

void JournalWriter::commit_due(TimeNs now) noexcept {
  attempt([&] {
    if (now < next_timer()) return true;
    if (!flush() || !sync()) return false;
    synced_at_ = now;
    return true;
  });
}

hexagent_status JournalWriter::commit() noexcept {
  attempt([&] {
    if (!flush()) return false;
    return !dirty_ || options_.durability != Durability::kBeforeAccepted || sync();
  });
  return status_;
}

hexagent_status JournalWriter::close() noexcept {
  attempt([&] {
    // Twice synced: the closing frame is to tell that all before it was on disk.
    if (!flush() || !sync()) return false;
    if (part_inputs_ > 0 || encoder_.input_count() > 0) {
      queue_new_names();
      queue(FrameType::kStepPart, encoder_.step(head_of_step(end_.last_now)));
    } else {
      queue(FrameType::kClose, side_encoder_.close(end_.steps, end_.inputs));
    }
    return flush() && sync();
  });
  const hexagent_status outcome = status_;
  if (status_ == HEXAGENT_OK) status_ = HEXAGENT_E_CLOSED;
  file_.reset();
  return outcome;
}

void JournalWriter::seal(const Scheduler& core) noexcept {
  if (status_ != HEXAGENT_E_CLOSED || !has_news()) return;
  status_ = HEXAGENT_OK;
  attempt([&] { return rotate(&core); });
  static_cast<void>(close());
}

}  // namespace hexagent
