// What the two directions of a snapshot share, and tests that change what is inside. See
// snapshot.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/snapshot/sections.h"
#include "wire/snapshot.h"

namespace hexagent {

inline constexpr uint32_t kSnapshotMagic = 0x53535848u;  // "HXSS"
inline constexpr size_t kSnapshotCheckedFrom = 8;        // what the checksum is of

struct SnapshotHead {
  uint32_t magic = 0;
  uint32_t checksum = 0;
  uint64_t length = 0;
};

inline void store_head(const SnapshotHead& head, uint8_t* bytes) {
  for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(head.magic >> (8 * i));
  for (size_t i = 0; i < 4; ++i) bytes[4 + i] = static_cast<uint8_t>(head.checksum >> (8 * i));
  for (size_t i = 0; i < 8; ++i) bytes[8 + i] = static_cast<uint8_t>(head.length >> (8 * i));
}

inline SnapshotHead load_head(const uint8_t* bytes) {
  SnapshotHead head;
  for (size_t i = 0; i < 4; ++i) head.magic |= uint32_t{bytes[i]} << (8 * i);
  for (size_t i = 0; i < 4; ++i) head.checksum |= uint32_t{bytes[4 + i]} << (8 * i);
  for (size_t i = 0; i < 8; ++i) head.length |= uint64_t{bytes[8 + i]} << (8 * i);
  return head;
}

// Writes the head of bytes that hold a FlatBuffer behind it.
void seal_snapshot(std::vector<uint8_t>* bytes);

std::vector<uint8_t> encode_sections(const SnapshotSections& sections);

// False with a flaw when the bytes are no snapshot. What comes out is well formed: each column has
// one value, or one for each row.
bool decode_sections(const uint8_t* bytes, size_t size, SnapshotSections* sections,
                     std::string* flaw);

}  // namespace hexagent
