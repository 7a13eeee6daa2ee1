// Controller, who is connected: see controller.h.
#include "controller/controller.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "core/base/status.h"
#include "runtime/clock.h"

namespace hexagent::controller {

using control::Connection;
using control::Kind;
using control::Message;

namespace {

uint32_t worker_of(const Connection* connection) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(connection->tag));
}

}  // namespace

int Controller::open(uv_loop_t* loop) {
  if (!control::draw(&session_)) return EIO;
  const auto knock = [](void* self) {
    try {
      static_cast<Controller*>(self)->on_knock();
    } catch (...) {  // no memory: that caller is not let in
    }
  };
  int error = 0;
  listener_ = Listener::make(loop, settings_.address, knock, this, &error);
  if (listener_ == nullptr) return error;
  uv_timer_init(loop, &timer_);
  timer_.data = this;
  return -uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        try {
          static_cast<Controller*>(timer->data)->sweep();
        } catch (...) {  // no memory: the next sweep tries again
        }
      },
      settings_.sweep_ms, settings_.sweep_ms);
}

void Controller::close() {
  if (listener_ == nullptr) return;
  listener_->close();
  listener_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  for (const auto& [connection, caller] : callers_) connection->close();
  callers_.clear();
  for (auto& [worker, endpoint] : endpoints_) {
    if (endpoint.connection != nullptr) endpoint.connection->close();
    endpoint.connection = nullptr;
  }
}

void Controller::on_knock() {
  Connection* connection = listener_->take(this);
  if (connection == nullptr) return;
  control::Nonce nonce;
  if (callers_.size() >= settings_.callers_max || !control::draw(&nonce)) {
    refuse(connection, HEXAGENT_E_FULL);
    return;
  }
  try {
    callers_[connection] = {nonce, monotonic_now()};
  } catch (...) {
    connection->close();
    throw;
  }
  connection->send(control::make_challenge(nonce));
}

void Controller::refuse(Connection* connection, hexagent_status status) {
  count_status(status, &counts_.refused);
  Message refused;
  refused.kind = Kind::kRefused;
  refused.status = status;
  refused.text = status_text(status);
  connection->send(refused);
  connection->close_after_sending();
}

void Controller::on_message(Connection* connection, const Message& message) {
  if (callers_.contains(connection)) {
    on_hello(connection, message);
  } else {
    hear(worker_of(connection), message);
  }
}

hexagent_status Controller::admit(const Message& hello) const {
  const auto known = endpoints_.find(hello.worker);
  if (known == endpoints_.end()) {
    return endpoints_.size() < settings_.endpoints_max ? HEXAGENT_OK : HEXAGENT_E_FULL;
  }
  // An earlier life of that process, held up somewhere, must not take the place of the present one.
  return hello.incarnation < known->second.incarnation ? HEXAGENT_E_STALE : HEXAGENT_OK;
}

void Controller::on_hello(Connection* connection, const Message& hello) {
  const control::Nonce nonce = callers_.at(connection).nonce;
  callers_.erase(connection);
  hexagent_status status = HEXAGENT_E_SECRET;  // whoever says something else first
  if (hello.kind == Kind::kHello) status = control::check_hello(settings_.secret, nonce, hello);
  if (status == HEXAGENT_OK) status = admit(hello);
  if (status != HEXAGENT_OK) return refuse(connection, status);
  const uint32_t worker = hello.worker;
  // Also when it is the same life: what the old connection had under way is lost with it.
  lose(worker, HEXAGENT_E_PEER);
  Endpoint& endpoint = endpoints_[worker];
  if (hello.incarnation != endpoint.incarnation) settle_all_of(worker, HEXAGENT_E_PEER);
  endpoint.incarnation = hello.incarnation;
  endpoint.connection = connection;
  connection->tag = reinterpret_cast<void*>(uintptr_t{worker});
  connection->send(control::make_welcome(settings_.secret, nonce, hello, session_));
  events_->on_endpoint_connected(worker, hello.incarnation);
}

void Controller::on_lost(Connection* connection, hexagent_status status) {
  if (callers_.erase(connection) > 0) return;
  count_status(status, &counts_.lost);
  endpoints_[worker_of(connection)].connection = nullptr;  // it closes itself
  Endpoint& endpoint = endpoints_[worker_of(connection)];
  endpoint.lost_ns = monotonic_now();
  const uint32_t worker = worker_of(connection);
  Message lost;
  lost.kind = Kind::kPeerLost;
  lost.peer = worker;
  lost.status = HEXAGENT_E_PEER;
  const std::set<uint32_t> peers = std::move(endpoint.peers);
  endpoint.peers.clear();
  for (const uint32_t peer : peers) {
    endpoints_[peer].peers.erase(worker);
    tell(peer, lost);
  }
  fail_all_of(worker, HEXAGENT_E_PEER);
  events_->on_endpoint_lost(worker, endpoints_[worker].incarnation, status);
}

