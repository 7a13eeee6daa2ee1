// The cuda-nccl transport's mover, its peers: staging, routes, communicators. See cuda_mover.h.
#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "transport/plugins/cuda_nccl/cuda_mover.h"

namespace hexagent::transport {

CudaMover::CudaMover(const CudaOptions& options, uint32_t peers_max,
                     const hexagent_transport_host& host, std::shared_ptr<DeviceRuntime> runtime)
    : options_(options),
      host_(host),
      runtime_(std::move(runtime)),
      peers_(peers_max),
      lost_(peers_max) {
  jobs_.reserve(size_t{2} * kSlotsMax * peers_max);
  notes_.reserve(size_t{2} * kSlotsMax * peers_max);
  linked_.reserve(peers_max);
}

hexagent_status CudaMover::start() {
  const DeviceScope scope(runtime_.get());
  // Per peer two communicators that live and some that are dying.
  constexpr uint32_t kMarksPerPeer = 8;
  const auto count = options_.lanes + kMarksPerPeer * static_cast<uint32_t>(peers_.size());
  marks_ = MarkTable::make(runtime_, count);
  if (marks_ == nullptr) return HEXAGENT_E_NO_MEMORY;
  if (options_.path != PathChoice::kDirect) {
    const char* path = options_.nccl.empty() ? nullptr : options_.nccl.c_str();
    const hexagent_status status = load_nccl(path, &nccl_);
    if (status == HEXAGENT_E_IO) nccl_problem_ = "there is no libnccl.so.2";
    if (status == HEXAGENT_E_VERSION) nccl_problem_ = "NCCL is older than 2.18";
    const bool demanded = options_.path == PathChoice::kNccl || !options_.nccl.empty();
    if (status != HEXAGENT_OK && demanded) return status;
  }
  reaper_ =
      std::make_unique<Reaper>(runtime_, marks_, nccl_, options_.linger_ns, options_.close_ns);
  lanes_ = std::make_unique<CopyLanes>(runtime_, marks_, options_.ctas);
  watcher_ = std::make_unique<Watcher>(marks_);
  const hexagent_status status = lanes_->open(options_.lanes);
  return status == HEXAGENT_OK ? watcher_->start() : status;
}

CudaMover::~CudaMover() {
  for (uint32_t peer = 0; peer < peers_.size(); ++peer) close_peer(peer);
  jobs_.clear();
}

hexagent_status CudaMover::accepts(const hexagent_kv_pool& pool) const {
  if (pool.memory != HEXAGENT_MEMORY_CUDA || pool.device != options_.device) {
    return HEXAGENT_E_UNSUPPORTED;
  }
  const DeviceScope scope(runtime_.get());
  const uint64_t regions = uint64_t{pool.layer_count} * pool.regions_per_layer;
  for (uint64_t region = 0; region < regions; ++region) {
    if (!runtime_->owns(pool.region_bases[region])) return HEXAGENT_E_UNSUPPORTED;
  }
  return HEXAGENT_OK;
}

std::shared_ptr<DeviceMemory> CudaMover::own_memory(void* memory, DeviceMemory::Kind kind) const {
  if (memory == nullptr) return nullptr;
  return std::make_shared<DeviceMemory>(runtime_, reaper_->releaser(), memory, kind);
}

std::shared_ptr<DeviceMemory> CudaMover::allocate(uint64_t bytes) const {
  return own_memory(runtime_->allocate(bytes), DeviceMemory::Kind::kOwn);
}

hexagent_status CudaMover::open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                        unsigned char* address, size_t* address_size) {
  const DeviceScope scope(runtime_.get());
  Inbound in;
  in.slots = slots;
  in.slot_pitch = slot_pitch(slot_bytes);
  in.staging = allocate(slots * in.slot_pitch);
  if (in.staging == nullptr) return HEXAGENT_E_NO_MEMORY;
  CudaAddress where = {};
  where.magic = kCudaMagic;
  where.machine = this_machine();
  where.process = this_process();
  where.memory = reinterpret_cast<uintptr_t>(in.staging->at(0));
  runtime_->uuid(where.device);
  if (runtime_->export_memory(in.staging->at(0), where.ipc)) where.flags |= kAddressHasIpc;
  if (has_nccl()) {
    where.flags |= kAddressHasNccl;
    where.nccl_version = nccl_.version;
  }
  std::memcpy(address, &where, sizeof(where));
  *address_size = sizeof(where);
  peers_[peer].in = std::move(in);
  return HEXAGENT_OK;
}

