// The host-memory transport: pools in the memory of this process, peers in this or another process
// of this machine. Copies are made inside progress(), on the caller's thread. Two ways:
//
//   one copy    the target reads the source's blocks into its own (one_copy.h), where the system
//               lets it and blocks lie in pieces that are long enough
//   two copies  the source packs straight into the target's staging, which both have mapped; the
//               target scatters from there. Always with a checksum, which is part of both copies
//               and next to free there: one copy and a pass over each end's blocks is no faster
//
// Which of them a connection can is found before its first transfer: the target reads the source's
// mark and says so in a note. Tests: tests/unit/transport/host/.
#pragma once

#include <memory>
#include <vector>

#include "hexagent/transport.h"
#include "transport/engine/job_queue.h"
#include "transport/engine/lost_peers.h"
#include "transport/engine/mover.h"
#include "transport/host/peer_memory.h"
#include "transport/host/shared_region.h"
#include "transport/host/slot_fence.h"

namespace hexagent::transport {

// Its table, as a plugin would give it. Options:
//   kernels=portable|avx2|avx512|neon
//   pack=cached|streaming
//   one_copy=on|off        off: this process neither reads its peers nor lets them read it
//   one_copy_min=BYTES     mean length of a piece from which on one copy is made, however fast the
//                          kernel is; without it as HostMemoryOptions says
//   ptracer=any            lets processes of this user read this one where Yama would not. It holds
//                          for the whole process and for debuggers, too, so it must be asked for
//   silence_ms=N
const hexagent_transport_ops* host_memory_ops();

struct HostMemoryOptions {
  const CopyKernels* kernels = nullptr;
  // Packed chunks are read again at once by the target, from the shared cache if they are there.
  Store pack = Store::kCached;
  bool one_copy = true;
  // For one copy the kernel looks up every piece and every page of the source's. So pieces must be
  // so long; and for a transfer of more than `short_bytes`, where two copies run side by side at
  // both ends, it may be so many times as slow as we are (README.md has the measurements).
  uint64_t one_copy_min = uint64_t{8} << 10;
  uint64_t short_bytes = uint64_t{2} << 20;
  double slowness_max = 3.8;
  // For operators; `log` may be null.
  void (*log)(void* context, uint32_t level, const char* text) = nullptr;
  void* log_context = nullptr;
};

class HostMemoryMover : public Mover {
 public:
  HostMemoryMover(const HostMemoryOptions& options, uint32_t peers_max);

  hexagent_status accepts(const hexagent_kv_pool& pool) const override;
  hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                               unsigned char* address, size_t* address_size) override;
  hexagent_status attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                         const unsigned char* address, size_t address_size) override;
  void close_peer(uint32_t peer) override;
  bool settled(uint32_t peer) const override;
  bool lends(uint32_t peer, const KvCopy& copy, bool sums) override;
  bool take_back(uint32_t peer, uint32_t slot, uint32_t generation, hexagent_status why) override;
  void push(const MoveJob& job) override { jobs_.push(job); }
  void scatter(const MoveJob& job) override { jobs_.scatter(job); }
  bool drop(uint64_t ticket) override { return jobs_.drop(ticket); }
  void stop() override {}  // nothing ever runs between two calls
  uint32_t run(uint32_t budget, MoveResult* results, uint32_t room) override;
  bool take_note(MoverNote* out) override;
  void on_note(const MoverNote& note) override;
  uint32_t take_lost() override { return lost_.take(); }

 private:
  struct Side {
    std::unique_ptr<SharedRegion> region;
    uint32_t slots = 0;
    size_t slot_bytes = 0;  // from one slot to the next

    unsigned char* slot(uint32_t number) const { return region->memory() + number * slot_bytes; }
    SlotFence fence(uint32_t number) const { return SlotFence(region->word(number)); }
  };
  enum class Reads : uint32_t { kUnknown, kYes, kNo };
  struct End {
    Side own;
    Side other;
    PeerMemory memory;                   // the peer's, which we read as target
    bool can_read = false;               // we the peer
    bool note_due = false;               // it is to be told so
    Reads peer_reads = Reads::kUnknown;  // the peer us
  };

  MoveResult do_job(const JobQueue::Waiting& waiting);
  MoveResult do_push(const MoveJob& job, const Side& side);
  MoveResult do_scatter(const MoveJob& job, const Side& side);
  MoveResult do_read(const MoveJob& job, const Side& side);
  void find_reader(uint32_t peer, const MemoryMark& mark);
  void owe_note(End* end);
  // How slow the kernel was with blocks of one pool whose pieces are about so long. Another pool
  // that comes to lie where that one was is taken for it.
  struct Slowness {
    const uint64_t* region_bases;
    uint32_t run_bits;
    double value;
  };
  bool is_long(const KvCopy& copy) const;
  static Slowness slowness_of(const KvCopy& copy);
  const Slowness* find_slowness(const Slowness& of) const;
  void learn_slowness(const MoveJob& job);
  void log(const char* text, uint32_t process) const;

  HostMemoryOptions options_;
  std::vector<End> ends_;
  JobQueue jobs_;
  LostPeers lost_;
  std::unique_ptr<OwnMark> mark_;
  std::unique_ptr<ReadBatch> batch_;
  uint32_t notes_due_ = 0;
  std::vector<Slowness> slowness_;  // the last that were met, at most kSlownessMax
  uint32_t next_slowness_ = 0;
  std::vector<unsigned char> scratch_;
};

}  // namespace hexagent::transport
