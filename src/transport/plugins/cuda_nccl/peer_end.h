// What the mover keeps of one peer: its half of the staging for chunks that come in, and what it
// needs to bring chunks out. Plain data with the few rules that both directions share.
#pragma once

#include <cstdint>
#include <memory>

#include "transport/engine/staging.h"
#include "transport/plugins/cuda_nccl/device_memory.h"
#include "transport/plugins/cuda_nccl/nccl_link.h"
#include "transport/plugins/cuda_nccl/peer_address.h"

namespace hexagent::transport {

// One of our packed chunks that the peer will ask for (NCCL only).
struct OutSlot {
  enum class State { kFree, kPacking, kPacked, kSending };
  State state = State::kFree;
  uint32_t generation = 0;
  uint64_t bytes = 0;
};

struct Inbound {
  std::shared_ptr<DeviceMemory> staging;
  uint32_t slots = 0;
  uint64_t slot_pitch = 0;
  NcclId id = {};  // as the source tells it, half by half
  uint32_t id_halves = 0;
  Route route = Route::kNone;
  std::unique_ptr<NcclLink> link;
};

struct Outbound {
  // Direct: the peer's staging. NCCL: ours, of as many slots.
  std::shared_ptr<DeviceMemory> staging;
  uint32_t slots = 0;
  uint64_t slot_pitch = 0;
  Route route = Route::kNone;
  std::unique_ptr<NcclLink> link;
  OutSlot out[kSlotsMax];
};

struct PeerEnd {
  Inbound in;
  Outbound out;
};

// From one slot to the next: kernels write whole lines of the cache.
inline uint64_t slot_pitch(uint32_t slot_bytes) {
  constexpr uint64_t kLine = 512;
  return (uint64_t{slot_bytes} + kLine - 1) / kLine * kLine;
}

}  // namespace hexagent::transport
