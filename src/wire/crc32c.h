// CRC-32C (Castagnoli), the checksum of journal frames: as iSCSI, ext4 and leveldb compute it.
//
// The processor's own instruction is used where there is one (SSE 4.2, ARMv8 CRC), tables anywhere
// else; which, is found out at run time. Tests: tests/unit/wire/crc32c_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hexagent {

// Checksum of the bytes so far (`crc`, 0 at the start) followed by these.
uint32_t crc32c(uint32_t crc, const void* data, size_t size);

// The same by tables alone; for tests, and what crc32c() falls back to.
uint32_t crc32c_portable(uint32_t crc, const void* data, size_t size);

// Does crc32c() use the processor's instruction here?
bool crc32c_is_accelerated();

}  // namespace hexagent
