// The mover over NIXL: packs each chunk into memory of the source's, which NIXL writes into the
// target's staging; a note tells when it has landed. Pools are in host memory. Tests:
// tests/unit/transport/nixl/.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/engine/engine.h"
#include "transport/engine/job_queue.h"
#include "transport/engine/lost_peers.h"
#include "transport/engine/mover.h"
#include "transport/engine/staging.h"
#include "transport/plugins/nixl/nixl_agent.h"

namespace hexagent::transport {

inline constexpr uint64_t kNixlCapabilities =
    HEXAGENT_CAN_HOST_MEMORY | HEXAGENT_CAN_CROSS_PROCESS | HEXAGENT_CAN_CROSS_MACHINE |
    HEXAGENT_CAN_REPRIORITISE | HEXAGENT_CAN_HEAD_SLICES | HEXAGENT_CAN_CHECKSUM |
    HEXAGENT_CAN_QUIESCE | HEXAGENT_CAN_LAYERWISE;

// Reads library=PATH backend=NAME nixl.KEY=VALUE progress_delay_us=N kernels=NAME silence_ms=N and
// makes the mover. HEXAGENT_OK, _KEY, _SYSTEM, or _NO_DEVICE without NIXL; a line for the host's
// log then says why.
struct Parts;
struct TransportRequest;
hexagent_status make_nixl(const TransportRequest& request, Parts* parts);

class NixlMover : public Mover {
 public:
  // `timer`: a descriptor of timerfd_create(), taken over.
  NixlMover(const NixlApi& api, const NixlOptions& options, const CopyKernels* kernels,
            uint32_t peers_max, int timer);
  ~NixlMover() override;
  NixlMover(const NixlMover&) = delete;
  NixlMover& operator=(const NixlMover&) = delete;

  hexagent_status accepts(const hexagent_kv_pool& pool) const override;
  hexagent_status open_staging(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                               unsigned char* address, size_t* address_size) override;
  hexagent_status attach(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                         const unsigned char* address, size_t address_size) override;
  void close_peer(uint32_t peer) override;
  bool ready(uint32_t peer) override;
  void push(const MoveJob& job) override { jobs_.push(job); }
  void scatter(const MoveJob& job) override { jobs_.scatter(job); }
  bool drop(uint64_t ticket) override { return jobs_.drop(ticket); }
  void stop() override;
  uint32_t run(uint32_t budget, MoveResult* results, uint32_t room) override;
  bool take_note(MoverNote* out) override;
  void on_note(const MoverNote& note) override;
  uint32_t take_lost() override { return lost_.take(); }
  int32_t descriptor() const override { return timer_; }

 private:
  // Pages of our own: neighbours of other memory are not registered with it.
  class Staging {
   public:
    bool open(uint32_t slots, uint32_t slot_bytes);
    ~Staging() {
      if (memory_ != nullptr) munmap(memory_, bytes());
    }
    unsigned char* slot(uint32_t slot) const { return memory_ + slot * pitch_; }
    size_t bytes() const { return slots_ * pitch_; }
    size_t pitch() const { return pitch_; }
    uint32_t slots() const { return slots_; }

   private:
    unsigned char* memory_ = nullptr;
    size_t pitch_ = 0;
    uint32_t slots_ = 0;
  };
  struct Writing {
    NixlHandle request = nullptr;
    uint32_t generation = 0;
  };
  struct End {
    Staging in;   // what the peer writes
    Staging out;  // what we write from
    std::string metadata;
    std::string peer_metadata;  // as far as it has come
    std::string peer_name;
    size_t peer_metadata_size = 0;
    uint64_t peer_base = 0;
    uint32_t landed[kSlotsMax] = {};   // generation of what is whole in a slot of `in`
    Writing writing[kSlotsMax];        // by the peer's slot
    std::unique_ptr<NixlAgent> agent;  // last: it goes before the memory that it was given
  };

  bool can_do(const JobQueue::Waiting& waiting) const;
  MoveResult do_job(const JobQueue::Waiting& waiting);
  void send(const MoveJob& job);
  void poll_writes();
  bool take_metadata(End* end, uint32_t offset, const unsigned char* bytes, size_t size);
  void set_timer();

  NixlApi api_;
  NixlOptions options_;
  const CopyKernels* kernels_;
  int timer_;
  bool timer_runs_ = false;
  uint32_t writes_ = 0;
  std::vector<std::unique_ptr<End>> ends_;
  JobQueue jobs_;
  std::vector<MoverNote> notes_;
  size_t next_note_ = 0;
  LostPeers lost_;
};

}  // namespace hexagent::transport
