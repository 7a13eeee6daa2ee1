// SharedRegion: anonymous memory that another process of this machine can map. Nothing is left
// behind when a process is killed: the memory has no name in any file system, and lives as long as
// somebody maps it. Tests: tests/unit/transport/host/shared_region_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "hexagent/hexagent.h"

namespace hexagent::transport {

// Where another process finds a region: it opens /proc/<process>/fd/<descriptor>, which the system
// allows for processes of one user. The cookie, random and kept in the region itself, tells a
// region from whatever has that number later.
struct RegionAddress {
  uint32_t magic;
  uint32_t process;
  uint32_t descriptor;
  uint32_t reserved;
  uint64_t bytes;
  uint64_t cookie[2];
};

class SharedRegion {
 public:
  // HEXAGENT_OK, HEXAGENT_E_SYSTEM or HEXAGENT_E_NO_MEMORY. `bytes` without what the region needs
  // for itself.
  static hexagent_status create(size_t bytes, std::unique_ptr<SharedRegion>* out);
  // Maps another's. HEXAGENT_E_SYSTEM when it is gone, out of reach or not of this size. Its owner
  // can still write it, but has given up the means to shrink it under us.
  static hexagent_status open(const RegionAddress& address, size_t bytes,
                              std::unique_ptr<SharedRegion>* out);

  ~SharedRegion();
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  // On a page boundary.
  unsigned char* memory() const { return mapping_ + kHeaderBytes; }
  size_t bytes() const { return bytes_; }
  // Words beside the memory, all zero at first, each in a cache line of its own.
  static constexpr uint32_t kWords = 16;
  uint64_t* word(uint32_t number) const {
    return reinterpret_cast<uint64_t*>(mapping_ + kWordsAt + size_t{number} * kWordPitch);
  }
  // Of a region made here.
  RegionAddress address() const;

 private:
  static constexpr size_t kHeaderBytes = 4096;
  static constexpr size_t kWordsAt = 1024;
  static constexpr size_t kWordPitch = 128;
  static_assert(kWordsAt + kWords * kWordPitch <= kHeaderBytes);

  SharedRegion() = default;
  hexagent_status map(int descriptor, size_t bytes);

  unsigned char* mapping_ = nullptr;
  size_t bytes_ = 0;
  int descriptor_ = -1;
};

}  // namespace hexagent::transport
