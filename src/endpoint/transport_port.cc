// A transport on a libuv loop: see transport_port.h.
#include "endpoint/transport_port.h"

#include <algorithm>

#include "core/base/time.h"
#include "runtime/clock.h"

namespace hexagent::endpoint {
namespace {

// Copies between two looks at the sockets. Host transports copy inside progress().
constexpr uint32_t kCopiesPerTurn = 2;

TransportPort* port_of(void* data) { return static_cast<TransportPort*>(data); }

}  // namespace

hexagent_status TransportPort::open(uv_loop_t* loop, const hexagent_transport_config& config) {
  hexagent_status status = status_of_uv(
      uv_async_init(loop, &wake_, [](uv_async_t* handle) { port_of(handle->data)->stir(); }));
  if (status != HEXAGENT_OK) return status;
  uv_timer_init(loop, &timer_);
  uv_idle_init(loop, &idle_);
  wake_.data = timer_.data = idle_.data = poll_.data = this;
  open_ = true;
  hexagent_transport_host host = {};
  host.struct_size = sizeof(host);
  host.abi = HEXAGENT_TRANSPORT_ABI;
  host.context = this;
  host.post_event = [](void* self, const hexagent_transfer_event* event) -> hexagent_status {
    try {
      port_of(self)->inbox_.push_back(*event);
    } catch (...) {
      return HEXAGENT_E_AGAIN;
    }
    return HEXAGENT_OK;
  };
  host.send_control = [](void* self, uint32_t peer, const void* message, size_t size) {
    const hexagent_status sent = port_of(self)->owner_->send_to_peer(peer, message, size);
    if (sent == HEXAGENT_E_AGAIN) port_of(self)->send_again_ = true;
    return sent;
  };
  host.now_ns = [](void*) -> int64_t { return monotonic_now(); };
  host.wake = [](void* self) { uv_async_send(&port_of(self)->wake_); };
  status = ops_.create(&host, &config, &transport_);
  if (status != HEXAGENT_OK) return status;
  const int descriptor = ops_.poll_descriptor == nullptr ? -1 : ops_.poll_descriptor(transport_);
  if (descriptor < 0) return HEXAGENT_OK;
  status = status_of_uv(uv_poll_init(loop, &poll_, descriptor));
  if (status != HEXAGENT_OK) return status;
  poll_.data = this;
  polling_ = true;
  return status_of_uv(uv_poll_start(
      &poll_, UV_READABLE, [](uv_poll_t* handle, int, int) { port_of(handle->data)->stir(); }));
}

void TransportPort::close() {
  if (!open_) return;
  open_ = false;
  // First: the descriptor is the transport's.
  if (polling_) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), nullptr);
  if (transport_ != nullptr) ops_.destroy(transport_);
  transport_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle_), nullptr);
}

void TransportPort::stir() {
  if (!open_ || uv_is_active(reinterpret_cast<uv_handle_t*>(&idle_)) != 0) return;
  uv_idle_start(&idle_, [](uv_idle_t* handle) { port_of(handle->data)->turn(); });
}

void TransportPort::turn() {
  int64_t next_ns = INT64_MAX;
  send_again_ = false;
  const int32_t done = ops_.progress(transport_, kCopiesPerTurn, &next_ns);
  const bool told = !inbox_.empty();
  hand_on();
  if (open_ && done < 0) return owner_->on_transport_broken();
  if (!open_ || done > 0 || told) return;  // another turn
  uv_idle_stop(&idle_);
  arm(send_again_ ? monotonic_now() + kMillisecondNs : next_ns);
}

void TransportPort::hand_on() {
  while (!inbox_.empty()) {
    std::swap(inbox_, handing_);
    for (const hexagent_transfer_event& event : handing_) owner_->on_transport_event(event);
    handing_.clear();
  }
}

void TransportPort::arm(int64_t next_ns) {
  if (next_ns == INT64_MAX) {
    uv_timer_stop(&timer_);
    return;
  }
  const int64_t wait_ns =
      std::clamp<int64_t>(next_ns - monotonic_now(), 0, 3'600'000 * kMillisecondNs);
  // Rounded up: a timer that fires too early would only fire again.
  uv_timer_start(
      &timer_, [](uv_timer_t* handle) { port_of(handle->data)->stir(); },
      static_cast<uint64_t>((wait_ns + kMillisecondNs - 1) / kMillisecondNs), 0);
}

}  // namespace hexagent::endpoint