// The peer's staging, as a kernel here may write it; null: not that way.
std::shared_ptr<DeviceMemory> CudaMover::reach(const CudaAddress& where) const {
  const bool here = where.machine != 0 && where.machine == this_machine();
  if (!here || options_.path == PathChoice::kNccl) return nullptr;
  unsigned char device[kDeviceUuidBytes];
  runtime_->uuid(device);
  if (where.process == this_process()) {
    const bool same = std::memcmp(device, where.device, sizeof(device)) == 0;
    if (!same || !runtime_->owns(where.memory)) return nullptr;
    return own_memory(reinterpret_cast<void*>(static_cast<uintptr_t>(where.memory)),
                      DeviceMemory::Kind::kBorrowed);
  }
  if ((where.flags & kAddressHasIpc) == 0) return nullptr;
  return own_memory(runtime_->import_memory(where.ipc), DeviceMemory::Kind::kImported);
}

hexagent_status CudaMover::attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                  const unsigned char* address, size_t address_size) {
  const DeviceScope scope(runtime_.get());
  CudaAddress where = {};
  if (!read_address(address, address_size, &where)) return HEXAGENT_E_ARGUMENT;
  Outbound& out = peers_[peer].out;
  out.slots = slots;
  out.slot_pitch = slot_pitch(slot_bytes);
  out.staging = reach(where);
  if (out.staging != nullptr) {
    out.route = Route::kDirect;
    notes_.push_back(make_route_note(peer, Route::kDirect));
    return HEXAGENT_OK;
  }
  // Both ends must have the same version of NCCL, or connecting fails after seconds.
  const bool nccl = options_.path != PathChoice::kDirect && has_nccl() &&
                    (where.flags & kAddressHasNccl) != 0 && where.nccl_version == nccl_.version;
  if (!nccl) return HEXAGENT_E_SYSTEM;
  out.route = Route::kNccl;
  return HEXAGENT_OK;
}

// A communicator costs tens of megabytes and takes up to seconds to connect, so there is none until
// something is to be sent. Not even its id, for which NCCL starts a thread that waits.
bool CudaMover::ready(uint32_t peer) {
  Outbound& out = peers_[peer].out;
  if (out.route == Route::kDirect) return true;
  if (out.link != nullptr) return out.link->ready();
  const DeviceScope scope(runtime_.get());
  if (out.staging == nullptr) out.staging = allocate(out.slots * out.slot_pitch);
  NcclId id = {};
  if (out.staging == nullptr || nccl_.get_unique_id(&id) != kNcclSuccess) {
    lost_.note(peer);
    return false;
  }
  for (const uint32_t half : {0u, 1u}) notes_.push_back(make_id_note(peer, id, half));
  notes_.push_back(make_route_note(peer, Route::kNccl));
  start_link(peer, &out.link, NcclLink::Side::kSender, id, out.staging);
  tell_watcher();
  return false;
}

void CudaMover::start_link(uint32_t peer, std::unique_ptr<NcclLink>* link, NcclLink::Side side,
                           const NcclId& id, const std::shared_ptr<DeviceMemory>& memory) {
  *link = std::make_unique<NcclLink>(nccl_, runtime_.get(), options_.link, side, id);
  if (!(*link)->start(marks_.get(), memory, now())) lost_.note(peer);
  if (std::find(linked_.begin(), linked_.end(), peer) == linked_.end()) linked_.push_back(peer);
}

