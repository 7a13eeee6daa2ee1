// Loader of transports: see loader.h.
#include "transport/loader.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "core/base/status.h"
#include "transport/host/host_memory.h"

namespace hexagent::transport {
namespace {

// Of version 1.0; a table that is shorter is none.
constexpr uint32_t kOpsFirstSize = 144;
static_assert(kOpsFirstSize <= sizeof(hexagent_transport_ops));

LoadedTransport failed(hexagent_status status, const char* path, const char* detail) {
  LoadedTransport loaded;
  loaded.status = status;
  std::snprintf(loaded.text, sizeof(loaded.text), "%s: %s", path, detail);
  return loaded;
}

// All that must be there are; see hexagent_transport_ops.
bool whole(const hexagent_transport_ops& ops) {
  return ops.name != nullptr && ops.create != nullptr && ops.destroy != nullptr &&
         ops.register_pool != nullptr && ops.unregister_pool != nullptr && ops.connect != nullptr &&
         ops.disconnect != nullptr && ops.control != nullptr && ops.reserve != nullptr &&
         ops.submit != nullptr && ops.layers_ready != nullptr && ops.reprioritise != nullptr &&
         ops.cancel != nullptr && ops.progress != nullptr;
}

}  // namespace

LoadedTransport load_plugin(const char* path) {
  // Local: two plugins may carry different copies of the same library. Now: a symbol that is
  // missing shows here, not in the middle of a transfer.
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* why = dlerror();
    return failed(HEXAGENT_E_IO, path, why != nullptr ? why : "cannot be loaded");
  }
  void* symbol = dlsym(library, HEXAGENT_TRANSPORT_QUERY);
  if (symbol == nullptr) {
    return failed(HEXAGENT_E_VERSION, path, "has no " HEXAGENT_TRANSPORT_QUERY);
  }
  hexagent_transport_query_function query = nullptr;
  std::memcpy(&query, &symbol, sizeof(query));  // as POSIX wants it
  const hexagent_transport_ops* theirs = nullptr;
  const hexagent_status status = query(HEXAGENT_TRANSPORT_ABI, &theirs);
  if (status != HEXAGENT_OK) return failed(status, path, status_text(status));
  if (theirs == nullptr || (theirs->abi >> 16) != HEXAGENT_TRANSPORT_ABI_MAJOR) {
    return failed(HEXAGENT_E_VERSION, path, "is of another transport ABI");
  }
  if (theirs->struct_size < kOpsFirstSize) {
    return failed(HEXAGENT_E_STRUCT_SIZE, path, "has a table that is too short");
  }
  LoadedTransport loaded;
  std::memcpy(static_cast<void*>(&loaded.ops), theirs,
              std::min<size_t>(theirs->struct_size, sizeof(loaded.ops)));
  loaded.ops.struct_size = sizeof(loaded.ops);
  if (!whole(loaded.ops)) return failed(HEXAGENT_E_ARGUMENT, path, "lacks a function");
  return loaded;
}

LoadedTransport load_transport(const char* path) {
  LoadedTransport loaded;
  if (path != nullptr) {
    loaded = load_plugin(path);
    if (loaded.status == HEXAGENT_OK) return loaded;
  }
  loaded.ops = *host_memory_ops();
  loaded.built_in = true;
  return loaded;
}

}  // namespace hexagent::transport
