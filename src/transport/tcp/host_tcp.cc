// The host-tcp transport: see host_tcp.h.
#include "transport/tcp/host_tcp.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "core/base/check.h"
#include "transport/copy/gather.h"
#include "transport/ops.h"

namespace hexagent::transport {
namespace {

static_assert(sizeof(TcpAddress) <= kAddressMax);

constexpr uint64_t kChunkBytesMin = uint64_t{512} << 10;

template <class Number>
bool read_number(std::string_view text, Number least, Number most, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && *out >= least && *out <= most;
}

// libuv writes to sockets in the plain way, which raises SIGPIPE when the peer is gone, and that
// would end the host. So it is held back while we write, and one that came is taken.
class PipeSignalHeldBack {
 public:
  PipeSignalHeldBack() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalHeldBack() {
    if (sigismember(&before_, SIGPIPE) != 0) return;
    const timespec at_once = {};
    while (sigtimedwait(&pipe_, nullptr, &at_once) > 0) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalHeldBack(const PipeSignalHeldBack&) = delete;
  PipeSignalHeldBack& operator=(const PipeSignalHeldBack&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

bool take_option(std::string_view key, std::string_view value, HostTcpOptions* options) {
  if (key == "address") {
    options->address = value;
    return true;
  }
  if (key == "port") return read_number<uint16_t>(value, 0, UINT16_MAX, &options->port);
  if (key == "lanes") return read_number<uint32_t>(value, 1, kLanesMax, &options->lanes);
  if (key == "rate") return read_number<uint64_t>(value, 0, UINT64_MAX, &options->bytes_per_s);
  if (key != "kernels") return false;
  options->kernels = kernels_by_name(value);
  return options->kernels != nullptr;
}

hexagent_status make(const TransportRequest& request, Parts* parts) {
  HostTcpOptions options;
  options.kernels = &best_kernels();
  parts->settings.chunk_bytes_min = kChunkBytesMin;
  const auto take = [&options, parts](std::string_view key, std::string_view value) {
    return take_option(key, value, &options) || take_common_option(key, value, &parts->settings);
  };
  if (!read_options(request.options, take)) return HEXAGENT_E_KEY;
  auto mover = std::make_unique<HostTcpMover>(options, request.peers_max);
  const hexagent_status status = mover->start();
  if (status == HEXAGENT_OK) parts->mover = std::move(mover);
  return status;
}

hexagent_status create(const hexagent_transport_host* host, const hexagent_transport_config* config,
                       hexagent_transport** out) {
  return create_transport(host, config, out, make);
}

}  // namespace

const hexagent_transport_ops* host_tcp_ops() {
  constexpr uint64_t kCapabilities = HEXAGENT_CAN_HOST_MEMORY | HEXAGENT_CAN_CROSS_PROCESS |
                                     HEXAGENT_CAN_CROSS_MACHINE | HEXAGENT_CAN_REPRIORITISE |
                                     HEXAGENT_CAN_HEAD_SLICES | HEXAGENT_CAN_CHECKSUM |
                                     HEXAGENT_CAN_QUIESCE | HEXAGENT_CAN_LAYERWISE;
  static const hexagent_transport_ops ops = make_ops("host-tcp", kCapabilities, create);
  return &ops;
}

HostTcpMover::HostTcpMover(const HostTcpOptions& options, uint32_t peers_max)
    : options_(options), outbound_(peers_max), lost_(peers_max), jobs_(peers_max) {
  if (uv_loop_init(&loop_) != 0) throw std::bad_alloc();
  inbound_ =
      std::make_unique<TcpInbound>(&loop_, peers_max, [this](uint32_t peer) { lost_.note(peer); });
}

HostTcpMover::~HostTcpMover() {
  for (uint32_t peer = 0; peer < outbound_.size(); ++peer) close_peer(peer);
  inbound_->close_all();
  uv_run(&loop_, UV_RUN_DEFAULT);  // only closing handles are left
  uv_loop_close(&loop_);
}

hexagent_status HostTcpMover::start() { return inbound_->listen(options_.address, options_.port); }

hexagent_status HostTcpMover::accepts(const hexagent_kv_pool& pool) const {
  return pool.memory == HEXAGENT_MEMORY_HOST ? HEXAGENT_OK : HEXAGENT_E_UNSUPPORTED;
}

hexagent_status HostTcpMover::open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                           unsigned char* address, size_t* address_size) {
  TcpAddress where = {};
  const hexagent_status status = inbound_->open(peer, slots, slot_bytes, &where);
  if (status != HEXAGENT_OK) return status;
  std::memcpy(address, &where, sizeof(where));
  *address_size = sizeof(where);
  return HEXAGENT_OK;
}

hexagent_status HostTcpMover::attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                     const unsigned char* address, size_t address_size) {
  TcpAddress where = {};
  if (address_size != sizeof(where)) return HEXAGENT_E_ARGUMENT;
  std::memcpy(&where, address, sizeof(where));
  outbound_[peer] = std::make_unique<TcpOutbound>(&loop_, options_.lanes, options_.bytes_per_s,
                                                  [this, peer] { lost_.note(peer); });
  return outbound_[peer]->connect(where, slots, slot_bytes);
}

void HostTcpMover::close_peer(uint32_t peer) {
  inbound_->close(peer);
  lost_.forget(peer);
  if (outbound_[peer] == nullptr) return;
  outbound_[peer]->close();
  closing_.push_back(std::move(outbound_[peer]));
}

// The next chunk is chosen when the system has taken this one whole, not before: what gets urgent
// meanwhile goes first. One waits also for lanes that are not there yet, so that its time runs:
// those that never come are a silent peer.
bool HostTcpMover::ready(uint32_t peer) {
  return outbound_[peer] != nullptr && outbound_[peer]->drained() && !jobs_.pushes_to(peer);
}

// Between two calls no copy runs, and the engine has taken back all that waits.
void HostTcpMover::stop() { HEXAGENT_CHECK(jobs_.empty()); }

bool HostTcpMover::can_do(const JobQueue::Waiting& waiting) const {
  const MoveJob& job = waiting.job;
  if (waiting.pushing) return outbound_[job.peer]->idle();
  return inbound_->arrived(job.peer, job.slot, job.slot_generation, job.staged_bytes);
}

MoveResult HostTcpMover::do_job(const JobQueue::Waiting& waiting) const {
  const MoveJob& job = waiting.job;
  unsigned char* staged =
      waiting.pushing ? outbound_[job.peer]->slot(job.slot) : inbound_->slot(job.peer, job.slot);
  const Chunk chunk = {job.copy, job.first_fragment, job.fragment_count, staged};
  if (!waiting.pushing) {
    const uint64_t sum =
        hexagent::transport::scatter(*options_.kernels, chunk, job.sum, Store::kStreaming);
    return {job.ticket, HEXAGENT_OK, sum};
  }
  const uint64_t sum = gather(*options_.kernels, chunk, job.sum, Store::kCached);
  outbound_[job.peer]->send(job.slot, job.slot_generation, job.staged_bytes);
  return {job.ticket, HEXAGENT_OK, sum};
}

// Whatever the sockets have, without waiting. Some of libuv's work (writes that are done, handles
// that are closed) does not show at the descriptor, so it goes on until none of that is left.
void HostTcpMover::turn() {
  constexpr uint32_t kTurnsMax = 8;
  uint32_t turns = 0;
  inbound_->let_in();
  do {
    uv_run(&loop_, UV_RUN_NOWAIT);
  } while (uv_backend_timeout(&loop_) == 0 && ++turns < kTurnsMax);
  std::erase_if(closing_, [](const auto& outbound) { return outbound->done(); });
}

uint32_t HostTcpMover::run(uint32_t budget, MoveResult* results, uint32_t room) {
  const PipeSignalHeldBack no_signal;
  turn();
  return jobs_.run(
      budget, results, room, [this](const JobQueue::Waiting& waiting) { return can_do(waiting); },
      [this](const JobQueue::Waiting& waiting) { return do_job(waiting); });
}

}  // namespace hexagent::transport
