// PeerMemory: reading another process of this machine, in one copy by the kernel
// (process_vm_readv). Whether the system allows it is found by doing it: users, containers, Yama
// and seccomp all have a say.
//
// A process is named by its number, which may be another's tomorrow, or mean another in a different
// PID namespace. So every read ends with the peer's mark, random bytes at a place it told us. The
// system looks a number up once a call: where the mark is right, all of that call was the peer's.
// Tests: tests/unit/transport/host/peer_memory_test.cc.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>

#include "hexagent/hexagent.h"

namespace hexagent::transport {

// Where a process keeps its mark; `process` is 0 where it wants not to be read.
struct MemoryMark {
  uint32_t process;
  uint32_t reserved;
  uint64_t address;
  uint64_t nonce[2];
};

// The mark of this process, for as long as this lives. A child that is forked has none: its memory
// is a copy.
class OwnMark {
 public:
  // Null when the system gives no memory or no random bytes.
  static std::unique_ptr<OwnMark> create();
  ~OwnMark();
  OwnMark(const OwnMark&) = delete;
  OwnMark& operator=(const OwnMark&) = delete;

  MemoryMark mark() const { return mark_; }

 private:
  OwnMark() = default;
  MemoryMark mark_ = {};
};

// What one call reads, as two lists of memory with the same bytes in all. Pieces that touch become
// one.
class ReadBatch {
 public:
  // The system takes IOV_MAX = 1024 in each list; the last is for the mark.
  static constexpr uint32_t kPiecesMax = 1023;

  void clear() { to_count_ = from_count_ = bytes_ = 0; }
  bool empty() const { return bytes_ == 0; }
  // False: it is full, nothing was added.
  bool add(uint64_t to, uint64_t from, uint64_t bytes);

 private:
  friend class PeerMemory;
  iovec to_[kPiecesMax + 1];
  iovec from_[kPiecesMax + 1];
  uint64_t to_count_ = 0;
  uint64_t from_count_ = 0;
  uint64_t bytes_ = 0;
};

class PeerMemory {
 public:
  PeerMemory() = default;
  explicit PeerMemory(const MemoryMark& mark) : mark_(mark) {}

  // Reads the batch, and empties it. HEXAGENT_OK, HEXAGENT_E_PEER: that process is gone, or never
  // was the peer; HEXAGENT_E_UNSUPPORTED: the system forbids it; HEXAGENT_E_SYSTEM: some of the
  // memory is not there. But for HEXAGENT_OK anything may have been written to `to`.
  hexagent_status read(ReadBatch* batch) const;
  uint32_t process() const { return mark_.process; }
  // The mark alone.
  hexagent_status probe(ReadBatch* scratch) const;

 private:
  MemoryMark mark_ = {};
};

// Can the kernel read this memory of ours for a peer? Some mappings of devices it cannot.
bool kernel_reads(uint64_t first, uint64_t second);

// Lets any process of this user read ours where Yama would not (prctl PR_SET_PTRACER). False: there
// is no Yama, or it refused.
bool permit_readers();

}  // namespace hexagent::transport
