// What the movers of two peers tell each other: the address of staging (in HELLO), and notes. All
// of it comes from outside and is checked. Tests: tests/unit/transport/cuda/parts_test.cc.
#pragma once

#include <cstdint>

#include "transport/engine/mover.h"
#include "transport/plugins/cuda_nccl/device_runtime.h"
#include "transport/plugins/cuda_nccl/nccl_api.h"

namespace hexagent::transport {

inline constexpr uint32_t kCudaMagic = 0x43584548;  // "HEXC"

// How chunks get from a source to a target. The source chooses.
enum class Route : uint32_t {
  kNone = 0,
  kDirect = 1,  // its kernel writes our staging: one process, or CUDA IPC
  kNccl = 2     // send and receive
};

enum : uint32_t { kAddressHasIpc = 1u, kAddressHasNccl = 2u };

// Of one end's staging.
struct CudaAddress {
  uint32_t magic;
  uint32_t flags;
  uint64_t machine;  // both ends of one machine have the same
  uint64_t process;  // drawn at random by each process
  uint64_t memory;   // as this process sees it
  unsigned char device[kDeviceUuidBytes];
  unsigned char ipc[kIpcHandleBytes];
  int32_t nccl_version;
  uint32_t reserved;
};
static_assert(sizeof(CudaAddress) <= kAddressMax);

// False: it is none of ours.
bool read_address(const unsigned char* bytes, size_t size, CudaAddress* out);

// Drawn once. [any thread]
uint64_t this_machine();
uint64_t this_process();

enum class NoteKind : uint32_t {
  kRoute = 1,  // source: my chunks come by this route
  kGo = 2,     // target: send this slot, I receive it
  kId = 3      // source: half of the id of the communicator, before its route
};

struct CudaNote {
  uint32_t magic;
  NoteKind kind;
  Route route;
  uint32_t slot;
  uint32_t generation;
  uint32_t reserved;
  uint64_t bytes;
};
static_assert(sizeof(CudaNote) <= kNoteMax);

struct CudaIdNote {
  uint32_t magic;
  NoteKind kind;
  uint32_t half;
  uint32_t reserved;
  char bytes[kNcclIdBytes / 2];
};
static_assert(sizeof(CudaIdNote) <= kNoteMax);

MoverNote make_route_note(uint32_t peer, Route route);
MoverNote make_id_note(uint32_t peer, const NcclId& id, uint32_t half);
MoverNote make_go_note(uint32_t peer, uint32_t slot, uint32_t generation, uint64_t bytes);
// False: it is none of this kind.
bool read_note(const MoverNote& note, CudaNote* out);
bool read_id_note(const MoverNote& note, CudaIdNote* out);

}  // namespace hexagent::transport