// Ends the connection of a worker, if it has one.
void Controller::lose(uint32_t worker, hexagent_status status) {
  const auto found = endpoints_.find(worker);
  if (found == endpoints_.end() || found->second.connection == nullptr) return;
  Connection* connection = found->second.connection;
  connection->close();
  on_lost(connection, status);
}

bool Controller::tell(uint32_t worker, const Message& message) {
  const auto found = endpoints_.find(worker);
  if (found == endpoints_.end() || found->second.connection == nullptr) return false;
  // Who lets so much pile up has stopped reading. The next sweep ends it: not from within a send.
  return found->second.connection->send(message);
}

void Controller::hear(uint32_t worker, const Message& message) {
  switch (message.kind) {
    case Kind::kReserved:
      return on_reserved(worker, message);
    case Kind::kEnded:
      return on_ended(worker, message);
    case Kind::kQuiesced:
      return on_quiesced(worker, message);
    case Kind::kProgress:
      if (find_of(worker, message.transfer, HEXAGENT_TRANSFER_TARGET) != nullptr) {
        events_->on_transfer_progress(message.transfer, message.bytes, message.layers);
      }
      return;
    case Kind::kLink:
      return events_->on_link_measured({worker, message.peer, message.bytes_per_s, message.setup_ns,
                                        message.queue_ns, message.queued_bytes, message.bytes,
                                        message.transfers, message.failures});
    case Kind::kRelay:
      return relay(worker, message);
    case Kind::kPing:
      return;
    default:  // nothing that an endpoint says
      return lose(worker, HEXAGENT_E_DAMAGED);
  }
}

// In order, unchanged and without gaps, or the receiver's connection ends.
void Controller::relay(uint32_t from, const Message& message) {
  Message forward;
  forward.kind = Kind::kRelay;
  forward.peer = from;
  forward.payload = message.payload;
  forward.payload_size = message.payload_size;
  if (from != message.peer && tell(message.peer, forward)) {
    endpoints_[from].peers.insert(message.peer);
    endpoints_[message.peer].peers.insert(from);
    ++counts_.relayed_messages;
    counts_.relayed_bytes += message.payload_size;
    return;
  }
  Message lost;
  lost.kind = Kind::kPeerLost;
  lost.peer = message.peer;
  lost.status = HEXAGENT_E_PEER;
  tell(from, lost);
  lose(message.peer, HEXAGENT_E_PEER);
}

ControllerCounts Controller::counts() const {
  ControllerCounts counts = counts_;
  for (const auto& [worker, endpoint] : endpoints_) {
    if (endpoint.connection != nullptr) ++counts.endpoints_connected;
  }
  counts.transfers_live = transfers_.size();
  for (const auto& [id, transfer] : transfers_) {
    if (transfer.ended) ++counts.transfers_quiescing;
  }
  return counts;
}

void Controller::sweep_callers(int64_t now) {
  std::vector<Connection*> late;
  for (const auto& [connection, caller] : callers_) {
    if (now - caller.since_ns > settings_.silence_ns) late.push_back(connection);
  }
  for (Connection* connection : late) {
    callers_.erase(connection);
    refuse(connection, HEXAGENT_E_TIMEOUT);
  }
}

void Controller::sweep() {
  const int64_t now = monotonic_now();
  sweep_callers(now);
  Message ping;
  ping.kind = Kind::kPing;
  std::vector<uint32_t> silent;
  std::vector<uint32_t> gone;
  for (auto& [worker, endpoint] : endpoints_) {
    if (endpoint.connection == nullptr) {
      if (now - endpoint.lost_ns > settings_.grace_ns) gone.push_back(worker);
      continue;
    }
    const bool due = now - endpoint.connection->sent_ns > settings_.ping_ns;
    const bool full = endpoint.connection->is_broken() || (due && !endpoint.connection->send(ping));
    if (full || now - endpoint.connection->heard_ns > settings_.silence_ns) {
      silent.push_back(worker);
    }
  }
  for (const uint32_t worker : silent) lose(worker, HEXAGENT_E_TIMEOUT);
  for (const uint32_t worker : gone) settle_all_of(worker, HEXAGENT_E_TIMEOUT);
}

}  // namespace hexagent::controller
