// C ABI of endpoints: include/hexagent/endpoint.h. Checks arguments; the rest is the Endpoint's.
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "core/base/sized_struct.h"
#include "core/base/status.h"
#include "endpoint/endpoint.h"
#include "hexagent/endpoint.h"
#include "runtime/clock.h"
#include "runtime/fork_mark.h"
#include "runtime/system_failure.h"
#include "transport/host/host_memory.h"
#include "transport/loader.h"
#include "transport/tcp/host_tcp.h"

namespace hexagent {

template <>
inline constexpr uint32_t kFirstSize<hexagent_endpoint_config> = 112;
template <>
inline constexpr uint32_t kFirstSize<hexagent_transport_ops> = 144;

}  // namespace hexagent

struct hexagent_endpoint {
  explicit hexagent_endpoint(const hexagent::endpoint::EndpointSettings& settings)
      : endpoint(settings) {}

  hexagent::endpoint::Endpoint endpoint;
  std::string transport;
  const hexagent::ForkMark fork_mark;
};

namespace hexagent::endpoint {
namespace {

constexpr size_t kSecretMax = 256;  // bytes
constexpr uint32_t kTransfersMost = 4096;
constexpr uint32_t kBlocksMost = 1u << 20;
constexpr int64_t kPauseMostNs = 60'000'000'000;

void explain(hexagent_status status, const char* text, hexagent_error* error) {
  if (error == nullptr) return;
  hexagent_error told = {};
  told.status = status;
  const size_t size = std::min(std::strlen(text), sizeof(told.text) - 1);
  if (status != HEXAGENT_OK) std::memcpy(told.text, text, size);
  write_sized(told, error);
}

bool is_usable(const hexagent_error* error) {
  return error == nullptr || check_size(error) == HEXAGENT_OK;
}

// "host-memory", "host-tcp" or a path.
transport::LoadedTransport find_transport(const std::string& name) {
  if (name.find('/') != std::string::npos) return transport::load_plugin(name.c_str());
  transport::LoadedTransport found;
  found.built_in = true;
  if (name == "host-memory") {
    found.ops = *transport::host_memory_ops();
  } else if (name == "host-tcp") {
    found.ops = *transport::host_tcp_ops();
  } else {
    found.status = HEXAGENT_E_KEY;
    const std::string text = "no transport is called \"" + name.substr(0, 100) + "\"";
    std::memcpy(found.text, text.c_str(), text.size() + 1);
  }
  return found;
}

template <class Number>
Number or_default(Number given, Number initial) {
  return given == 0 ? initial : given;
}

// Null when the configuration is good, else what is wrong with it.
const char* read_link_settings(const hexagent_endpoint_config& config, LinkSettings* link) {
  if (config.worker == 0) return "worker must not be 0";
  if (config.controller == nullptr || !control::parse_address(config.controller, &link->address)) {
    return "controller must be unix:/path or tcp:IP:PORT";
  }
  if (config.secret == nullptr || std::strlen(config.secret) < control::kSecretMin ||
      std::strlen(config.secret) > kSecretMax) {
    return "secret must have 16 to 256 bytes";
  }
  link->secret = config.secret;
  link->worker = config.worker;
  link->incarnation = config.incarnation;
  if (link->incarnation == 0) {
    timespec wall = {};
    clock_gettime(CLOCK_REALTIME, &wall);
    link->incarnation =
        static_cast<uint64_t>(wall.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(wall.tv_nsec);
  }
  return nullptr;
}

bool read_times(const hexagent_endpoint_config& config, LinkSettings* link) {
  link->reconnect_min_ns = or_default(config.reconnect_min_ns, link->reconnect_min_ns);
  link->reconnect_max_ns = or_default(config.reconnect_max_ns, link->reconnect_max_ns);
  link->silence_ns = or_default(config.silence_ns, link->silence_ns);
  for (const int64_t time : {link->reconnect_min_ns, link->reconnect_max_ns, link->silence_ns}) {
    if (time <= 0 || time > kPauseMostNs) return false;
  }
  return true;
}

hexagent_status read_limits(const hexagent_endpoint_config& config, EndpointSettings* settings) {
  settings->transfers_max = or_default(config.transfers_max, 256u);
  settings->blocks_max = or_default(config.blocks_max, 8192u);
  if (settings->transfers_max > kTransfersMost || settings->blocks_max > kBlocksMost) {
    return HEXAGENT_E_RANGE;
  }
  hexagent_transport_config& transport = settings->transport;
  transport.struct_size = sizeof(transport);
  transport.worker = config.worker;
  transport.incarnation = settings->link.incarnation;
  transport.pools_max = config.pools_max;
  transport.peers_max = config.peers_max;
  transport.transfers_max = transport.reservations_max = settings->transfers_max;
  transport.blocks_max = settings->blocks_max;
  transport.slots_per_peer = config.slots_per_peer;
  transport.slot_bytes = config.slot_bytes;
  transport.chunk_bytes_min = config.chunk_bytes_min;
  if (config.options != nullptr) settings->options = config.options;
  return config.reserved == 0 ? HEXAGENT_OK : HEXAGENT_E_RESERVED;
}

hexagent_status open(const hexagent_endpoint_config* from_caller, hexagent_endpoint** out,
                     std::string* trouble) {
  hexagent_endpoint_config config;
  hexagent_status status = read_sized(from_caller, &config);
  if (status != HEXAGENT_OK) return status;
  EndpointSettings settings;
  const char* wrong = read_link_settings(config, &settings.link);
  if (wrong != nullptr) {
    *trouble = wrong;
    return HEXAGENT_E_ARGUMENT;
  }
  if (!read_times(config, &settings.link)) {
    *trouble = "times must be between 1 ns and 60 s";
    return HEXAGENT_E_RANGE;
  }
  status = read_limits(config, &settings);
  if (status != HEXAGENT_OK) return status;
  transport::LoadedTransport loaded =
      find_transport(config.transport != nullptr ? config.transport : "host-memory");
  if (loaded.status != HEXAGENT_OK && config.fallback != nullptr) {
    loaded = find_transport(config.fallback);
  }
  if (loaded.status != HEXAGENT_OK) {
    *trouble = loaded.text;
    return loaded.status;
  }
  settings.ops = loaded.ops;
  settings.link.transport = std::string(loaded.ops.name).substr(0, control::kTextMax);
  auto made = std::make_unique<hexagent_endpoint>(settings);
  made->transport = loaded.ops.name;
  status = made->endpoint.start();
  if (status != HEXAGENT_OK) return status;
  *out = made.release();
  return HEXAGENT_OK;
}

// The only way to an endpoint from outside.
template <class Body>
hexagent_status guard(hexagent_endpoint* endpoint, const Body& body) noexcept {
  if (endpoint == nullptr) return HEXAGENT_E_ARGUMENT;
  if (!endpoint->fork_mark.is_here()) return HEXAGENT_E_FORKED;
  if (endpoint->endpoint.is_poisoned()) return HEXAGENT_E_POISONED;
  try {
    return body(endpoint->endpoint);
  } catch (...) {
    return HEXAGENT_E_NO_MEMORY;
  }
}

hexagent_status answer(hexagent_endpoint* endpoint, Command::Kind kind, uint64_t transfer,
                       const hexagent_kv_blocks* blocks, uint32_t flags) noexcept {
  return guard(endpoint, [&](Endpoint& self) -> hexagent_status {
    if (blocks == nullptr || blocks->blocks == nullptr || blocks->block_count == 0 ||
        blocks->block_count > self.settings().blocks_max) {
      return HEXAGENT_E_ARGUMENT;
    }
    Command command;
    command.kind = kind;
    command.transfer = transfer;
    command.blocks = *blocks;
    command.ids.assign(blocks->blocks, blocks->blocks + blocks->block_count);
    command.flags = flags;
    return self.post(std::move(command));
  });
}

}  // namespace
}  // namespace hexagent::endpoint

extern "C" {

using hexagent::endpoint::Command;
using hexagent::endpoint::Endpoint;

hexagent_endpoint* hexagent_endpoint_open(const hexagent_endpoint_config* config,
                                          hexagent_error* error) noexcept {
  if (!hexagent::endpoint::is_usable(error)) return nullptr;
  hexagent_endpoint* opened = nullptr;
  hexagent_status status = HEXAGENT_E_NO_MEMORY;
  try {
    std::string trouble;
    try {
      status = hexagent::endpoint::open(config, &opened, &trouble);
    } catch (const hexagent::SystemFailure& failure) {
      status = HEXAGENT_E_SYSTEM;
      trouble = failure.what;
    }
    const char* text = trouble.empty() ? hexagent::status_text(status) : trouble.c_str();
    hexagent::endpoint::explain(status, text, error);
  } catch (...) {
    hexagent::endpoint::explain(status, hexagent::status_text(status), error);
  }
  return opened;
}

void hexagent_endpoint_close(hexagent_endpoint* endpoint) noexcept {
  if (endpoint == nullptr) return;
  // In a forked child thread, loop and transport are the parent's; their memory is left alone.
  if (!endpoint->fork_mark.is_here()) return;
  endpoint->endpoint.stop();
  delete endpoint;
}

const char* hexagent_endpoint_transport(const hexagent_endpoint* endpoint) noexcept {
  return endpoint == nullptr ? "" : endpoint->transport.c_str();
}

hexagent_status hexagent_endpoint_pool_add(hexagent_endpoint* endpoint,
                                           const hexagent_kv_pool* pool, uint64_t* out) noexcept {
  return hexagent::endpoint::guard(endpoint, [&](Endpoint& self) {
    if (pool == nullptr || out == nullptr) return hexagent_status{HEXAGENT_E_ARGUMENT};
    return self.ask([&] { return self.add_pool(pool, out); });
  });
}

hexagent_status hexagent_endpoint_pool_remove(hexagent_endpoint* endpoint, uint64_t pool) noexcept {
  return hexagent::endpoint::guard(
      endpoint, [&](Endpoint& self) { return self.ask([&] { return self.remove_pool(pool); }); });
}

int32_t hexagent_endpoint_poll(hexagent_endpoint* endpoint, hexagent_endpoint_event* events,
                               uint32_t capacity) noexcept {
  return hexagent::endpoint::guard(endpoint, [&](Endpoint& self) -> int32_t {
    if (events == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
    capacity = std::min<uint32_t>(capacity, INT32_MAX);
    return static_cast<int32_t>(self.events().take(events, capacity));
  });
}

int32_t hexagent_endpoint_event_fd(hexagent_endpoint* endpoint) noexcept {
  return endpoint == nullptr ? HEXAGENT_E_ARGUMENT : endpoint->endpoint.events().descriptor();
}

hexagent_status hexagent_endpoint_reserve(hexagent_endpoint* endpoint, uint64_t transfer,
                                          const hexagent_kv_blocks* blocks) noexcept {
  return hexagent::endpoint::answer(endpoint, Command::Kind::kReserve, transfer, blocks, 0);
}

hexagent_status hexagent_endpoint_send(hexagent_endpoint* endpoint, uint64_t transfer,
                                       const hexagent_kv_blocks* blocks, uint32_t flags) noexcept {
  constexpr uint32_t kFlags = HEXAGENT_TRANSFER_LAYERWISE | HEXAGENT_TRANSFER_CHECKSUM;
  if ((flags & ~kFlags) != 0) return HEXAGENT_E_RESERVED;
  return hexagent::endpoint::answer(endpoint, Command::Kind::kSend, transfer, blocks, flags);
}

hexagent_status hexagent_endpoint_refuse(hexagent_endpoint* endpoint, uint64_t transfer,
                                         hexagent_status status) noexcept {
  return hexagent::endpoint::guard(endpoint, [&](Endpoint& self) -> hexagent_status {
    if (status >= 0) return HEXAGENT_E_ARGUMENT;
    Command command;
    command.kind = Command::Kind::kRefuse;
    command.transfer = transfer;
    command.status = status;
    return self.post(std::move(command));
  });
}

hexagent_status hexagent_endpoint_layers_ready(hexagent_endpoint* endpoint, uint64_t transfer,
                                               uint32_t layers, void* event) noexcept {
  return hexagent::endpoint::guard(endpoint, [&](Endpoint& self) {
    Command command;
    command.kind = Command::Kind::kLayersReady;
    command.transfer = transfer;
    command.layers = layers;
    command.event = event;
    return self.post(std::move(command));
  });
}

hexagent_status hexagent_endpoint_link(hexagent_endpoint* endpoint, uint32_t peer_worker,
                                       hexagent_link_estimate* out) noexcept {
  return hexagent::endpoint::guard(endpoint, [&](Endpoint& self) {
    if (out == nullptr) return hexagent_status{HEXAGENT_E_ARGUMENT};
    return self.ask([&] { return self.read_link(peer_worker, out); });
  });
}

hexagent_status hexagent_transport_load(const char* name, hexagent_transport_ops* ops,
                                        hexagent_error* error) noexcept {
  if (!hexagent::endpoint::is_usable(error)) return HEXAGENT_E_STRUCT_SIZE;
  if (name == nullptr) return HEXAGENT_E_ARGUMENT;
  hexagent_status status = hexagent::check_size(ops);
  if (status != HEXAGENT_OK) return status;
  try {
    const hexagent::transport::LoadedTransport found = hexagent::endpoint::find_transport(name);
    status = found.status;
    if (status == HEXAGENT_OK) hexagent::write_sized(found.ops, ops);
    hexagent::endpoint::explain(status, found.text, error);
  } catch (...) {
    status = HEXAGENT_E_NO_MEMORY;
    hexagent::endpoint::explain(status, hexagent::status_text(status), error);
  }
  return status;
}

}  // extern "C"
