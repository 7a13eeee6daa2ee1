// NixlAgent: see nixl_agent.h.
#include "transport/plugins/nixl/nixl_agent.h"

#include <cstdlib>

namespace hexagent::transport {

hexagent_status NixlAgent::create(const NixlApi& api, const NixlOptions& options,
                                  const std::string& name, std::unique_ptr<NixlAgent>* out) {
  // Its thread serves what the peer writes to us, which some back ends do in software.
  NixlConfig config = {};
  config.progress_thread = true;
  config.workers = 1;
  config.progress_delay_us = options.progress_delay_us;
  NixlHandle handle = nullptr;
  if (api.create_configured_agent(name.c_str(), &config, &handle) != kNixlSuccess) {
    return HEXAGENT_E_SYSTEM;
  }
  std::unique_ptr<NixlAgent> agent(new NixlAgent(api, handle));
  NixlHandle params = nullptr;
  if (api.create_params(&params) != kNixlSuccess) return HEXAGENT_E_SYSTEM;
  bool taken = true;
  for (const auto& [key, value] : options.params) {
    taken = taken && api.params_add(params, key.c_str(), value.c_str()) == kNixlSuccess;
  }
  NixlHandle backend = nullptr;
  taken = taken &&
          api.create_backend(handle, options.backend.c_str(), params, &backend) == kNixlSuccess;
  api.destroy_params(params);
  if (backend != nullptr) api.destroy_backend(backend);
  if (!taken) return HEXAGENT_E_SYSTEM;
  *out = std::move(agent);
  return HEXAGENT_OK;
}

NixlAgent::~NixlAgent() {
  while (!requests_.empty()) release(requests_.back());
  if (has_met()) api_.invalidate_remote_md(agent_, peer_.c_str());
  api_.destroy_agent(agent_);
}

bool NixlAgent::register_memory(const void* memory, size_t bytes) {
  NixlHandle list = nullptr;
  if (api_.create_reg_dlist(kNixlHostMemory, &list) != kNixlSuccess) return false;
  const bool taken = api_.reg_dlist_add_desc(list, reinterpret_cast<uintptr_t>(memory), bytes, 0,
                                             nullptr, 0) == kNixlSuccess &&
                     api_.register_mem(agent_, list, nullptr) == kNixlSuccess;
  api_.destroy_reg_dlist(list);
  return taken;
}

std::string NixlAgent::metadata() const {
  void* data = nullptr;
  size_t size = 0;
  if (api_.get_local_md(agent_, &data, &size) != kNixlSuccess) return {};
  std::string copy(static_cast<const char*>(data), size);
  std::free(data);
  return copy;
}

bool NixlAgent::meet(const std::string& metadata, const std::string& name) {
  char* found = nullptr;
  if (api_.load_remote_md(agent_, metadata.data(), metadata.size(), &found) != kNixlSuccess) {
    return false;
  }
  peer_ = found;  // also when it is another: it has to be forgotten
  std::free(found);
  return peer_ == name;
}

NixlHandle NixlAgent::list_of(uint64_t address, size_t bytes) const {
  NixlHandle list = nullptr;
  if (api_.create_xfer_dlist(kNixlHostMemory, &list) != kNixlSuccess) return nullptr;
  if (api_.xfer_dlist_add_desc(list, address, bytes, 0) == kNixlSuccess) return list;
  api_.destroy_xfer_dlist(list);
  return nullptr;
}

NixlHandle NixlAgent::write(const void* from, uint64_t to, size_t bytes) {
  requests_.reserve(requests_.size() + 1);
  NixlHandle local = list_of(reinterpret_cast<uintptr_t>(from), bytes);
  NixlHandle remote = list_of(to, bytes);
  NixlHandle request = nullptr;
  const bool made = local != nullptr && remote != nullptr &&
                    api_.create_xfer_req(agent_, kNixlWrite, local, remote, peer_.c_str(), &request,
                                         nullptr) == kNixlSuccess;
  if (local != nullptr) api_.destroy_xfer_dlist(local);
  if (remote != nullptr) api_.destroy_xfer_dlist(remote);
  if (!made) return nullptr;
  requests_.push_back(request);
  if (api_.post_xfer_req(agent_, request, nullptr) >= 0) return request;
  release(request);
  return nullptr;
}

int NixlAgent::poll(NixlHandle request) {
  const int status = api_.get_xfer_status(agent_, request);
  if (status != kNixlInProgress) release(request);
  return status;
}

// Release takes a request back that has not ended; the memory it names stays until the agent ends.
void NixlAgent::release(NixlHandle request) {
  std::erase(requests_, request);
  if (api_.release_xfer_req(agent_, request) == kNixlSuccess) api_.destroy_xfer_req(request);
}

}  // namespace hexagent::transport
