// The host-memory transport: see host_memory.h.
#include "transport/host/host_memory.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "core/base/check.h"
#include "hexagent/log.h"
#include "transport/engine/staging.h"
#include "transport/host/one_copy.h"

namespace hexagent::transport {
namespace {

// What a peer gets to know of us.
struct HostAddress {
  RegionAddress region;
  MemoryMark mark;
};
static_assert(sizeof(HostAddress) <= kAddressMax);
static_assert(kSlotsMax <= SharedRegion::kWords);

// Of the target's mover: does it read the source's memory?
struct ReadNote {
  uint32_t magic;
  uint32_t reads;
};
constexpr uint32_t kNoteMagic = 0x4e584548;  // "HEXN"

// Of pools and lengths of pieces; what is forgotten is measured again.
constexpr uint32_t kSlownessMax = 64;
// Little enough for the second cache.
constexpr size_t kScratchBytes = size_t{64} << 10;

// Slots begin where streaming stores may.
size_t slot_pitch(uint32_t slot_bytes) {
  return (size_t{slot_bytes} + kStreamAlign - 1) / kStreamAlign * kStreamAlign;
}

}  // namespace

HostMemoryMover::HostMemoryMover(const HostMemoryOptions& options, uint32_t peers_max)
    : options_(options), ends_(peers_max), jobs_(peers_max), lost_(peers_max) {
  if (!options_.one_copy) return;
  batch_ = std::make_unique<ReadBatch>();
  mark_ = OwnMark::create();
  slowness_.reserve(kSlownessMax);
  scratch_.resize(kScratchBytes);
}

hexagent_status HostMemoryMover::accepts(const hexagent_kv_pool& pool) const {
  return pool.memory == HEXAGENT_MEMORY_HOST ? HEXAGENT_OK : HEXAGENT_E_UNSUPPORTED;
}

hexagent_status HostMemoryMover::open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                              unsigned char* address, size_t* address_size) {
  Side& own = ends_[peer].own;
  own.slots = slots;
  own.slot_bytes = slot_pitch(slot_bytes);
  const hexagent_status status = SharedRegion::create(own.slots * own.slot_bytes, &own.region);
  if (status != HEXAGENT_OK) return status;
  HostAddress where = {own.region->address(), {}};
  if (mark_ != nullptr) where.mark = mark_->mark();
  std::memcpy(address, &where, sizeof(where));
  *address_size = sizeof(where);
  return HEXAGENT_OK;
}

hexagent_status HostMemoryMover::attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                        const unsigned char* address, size_t address_size) {
  HostAddress where = {};
  if (address_size != sizeof(where)) return HEXAGENT_E_ARGUMENT;
  std::memcpy(&where, address, sizeof(where));
  Side& other = ends_[peer].other;
  other.slots = slots;
  other.slot_bytes = slot_pitch(slot_bytes);
  const hexagent_status status =
      SharedRegion::open(where.region, other.slots * other.slot_bytes, &other.region);
  if (status == HEXAGENT_OK) find_reader(peer, where.mark);
  return status;
}

void HostMemoryMover::log(const char* text, uint32_t process) const {
  if (options_.log == nullptr) return;
  char line[160];
  std::snprintf(line, sizeof(line), "host-memory: process %u %s", process, text);
  options_.log(options_.log_context, HEXAGENT_LOG_INFO, line);
}

void HostMemoryMover::owe_note(End* end) {
  if (!end->note_due) ++notes_due_;
  end->note_due = true;
}

// Can we read the peer? It is told in either case.
void HostMemoryMover::find_reader(uint32_t peer, const MemoryMark& mark) {
  End& end = ends_[peer];
  owe_note(&end);
  if (!options_.one_copy || mark.process == 0) return;
  end.memory = PeerMemory(mark);
  const hexagent_status status = end.memory.probe(batch_.get());
  end.can_read = status == HEXAGENT_OK;
  if (end.can_read) {
    log("can be read: one copy", mark.process);
  } else if (status == HEXAGENT_E_UNSUPPORTED) {
    log("may not be read (Yama, seccomp or another user): two copies", mark.process);
  } else {
    log("is not the peer's here (another PID namespace): two copies", mark.process);
  }
}

void HostMemoryMover::close_peer(uint32_t peer) {
  End& end = ends_[peer];
  for (uint32_t slot = 0; end.other.region != nullptr && slot < end.other.slots; ++slot) {
    end.other.fence(slot).seize(HEXAGENT_E_PEER);
  }
  if (end.note_due) --notes_due_;
  lost_.forget(peer);
  end = End();
}

bool HostMemoryMover::settled(uint32_t peer) const {
  return !options_.one_copy || ends_[peer].peer_reads != Reads::kUnknown;
}

bool HostMemoryMover::lends(uint32_t peer, const KvCopy& copy, bool sums) {
  if (sums || !options_.one_copy || ends_[peer].peer_reads != Reads::kYes) return false;
  if (mean_run_bytes(copy) < options_.one_copy_min) return false;
  if (is_long(copy)) {
    // The first of a kind is lent, and measured when it is pushed: its blocks hold KV by then.
    const Slowness* known = find_slowness(slowness_of(copy));
    if (known != nullptr && known->value > options_.slowness_max) return false;
  }
  return kernel_reads(fragment_address(copy, 0), fragment_address(copy, fragment_count(copy) - 1));
}

bool HostMemoryMover::is_long(const KvCopy& copy) const {
  return fragment_staged_offset(copy, fragment_count(copy)) > options_.short_bytes;
}

