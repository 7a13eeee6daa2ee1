// NIXL's C interface as far as we use it, by dlopen. Declared here from its documented signatures
// (src/bindings/rust/wrapper.h of NIXL 1.4 and the symbols of 1.5.1), so that the adapter is
// compiled and tested where there is no NIXL. Tests: tests/unit/transport/nixl/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hexagent/transport.h"

namespace hexagent::transport {

using NixlHandle = void*;  // every object of theirs is opaque

inline constexpr int kNixlSuccess = 0;
inline constexpr int kNixlInProgress = 1;  // failures are below 0
inline constexpr int kNixlHostMemory = 0;
inline constexpr int kNixlWrite = 1;

// Of create_configured_agent().
struct NixlConfig {
  bool progress_thread;
  bool listen_thread;
  int listen_port;
  int thread_sync;
  unsigned workers;
  uint64_t progress_delay_us;
  uint64_t listen_delay_us;
  bool telemetry;
};

struct NixlApi {
  int (*create_configured_agent)(const char* name, const NixlConfig* config, NixlHandle* agent);
  int (*destroy_agent)(NixlHandle agent);
  int (*create_params)(NixlHandle* params);
  int (*params_add)(NixlHandle params, const char* key, const char* value);
  int (*destroy_params)(NixlHandle params);
  int (*create_backend)(NixlHandle agent, const char* name, NixlHandle params, NixlHandle* backend);
  int (*destroy_backend)(NixlHandle backend);  // of the handle alone; the agent keeps its back end
  int (*create_reg_dlist)(int memory, NixlHandle* list);
  int (*reg_dlist_add_desc)(NixlHandle list, uintptr_t address, size_t size, uint64_t device,
                            const void* metadata, size_t metadata_size);
  int (*destroy_reg_dlist)(NixlHandle list);
  int (*register_mem)(NixlHandle agent, NixlHandle list, NixlHandle options);
  int (*get_local_md)(NixlHandle agent, void** data, size_t* size);  // of malloc()
  int (*load_remote_md)(NixlHandle agent, const void* data, size_t size, char** name);  // same
  int (*invalidate_remote_md)(NixlHandle agent, const char* name);
  int (*create_xfer_dlist)(int memory, NixlHandle* list);
  int (*xfer_dlist_add_desc)(NixlHandle list, uintptr_t address, size_t size, uint64_t device);
  int (*destroy_xfer_dlist)(NixlHandle list);
  int (*create_xfer_req)(NixlHandle agent, int operation, NixlHandle local, NixlHandle remote,
                         const char* remote_name, NixlHandle* request, NixlHandle options);
  int (*post_xfer_req)(NixlHandle agent, NixlHandle request, NixlHandle options);
  int (*get_xfer_status)(NixlHandle agent, NixlHandle request);
  int (*release_xfer_req)(NixlHandle agent, NixlHandle request);
  int (*destroy_xfer_req)(NixlHandle request);
};

// Loads libnixl_capi.so, or the library at `path`. HEXAGENT_OK or HEXAGENT_E_NO_DEVICE: there is
// none, or it lacks a function; `why` (room for `room`) then names the library and the reason. It
// stays loaded.
hexagent_status load_nixl(const char* path, NixlApi* out, char* why, size_t room);

}  // namespace hexagent::transport
