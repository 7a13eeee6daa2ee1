// PeerMemory: see peer_memory.h.
#include "transport/host/peer_memory.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hexagent::transport {
namespace {

constexpr size_t kMarkBytes = sizeof(MemoryMark::nonce);
// A whole page of any architecture.
constexpr size_t kPageBytes = size_t{64} << 10;

void* pointer(uint64_t address) { return reinterpret_cast<void*>(static_cast<uintptr_t>(address)); }

bool extends(const iovec& last, uint64_t address) {
  return reinterpret_cast<uintptr_t>(last.iov_base) + last.iov_len == address;
}

}  // namespace

std::unique_ptr<OwnMark> OwnMark::create() {
  std::unique_ptr<OwnMark> own(new OwnMark);
  void* page =
      mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  own->mark_.address = reinterpret_cast<uintptr_t>(page);
  // Where the system cannot do this, a child that gets its dead parent's number would be believed;
  // nobody has seen that.
  (void)madvise(page, kPageBytes, MADV_WIPEONFORK);
  if (getrandom(own->mark_.nonce, kMarkBytes, 0) != ssize_t{kMarkBytes}) return nullptr;
  std::memcpy(page, own->mark_.nonce, kMarkBytes);
  own->mark_.process = static_cast<uint32_t>(getpid());
  return own;
}

OwnMark::~OwnMark() {
  if (mark_.address != 0) munmap(pointer(mark_.address), kPageBytes);
}

bool ReadBatch::add(uint64_t to, uint64_t from, uint64_t bytes) {
  const bool joins_to = to_count_ > 0 && extends(to_[to_count_ - 1], to);
  const bool joins_from = from_count_ > 0 && extends(from_[from_count_ - 1], from);
  if (!joins_to && to_count_ == kPiecesMax) return false;
  if (!joins_from && from_count_ == kPiecesMax) return false;
  if (joins_to) {
    to_[to_count_ - 1].iov_len += bytes;
  } else {
    to_[to_count_++] = {pointer(to), bytes};
  }
  if (joins_from) {
    from_[from_count_ - 1].iov_len += bytes;
  } else {
    from_[from_count_++] = {pointer(from), bytes};
  }
  bytes_ += bytes;
  return true;
}

hexagent_status PeerMemory::read(ReadBatch* batch) const {
  uint64_t nonce[2] = {};
  batch->to_[batch->to_count_] = {static_cast<void*>(nonce), kMarkBytes};
  batch->from_[batch->from_count_] = {pointer(mark_.address), kMarkBytes};
  const uint64_t wanted = batch->bytes_ + kMarkBytes;
  const ssize_t got =
      process_vm_readv(static_cast<pid_t>(mark_.process), batch->to_, batch->to_count_ + 1,
                       batch->from_, batch->from_count_ + 1, 0);
  const int error = got < 0 ? errno : 0;
  const bool alone = batch->empty();
  batch->clear();
  if (got == static_cast<ssize_t>(wanted)) {
    const bool right = std::memcmp(nonce, mark_.nonce, kMarkBytes) == 0;
    return right ? HEXAGENT_OK : HEXAGENT_E_PEER;
  }
  if (error == ESRCH) return HEXAGENT_E_PEER;
  if (error == EPERM || error == ENOSYS) return HEXAGENT_E_UNSUPPORTED;
  // Something could not be read. Without its mark it is another process, or a dying one.
  if (alone) return HEXAGENT_E_PEER;
  return probe(batch) == HEXAGENT_E_PEER ? HEXAGENT_E_PEER : HEXAGENT_E_SYSTEM;
}

hexagent_status PeerMemory::probe(ReadBatch* scratch) const {
  if (mark_.process == 0 || mark_.process > INT32_MAX) return HEXAGENT_E_UNSUPPORTED;
  scratch->clear();
  return read(scratch);
}

bool kernel_reads(uint64_t first, uint64_t second) {
  unsigned char bytes[2];
  const iovec to = {static_cast<void*>(bytes), sizeof(bytes)};
  const iovec from[] = {{pointer(first), 1}, {pointer(second), 1}};
  return process_vm_readv(getpid(), &to, 1, from, 2, 0) == ssize_t{sizeof(bytes)};
}

bool permit_readers() { return prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0) == 0; }

}  // namespace hexagent::transport
