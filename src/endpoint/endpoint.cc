// Endpoint, life and commands: see endpoint.h.
#include "endpoint/endpoint.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "runtime/clock.h"

namespace hexagent::endpoint {

using control::Kind;
using control::Message;

namespace {

constexpr uint32_t kCommandsBeside = 64;
constexpr uint32_t kEventsBeside = 64;

hexagent_transport_config with_options(const EndpointSettings& settings) {
  hexagent_transport_config config = settings.transport;
  config.options = settings.options.empty() ? nullptr : settings.options.c_str();
  return config;
}

}  // namespace

// Twice as many events as live transfers can owe: those of the dead may wait to be polled.
Endpoint::Endpoint(const EndpointSettings& settings)
    : settings_(settings),
      events_(2 * kEventsPerTransfer * 2 * settings.transfers_max + kEventsBeside),
      commands_(8 * settings.transfers_max + kCommandsBeside),
      port_(settings_.ops, this),
      link_(settings_.link, this) {}

hexagent_status Endpoint::start() {
  hexagent_status status = status_of_uv(uv_loop_init(&loop_));
  if (status != HEXAGENT_OK) return status;
  status = status_of_uv(uv_async_init(
      &loop_, &wake_, [](uv_async_t* handle) { static_cast<Endpoint*>(handle->data)->work(); }));
  if (status == HEXAGENT_OK) {
    wake_.data = answer_timer_.data = this;
    uv_timer_init(&loop_, &answer_timer_);
    status = start_thread();
    if (status == HEXAGENT_OK) return status;
    shut();
  }
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
  return status;
}

hexagent_status Endpoint::start_thread() {
  const hexagent_status status = port_.open(&loop_, with_options(settings_));
  if (status != HEXAGENT_OK) return status;
  link_.open(&loop_);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int answer = uv_thread_create(
      &thread_, [](void* self) { static_cast<Endpoint*>(self)->run(); }, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status_of_uv(answer);
}

void Endpoint::stop() {
  stop_.store(true, std::memory_order_release);
  uv_async_send(&wake_);
  uv_thread_join(&thread_);
  // Not at the thread's end: it may have seen stop_ before the wake-up is sent (loop_thread.cc).
  uv_loop_close(&loop_);
}

void Endpoint::run() noexcept {
  pthread_setname_np(pthread_self(), "hexagent-kv");
  uv_run(&loop_, UV_RUN_DEFAULT);  // until shut()
}

// Closes everything; the loop ends when that is done. Questions find an end.
void Endpoint::shut() {
  if (shut_) return;
  shut_ = true;
  link_.close();
  port_.close();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&answer_timer_), nullptr);
  commands_.close();
  Command command;
  while (commands_.pop(&command)) {
    if (command.question != nullptr) command.question->answer();
  }
}

// Want of memory in the middle of something. The transport is told to end, so that no block is
// touched any more; the thread stays for those who ask.
void Endpoint::poison() noexcept {
  poisoned_.store(true, std::memory_order_release);
  link_.close();
  port_.close();
  uv_timer_stop(&answer_timer_);
  events_.wake_consumer();
}

template <class Body>
void Endpoint::guarded(Body&& body) noexcept {
  if (poisoned_.load(std::memory_order_relaxed) || shut_) return;
  try {
    body();
  } catch (...) {
    poison();
  }
}

void Endpoint::on_answer_time() noexcept {
  guarded([&] { expire_questions(); });
}

// libuv may merge several wake-ups into one, so: all of them.
void Endpoint::work() noexcept {
  if (stop_.load(std::memory_order_acquire)) return shut();
  Command command;
  while (commands_.pop(&command)) {
    if (command.question != nullptr) {
      command.question->answer();
    } else {
      guarded([&] { apply(&command); });
    }
  }
  if (!poisoned_.load(std::memory_order_relaxed)) port_.stir();
}

hexagent_status Endpoint::post(Command&& command) {
  if (is_poisoned()) return HEXAGENT_E_POISONED;
  if (!commands_.push(std::move(command))) return HEXAGENT_E_AGAIN;
  uv_async_send(&wake_);
  return HEXAGENT_OK;
}

void Endpoint::apply(Command* command) {
  switch (command->kind) {
    case Command::Kind::kReserve:
    case Command::Kind::kSend:
      return on_answer(command);
    case Command::Kind::kRefuse:
      return withdraw(command->transfer, command->status);
    case Command::Kind::kLayersReady:
      return on_layers_ready(*command);
    case Command::Kind::kQuestion:
      return;
  }
}

