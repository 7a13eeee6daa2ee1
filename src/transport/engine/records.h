// What the engine keeps of each transfer (as source), reservation (as target), chunk under way and
// peer. Plain data; the rules are in engine_*.cc.
#pragma once

#include <cstdint>

#include "core/base/ring.h"
#include "hexagent/transport.h"
#include "transport/copy/kv_layout.h"
#include "transport/engine/chunk_window.h"
#include "transport/engine/chunking.h"
#include "transport/engine/link_estimate.h"
#include "transport/engine/message.h"
#include "transport/engine/outbox.h"
#include "transport/engine/staging.h"

namespace hexagent::transport {

inline constexpr uint32_t kNoIndex = 0xffffffffu;

// Source. RESERVED is the target's; here it begins SUBMITTED, sends chunk after chunk and ends.
struct Transfer {
  uint64_t user_data = 0;
  uint64_t token = 0;
  uint64_t workflow = 0;
  uint64_t seed = 0;
  int64_t deadline_ns = 0;
  int64_t begin_ns = 0;
  int64_t waiting_since_ns = 0;
  double risk = 0.0;
  uint32_t priority = 0;
  uint32_t flags = 0;
  bool lends = false;  // the target reads its chunks where they lie
  uint32_t peer = 0;
  uint32_t peer_worker = 0;  // stays when the peer's place is used again
  uint32_t pool = 0;
  WireShape wire = {};
  KvCopy copy = {};
  Chunking chunking;
  ChunkWindow arrived;
  uint64_t arrived_bytes = 0;
  uint64_t total_bytes = 0;
  uint64_t served = 0;  // of its workflow, as virtual time of the link
  uint64_t sequence = 0;
  void* event = nullptr;
  uint32_t layers_ready = 0;
  uint32_t next_chunk = 0;  // first that has not left
  uint32_t arrived_count = 0;
  uint32_t pushing = 0;  // chunks that the mover, or the target, still reads our blocks for
  uint32_t next_in_queue = kNoIndex;
  uint32_t previous_in_queue = kNoIndex;
  Owed owed;
};

// Target.
struct Reservation {
  uint64_t user_data = 0;
  uint64_t transfer = 0;  // the source's id, once it has opened it; 0 before
  uint64_t seed = 0;
  int64_t expires_ns = 0;
  int64_t begin_ns = 0;
  uint32_t peer = 0;
  uint32_t peer_worker = 0;
  uint32_t pool = 0;
  uint32_t flags = 0;
  WireShape wanted = {};
  hexagent_kv_blocks blocks = {};
  WireShape wire = {};
  KvCopy copy = {};
  Chunking chunking;
  ChunkWindow arrived;
  ChunkWindow begun;  // a chunk is scattered once
  uint64_t arrived_bytes = 0;
  uint32_t arrived_count = 0;
  uint32_t scattering = 0;  // chunks that the mover still writes our blocks for
  uint32_t next_of_peer = kNoIndex;
  uint32_t previous_of_peer = kNoIndex;
  Owed owed;
};

// A chunk on its way out. It outlives its transfer: the credit comes back with it.
struct Sending {
  enum class State : uint32_t { kFree, kPushing, kAwaitingAck };
  State state = State::kFree;
  bool orphan = false;  // its connection is gone: when the mover is done, forget it
  bool lent = false;    // while it awaits the ACK: the target reads our blocks
  uint64_t transfer = 0;
  uint32_t index = 0;  // of the transfer; valid as long as `pushing` counts this
  uint32_t chunk = 0;
  Credit credit = {};
  uint64_t bytes = 0;
  int64_t look_ns = 0;     // when to look whether it has been acknowledged
  bool suspected = false;  // it had not at the first look
};

// A chunk on its way in.
struct Receiving {
  bool used = false;
  bool orphan = false;
  uint64_t token = 0;
  uint64_t transfer = 0;
  uint32_t index = 0;  // of the reservation, likewise
  uint32_t chunk = 0;
  uint32_t slot = 0;
  uint64_t sum = 0;
};

// A message that the host could not take yet.
struct Unsent {
  static constexpr size_t kRoom = 120;
  uint64_t size;
  unsigned char bytes[kRoom];
};

struct Peer {
  enum class State : uint32_t { kFree, kConnecting, kUp, kDown };
  // Chunks of the connection before may still be in the mover when the next one begins.
  static constexpr uint32_t kUnderWay = 2 * kSlotsMax;

  explicit Peer(uint32_t unsent_max) : unsent(unsent_max) {}

  State state = State::kFree;
  uint32_t worker = 0;
  uint64_t incarnation = 0;   // 0 = not met
  uint32_t session = 0;       // ours, counts up
  uint32_t peer_session = 0;  // 0 = not met
  bool hello_owed = false;
  bool unreachable = false;  // the next flush ends the connection
  unsigned char address[kAddressMax] = {};
  size_t address_size = 0;
  Ring<Unsent> unsent;

  Credits credits;
  uint32_t peer_slots = 0;
  uint32_t peer_slot_bytes = 0;
  Sending sending[kUnderWay];
  uint32_t under_way = 0;  // of this connection
  LinkEstimate link;
  uint32_t queue_head = kNoIndex;
  uint32_t queue_tail = kNoIndex;
  uint64_t virtual_bytes = 0;
  uint64_t queued_bytes = 0;
  uint64_t bytes = 0;
  uint64_t transfers = 0;
  uint64_t failures = 0;

  StagingSlots slots;
  Receiving receiving[kUnderWay];
  uint32_t reservation_head = kNoIndex;

  // PEER_UP and PEER_DOWN that the host has not been told: at most the last two.
  uint32_t news_count = 0;
  hexagent_transfer_event news[2] = {};
  bool in_line = false;
};

}  // namespace hexagent::transport
