// A NIXL of one process: see fake_nixl.h. A write is copied when it completes, as late as can be.
#include "unit/transport/nixl/fake_nixl.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

struct Range {
  uintptr_t address;
  size_t bytes;
};

struct Agent {
  std::string name;
  std::vector<Range> registered;
  std::string peer;
};

struct List {
  std::vector<Range> ranges;
};

struct Request {
  Agent* agent;
  Range from;
  Range to;
  int32_t polls;
  bool posted = false;
};

FakeNixlScript script;

std::map<std::string, Agent*>& agents() {
  static std::map<std::string, Agent*> all;
  return all;
}

int mistake() {
  ++script.mistakes;
  return -1;
}

bool covers(const Agent& agent, const Range& wanted) {
  for (const Range& range : agent.registered) {
    if (wanted.address >= range.address &&
        wanted.address + wanted.bytes <= range.address + range.bytes) {
      return true;
    }
  }
  return false;
}

int make_list(void** out) {
  *out = new List;
  ++script.lists;
  return 0;
}

int free_list(void* list) {
  delete static_cast<List*>(list);
  --script.lists;
  return 0;
}

int add_to(void* list, uintptr_t address, size_t bytes) {
  static_cast<List*>(list)->ranges.push_back({address, bytes});
  return 0;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED FakeNixlScript* fake_nixl_script() { return &script; }

EXPORTED int nixl_capi_create_configured_agent(const char* name, const void*, void** out) {
  if (agents().count(name) != 0) return mistake();
  auto* agent = new Agent{name, {}, {}};
  agents()[name] = agent;
  ++script.agents;
  *out = agent;
  return 0;
}

EXPORTED int nixl_capi_destroy_agent(void* handle) {
  auto* agent = static_cast<Agent*>(handle);
  agents().erase(agent->name);
  delete agent;
  --script.agents;
  return 0;
}

EXPORTED int nixl_capi_create_params(void** out) { return make_list(out); }
EXPORTED int nixl_capi_params_add(void*, const char*, const char*) { return 0; }
EXPORTED int nixl_capi_destroy_params(void* params) { return free_list(params); }

EXPORTED int nixl_capi_create_backend(void*, const char*, void*, void** out) {
  return script.refuse_backend ? -2 : make_list(out);
}
EXPORTED int nixl_capi_destroy_backend(void* backend) { return free_list(backend); }

EXPORTED int nixl_capi_create_reg_dlist(int, void** out) { return make_list(out); }
EXPORTED int nixl_capi_reg_dlist_add_desc(void* list, uintptr_t address, size_t bytes, uint64_t,
                                          const void*, size_t) {
  return add_to(list, address, bytes);
}
EXPORTED int nixl_capi_destroy_reg_dlist(void* list) { return free_list(list); }

EXPORTED int nixl_capi_register_mem(void* handle, void* list, void*) {
  for (const Range& range : static_cast<List*>(list)->ranges) {
    static_cast<Agent*>(handle)->registered.push_back(range);
  }
  return 0;
}

// The name, then bytes that only show that nothing was lost on the way.
EXPORTED int nixl_capi_get_local_md(void* handle, void** data, size_t* size) {
  const std::string& name = static_cast<Agent*>(handle)->name;
  *size = static_cast<size_t>(script.metadata_bytes);
  auto* bytes = static_cast<unsigned char*>(std::malloc(*size));
  if (bytes == nullptr) return -2;
  for (size_t i = 0; i < *size; ++i) bytes[i] = static_cast<unsigned char>(i);
  std::memcpy(bytes, name.c_str(), name.size() + 1);
  *data = bytes;
  return 0;
}

EXPORTED int nixl_capi_load_remote_md(void* handle, const void* data, size_t size, char** name) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  const std::string found = static_cast<const char*>(data);
  if (script.refuse_metadata || size != static_cast<size_t>(script.metadata_bytes)) return -1;
  for (size_t i = found.size() + 1; i < size; ++i) {
    if (bytes[i] != static_cast<unsigned char>(i)) return mistake();
  }
  static_cast<Agent*>(handle)->peer = found;
  *name = strdup(found.c_str());
  return 0;
}

EXPORTED int nixl_capi_invalidate_remote_md(void* handle, const char* name) {
  return static_cast<Agent*>(handle)->peer == name ? 0 : mistake();
}

EXPORTED int nixl_capi_create_xfer_dlist(int, void** out) { return make_list(out); }
EXPORTED int nixl_capi_xfer_dlist_add_desc(void* list, uintptr_t address, size_t bytes, uint64_t) {
  return add_to(list, address, bytes);
}
EXPORTED int nixl_capi_destroy_xfer_dlist(void* list) { return free_list(list); }

EXPORTED int nixl_capi_create_xfer_req(void* handle, int operation, void* local, void* remote,
                                       const char* name, void** out, void*) {
  auto* agent = static_cast<Agent*>(handle);
  const Range from = static_cast<List*>(local)->ranges.at(0);
  const Range to = static_cast<List*>(remote)->ranges.at(0);
  const auto peer = agents().find(name);
  if (operation != 1 || from.bytes != to.bytes || !covers(*agent, from)) return mistake();
  if (peer == agents().end() || agent->peer != name) return -6;
  if (!covers(*peer->second, to)) return mistake();
  *out = new Request{agent, from, to, script.polls};
  ++script.requests;
  return 0;
}

EXPORTED int nixl_capi_post_xfer_req(void*, void* handle, void*) {
  if (script.refuse_posts) return -2;
  static_cast<Request*>(handle)->posted = true;
  ++script.posted;
  return 1;
}

EXPORTED int nixl_capi_get_xfer_status(void*, void* handle) {
  auto* request = static_cast<Request*>(handle);
  if (!request->posted) return mistake();
  if (script.fail_writes) return -2;
  if (request->polls-- > 0 || script.complete_most == 0) return 1;
  const auto peer = agents().find(request->agent->peer);
  if (peer == agents().end()) return -2;
  if (script.complete_most > 0) --script.complete_most;
  std::memcpy(reinterpret_cast<void*>(request->to.address),
              reinterpret_cast<const void*>(request->from.address), request->from.bytes);
  return 0;
}

EXPORTED int nixl_capi_release_xfer_req(void*, void*) { return 0; }

EXPORTED int nixl_capi_destroy_xfer_req(void* handle) {
  delete static_cast<Request*>(handle);
  --script.requests;
  return 0;
}
