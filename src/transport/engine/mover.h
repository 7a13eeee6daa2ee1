// Mover: what moves packed chunks. The seam between the state machine, which every transport
// shares, and the hardware: host memory, sockets, a device.
//
// The engine names its jobs by tickets. A job that was taken ends once: it is reported by run(), or
// drop() takes it back before it has begun. Tests: tests/unit/transport/sim_mover.h is a mover in
// simulated time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hexagent/transport.h"
#include "transport/copy/gather.h"
#include "transport/copy/kv_index.h"

namespace hexagent::transport {

inline constexpr size_t kAddressMax = 256;
inline constexpr uint32_t kNoPeer = 0xffffffffu;
inline constexpr size_t kNoteMax = 80;

// What a mover says to the peer's mover, carried by the engine in order with its own messages.
struct MoverNote {
  uint32_t peer = 0;
  uint32_t size = 0;  // at most kNoteMax
  unsigned char bytes[kNoteMax] = {};
};

// A chunk at one end. `copy` stays until the job has ended.
struct MoveJob {
  uint64_t ticket = 0;
  const KvCopy* copy = nullptr;
  uint64_t first_fragment = 0;
  uint64_t fragment_count = 0;
  uint64_t staged_bytes = 0;
  SumOption sum;
  uint32_t peer = 0;  // index, below peers_max
  uint32_t slot = 0;
  uint32_t slot_generation = 0;
  void* event = nullptr;  // of layers_ready()
  bool lends = false;     // push: lends() said so for its transfer
};

struct MoveResult {
  uint64_t ticket;
  hexagent_status status;
  uint64_t sum;
  // Push: the chunk still lies in our own blocks, where the target will read it. They are in use
  // until the target acknowledges it or take_back() says otherwise.
  bool lent = false;
};

class Mover {
 public:
  virtual ~Mover() = default;

  // May this pool be moved? HEXAGENT_OK or HEXAGENT_E_UNSUPPORTED.
  virtual hexagent_status accepts(const hexagent_kv_pool& pool) const = 0;

  // Makes staging for what a peer will send, `slots` of `slot_bytes`, and tells its address in
  // `address` (room for kAddressMax), which the peer's mover takes in attach().
  virtual hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                       unsigned char* address, size_t* address_size) = 0;
  // Reaches the staging that a peer made for us. The bytes come from outside: check everything.
  virtual hexagent_status attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                 const unsigned char* address, size_t address_size) = 0;
  // Gives up both for good, and all that was lent: what the target reads of it from now on does not
  // count. Memory that a running job uses stays until the job has ended; the
  // peer may still write what it was lent, so that memory is never used again.
  virtual void close_peer(uint32_t peer) = 0;

  // Source: may chunks be pushed to this peer? Asked when there is one; a mover that takes its time
  // to reach a peer begins to here. While false, no clock of silence runs.
  virtual bool ready(uint32_t /*peer*/) { return true; }
  // Source: is it known how chunks reach this peer? Transfers are opened once it is, by a note of
  // the peer's mover at the latest.
  virtual bool settled(uint32_t /*peer*/) const { return true; }
  // Source: shall the target read the chunks of a transfer of these blocks where they lie? They are
  // then cut for one copy, not two.
  virtual bool lends(uint32_t /*peer*/, const KvCopy& /*copy*/, bool /*sums*/) { return false; }
  // Source: a chunk that was lent in this slot under this generation. True: nothing reads it any
  // more, and the target will be told `why`. False: the target's read has begun.
  virtual bool take_back(uint32_t /*peer*/, uint32_t /*slot*/, uint32_t /*generation*/,
                         hexagent_status /*why*/) {
    return true;
  }
  // Source: packs the chunk and brings it into the peer's slot. When the job ends, our own blocks
  // are read, and a READY message sent now finds the data, or waits for it inside scatter().
  virtual void push(const MoveJob& job) = 0;
  // Target: from our slot into our blocks.
  virtual void scatter(const MoveJob& job) = 0;

  // True: the job had not begun, will never begin and is not reported.
  virtual bool drop(uint64_t ticket) = 0;

  // Ends what is running, at once or soon; run() then reports all of it, and no memory of blocks is
  // touched after it has. No job comes after.
  virtual void stop() = 0;

  // Moves jobs on, `budget` of them at most if it can choose (0 = none, only collects); reports at
  // most `room` that have ended.
  virtual uint32_t run(uint32_t budget, MoveResult* results, uint32_t room) = 0;

  // Notes that wait to be sent, in order; false = none. What run() has noted is sent before
  // anything that follows from its results.
  virtual bool take_note(MoverNote* /*out*/) { return false; }
  // A note of the peer's mover. It comes from outside: check everything.
  virtual void on_note(const MoverNote& /*note*/) {}

  // A peer whose path broke, each once; kNoPeer = none.
  virtual uint32_t take_lost() { return kNoPeer; }
  // Readable when run() has work; -1 = none.
  virtual int32_t descriptor() const { return -1; }
};

}  // namespace hexagent::transport
