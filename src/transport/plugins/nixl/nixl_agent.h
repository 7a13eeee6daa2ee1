// NixlAgent: one agent of NIXL, which knows one peer. When it is gone nothing that NIXL runs
// touches the memory that it was given.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transport/plugins/nixl/nixl_api.h"

namespace hexagent::transport {

struct NixlOptions {
  std::string library;  // empty: libnixl_capi.so, wherever the loader finds it
  std::string backend = "UCX";
  std::vector<std::pair<std::string, std::string>> params;  // of the back end
  uint64_t progress_delay_us = 1000;
};

class NixlAgent {
 public:
  // HEXAGENT_OK or HEXAGENT_E_SYSTEM. Takes as long as the back end needs to look at the machine.
  static hexagent_status create(const NixlApi& api, const NixlOptions& options,
                                const std::string& name, std::unique_ptr<NixlAgent>* out);
  // Takes back all requests first.
  ~NixlAgent();
  NixlAgent(const NixlAgent&) = delete;
  NixlAgent& operator=(const NixlAgent&) = delete;

  // Memory must outlive the agent. False: NIXL refuses.
  bool register_memory(const void* memory, size_t bytes);
  // What the peer's agent has to load to reach us. Empty: NIXL fails.
  std::string metadata() const;
  // Takes the peer's; false when it cannot be right or is not of `name`.
  bool meet(const std::string& metadata, const std::string& name);
  bool has_met() const { return !peer_.empty(); }

  // Begins to write `bytes` to the peer's `to`; null when NIXL refuses.
  NixlHandle write(const void* from, uint64_t to, size_t bytes);
  // kNixlSuccess: it is in the peer's memory, the request is gone; kNixlInProgress; < 0: failed.
  int poll(NixlHandle request);

 private:
  NixlAgent(const NixlApi& api, NixlHandle agent) : api_(api), agent_(agent) {}
  NixlHandle list_of(uint64_t address, size_t bytes) const;
  void release(NixlHandle request);

  NixlApi api_;
  NixlHandle agent_;
  std::string peer_;
  std::vector<NixlHandle> requests_;
};

}  // namespace hexagent::transport
