// The host-memory transport: see host_memory.h.
#include "transport/host/host_memory.h"

#include <cstring>
#include <string_view>

#include "core/base/check.h"
#include "transport/engine/staging.h"
#include "transport/ops.h"

namespace hexagent::transport {
namespace {

static_assert(sizeof(RegionAddress) <= kAddressMax);

// What a chunk costs beside its bytes is a tenth of the time of so many.
constexpr uint64_t kChunkBytesMin = uint64_t{128} << 10;

// Slots begin where streaming stores may.
size_t slot_pitch(uint32_t slot_bytes) {
  return (size_t{slot_bytes} + kStreamAlign - 1) / kStreamAlign * kStreamAlign;
}

hexagent_status create(const hexagent_transport_host* host, const hexagent_transport_config* config,
                       hexagent_transport** out) {
  return create_transport(
      host, config, out, [](const TransportRequest& request, Parts* parts) -> hexagent_status {
        HostMemoryOptions options;
        options.kernels = &best_kernels();
        parts->settings.chunk_bytes_min = kChunkBytesMin;
        parts->settings.pushes_max = 1;  // it copies when it is told to; nothing runs meanwhile
        const auto take = [&options, parts](std::string_view key, std::string_view value) {
          if (key == "kernels") {
            options.kernels = kernels_by_name(value);
            return options.kernels != nullptr;
          }
          if (key == "pack") {
            options.pack = value == "streaming" ? Store::kStreaming : Store::kCached;
            return value == "streaming" || value == "cached";
          }
          return take_common_option(key, value, &parts->settings);
        };
        if (!read_options(request.options, take)) return HEXAGENT_E_KEY;
        parts->mover = std::make_unique<HostMemoryMover>(options, request.peers_max);
        return HEXAGENT_OK;
      });
}

}  // namespace

const hexagent_transport_ops* host_memory_ops() {
  constexpr uint64_t kCapabilities = HEXAGENT_CAN_HOST_MEMORY | HEXAGENT_CAN_CROSS_PROCESS |
                                     HEXAGENT_CAN_REPRIORITISE | HEXAGENT_CAN_HEAD_SLICES |
                                     HEXAGENT_CAN_CHECKSUM | HEXAGENT_CAN_QUIESCE |
                                     HEXAGENT_CAN_LAYERWISE;
  static const hexagent_transport_ops ops = make_ops("host-memory", kCapabilities, create);
  return &ops;
}

HostMemoryMover::HostMemoryMover(const HostMemoryOptions& options, uint32_t peers_max)
    : options_(options), ends_(peers_max), jobs_(peers_max) {}

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
  const RegionAddress where = own.region->address();
  std::memcpy(address, &where, sizeof(where));
  *address_size = sizeof(where);
  return HEXAGENT_OK;
}

hexagent_status HostMemoryMover::attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                        const unsigned char* address, size_t address_size) {
  RegionAddress where = {};
  if (address_size != sizeof(where)) return HEXAGENT_E_ARGUMENT;
  std::memcpy(&where, address, sizeof(where));
  Side& other = ends_[peer].other;
  other.slots = slots;
  other.slot_bytes = slot_pitch(slot_bytes);
  return SharedRegion::open(where, other.slots * other.slot_bytes, &other.region);
}

void HostMemoryMover::close_peer(uint32_t peer) { ends_[peer] = End(); }

MoveResult HostMemoryMover::do_job(const JobQueue::Waiting& waiting) const {
  const MoveJob& job = waiting.job;
  const Side& side = waiting.pushing ? ends_[job.peer].other : ends_[job.peer].own;
  HEXAGENT_CHECK(side.region != nullptr && job.slot < side.slots);
  HEXAGENT_CHECK(job.staged_bytes <= side.slot_bytes);
  unsigned char* staged = side.region->memory() + job.slot * side.slot_bytes;
  const Chunk chunk = {job.copy, job.first_fragment, job.fragment_count, staged};
  const uint64_t sum = waiting.pushing ? gather(*options_.kernels, chunk, job.sum, options_.pack)
                                       : hexagent::transport::scatter(*options_.kernels, chunk,
                                                                      job.sum, Store::kStreaming);
  return {job.ticket, HEXAGENT_OK, sum};
}

uint32_t HostMemoryMover::run(uint32_t budget, MoveResult* results, uint32_t room) {
  return jobs_.run(
      budget, results, room, [](const JobQueue::Waiting&) { return true; },
      [this](const JobQueue::Waiting& waiting) { return do_job(waiting); });
}

}  // namespace hexagent::transport
