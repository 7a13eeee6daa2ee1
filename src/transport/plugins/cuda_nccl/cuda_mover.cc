// The cuda-nccl transport's mover, its jobs: see cuda_mover.h. Its peers: cuda_peers.cc.
#include "transport/plugins/cuda_nccl/cuda_mover.h"

#include <time.h>

#include <algorithm>

#include "core/base/check.h"

namespace hexagent::transport {
namespace {

constexpr int64_t kNapNs = 20'000;

}  // namespace

void CudaMover::push(const MoveJob& job) { jobs_.push_back({job, true, {}, nullptr}); }

void CudaMover::scatter(const MoveJob& job) { jobs_.push_back({job, false, {}, nullptr}); }

// A chunk that is only being received has not touched a block: it lands in staging and is forgotten
// there. Its operation stays in the link, so that the next one for this slot comes after it.
bool CudaMover::drop(uint64_t ticket) {
  const auto at = std::find_if(jobs_.begin(), jobs_.end(),
                               [ticket](const Job& job) { return job.job.ticket == ticket; });
  if (at == jobs_.end() || at->state == Job::State::kCopying) return false;
  if (at->state == Job::State::kFailed) return false;
  jobs_.erase(at);
  return true;
}

uint32_t CudaMover::run(uint32_t budget, MoveResult* results, uint32_t room) {
  watcher_->clear();
  const DeviceScope scope(runtime_.get());
  uint32_t ended = 0;
  int64_t now_ns = now();
  run_links(now_ns);
  while (ended < room && take_ended(now_ns, &results[ended])) ++ended;
  start_jobs(budget, now_ns);
  while (ended < room && take_ended(now_ns, &results[ended])) ++ended;  // what could not start
  while (stopping_ && ended == 0 && room > 0 && lanes_->busy()) {
    wait_for_device();
    now_ns = now();
    if (take_ended(now_ns, &results[0])) ended = 1;
  }
  tell_watcher();
  return ended;
}

// destroy() promises that no block is touched after it: what runs is waited for. Kernels take less
// than a millisecond, unless the device is gone, and then health() says so.
void CudaMover::wait_for_device() const {
  const timespec nap = {0, kNapNs};
  nanosleep(&nap, nullptr);
  runtime_->health();
}

void CudaMover::tell_watcher() {
  bool marks = lanes_->busy();
  bool poll = waits_for_event_ || !lost_.empty();
  for (const uint32_t peer : linked_) {
    for (const NcclLink* link : {peers_[peer].in.link.get(), peers_[peer].out.link.get()}) {
      if (link == nullptr) continue;
      marks = marks || !link->idle();
      // A link that moves is polled as well: only asking tells that its peer has died.
      poll = poll || link->wants_polling() || !link->idle();
    }
  }
  watcher_->watch(marks, poll);
}

void CudaMover::start_jobs(uint32_t budget, int64_t now_ns) {
  waits_for_event_ = false;
  uint32_t started = 0;
  for (size_t at = 0; at < jobs_.size() && started < budget; ++at) {
    if (start_job(&jobs_[at], now_ns)) ++started;
  }
}

bool CudaMover::start_job(Job* job, int64_t now_ns) {
  if (job->state != Job::State::kWaiting && job->state != Job::State::kReceived) return false;
  if (job->pushing) return start_push(job, now_ns);
  const Inbound& in = peers_[job->job.peer].in;
  const bool here = in.route == Route::kDirect || job->state == Job::State::kReceived;
  if (here) return start_copy(job, in.staging, job->job.slot * in.slot_pitch, now_ns);
  return start_receive(job);
}

bool CudaMover::start_push(Job* job, int64_t now_ns) {
  Outbound& out = peers_[job->job.peer].out;
  if (job->job.event != nullptr) {
    const hexagent_status state = runtime_->event_state(job->job.event);
    if (state == HEXAGENT_E_AGAIN) {
      waits_for_event_ = true;
      return false;
    }
    if (state != HEXAGENT_OK) {
      job->state = Job::State::kFailed;
      return true;
    }
  }
  OutSlot& slot = out.out[job->job.slot];
  const bool by_nccl = out.route == Route::kNccl;
  if (by_nccl && slot.state == OutSlot::State::kSending) return false;  // what it held still goes
  if (!start_copy(job, out.staging, job->job.slot * out.slot_pitch, now_ns)) return false;
  if (by_nccl) slot = {OutSlot::State::kPacking, job->job.slot_generation, job->job.staged_bytes};
  return true;
}

bool CudaMover::start_copy(Job* job, const std::shared_ptr<DeviceMemory>& memory, uint64_t offset,
                           int64_t now_ns) {
  if (!lanes_->has_room()) return false;
  if (memory == nullptr) {
    job->state = Job::State::kFailed;
    return true;
  }
  const Chunk chunk = {job->job.copy, job->job.first_fragment, job->job.fragment_count,
                       memory->at(offset)};
  const hexagent_status status =
      lanes_->start(job->job.ticket, chunk, job->job.sum, job->pushing, now_ns);
  job->state = status == HEXAGENT_OK ? Job::State::kCopying : Job::State::kFailed;
  job->memory = memory;
  return true;
}

// The receive goes into the stream and GO to the source, in this order everywhere.
bool CudaMover::start_receive(Job* job) {
  Inbound& in = peers_[job->job.peer].in;
  if (in.route != Route::kNccl || in.link == nullptr || in.link->broken()) {
    job->state = Job::State::kFailed;
    return true;
  }
  if (!in.link->ready()) return false;
  const MoveJob& chunk = job->job;
  const bool added = in.link->add({chunk.slot, chunk.slot_generation, chunk.staged_bytes,
                                   in.staging->at(chunk.slot * in.slot_pitch)});
  if (!added) {
    lost_.note(chunk.peer);
    return false;
  }
  notes_.push_back(make_go_note(chunk.peer, chunk.slot, chunk.slot_generation, chunk.staged_bytes));
  job->state = Job::State::kReceiving;
  return true;
}

void CudaMover::on_received(uint32_t peer, const LinkOperation& operation) {
  for (Job& job : jobs_) {
    const bool its_own = !job.pushing && job.state == Job::State::kReceiving &&
                         job.job.peer == peer && job.job.slot == operation.slot &&
                         job.job.slot_generation == operation.generation;
    if (its_own) job.state = Job::State::kReceived;
  }
}

// A chunk that is packed waits for GO; unless its peer has gone and come again meanwhile.
void CudaMover::settle_push(const Job& job, hexagent_status status) {
  Outbound& out = peers_[job.job.peer].out;
  if (out.route != Route::kNccl || out.staging != job.memory) return;
  OutSlot& slot = out.out[job.job.slot];
  if (slot.state != OutSlot::State::kPacking) return;
  slot.state = status == HEXAGENT_OK ? OutSlot::State::kPacked : OutSlot::State::kFree;
}

bool CudaMover::take_ended(int64_t now_ns, MoveResult* out) {
  const auto failed = std::find_if(jobs_.begin(), jobs_.end(),
                                   [](const Job& job) { return job.state == Job::State::kFailed; });
  if (failed != jobs_.end()) {
    *out = {failed->job.ticket, HEXAGENT_E_SYSTEM, 0};
    jobs_.erase(failed);
    return true;
  }
  LaneResult lane;
  if (!lanes_->take_done(now_ns, &lane)) return false;
  const auto job = std::find_if(jobs_.begin(), jobs_.end(), [&lane](const Job& each) {
    return each.job.ticket == lane.ticket && each.state == Job::State::kCopying;
  });
  HEXAGENT_CHECK(job != jobs_.end());
  if (job->pushing) settle_push(*job, lane.status);
  *out = {lane.ticket, lane.status, lane.sum};
  jobs_.erase(job);
  return true;
}

}  // namespace hexagent::transport
