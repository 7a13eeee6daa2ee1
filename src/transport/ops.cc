// The table of C functions: see ops.h.
#include "transport/ops.h"

#include <charconv>
#include <limits>
#include <new>

#include "core/base/check.h"
#include "core/base/sized_struct.h"
#include "core/base/time.h"

namespace hexagent {

// Sizes in version 1.0 of the transport ABI.
template <>
inline constexpr uint32_t kFirstSize<hexagent_kv_pool> = 72;
template <>
inline constexpr uint32_t kFirstSize<hexagent_kv_reservation> = 72;
template <>
inline constexpr uint32_t kFirstSize<hexagent_kv_transfer> = 104;
template <>
inline constexpr uint32_t kFirstSize<hexagent_link_estimate> = 64;
template <>
inline constexpr uint32_t kFirstSize<hexagent_transport_host> = 56;
template <>
inline constexpr uint32_t kFirstSize<hexagent_transport_config> = 56;

}  // namespace hexagent

// What the opaque handle of hexagent/transport.h is here.
struct hexagent_transport {
  hexagent::transport::Engine engine;
  bool poisoned = false;
};

namespace hexagent::transport {
namespace {

constexpr uint32_t kPeersDefault = 64;

// The only way to an engine from outside.
template <class Body>
hexagent_status guard(hexagent_transport* transport, const Body& body) noexcept {
  if (transport == nullptr) return HEXAGENT_E_ARGUMENT;
  if (transport->poisoned) return HEXAGENT_E_POISONED;
  try {
    return body(transport->engine);
  } catch (const std::bad_alloc&) {
    return HEXAGENT_E_NO_MEMORY;  // only set-up calls allocate, and do that first
  } catch (...) {
    transport->poisoned = true;
    return HEXAGENT_E_POISONED;
  }
}

void destroy(hexagent_transport* transport) noexcept {
  if (transport == nullptr) return;
  guard(transport, [](Engine& engine) {
    engine.close();
    return HEXAGENT_OK;
  });
  delete transport;
}

hexagent_status register_pool(hexagent_transport* transport, const hexagent_kv_pool* pool,
                              uint64_t* out) noexcept {
  return guard(transport, [pool, out](Engine& engine) -> hexagent_status {
    hexagent_kv_pool ours;
    const hexagent_status status = read_sized(pool, &ours);
    if (status != HEXAGENT_OK) return status;
    return out == nullptr ? HEXAGENT_E_ARGUMENT : engine.register_pool(ours, out);
  });
}

hexagent_status unregister_pool(hexagent_transport* transport, uint64_t pool) noexcept {
  return guard(transport, [pool](Engine& engine) { return engine.unregister_pool(pool); });
}

hexagent_status connect(hexagent_transport* transport, uint32_t peer_worker) noexcept {
  return guard(transport, [peer_worker](Engine& engine) { return engine.connect(peer_worker); });
}

hexagent_status disconnect(hexagent_transport* transport, uint32_t peer_worker,
                           hexagent_status status) noexcept {
  return guard(transport, [peer_worker, status](Engine& engine) {
    return engine.disconnect(peer_worker, status);
  });
}

hexagent_status control(hexagent_transport* transport, uint32_t peer_worker, const void* message,
                        size_t size) noexcept {
  return guard(transport, [peer_worker, message, size](Engine& engine) {
    return engine.control(peer_worker, message, size);
  });
}

hexagent_status reserve(hexagent_transport* transport, const hexagent_kv_reservation* wanted,
                        uint64_t* token) noexcept {
  return guard(transport, [wanted, token](Engine& engine) -> hexagent_status {
    hexagent_kv_reservation ours;
    const hexagent_status status = read_sized(wanted, &ours);
    if (status != HEXAGENT_OK) return status;
    return token == nullptr ? HEXAGENT_E_ARGUMENT : engine.reserve(ours, token);
  });
}

hexagent_status submit(hexagent_transport* transport, const hexagent_kv_transfer* wanted,
                       uint64_t* id) noexcept {
  return guard(transport, [wanted, id](Engine& engine) -> hexagent_status {
    hexagent_kv_transfer ours;
    const hexagent_status status = read_sized(wanted, &ours);
    if (status != HEXAGENT_OK) return status;
    return id == nullptr ? HEXAGENT_E_ARGUMENT : engine.submit(ours, id);
  });
}

hexagent_status layers_ready(hexagent_transport* transport, uint64_t id, uint32_t layers,
                             void* event) noexcept {
  return guard(transport, [id, layers, event](Engine& engine) {
    return engine.layers_ready(id, layers, event);
  });
}

hexagent_status reprioritise(hexagent_transport* transport, uint64_t id, uint32_t priority,
                             int64_t deadline_ns, double risk) noexcept {
  return guard(transport, [id, priority, deadline_ns, risk](Engine& engine) {
    return engine.reprioritise(id, priority, deadline_ns, risk);
  });
}

hexagent_status cancel(hexagent_transport* transport, uint32_t side, uint64_t id) noexcept {
  return guard(transport, [side, id](Engine& engine) { return engine.cancel(side, id); });
}

int32_t progress(hexagent_transport* transport, uint32_t budget, int64_t* next_timer_ns) noexcept {
  int64_t ignored = 0;
  int64_t* next_ns = next_timer_ns != nullptr ? next_timer_ns : &ignored;
  *next_ns = std::numeric_limits<int64_t>::max();
  return guard(transport,
               [budget, next_ns](Engine& engine) { return engine.progress(budget, next_ns); });
}

int32_t poll_descriptor(hexagent_transport* transport) noexcept {
  return guard(transport, [](Engine& engine) { return engine.poll_descriptor(); });
}

hexagent_status link_estimate(hexagent_transport* transport, uint32_t peer_worker,
                              hexagent_link_estimate* out) noexcept {
  return guard(transport, [peer_worker, out](Engine& engine) -> hexagent_status {
    hexagent_status status = check_size(out);
    if (status != HEXAGENT_OK) return status;
    hexagent_link_estimate ours = {};
    status = engine.link_estimate(peer_worker, &ours);
    if (status == HEXAGENT_OK) write_sized(ours, out);
    return status;
  });
}

hexagent_status check_host(const hexagent_transport_host& host) {
  if ((host.abi >> 16) != HEXAGENT_TRANSPORT_ABI_MAJOR) return HEXAGENT_E_VERSION;
  const bool whole =
      host.post_event != nullptr && host.send_control != nullptr && host.now_ns != nullptr;
  return whole ? HEXAGENT_OK : HEXAGENT_E_ARGUMENT;
}

}  // namespace

hexagent_status create_transport(const hexagent_transport_host* host,
                                 const hexagent_transport_config* config, hexagent_transport** out,
                                 hexagent_status (*make)(const TransportRequest&, Parts*)) {
  if (out == nullptr) return HEXAGENT_E_ARGUMENT;
  *out = nullptr;
  hexagent_transport_host our_host;
  hexagent_transport_config our_config;
  hexagent_status status = read_sized(host, &our_host);
  if (status == HEXAGENT_OK) status = check_host(our_host);
  if (status == HEXAGENT_OK) status = read_sized(config, &our_config);
  if (status == HEXAGENT_OK) status = Engine::config_status(our_config);
  if (status != HEXAGENT_OK) return status;
  try {
    TransportRequest request = {};
    if (our_config.options != nullptr) request.options = our_config.options;
    request.peers_max = our_config.peers_max != 0 ? our_config.peers_max : kPeersDefault;
    request.host = &our_host;
    our_config.peers_max = request.peers_max;
    our_config.options = nullptr;  // the caller's memory
    Parts parts;
    status = make(request, &parts);
    if (status != HEXAGENT_OK) return status;
    *out = new hexagent_transport{{our_host, our_config, parts.settings, std::move(parts.mover)},
                                  false};
    return HEXAGENT_OK;
  } catch (const std::bad_alloc&) {
    return HEXAGENT_E_NO_MEMORY;
  } catch (...) {
    return HEXAGENT_E_INTERNAL;
  }
}

hexagent_transport_ops make_ops(const char* name, uint64_t capabilities,
                                decltype(hexagent_transport_ops::create) create) {
  hexagent_transport_ops ops = {};
  ops.struct_size = sizeof(ops);
  ops.abi = HEXAGENT_TRANSPORT_ABI;
  ops.name = name;
  ops.capabilities = capabilities;
  ops.create = create;
  ops.destroy = destroy;
  ops.register_pool = register_pool;
  ops.unregister_pool = unregister_pool;
  ops.connect = connect;
  ops.disconnect = disconnect;
  ops.control = control;
  ops.reserve = reserve;
  ops.submit = submit;
  ops.layers_ready = layers_ready;
  ops.reprioritise = reprioritise;
  ops.cancel = cancel;
  ops.progress = progress;
  ops.poll_descriptor = poll_descriptor;
  ops.link_estimate = link_estimate;
  return ops;
}

hexagent_status check_query(uint32_t abi, const hexagent_transport_ops** out) {
  if (out == nullptr) return HEXAGENT_E_ARGUMENT;
  *out = nullptr;
  if ((abi >> 16) != HEXAGENT_TRANSPORT_ABI_MAJOR) return HEXAGENT_E_VERSION;
  return HEXAGENT_OK;
}

bool take_common_option(std::string_view key, std::string_view value, EngineSettings* settings) {
  constexpr int64_t kSilenceMaxMs = 3'600'000;
  if (key != "silence_ms") return false;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) return false;
  if (number < 1 || number > kSilenceMaxMs) return false;
  settings->silence_min_ns = number * kMillisecondNs;
  return true;
}

}  // namespace hexagent::transport
