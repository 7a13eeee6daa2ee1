// Copy lanes: see copy_lanes.h.
#include "transport/plugins/cuda_nccl/copy_lanes.h"

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "transport/plugins/cuda_nccl/copy_lane.h"

namespace hexagent::transport {
namespace {

constexpr size_t kListsBytes = size_t{64} << 10;  // what most transfers need, from the start
constexpr uint32_t kWarpsPerBlock = 8;
// A copy that takes so long makes us ask whether the device still works, and how often.
constexpr int64_t kDoubtNs = 200'000'000;

}  // namespace

CopyLanes::CopyLanes(std::shared_ptr<DeviceRuntime> runtime, std::shared_ptr<MarkTable> marks,
                     uint32_t blocks_max)
    : runtime_(std::move(runtime)), marks_(std::move(marks)), blocks_max_(blocks_max) {}

CopyLanes::~CopyLanes() {
  const DeviceScope scope(runtime_.get());
  for (const Lane& lane : lanes_) {
    if (lane.stream != nullptr) runtime_->release_stream(lane.stream);
    if (lane.counters != nullptr) runtime_->release(lane.counters);
    if (lane.lists != nullptr) runtime_->release(lane.lists);
    if (lane.pinned_lists != nullptr) runtime_->release_pinned(lane.pinned_lists);
    if (lane.mark != nullptr) marks_->give_back(lane.mark);
  }
}

hexagent_status CopyLanes::open(uint32_t count) {
  lanes_.resize(count);
  for (Lane& lane : lanes_) {
    lane.stream = runtime_->make_stream();
    lane.mark = marks_->take();
    lane.counters = static_cast<CopyCounters*>(runtime_->allocate(sizeof(CopyCounters)));
    const bool whole = lane.stream != nullptr && lane.mark != nullptr && lane.counters != nullptr;
    if (!whole || !make_room(&lane, kListsBytes)) return HEXAGENT_E_NO_MEMORY;
  }
  free_count_ = count;
  return HEXAGENT_OK;
}

bool CopyLanes::make_room(Lane* lane, size_t bytes) {
  if (bytes <= lane->lists_bytes) return true;
  const size_t wanted = std::max(bytes, 2 * lane->lists_bytes);
  auto* lists = static_cast<unsigned char*>(runtime_->allocate(wanted));
  auto* pinned = static_cast<unsigned char*>(runtime_->allocate_pinned(wanted));
  if (lists == nullptr || pinned == nullptr) {
    if (lists != nullptr) runtime_->release(lists);
    if (pinned != nullptr) runtime_->release_pinned(pinned);
    return false;
  }
  if (lane->lists != nullptr) runtime_->release(lane->lists);
  if (lane->pinned_lists != nullptr) runtime_->release_pinned(lane->pinned_lists);
  lane->lists = lists;
  lane->pinned_lists = pinned;
  lane->lists_bytes = wanted;
  return true;
}

// Of the regions those that the chunk touches, of the blocks all: a chunk mostly needs most of
// them.
hexagent_status CopyLanes::upload_lists(Lane* lane, const Chunk& chunk, CopyPlan* plan) {
  const KvCopy& copy = *chunk.copy;
  const uint64_t last = chunk.first_fragment + chunk.fragment_count - 1;
  const size_t regions = last / copy.block_count - plan->first_region + 1;
  const size_t region_bytes = regions * sizeof(uint64_t);
  const size_t bytes = region_bytes + copy.block_count * sizeof(int32_t);
  if (!make_room(lane, bytes)) return HEXAGENT_E_NO_MEMORY;
  std::memcpy(lane->pinned_lists, copy.region_bases + plan->first_region, region_bytes);
  std::memcpy(lane->pinned_lists + region_bytes, copy.blocks, bytes - region_bytes);
  plan->region_bases = reinterpret_cast<const uint64_t*>(lane->lists);
  plan->blocks = reinterpret_cast<const int32_t*>(lane->lists + region_bytes);
  plan->first_region = 0;
  return runtime_->upload(lane->lists, lane->pinned_lists, bytes, lane->stream);
}

hexagent_status CopyLanes::start(uint64_t ticket, const Chunk& chunk, SumOption sum, bool pack,
                                 int64_t now_ns) {
  HEXAGENT_CHECK(has_room());
  const auto lane =
      std::find_if(lanes_.begin(), lanes_.end(), [](const Lane& each) { return !each.used; });
  CopyLaunch launch;
  if (!make_copy_plan(chunk, sum, &launch.plan)) return HEXAGENT_E_RANGE;
  hexagent_status status = upload_lists(&*lane, chunk, &launch.plan);
  if (status != HEXAGENT_OK) return status;
  const uint32_t steps = launch.plan.vectors / kStepVectors + 1;
  launch.pack = pack;
  launch.blocks = std::min(blocks_max_, steps / kWarpsPerBlock + 1);
  launch.counters = lane->counters;
  launch.mark = lane->mark;
  launch.sequence = ++lane->sequence;
  status = runtime_->launch_copy(launch, lane->stream);
  if (status != HEXAGENT_OK) return status;
  lane->used = true;
  lane->ticket = ticket;
  lane->begin_ns = now_ns;
  --free_count_;
  return HEXAGENT_OK;
}

bool CopyLanes::take_done(int64_t now_ns, LaneResult* out) {
  bool late = false;
  for (Lane& lane : lanes_) {
    if (!lane.used) continue;
    if (read_sequence(lane.mark) == lane.sequence) {
      *out = {lane.ticket, HEXAGENT_OK, lane.mark->sum};
      lane.used = false;
      ++free_count_;
      return true;
    }
    late = late || now_ns - lane.begin_ns >= kDoubtNs;
  }
  if (!late || now_ns - asked_ns_ < kDoubtNs) return false;
  asked_ns_ = now_ns;
  if (runtime_->health() == HEXAGENT_OK) return false;
  // Nothing runs any more, so nothing touches blocks.
  asked_ns_ = now_ns - kDoubtNs;  // for the others of these lanes
  for (Lane& lane : lanes_) {
    if (!lane.used) continue;
    *out = {lane.ticket, HEXAGENT_E_SYSTEM, 0};
    lane.used = false;
    ++free_count_;
    return true;
  }
  return false;
}

}  // namespace hexagent::transport
