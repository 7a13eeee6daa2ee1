// NIXL by dlopen: see nixl_api.h.
#include "transport/plugins/nixl/nixl_api.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstring>

namespace hexagent::transport {
namespace {

constexpr const char* kLibrary = "libnixl_capi.so";

// Finds functions by name until one is missing.
struct Finder {
  void* library;
  const char* missing = nullptr;

  template <class Function>
  void operator()(const char* name, Function* out) {
    if (missing != nullptr) return;
    char whole[64];
    std::snprintf(whole, sizeof(whole), "nixl_capi_%s", name);
    void* symbol = dlsym(library, whole);
    if (symbol == nullptr) missing = name;
    std::memcpy(out, &symbol, sizeof(symbol));  // as POSIX wants it
  }
};

}  // namespace

hexagent_status load_nixl(const char* path, NixlApi* out, char* why, size_t room) {
  const char* name = path != nullptr ? path : kLibrary;
  // One that the engine has loaded already is the same object to the loader, found by its name.
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* reason = dlerror();
    std::snprintf(why, room, "NIXL: %s: %s", name, reason != nullptr ? reason : "cannot be loaded");
    return HEXAGENT_E_NO_DEVICE;
  }
  NixlApi api = {};
  Finder find = {library};
  find("create_configured_agent", &api.create_configured_agent);
  find("destroy_agent", &api.destroy_agent);
  find("create_params", &api.create_params);
  find("params_add", &api.params_add);
  find("destroy_params", &api.destroy_params);
  find("create_backend", &api.create_backend);
  find("destroy_backend", &api.destroy_backend);
  find("create_reg_dlist", &api.create_reg_dlist);
  find("reg_dlist_add_desc", &api.reg_dlist_add_desc);
  find("destroy_reg_dlist", &api.destroy_reg_dlist);
  find("register_mem", &api.register_mem);
  find("get_local_md", &api.get_local_md);
  find("load_remote_md", &api.load_remote_md);
  find("invalidate_remote_md", &api.invalidate_remote_md);
  find("create_xfer_dlist", &api.create_xfer_dlist);
  find("xfer_dlist_add_desc", &api.xfer_dlist_add_desc);
  find("destroy_xfer_dlist", &api.destroy_xfer_dlist);
  find("create_xfer_req", &api.create_xfer_req);
  find("post_xfer_req", &api.post_xfer_req);
  find("get_xfer_status", &api.get_xfer_status);
  find("release_xfer_req", &api.release_xfer_req);
  find("destroy_xfer_req", &api.destroy_xfer_req);
  if (find.missing != nullptr) {
    std::snprintf(why, room, "NIXL: %s lacks nixl_capi_%s", name, find.missing);
    return HEXAGENT_E_NO_DEVICE;
  }
  *out = api;
  return HEXAGENT_OK;
}

}  // namespace hexagent::transport
