// Options of the cuda-nccl transport. Tests: tests/unit/transport/cuda/parts_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hexagent/transport.h"
#include "transport/engine/engine.h"
#include "transport/plugins/cuda_nccl/nccl_link.h"

namespace hexagent::transport {

inline constexpr uint64_t kCudaCapabilities =
    HEXAGENT_CAN_CUDA_MEMORY | HEXAGENT_CAN_CROSS_PROCESS | HEXAGENT_CAN_CROSS_MACHINE |
    HEXAGENT_CAN_REPRIORITISE | HEXAGENT_CAN_HEAD_SLICES | HEXAGENT_CAN_CHECKSUM |
    HEXAGENT_CAN_QUIESCE | HEXAGENT_CAN_LAYERWISE;

enum class PathChoice { kAuto, kDirect, kNccl };

struct CudaOptions {
  uint32_t device = 0;                  // device=N
  PathChoice path = PathChoice::kAuto;  // path=auto|direct|nccl
  std::string nccl;                     // nccl=PATH of the library; empty: libnccl.so.2
  // ctas=N: thread blocks of one pack or unpack kernel. A link needs few of them, and what is left
  // is the engine's; a benchmark gives more.
  uint32_t ctas = 16;
  uint32_t lanes = 4;                 // lanes=N: copies side by side
  LinkSettings link;                  // nccl_ctas=N, connect_ms=N, watchdog_ms=N
  int64_t linger_ns = 5'000'000'000;  // linger_ms=N: staging that a peer might write lives on
  int64_t close_ns = 2'000'000'000;   // close_ms=N: destroy() waits for communicators to die
};

// HEXAGENT_OK or HEXAGENT_E_KEY.
hexagent_status read_cuda_options(std::string_view text, CudaOptions* options,
                                  EngineSettings* settings);

}  // namespace hexagent::transport
