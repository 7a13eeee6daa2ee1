// The mover over NIXL: see nixl_mover.h.
#include "transport/plugins/nixl/nixl_mover.h"

#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "core/base/check.h"
#include "transport/copy/gather.h"

namespace hexagent::transport {
namespace {

constexpr uint32_t kMagic = 0x4c58494e;  // "NIXL"
// In notes it is a few dozen of them, which the engine has room for.
constexpr size_t kMetadataMax = 4096;
constexpr long kPollNs = 50'000;

// What the peer's mover is told in its attach().
struct NixlAddress {
  uint32_t magic;
  uint32_t metadata_size;
  uint64_t base;  // of our staging
  char name[32];  // of our agent, ends with 0
};
static_assert(sizeof(NixlAddress) <= kAddressMax);

enum NoteKind : uint32_t { kMetadata = 1, kLanded = 2 };

struct NoteHead {
  uint32_t kind;
  uint32_t at;     // metadata: offset; landed: slot
  uint32_t value;  // metadata: bytes that follow; landed: generation
};
constexpr size_t kNotePart = kNoteMax - sizeof(NoteHead);

MoverNote make_note(uint32_t peer, const NoteHead& head, const void* bytes, size_t size) {
  MoverNote note;
  note.peer = peer;
  note.size = static_cast<uint32_t>(sizeof(head) + size);
  std::memcpy(note.bytes, &head, sizeof(head));
  if (size > 0) std::memcpy(note.bytes + sizeof(head), bytes, size);
  return note;
}

// No two agents of a fleet may have one name.
bool draw_name(char (&name)[32]) {
  uint64_t cookie = 0;
  if (getrandom(&cookie, sizeof(cookie), 0) != ssize_t{sizeof(cookie)}) return false;
  std::snprintf(name, sizeof(name), "hexagent-%016llx", static_cast<unsigned long long>(cookie));
  return true;
}

}  // namespace

bool NixlMover::Staging::open(uint32_t slots, uint32_t slot_bytes) {
  slots_ = slots;
  pitch_ = (size_t{slot_bytes} + kStreamAlign - 1) / kStreamAlign * kStreamAlign;
  void* memory = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<unsigned char*>(memory);
  return true;
}

NixlMover::NixlMover(const NixlApi& api, const NixlOptions& options, const CopyKernels* kernels,
                     uint32_t peers_max, int timer)
    : api_(api),
      options_(options),
      kernels_(kernels),
      timer_(timer),
      ends_(peers_max),
      jobs_(peers_max),
      lost_(peers_max) {}

NixlMover::~NixlMover() { ::close(timer_); }

hexagent_status NixlMover::accepts(const hexagent_kv_pool& pool) const {
  return pool.memory == HEXAGENT_MEMORY_HOST ? HEXAGENT_OK : HEXAGENT_E_UNSUPPORTED;
}

hexagent_status NixlMover::open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                        unsigned char* address, size_t* address_size) {
  auto end = std::make_unique<End>();
  NixlAddress where = {};
  if (!draw_name(where.name)) return HEXAGENT_E_SYSTEM;
  if (!end->in.open(slots, slot_bytes)) return HEXAGENT_E_NO_MEMORY;
  const hexagent_status status = NixlAgent::create(api_, options_, where.name, &end->agent);
  if (status != HEXAGENT_OK) return status;
  if (!end->agent->register_memory(end->in.slot(0), end->in.bytes())) return HEXAGENT_E_SYSTEM;
  end->metadata = end->agent->metadata();
  if (end->metadata.empty() || end->metadata.size() > kMetadataMax) return HEXAGENT_E_SYSTEM;
  where.magic = kMagic;
  where.metadata_size = static_cast<uint32_t>(end->metadata.size());
  where.base = reinterpret_cast<uintptr_t>(end->in.slot(0));
  std::memcpy(address, &where, sizeof(where));
  *address_size = sizeof(where);
  ends_[peer] = std::move(end);
  return HEXAGENT_OK;
}

hexagent_status NixlMover::attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                  const unsigned char* address, size_t address_size) {
  NixlAddress where = {};
  if (address_size != sizeof(where) || slots > kSlotsMax) return HEXAGENT_E_ARGUMENT;
  std::memcpy(&where, address, sizeof(where));
  if (where.magic != kMagic || where.name[sizeof(where.name) - 1] != 0) return HEXAGENT_E_ARGUMENT;
  if (where.metadata_size == 0 || where.metadata_size > kMetadataMax) return HEXAGENT_E_ARGUMENT;
  End& end = *ends_[peer];
  if (!end.out.open(slots, slot_bytes)) return HEXAGENT_E_NO_MEMORY;
  if (!end.agent->register_memory(end.out.slot(0), end.out.bytes())) return HEXAGENT_E_SYSTEM;
  end.peer_base = where.base;
  end.peer_name = where.name;
  end.peer_metadata_size = where.metadata_size;
  for (size_t at = 0; at < end.metadata.size(); at += kNotePart) {
    const size_t size = std::min(kNotePart, end.metadata.size() - at);
    const NoteHead head = {kMetadata, static_cast<uint32_t>(at), static_cast<uint32_t>(size)};
    notes_.push_back(make_note(peer, head, end.metadata.data() + at, size));
  }
  return HEXAGENT_OK;
}

