// An end and a pair of them: see bench_transport_end.h.
#include "tool/bench_transport_end.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tool/bench_timing.h"
#include "tool/bench_transport_pool.h"

namespace hexagent::tool {

BenchEnd::BenchEnd() : wake_(eventfd(0, EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::runtime_error("no eventfd");
}

BenchEnd::~BenchEnd() {
  if (transport != nullptr) ops->destroy(transport);
  close(wake_);
}

void BenchEnd::open(const hexagent_transport_ops* with, uint32_t worker, const char* options,
                    BenchEnd* to) {
  ops = with;
  other_ = to;
  other_worker_ = 3 - worker;
  const hexagent_transport_host host = host_of(this, post_event, send_control);
  hexagent_transport_config config = {};
  config.struct_size = sizeof(config);
  config.worker = worker;
  config.incarnation = worker;
  config.blocks_max = 1u << 18;
  config.options = options;
  check(ops->create(&host, &config, &transport), "create");
}

hexagent_status BenchEnd::post_event(void* context, const hexagent_transfer_event* event) {
  auto* end = static_cast<BenchEnd*>(context);
  if (end->on_event) end->on_event(*event);
  if (event->kind == HEXAGENT_TRANSFER_PEER_UP) ++end->ups;
  if (event->kind == HEXAGENT_TRANSFER_DONE) ++end->done;
  if (event->kind == HEXAGENT_TRANSFER_QUIESCED) ++end->quiesced;
  return HEXAGENT_OK;
}

hexagent_status BenchEnd::send_control(void* context, uint32_t, const void* message, size_t size) {
  auto* end = static_cast<BenchEnd*>(context);
  if (end->on_message) end->on_message(message, size);
  const auto* bytes = static_cast<const unsigned char*>(message);
  {
    const std::lock_guard<std::mutex> lock(end->other_->mutex_);
    end->other_->inbox_.emplace_back(bytes, bytes + size);
  }
  end->other_->wake();
  return HEXAGENT_OK;
}

// A counter that is full is readable, too.
void BenchEnd::wake() const {
  const uint64_t one = 1;
  if (write(wake_, &one, sizeof(one)) < 0) return;
}

void BenchEnd::at(int64_t when_ns, std::function<void()> action) {
  action_ = std::move(action);
  due_ns_.store(when_ns, std::memory_order_release);
  wake();
}

void BenchEnd::do_what_is_due() {
  const int64_t due_ns = due_ns_.load(std::memory_order_acquire);
  if (due_ns == kNever || clock_ns() < due_ns) return;
  action_();
  due_ns_.store(kNever, std::memory_order_release);
}

void BenchEnd::turn(uint32_t budget) {
  do_what_is_due();
  std::vector<std::vector<unsigned char>> messages;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    messages.swap(inbox_);
  }
  for (const std::vector<unsigned char>& message : messages) {
    check(ops->control(transport, other_worker_, message.data(), message.size()), "control");
  }
  int64_t next_ns = 0;
  if (check(ops->progress(transport, budget, &next_ns), "progress") == 0) rest();
}

void BenchEnd::rest() {
  constexpr int64_t kLongestNs = 1'000'000;
  const int64_t due_ns = due_ns_.load(std::memory_order_acquire);
  const int64_t left_ns = due_ns == kNever ? kLongestNs : due_ns - clock_ns();
  timespec longest = {};
  longest.tv_nsec = std::clamp<int64_t>(left_ns, 0, kLongestNs);
  pollfd ready[2] = {{ops->poll_descriptor(transport), POLLIN, 0}, {wake_, POLLIN, 0}};
  ppoll(ready, 2, &longest, nullptr);
  uint64_t count = 0;
  if (ready[1].revents != 0 && read(wake_, &count, sizeof(count)) < 0) return;
}

BenchPair::BenchPair(const hexagent_transport_ops* ops, const char* options, uint32_t blocks)
    : ids_(shuffled_ids(blocks)) {
  source.open(ops, 1, options, &target);
  target.open(ops, 2, options, &source);
  const hexagent_kv_pool shape = flat_shape(kRegions, 1, kFragment, blocks);
  for (BenchMemory& memory : memory_) memory = make_bench_memory(pool_bytes(shape));
  give_ = register_flat_pool(ops, source.transport, shape, memory_[0].get());
  take_ = register_flat_pool(ops, target.transport, shape, memory_[1].get());
  check(ops->connect(source.transport, 2), "connect");
  target_thread_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) target.turn(kCopiesPerTurn);
  });
  until([this] { return source.ups > 0 && target.ups > 0; });
}

void BenchPair::until(const std::function<bool()>& reached) {
  constexpr int64_t kLongestNs = 60'000'000'000;
  const int64_t begin_ns = clock_ns();
  while (!reached()) {
    source.turn(kCopiesPerTurn);
    if (clock_ns() - begin_ns > kLongestNs) throw std::runtime_error("a transfer does not go on");
  }
}

hexagent_kv_blocks BenchPair::blocks_of(uint64_t pool, uint32_t count) const {
  hexagent_kv_blocks blocks = {};
  blocks.pool = pool;
  blocks.blocks = ids_.data();
  blocks.block_count = count;
  return blocks;
}

uint64_t BenchPair::reserve(uint32_t blocks) {
  hexagent_kv_reservation reservation = {};
  reservation.struct_size = sizeof(reservation);
  reservation.peer_worker = 1;
  reservation.target = blocks_of(take_, blocks);
  uint64_t token = 0;
  target.at(0, [this, &reservation, &token] {
    check(target.ops->reserve(target.transport, &reservation, &token), "reserve");
  });
  until([this] { return target.at_done(); });
  return token;
}

hexagent_kv_transfer BenchPair::describe(uint32_t blocks, uint64_t token) const {
  hexagent_kv_transfer transfer = {};
  transfer.struct_size = sizeof(transfer);
  transfer.peer_worker = 2;
  transfer.source = blocks_of(give_, blocks);
  transfer.token = token;
  return transfer;
}

uint64_t BenchPair::submit(const hexagent_kv_transfer& transfer) {
  uint64_t id = 0;
  check(source.ops->submit(source.transport, &transfer, &id), "submit");
  return id;
}

void BenchPair::until_quiesced(uint32_t count) {
  until([this, count] { return source.quiesced == count && target.quiesced == count; });
}

}  // namespace hexagent::tool
