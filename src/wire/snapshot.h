// Snapshots: the whole state of a core as bytes, and back. With one, a recovery need not live
// through everything that came before it.
//
// The bytes are a head of 16 bytes and a FlatBuffer of snapshot.fbs. Head, little-endian:
//
//    0  magic     4  "HXSS"
//    4  checksum  4  CRC-32C of everything after it
//    8  length    8  of the FlatBuffer
//
// Tests: tests/unit/wire/snapshot_*_test.cc, tests/fuzz/snapshot_fuzz.cc, tests/compat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/scheduler.h"

namespace hexagent {

// Counts up when old readers can no longer make sense of the bytes.
inline constexpr uint32_t kSnapshotFormat = 1;
inline constexpr uint32_t kSnapshotHeadSize = 16;
// The largest FlatBuffer there is, with room to spare.
inline constexpr uint64_t kSnapshotMax = 1ULL << 30;

// The whole state of a core between two steps; the same state gives the same bytes. No decisions
// may be waiting: core.decision_count() == 0. Empty when the state takes more than kSnapshotMax
// bytes. May throw std::bad_alloc.
std::vector<uint8_t> encode_snapshot(const Scheduler& core);

// Brings a freshly made core of the same limits to that state. The bytes are not trusted. On false
// `flaw` says what is wrong, with section and column where it is about one; the core is then of no
// use and must be thrown away. May throw std::bad_alloc.
bool decode_snapshot(const uint8_t* bytes, size_t size, Scheduler* core, std::string* flaw);

}  // namespace hexagent
