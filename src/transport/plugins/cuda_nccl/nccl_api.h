// NCCL as far as we use it, by dlopen. Declared here and not taken from nccl.h, so that the rest of
// the plugin is compiled and tested where there is no NCCL; nccl_check.cc holds it against the real
// header. Tests: tests/unit/transport/cuda/parts_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "hexagent/transport.h"

namespace hexagent::transport {

using NcclComm = void*;

inline constexpr int32_t kNcclSuccess = 0;
inline constexpr int32_t kNcclRemoteError = 6;
inline constexpr int32_t kNcclInProgress = 7;
inline constexpr int32_t kNcclInt8 = 0;
inline constexpr int32_t kNcclUndefined = INT32_MIN;

inline constexpr size_t kNcclIdBytes = 128;

struct NcclId {
  char bytes[kNcclIdBytes];
};

// ncclConfig_t of 2.18. It is tagged with its size, and every later version takes the shorter one.
struct NcclConfig {
  size_t size;
  uint32_t magic;
  uint32_t version;
  int32_t blocking;
  int32_t cga_cluster_size;
  int32_t min_ctas;
  int32_t max_ctas;
  const char* net_name;
  int32_t split_share;
};
inline constexpr uint32_t kNcclConfigMagic = 0xcafebeefu;
inline constexpr uint32_t kNcclConfigVersion = 21800;

// A communicator that never blocks, of at most so many thread blocks for its kernels.
NcclConfig nccl_config(int32_t ctas_max);

struct NcclApi {
  int32_t (*get_version)(int32_t* version);
  int32_t (*get_unique_id)(NcclId* id);
  int32_t (*comm_init_rank_config)(NcclComm* comm, int32_t ranks, NcclId id, int32_t rank,
                                   NcclConfig* config);
  int32_t (*comm_get_async_error)(NcclComm comm, int32_t* error);
  int32_t (*comm_abort)(NcclComm comm);
  int32_t (*comm_revoke)(NcclComm comm, int32_t flags);  // null before 2.28.7
  int32_t (*send)(const void* from, size_t count, int32_t type, int32_t peer, NcclComm comm,
                  void* stream);
  int32_t (*receive)(void* to, size_t count, int32_t type, int32_t peer, NcclComm comm,
                     void* stream);
  int32_t (*group_start)();
  int32_t (*group_end)();
  int32_t version;  // 22809 = 2.28.9
};

// Loads libnccl.so.2, or the library at `path`: one that the process has loaded already first, so
// that we share that of the engine. HEXAGENT_OK; HEXAGENT_E_IO (there is none) or
// HEXAGENT_E_VERSION (it is older than 2.18 or lacks a function). It stays loaded.
hexagent_status load_nccl(const char* path, NcclApi* out);

}  // namespace hexagent::transport