// The agent goes first, and with it every way to this memory, ours and the peer's.
void NixlMover::close_peer(uint32_t peer) {
  lost_.forget(peer);
  const auto of_peer = [peer](const MoverNote& note) { return note.peer == peer; };
  notes_.erase(notes_.begin(), notes_.begin() + static_cast<std::ptrdiff_t>(next_note_));
  next_note_ = 0;
  std::erase_if(notes_, of_peer);
  if (ends_[peer] == nullptr) return;
  for (const Writing& writing : ends_[peer]->writing) writes_ -= writing.request != nullptr ? 1 : 0;
  ends_[peer] = nullptr;
  set_timer();
}

bool NixlMover::ready(uint32_t peer) {
  return ends_[peer] != nullptr && ends_[peer]->agent->has_met();
}

// Between two calls no copy of blocks runs, and the engine has taken back all that waits.
void NixlMover::stop() { HEXAGENT_CHECK(jobs_.empty()); }

bool NixlMover::can_do(const JobQueue::Waiting& waiting) const {
  const MoveJob& job = waiting.job;
  const End& end = *ends_[job.peer];
  if (waiting.pushing) return end.writing[job.slot].request == nullptr;
  return end.landed[job.slot] == job.slot_generation;
}

MoveResult NixlMover::do_job(const JobQueue::Waiting& waiting) {
  const MoveJob& job = waiting.job;
  const End& end = *ends_[job.peer];
  const Staging& staging = waiting.pushing ? end.out : end.in;
  HEXAGENT_CHECK(job.slot < staging.slots() && job.staged_bytes <= staging.pitch());
  const Chunk chunk = {job.copy, job.first_fragment, job.fragment_count, staging.slot(job.slot)};
  if (!waiting.pushing) {
    const uint64_t sum = hexagent::transport::scatter(*kernels_, chunk, job.sum, Store::kStreaming);
    return {job.ticket, HEXAGENT_OK, sum};
  }
  const uint64_t sum = gather(*kernels_, chunk, job.sum, Store::kCached);
  send(job);
  return {job.ticket, HEXAGENT_OK, sum};
}

void NixlMover::send(const MoveJob& job) {
  End& end = *ends_[job.peer];
  const uint64_t to = end.peer_base + job.slot * end.out.pitch();
  NixlHandle request = end.agent->write(end.out.slot(job.slot), to, job.staged_bytes);
  if (request == nullptr) return lost_.note(job.peer);
  end.writing[job.slot] = {request, job.slot_generation};
  ++writes_;
}

void NixlMover::poll_writes() {
  for (uint32_t peer = 0; peer < ends_.size() && writes_ > 0; ++peer) {
    End* end = ends_[peer].get();
    if (end == nullptr) continue;
    for (uint32_t slot = 0; slot < end->out.slots(); ++slot) {
      Writing& writing = end->writing[slot];
      if (writing.request == nullptr) continue;
      const int status = end->agent->poll(writing.request);
      if (status == kNixlInProgress) continue;
      writing.request = nullptr;
      --writes_;
      if (status != kNixlSuccess) {
        lost_.note(peer);
        continue;
      }
      const NoteHead head = {kLanded, slot, writing.generation};
      notes_.push_back(make_note(peer, head, nullptr, 0));
    }
  }
}

uint32_t NixlMover::run(uint32_t budget, MoveResult* results, uint32_t room) {
  uint64_t expirations = 0;
  if (timer_runs_ && ::read(timer_, &expirations, sizeof(expirations)) < 0) expirations = 0;
  poll_writes();
  const uint32_t done = jobs_.run(
      budget, results, room, [this](const JobQueue::Waiting& waiting) { return can_do(waiting); },
      [this](const JobQueue::Waiting& waiting) { return do_job(waiting); });
  set_timer();
  return done;
}

// NIXL has no descriptor that tells of a write's end, so we ask while one is under way.
void NixlMover::set_timer() {
  if (timer_runs_ == (writes_ > 0)) return;
  timer_runs_ = writes_ > 0;
  const timespec every = {0, timer_runs_ ? kPollNs : 0};
  const itimerspec when = {every, every};
  HEXAGENT_CHECK(timerfd_settime(timer_, 0, &when, nullptr) == 0);
}

bool NixlMover::take_note(MoverNote* out) {
  if (next_note_ == notes_.size()) {
    notes_.clear();
    next_note_ = 0;
    return false;
  }
  *out = notes_[next_note_++];
  return true;
}

bool NixlMover::take_metadata(End* end, uint32_t offset, const unsigned char* bytes, size_t size) {
  std::string& all = end->peer_metadata;
  if (offset != all.size() || size == 0 || size > end->peer_metadata_size - all.size())
    return false;
  all.append(reinterpret_cast<const char*>(bytes), size);
  return all.size() < end->peer_metadata_size || end->agent->meet(all, end->peer_name);
}

void NixlMover::on_note(const MoverNote& note) {
  End* end = ends_[note.peer].get();
  NoteHead head = {};
  if (end == nullptr || end->peer_name.empty()) return;
  if (note.size < sizeof(head)) return lost_.note(note.peer);
  std::memcpy(&head, note.bytes, sizeof(head));
  const size_t size = note.size - sizeof(head);
  if (head.kind == kMetadata && head.value == size) {
    if (!take_metadata(end, head.at, note.bytes + sizeof(head), size)) lost_.note(note.peer);
  } else if (head.kind == kLanded && size == 0 && head.at < end->in.slots()) {
    end->landed[head.at] = head.value;
  } else {
    lost_.note(note.peer);
  }
}

}  // namespace hexagent::transport