HostMemoryMover::Slowness HostMemoryMover::slowness_of(const KvCopy& copy) {
  return {copy.region_bases, static_cast<uint32_t>(std::bit_width(mean_run_bytes(copy))), 0.0};
}

const HostMemoryMover::Slowness* HostMemoryMover::find_slowness(const Slowness& of) const {
  const auto is_it = [&of](const Slowness& known) {
    return known.region_bases == of.region_bases && known.run_bits == of.run_bits;
  };
  const auto at = std::find_if(slowness_.begin(), slowness_.end(), is_it);
  return at != slowness_.end() ? &*at : nullptr;
}

void HostMemoryMover::learn_slowness(const MoveJob& job) {
  Slowness of = slowness_of(*job.copy);
  if (find_slowness(of) != nullptr) return;
  of.value = kernel_slowness(*job.copy, {job.first_fragment, job.fragment_count}, &scratch_);
  if (slowness_.size() < kSlownessMax) {
    slowness_.push_back(of);
  } else {
    slowness_[next_slowness_++ % kSlownessMax] = of;
  }
}

bool HostMemoryMover::take_back(uint32_t peer, uint32_t slot, uint32_t generation,
                                hexagent_status why) {
  const Side& side = ends_[peer].other;
  return side.fence(slot).take_back(generation, why);
}

MoveResult HostMemoryMover::do_push(const MoveJob& job, const Side& side) {
  unsigned char* slot = side.slot(job.slot);
  const FragmentRange range = {job.first_fragment, job.fragment_count};
  MoveResult result = {job.ticket, HEXAGENT_OK, 0};
  if (job.lends && write_offer(*job.copy, range, slot, side.slot_bytes)) {
    if (job.first_fragment == 0 && is_long(*job.copy)) learn_slowness(job);
    side.fence(job.slot).offer(job.slot_generation);
    result.lent = true;
    return result;
  }
  const Chunk chunk = {job.copy, job.first_fragment, job.fragment_count, slot};
  result.sum = gather(*options_.kernels, chunk, job.sum, options_.pack);
  return result;
}

MoveResult HostMemoryMover::do_scatter(const MoveJob& job, const Side& side) {
  MoveResult result = {job.ticket, HEXAGENT_OK, 0};
  SlotFence fence = side.fence(job.slot);
  switch (fence.begin(job.slot_generation, &result.status)) {
    case SlotFence::Begin::kPacked: {
      const Chunk chunk = {job.copy, job.first_fragment, job.fragment_count, side.slot(job.slot)};
      result.sum =
          hexagent::transport::scatter(*options_.kernels, chunk, job.sum, Store::kStreaming);
      return result;
    }
    case SlotFence::Begin::kBegun: {
      result = do_read(job, side);
      hexagent_status why = HEXAGENT_OK;
      if (!fence.end(job.slot_generation, &why)) result.status = why;
      return result;
    }
    case SlotFence::Begin::kTakenBack:
      break;
  }
  return result;
}

MoveResult HostMemoryMover::do_read(const MoveJob& job, const Side& side) {
  End& end = ends_[job.peer];
  MoveResult result = {job.ticket, HEXAGENT_E_SYSTEM, 0};
  if (!end.can_read) return result;  // we have said so: a peer that offers it nevertheless
  const FragmentRange range = {job.first_fragment, job.fragment_count};
  result.status =
      read_offer(end.memory, *job.copy, range, side.slot(job.slot), side.slot_bytes, batch_.get());
  if (result.status == HEXAGENT_E_PEER) lost_.note(job.peer);
  if (result.status == HEXAGENT_E_UNSUPPORTED || result.status == HEXAGENT_E_SYSTEM) {
    // What has begun to fail will fail again: the next transfers are to be packed.
    end.can_read = false;
    owe_note(&end);
    result.status = HEXAGENT_E_SYSTEM;
    log("could not be read any more: two copies", end.memory.process());
  }
  return result;
}

MoveResult HostMemoryMover::do_job(const JobQueue::Waiting& waiting) {
  const MoveJob& job = waiting.job;
  const Side& side = waiting.pushing ? ends_[job.peer].other : ends_[job.peer].own;
  HEXAGENT_CHECK(side.region != nullptr && job.slot < side.slots);
  HEXAGENT_CHECK(job.staged_bytes <= side.slot_bytes);
  return waiting.pushing ? do_push(job, side) : do_scatter(job, side);
}

uint32_t HostMemoryMover::run(uint32_t budget, MoveResult* results, uint32_t room) {
  return jobs_.run(
      budget, results, room, [](const JobQueue::Waiting&) { return true; },
      [this](const JobQueue::Waiting& waiting) { return do_job(waiting); });
}

bool HostMemoryMover::take_note(MoverNote* out) {
  for (uint32_t peer = 0; notes_due_ > 0 && peer < ends_.size(); ++peer) {
    End& end = ends_[peer];
    if (!end.note_due) continue;
    end.note_due = false;
    --notes_due_;
    const ReadNote note = {kNoteMagic, end.can_read ? 1u : 0u};
    *out = {peer, sizeof(note), {}};
    std::memcpy(out->bytes, &note, sizeof(note));
    return true;
  }
  return false;
}

void HostMemoryMover::on_note(const MoverNote& note) {
  ReadNote read = {};
  if (note.size != sizeof(read)) return;
  std::memcpy(&read, note.bytes, sizeof(read));
  if (read.magic != kNoteMagic || read.reads > 1) return;
  // What we did not let be read is not.
  ends_[note.peer].peer_reads = read.reads == 1 && mark_ != nullptr ? Reads::kYes : Reads::kNo;
}

}  // namespace hexagent::transport
