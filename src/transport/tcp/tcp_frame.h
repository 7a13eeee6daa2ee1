// What goes over the TCP lanes of the host-tcp transport: a preamble that says whose lane it is,
// then frames, each a part of a packed chunk for one slot. Tests: tests/unit/transport/tcp/.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hexagent::transport {

inline constexpr uint32_t kLaneMagic = 0x4c584548;   // "HEXL"
inline constexpr uint32_t kFrameMagic = 0x46584548;  // "HEXF"
inline constexpr uint32_t kLanesMax = 16;

// Where a target listens, and the secret that a lane to it must show. Part of HELLO.
struct TcpAddress {
  uint32_t magic;
  uint16_t version;  // of IP: 4 or 6
  uint16_t port;
  unsigned char ip[16];
  uint64_t cookie[2];
};

struct LanePreamble {
  uint32_t magic;
  uint32_t lane;
  uint64_t cookie[2];
};

struct FrameHeader {
  uint32_t magic;
  uint32_t slot;
  uint32_t generation;
  uint32_t offset;  // in the slot
  uint32_t bytes;
  uint32_t reserved;
};

// Slots of a target as their bytes come in. A frame of an older generation than the newest seen for
// its slot belongs to a chunk that was refused before all of it was here.
struct ArrivingSlot {
  uint32_t generation = 0;
  uint64_t bytes = 0;

  // Is `generation` the newest of this slot? Counts anew for one that is newer.
  bool accept(uint32_t newest) {
    if (static_cast<int32_t>(newest - generation) > 0 || generation == 0) {
      generation = newest;
      bytes = 0;
    }
    return newest == generation;
  }
};

}  // namespace hexagent::transport