hexagent_status Endpoint::add_pool(const hexagent_kv_pool* pool, uint64_t* out) {
  const hexagent_status status = port_.ops().register_pool(port_.get(), pool, out);
  if (status != HEXAGENT_OK) return status;
  try {
    uses_.add_pool(*out, pool->block_count);
    pool_layers_[*out] = pool->layer_count;
  } catch (...) {
    uses_.remove_pool(*out);
    port_.ops().unregister_pool(port_.get(), *out);
    throw;
  }
  return HEXAGENT_OK;
}

hexagent_status Endpoint::remove_pool(uint64_t pool) {
  for (const auto& [id, transfer] : transfers_) {
    if (transfer.claimed && transfer.blocks.pool == pool) return HEXAGENT_E_STATE;
  }
  const hexagent_status status = port_.ops().unregister_pool(port_.get(), pool);
  if (status != HEXAGENT_OK) return status;
  uses_.remove_pool(pool);
  pool_layers_.erase(pool);
  return status;
}

hexagent_status Endpoint::read_link(uint32_t peer, hexagent_link_estimate* out) {
  if (port_.ops().link_estimate == nullptr) return HEXAGENT_E_UNSUPPORTED;
  return port_.ops().link_estimate(port_.get(), peer, out);
}

void Endpoint::on_controller_up(uint64_t session) {
  guarded([&] {
    if (session != session_) quiesced_.clear();
    session_ = session;
    down_told_ = HEXAGENT_OK;
    for (const auto& [id, side] : quiesced_) {
      Message message;
      message.kind = Kind::kQuiesced;
      message.transfer = id;
      message.side = static_cast<uint8_t>(side);
      link_.send(message);
    }
    hexagent_endpoint_event event = {};
    event.kind = HEXAGENT_ENDPOINT_CONNECTED;
    event.time_ns = monotonic_now();
    if (events_.room() > owed()) events_.push(event);
  });
}

// Nothing reaches the peers any more either: their words come by the controller.
void Endpoint::on_controller_down(hexagent_status status, uint32_t attempt) {
  guarded([&] {
    if (attempt == 0) lose_all_peers();
    if (attempt != 0 && status == down_told_) return;
    down_told_ = status;
    hexagent_endpoint_event event = {};
    event.kind = HEXAGENT_ENDPOINT_DISCONNECTED;
    event.status = status;
    event.attempt = attempt;
    event.time_ns = monotonic_now();
    if (events_.room() > owed()) events_.push(event);
  });
}

void Endpoint::on_controller_message(const Message& message) {
  guarded([&] {
    switch (message.kind) {
      case Kind::kReserve:
        return on_asked(message, HEXAGENT_TRANSFER_TARGET);
      case Kind::kSend:
        return on_asked(message, HEXAGENT_TRANSFER_SOURCE);
      case Kind::kUrgency:
        return on_urgency(message);
      case Kind::kCancel:
        return withdraw(message.transfer, message.status);
      case Kind::kPeerLost:
        return lose_peer(message.peer);
      case Kind::kRelay: {
        // What cannot be right the transport drops by itself.
        const hexagent_status status =
            port_.ops().control(port_.get(), message.peer, message.payload, message.payload_size);
        if (status == HEXAGENT_E_NO_MEMORY || status == HEXAGENT_E_POISONED) return poison();
        return port_.stir();
      }
      default:
        return;  // a ping, or what a later controller says beside what we know
    }
  });
}

void Endpoint::on_transport_event(const hexagent_transfer_event& event) {
  guarded([&] {
    switch (event.kind) {
      case HEXAGENT_TRANSFER_PEER_UP:
        return on_peer(event.peer_worker, PeerState::kUp, HEXAGENT_OK);
      case HEXAGENT_TRANSFER_PEER_DOWN:
        return on_peer(event.peer_worker, PeerState::kDown, event.status);
      default:
        break;
    }
    const auto found = transfers_.find(event.user_data);
    if (found == transfers_.end()) return;
    Transfer& transfer = found->second;
    switch (event.kind) {
      case HEXAGENT_TRANSFER_CHUNK:
        return tell_progress(event.user_data, transfer, event);
      case HEXAGENT_TRANSFER_DONE:
      case HEXAGENT_TRANSFER_FAILED:
        return end(event.user_data, &transfer, event.status, &event);
      case HEXAGENT_TRANSFER_QUIESCED:
        return settle(event.user_data);
      default:
        return;
    }
  });
}

hexagent_status Endpoint::send_to_peer(uint32_t peer, const void* message, size_t size) {
  Message relay;
  relay.kind = Kind::kRelay;
  relay.peer = peer;
  relay.payload = static_cast<const uint8_t*>(message);
  relay.payload_size = static_cast<uint32_t>(size);
  if (!link_.is_up()) return HEXAGENT_E_PEER;
  return link_.send(relay, control::Connection::kRelayLimit) ? HEXAGENT_OK : HEXAGENT_E_AGAIN;
}

}  // namespace hexagent::endpoint
