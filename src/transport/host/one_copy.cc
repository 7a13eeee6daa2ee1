// One copy: see one_copy.h.
#include "transport/host/one_copy.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>

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

int64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

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

double kernel_slowness(const KvCopy& copy, FragmentRange range,
                       std::vector<unsigned char>* scratch) {
  constexpr uint32_t kRounds = 5;  // the best of them: others may have been interrupted
  constexpr size_t kPiecesMax = 64;
  constexpr double kVerySlow = 1e9;
  iovec pieces[kPiecesMax];
  size_t count = 0;
  size_t bytes = 0;
  RunWalker walker(copy, range.first, range.count);
  for (MemoryRun run; count < kPiecesMax && bytes < scratch->size() && walker.next(&run);) {
    const size_t size = std::min<uint64_t>(run.bytes, scratch->size() - bytes);
    pieces[count++] = {reinterpret_cast<void*>(static_cast<uintptr_t>(run.address)), size};
    bytes += size;
  }
  const iovec to = {scratch->data(), bytes};
  double kernel = kVerySlow;
  double plain = kVerySlow;
  for (uint32_t round = 0; round < kRounds; ++round) {
    int64_t begin = now_ns();
    unsigned char* at = scratch->data();
    for (size_t i = 0; i < count; at += pieces[i++].iov_len) {
      std::memcpy(at, pieces[i].iov_base, pieces[i].iov_len);
    }
    plain = std::min(plain, static_cast<double>(now_ns() - begin));
    begin = now_ns();
    const ssize_t got = process_vm_readv(getpid(), &to, 1, pieces, count, 0);
    if (got != static_cast<ssize_t>(bytes)) return kVerySlow;
    kernel = std::min(kernel, static_cast<double>(now_ns() - begin));
  }
  return kernel / std::max(plain, 1.0);
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