void CudaMover::bury(std::unique_ptr<NcclLink>* link) {
  if (*link == nullptr) return;
  reaper_->bury((*link)->take_dead());
  link->reset();
}

// Kernels that copy hold on to the memory they use; everything else of the peer goes.
void CudaMover::close_peer(uint32_t peer) {
  PeerEnd& end = peers_[peer];
  bury(&end.in.link);
  bury(&end.out.link);
  end = PeerEnd();
  std::erase(linked_, peer);
  lost_.forget(peer);
  std::erase_if(notes_, [peer](const MoverNote& note) { return note.peer == peer; });
  for (Job& job : jobs_) {
    if (job.job.peer == peer && job.state != Job::State::kCopying) job.state = Job::State::kFailed;
  }
}

bool CudaMover::take_note(MoverNote* out) {
  if (notes_.empty()) return false;
  *out = notes_.front();
  notes_.erase(notes_.begin());
  return true;
}

void CudaMover::on_note(const MoverNote& note) {
  const DeviceScope scope(runtime_.get());
  CudaNote content = {};
  CudaIdNote id = {};
  if (read_id_note(note, &id)) {
    on_id(note.peer, id);
  } else if (!read_note(note, &content)) {
    lost_.note(note.peer);
  } else if (content.kind == NoteKind::kRoute) {
    on_route(note.peer, content.route);
  } else {
    on_go(note.peer, content);
  }
  tell_watcher();
}

void CudaMover::on_id(uint32_t peer, const CudaIdNote& note) {
  Inbound& in = peers_[peer].in;
  if (note.half != in.id_halves) {
    lost_.note(peer);
    return;
  }
  std::memcpy(in.id.bytes + note.half * sizeof(note.bytes), note.bytes, sizeof(note.bytes));
  ++in.id_halves;
}

void CudaMover::on_route(uint32_t peer, Route route) {
  Inbound& in = peers_[peer].in;
  if (in.staging == nullptr || in.route != Route::kNone) {
    lost_.note(peer);
    return;
  }
  in.route = route;
  if (route != Route::kNccl) return;
  if (!has_nccl() || in.id_halves != 2) {
    lost_.note(peer);
    return;
  }
  start_link(peer, &in.link, NcclLink::Side::kReceiver, in.id, in.staging);
}

void CudaMover::on_go(uint32_t peer, const CudaNote& note) {
  Outbound& out = peers_[peer].out;
  const bool known = note.slot < out.slots && out.link != nullptr;
  OutSlot* slot = known ? &out.out[note.slot] : nullptr;
  if (slot == nullptr || slot->state != OutSlot::State::kPacked ||
      slot->generation != note.generation || slot->bytes != note.bytes) {
    lost_.note(peer);  // it would receive what nobody sends
    return;
  }
  slot->state = OutSlot::State::kSending;
  const bool added = out.link->add(
      {note.slot, note.generation, note.bytes, out.staging->at(note.slot * out.slot_pitch)});
  if (!added) lost_.note(peer);
}

void CudaMover::run_links(int64_t now_ns) {
  for (const uint32_t peer : linked_) {
    if (peers_[peer].in.link != nullptr) run_link(peer, peers_[peer].in.link.get(), false, now_ns);
    if (peers_[peer].out.link != nullptr) run_link(peer, peers_[peer].out.link.get(), true, now_ns);
  }
}

void CudaMover::run_link(uint32_t peer, NcclLink* link, bool outbound, int64_t now_ns) {
  const bool was_ready = link->ready();
  link->run(now_ns);
  // The engine may push now; it asked before.
  if (outbound && !was_ready && link->ready()) watcher_->signal();
  LinkOperation done;
  while (link->take_done(&done)) {
    if (outbound) {
      peers_[peer].out.out[done.slot].state = OutSlot::State::kFree;
    } else {
      on_received(peer, done);
    }
  }
  if (link->broken()) lost_.note(peer);
}

}  // namespace hexagent::transport
