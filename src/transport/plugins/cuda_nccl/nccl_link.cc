// One communicator: see nccl_link.h.
#include "transport/plugins/cuda_nccl/nccl_link.h"

#include "transport/engine/staging.h"
#include "transport/plugins/cuda_nccl/device_memory.h"

namespace hexagent::transport {
namespace {

// The one that runs and the next. With more, what is urgent would wait for more.
constexpr uint32_t kEnqueuedMax = 2;
constexpr uint32_t kOperationsMax = 2 * kSlotsMax;
constexpr uint64_t kWarmUpBytes = 16;
// How often a communicator that moves is asked whether its peer is there.
constexpr int64_t kAskEveryNs = 1'000'000;

}  // namespace

NcclLink::NcclLink(const NcclApi& api, DeviceRuntime* runtime, const LinkSettings& settings,
                   Side side, const NcclId& id)
    : api_(api), runtime_(runtime), settings_(settings), side_(side), id_(id) {
  operations_.reserve(kOperationsMax + 1);
}

bool NcclLink::start(MarkTable* marks, std::shared_ptr<DeviceMemory> memory, int64_t now_ns) {
  parts_.memory = std::move(memory);
  parts_.stream = runtime_->make_stream();
  parts_.mark = marks->take();
  state_ = State::kBroken;
  if (parts_.stream == nullptr || parts_.mark == nullptr) return false;
  NcclConfig config = nccl_config(settings_.ctas_max);
  const int32_t rank = side_ == Side::kReceiver ? 0 : 1;
  const int32_t result = api_.comm_init_rank_config(&parts_.comm, 2, id_, rank, &config);
  if ((result != kNcclSuccess && result != kNcclInProgress) || parts_.comm == nullptr) return false;
  state_ = State::kConnecting;
  deadline_ns_ = now_ns + settings_.connect_ns;
  return true;
}

bool NcclLink::add(const LinkOperation& operation) {
  if (operations_.size() >= kOperationsMax) {
    state_ = State::kBroken;
    return false;
  }
  operations_.push_back({operation, 0});
  return true;
}

// Has the communicator finished what it was told last? Breaks the link when it has failed.
bool NcclLink::settled(int64_t now_ns) {
  asked_ns_ = now_ns;
  int32_t error = kNcclSuccess;
  const int32_t result = api_.comm_get_async_error(parts_.comm, &error);
  if (result == kNcclSuccess && error == kNcclSuccess) return true;
  if (result != kNcclSuccess || error != kNcclInProgress) state_ = State::kBroken;
  return false;
}

void NcclLink::mark_enqueued() {
  Entry& entry = operations_[enqueued_++];
  entry.sequence = ++last_sequence_;
  const hexagent_status status = runtime_->launch_mark(parts_.mark, entry.sequence, parts_.stream);
  state_ = status == HEXAGENT_OK ? State::kIdle : State::kBroken;
}

void NcclLink::enqueue_next(int64_t now_ns) {
  const LinkOperation& next = operations_[enqueued_].operation;
  if (enqueued_ == 0 && warm_) deadline_ns_ = now_ns + settings_.operation_ns;
  const int32_t result =
      side_ == Side::kSender
          ? api_.send(next.memory, next.bytes, kNcclInt8, 0, parts_.comm, parts_.stream)
          : api_.receive(next.memory, next.bytes, kNcclInt8, 1, parts_.comm, parts_.stream);
  if (result == kNcclSuccess) {
    mark_enqueued();
  } else {
    state_ = result == kNcclInProgress ? State::kEnqueuing : State::kBroken;
  }
}

void NcclLink::watch(int64_t now_ns) {
  const bool waits = wants_polling() || enqueued_ > 0;
  if (waits && now_ns >= deadline_ns_) state_ = State::kBroken;
  const bool moves = state_ == State::kIdle && enqueued_ > 0;
  if (moves && now_ns - asked_ns_ >= kAskEveryNs) settled(now_ns);
}

void NcclLink::run(int64_t now_ns) {
  if (state_ == State::kConnecting && settled(now_ns)) {
    state_ = State::kIdle;
    operations_.insert(operations_.begin(), Entry{{0, 0, kWarmUpBytes, parts_.memory->at(0)}, 0});
  }
  if (state_ == State::kEnqueuing && settled(now_ns)) mark_enqueued();
  while (state_ == State::kIdle && enqueued_ < kEnqueuedMax && enqueued_ < operations_.size()) {
    enqueue_next(now_ns);
  }
  // What is done is taken first: a host that was away for long has not missed the deadline.
  if (!first_done()) {
    watch(now_ns);
    return;
  }
  deadline_ns_ = now_ns + settings_.operation_ns;
  if (warm_) return;
  warm_ = true;
  operations_.erase(operations_.begin());
  --enqueued_;
}

bool NcclLink::first_done() const {
  return enqueued_ > 0 && operations_[0].sequence <= read_sequence(parts_.mark);
}

bool NcclLink::take_done(LinkOperation* out) {
  if (broken() || !warm_ || !first_done()) return false;
  *out = operations_[0].operation;
  operations_.erase(operations_.begin());
  --enqueued_;
  return true;
}

DeadLink NcclLink::take_dead() {
  state_ = State::kBroken;
  DeadLink dead = std::move(parts_);
  parts_ = {};
  return dead;
}

}  // namespace hexagent::transport
