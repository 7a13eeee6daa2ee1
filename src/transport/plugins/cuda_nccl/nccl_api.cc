// NCCL by dlopen: see nccl_api.h.
#include "transport/plugins/cuda_nccl/nccl_api.h"

#include <dlfcn.h>

#include <cstring>

namespace hexagent::transport {
namespace {

constexpr int32_t kVersionMin = 21800;
constexpr const char* kLibrary = "libnccl.so.2";

void* open_library(const char* path) {
  if (path != nullptr) return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  void* loaded = dlopen(kLibrary, RTLD_NOW | RTLD_NOLOAD);
  if (loaded != nullptr) return loaded;
  return dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

template <class Function>
bool find(void* library, const char* name, Function* out) {
  void* symbol = dlsym(library, name);
  std::memcpy(out, &symbol, sizeof(symbol));  // as POSIX wants it
  return symbol != nullptr;
}

}  // namespace

NcclConfig nccl_config(int32_t ctas_max) {
  NcclConfig config = {};
  config.size = sizeof(config);
  config.magic = kNcclConfigMagic;
  config.version = kNcclConfigVersion;
  config.blocking = 0;
  config.cga_cluster_size = kNcclUndefined;
  config.min_ctas = 1;
  config.max_ctas = ctas_max;
  config.net_name = nullptr;
  config.split_share = kNcclUndefined;
  return config;
}

hexagent_status load_nccl(const char* path, NcclApi* out) {
  void* library = open_library(path);
  if (library == nullptr) return HEXAGENT_E_IO;
  NcclApi api = {};
  const bool whole = find(library, "ncclGetVersion", &api.get_version) &&
                     find(library, "ncclGetUniqueId", &api.get_unique_id) &&
                     find(library, "ncclCommInitRankConfig", &api.comm_init_rank_config) &&
                     find(library, "ncclCommGetAsyncError", &api.comm_get_async_error) &&
                     find(library, "ncclCommAbort", &api.comm_abort) &&
                     find(library, "ncclSend", &api.send) &&
                     find(library, "ncclRecv", &api.receive) &&
                     find(library, "ncclGroupStart", &api.group_start) &&
                     find(library, "ncclGroupEnd", &api.group_end);
  if (!whole) return HEXAGENT_E_VERSION;
  find(library, "ncclCommRevoke", &api.comm_revoke);
  if (api.get_version(&api.version) != kNcclSuccess || api.version < kVersionMin) {
    return HEXAGENT_E_VERSION;
  }
  *out = api;
  return HEXAGENT_OK;
}

}  // namespace hexagent::transport
