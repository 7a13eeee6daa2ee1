// From the engine to the table of C functions that hosts call, the same for every transport that is
// an Engine with a Mover. Structs that grow are read here, exceptions end here, and an invariant
// that fails poisons the transport. Tests: tests/unit/transport/ops_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "hexagent/transport.h"
#include "transport/engine/engine.h"
#include "transport/engine/mover.h"

namespace hexagent::transport {

// What a transport's own create() has to make.
struct Parts {
  EngineSettings settings;
  std::unique_ptr<Mover> mover;
};

struct TransportRequest {
  std::string_view options;
  uint32_t peers_max;
  const hexagent_transport_host* host;  // during the call only
};

// Reads and checks host and configuration, then asks `make` for the parts.
hexagent_status create_transport(const hexagent_transport_host* host,
                                 const hexagent_transport_config* config, hexagent_transport** out,
                                 hexagent_status (*make)(const TransportRequest&, Parts*));

// A whole table.
hexagent_transport_ops make_ops(const char* name, uint64_t capabilities,
                                decltype(hexagent_transport_ops::create) create);

// What hexagent_transport_query() of a plugin asks first; sets *out to null.
hexagent_status check_query(uint32_t abi, const hexagent_transport_ops** out);

// Options that every such transport has: silence_ms. False: unknown, or no number in bounds.
bool take_common_option(std::string_view key, std::string_view value, EngineSettings* settings);

// Calls take(key, value) for each "key=value"; false when one is malformed or refused.
template <class Take>
bool read_options(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const size_t end = text.find(' ');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return false;
    if (!take(pair.substr(0, equals), pair.substr(equals + 1))) return false;
  }
  return true;
}

}  // namespace hexagent::transport
