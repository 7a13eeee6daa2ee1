// One copy: see one_copy.h.
#include "transport/host/one_copy.h"

#include <algorithm>
#include <cstring>

namespace hexagent::transport {
namespace {

// What a slot begins with; the runs follow.
struct OfferHeader {
  uint64_t count;
  uint64_t reserved;
};

size_t room_for_runs(size_t slot_bytes) {
  return (slot_bytes - sizeof(OfferHeader)) / sizeof(MemoryRun);
}

// The runs of a list that a peer has written.
class OfferedRuns {
 public:
  OfferedRuns(const unsigned char* slot, size_t slot_bytes) : list_(slot + sizeof(OfferHeader)) {
    OfferHeader header = {};
    std::memcpy(&header, slot, sizeof(header));
    count_ = std::min<uint64_t>(header.count, room_for_runs(slot_bytes));
  }
  bool next(MemoryRun* run) {
    do {
      if (next_ == count_) return false;
      std::memcpy(run, list_ + next_++ * sizeof(*run), sizeof(*run));
    } while (run->bytes == 0);
    return true;
  }

 private:
  const unsigned char* list_;
  uint64_t count_ = 0;
  uint64_t next_ = 0;
};

}  // namespace

uint64_t mean_run_bytes(const KvCopy& copy) {
  const uint64_t full = copy.block_count - 1;
  const uint64_t runs_full = run_count(copy.full);
  const uint64_t runs_last = run_count(copy.last);
  const uint64_t bytes = full * runs_full * copy.full.run_bytes + runs_last * copy.last.run_bytes;
  uint64_t runs = full * runs_full + runs_last;
  // Whole blocks may touch each other.
  if (runs_full == 1 && copy.full.run_bytes == copy.block_stride_bytes) {
    for (uint32_t i = 1; i < copy.block_count; ++i) {
      runs -= copy.blocks[i] == copy.blocks[i - 1] + 1 ? 1 : 0;
    }
  }
  return bytes / runs;
}

bool write_offer(const KvCopy& copy, FragmentRange range, unsigned char* slot, size_t slot_bytes) {
  const size_t room = room_for_runs(slot_bytes);
  OfferHeader header = {0, 0};
  RunWalker walker(copy, range.first, range.count);
  unsigned char* at = slot + sizeof(header);
  for (MemoryRun run; walker.next(&run); at += sizeof(run)) {
    if (header.count++ == room) return false;
    std::memcpy(at, &run, sizeof(run));
  }
  std::memcpy(slot, &header, sizeof(header));
  return true;
}

hexagent_status read_offer(const PeerMemory& peer, const KvCopy& copy, FragmentRange range,
                           const unsigned char* slot, size_t slot_bytes, ReadBatch* scratch) {
  OfferedRuns offered(slot, slot_bytes);
  RunWalker walker(copy, range.first, range.count);
  MemoryRun to;
  MemoryRun from;
  scratch->clear();
  while (to.bytes > 0 || walker.next(&to)) {
    if (from.bytes == 0 && !offered.next(&from)) return HEXAGENT_E_ARGUMENT;
    const uint64_t bytes = std::min(to.bytes, from.bytes);
    if (!scratch->add(to.address, from.address, bytes)) {
      const hexagent_status status = peer.read(scratch);
      if (status != HEXAGENT_OK) return status;
      continue;
    }
    to = {to.address + bytes, to.bytes - bytes};
    from = {from.address + bytes, from.bytes - bytes};
  }
  if (from.bytes > 0 || offered.next(&from)) return HEXAGENT_E_ARGUMENT;
  return peer.read(scratch);
}

}  // namespace hexagent::transport
