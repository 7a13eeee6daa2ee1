// Endpoint, records of transfers: see endpoint.h.
//
// A record is made by RESERVE or SEND, asks the engine, waits for the peer, is the transport's, has
// ended, and is gone once it is quiesced. Before the transport has it, end() and settle() follow
// each other at once; afterwards both wait for the transport's word.
#include <algorithm>
#include <cmath>

#include "core/base/time.h"
#include "endpoint/endpoint.h"
#include "runtime/clock.h"

namespace hexagent::endpoint {

using control::Kind;
using control::Message;

namespace {

constexpr int64_t kAnswerMostNs = 3'600'000 * kMillisecondNs;

// What the two ends hold against each other's clocks.
int64_t to_deadline(int64_t left_ns) {
  return left_ns == 0 ? 0 : std::max<int64_t>(1, monotonic_now() + left_ns);
}

}  // namespace

// Events that live records may still cause, all of which must find room.
uint32_t Endpoint::owed() const {
  return kEventsPerTransfer * static_cast<uint32_t>(transfers_.size());
}

hexagent_endpoint_event Endpoint::event_of(uint32_t kind, uint64_t id,
                                           const Transfer& transfer) const {
  hexagent_endpoint_event event = {};
  event.kind = kind;
  event.transfer = id;
  event.workflow = transfer.workflow;
  event.call = transfer.call;
  event.tokens = transfer.tokens;
  event.cached_tokens = transfer.cached_tokens;
  event.peer_worker = transfer.peer;
  event.side = transfer.side;
  event.time_ns = monotonic_now();
  return event;
}

void Endpoint::on_asked(const Message& message, uint32_t side) {
  const uint64_t id = message.transfer;
  if (transfers_.contains(id)) return;  // no controller of ours says it twice
  Transfer transfer;
  transfer.side = side;
  transfer.peer = message.peer;
  transfer.workflow = message.workflow;
  transfer.call = message.call;
  transfer.tokens = message.tokens;
  transfer.cached_tokens = message.cached_tokens;
  transfer.answer_ns = std::clamp<int64_t>(message.duration_ns, 0, kAnswerMostNs);
  begin_wait(&transfer);
  transfer.token = message.token;
  transfer.priority = message.priority;
  transfer.deadline_ns = to_deadline(message.deadline_ns);
  transfer.risk = message.risk;
  const bool full = transfers_.size() >= 2 * size_t{settings_.transfers_max} ||
                    events_.room() < owed() + kEventsPerTransfer;
  const uint32_t kind =
      side == HEXAGENT_TRANSFER_TARGET ? HEXAGENT_ENDPOINT_RESERVE : HEXAGENT_ENDPOINT_SEND;
  if (full) {
    // The engine has not heard of it, so it need not hear of the end.
    Message ended;
    ended.kind = Kind::kEnded;
    ended.transfer = id;
    ended.side = static_cast<uint8_t>(side);
    ended.status = HEXAGENT_E_FULL;
    link_.send(ended);
    return tell_quiesced(id, side);
  }
  events_.push(event_of(kind, id, transfer));
  transfers_[id] = std::move(transfer);
  need_peer(message.peer, message.peer_incarnation);
  expire_questions();
}

// A question, or layers that a LAYERWISE source has not named ready.
bool Endpoint::owes_answer(const Transfer& transfer) {
  if (transfer.step == Step::kAsked) return true;
  const bool lives = transfer.step != Step::kEnded && transfer.wanted_end == HEXAGENT_OK;
  return lives && transfer.layers_ready < transfer.layers_owed;
}

void Endpoint::begin_wait(Transfer* transfer) {
  transfer->answer_by_ns =
      transfer->answer_ns > 0 ? monotonic_now() + transfer->answer_ns : INT64_MAX;
}

// An engine that does not answer must hold up neither the other end nor the call: what it was asked
// ends, and its answer, should it come, is one to what has ended.
void Endpoint::expire_questions() {
  const int64_t now = monotonic_now();
  int64_t next_ns = INT64_MAX;
  for (auto at = transfers_.begin(); at != transfers_.end();) {
    const auto& [id, transfer] = *at++;  // failing it erases it
    if (!owes_answer(transfer)) continue;
    if (transfer.answer_by_ns <= now) {
      withdraw(id, HEXAGENT_E_TIMEOUT);
    } else {
      next_ns = std::min(next_ns, transfer.answer_by_ns);
    }
  }
  if (next_ns == INT64_MAX) return;
  // Rounded up: a timer that fires too early would only fire again.
  uv_timer_start(
      &answer_timer_,
      [](uv_timer_t* timer) { static_cast<Endpoint*>(timer->data)->on_answer_time(); },
      static_cast<uint64_t>((next_ns - now + kMillisecondNs - 1) / kMillisecondNs), 0);
}

void Endpoint::need_peer(uint32_t worker, uint64_t incarnation) {
  Peer& peer = peers_[worker];
  if (peer.state != PeerState::kDown && peer.incarnation != 0 && incarnation != 0 &&
      peer.incarnation != incarnation) {
    // We are still connected to its earlier life.
    port_.ops().disconnect(port_.get(), worker, HEXAGENT_E_PEER);
    peer.state = PeerState::kDown;
  }
  peer.incarnation = incarnation;
  if (peer.state == PeerState::kDown) {
    if (port_.ops().connect(port_.get(), worker) == HEXAGENT_OK) {
      peer.state = PeerState::kConnecting;
    } else {
      on_peer(worker, PeerState::kDown, HEXAGENT_E_FULL);
    }
  }
  port_.stir();
}

void Endpoint::on_peer(uint32_t worker, PeerState state, hexagent_status status) {
  Peer& peer = peers_[worker];
  // The end of a connection that we have replaced meanwhile.
  const bool is_old = state == PeerState::kDown && peer.state == PeerState::kConnecting &&
                      status == HEXAGENT_E_PEER;
  if (is_old) {
    peer.state = PeerState::kDown;
    return need_peer(worker, peer.incarnation);
  }
  peer.state = state;
  std::vector<uint64_t> waiting;
  for (const auto& [id, transfer] : transfers_) {
    if (transfer.peer == worker && transfer.step == Step::kWaiting) waiting.push_back(id);
  }
  for (const uint64_t id : waiting) {
    if (state == PeerState::kUp) {
      move(id, &transfers_.at(id));
    } else {
      fail_now(id, status);
    }
  }
}

// The controller says that its process, or its way to us, is gone.
void Endpoint::lose_peer(uint32_t worker) {
  Peer& peer = peers_[worker];
  if (peer.state != PeerState::kDown) {
    port_.ops().disconnect(port_.get(), worker, HEXAGENT_E_PEER);
  }
  peer.state = PeerState::kDown;
  std::vector<uint64_t> early;
  for (const auto& [id, transfer] : transfers_) {
    const bool is_early = transfer.step == Step::kAsked || transfer.step == Step::kWaiting;
    if (transfer.peer == worker && is_early) early.push_back(id);
  }
  for (const uint64_t id : early) fail_now(id, HEXAGENT_E_PEER);
  port_.stir();
}

void Endpoint::lose_all_peers() {
  std::vector<uint32_t> workers;
  for (const auto& [worker, peer] : peers_) workers.push_back(worker);
  for (const uint32_t worker : workers) lose_peer(worker);
}

void Endpoint::on_answer(Command* command) {
  const auto found = transfers_.find(command->transfer);
  if (found == transfers_.end()) return;
  Transfer& transfer = found->second;
  const bool is_reserve = command->kind == Command::Kind::kReserve;
  // Ended meanwhile, answered before, or the answer to another question.
  if (transfer.step != Step::kAsked || is_reserve != (transfer.side == HEXAGENT_TRANSFER_TARGET)) {
    return;
  }
  transfer.blocks = command->blocks;
  transfer.ids = std::move(command->ids);
  transfer.blocks.blocks = transfer.ids.data();
  transfer.flags = command->flags;
  const hexagent_status status = uses_.claim(transfer.blocks.pool, transfer.ids, is_reserve);
  if (status != HEXAGENT_OK) return fail_now(command->transfer, status);
  transfer.claimed = true;
  transfer.step = Step::kWaiting;
  if (!is_reserve && (transfer.flags & HEXAGENT_TRANSFER_LAYERWISE) != 0) {
    const hexagent_kv_blocks& blocks = transfer.blocks;
    const uint32_t layers = pool_layers_.at(blocks.pool);
    transfer.layers_owed = blocks.layer_count != 0 ? blocks.layer_count
                                                   : layers - std::min(layers, blocks.first_layer);
    if (transfer.layers_ready > transfer.layers_owed) transfer.layers_ready = 0;  // out of range
    begin_wait(&transfer);
    expire_questions();
  }
  const Peer& peer = peers_[transfer.peer];
  if (peer.state == PeerState::kUp) return move(command->transfer, &transfer);
  need_peer(transfer.peer, peer.incarnation);
}

void Endpoint::on_layers_ready(const Command& command) {
  const auto found = transfers_.find(command.transfer);
  if (found == transfers_.end()) return;
  Transfer& transfer = found->second;
  const bool is_asked = transfer.step == Step::kAsked;
  if (command.layers <= transfer.layers_ready) return;
  if (!is_asked && command.layers > transfer.layers_owed) return;
  transfer.layers_ready = command.layers;
  transfer.event = command.event;
  if (!is_asked) begin_wait(&transfer);
  if (transfer.step == Step::kMoving && transfer.side == HEXAGENT_TRANSFER_SOURCE) {
    port_.ops().layers_ready(port_.get(), transfer.handle, command.layers, command.event);
    port_.stir();
  }
}

void Endpoint::on_urgency(const Message& message) {
  const auto found = transfers_.find(message.transfer);
  if (found == transfers_.end()) return;
  Transfer& transfer = found->second;
  transfer.priority = message.priority;
  transfer.deadline_ns = to_deadline(message.deadline_ns);
  transfer.risk = message.risk;
  if (transfer.step == Step::kMoving && transfer.side == HEXAGENT_TRANSFER_SOURCE) {
    port_.ops().reprioritise(port_.get(), transfer.handle, transfer.priority, transfer.deadline_ns,
                             transfer.risk);
  }
}

// By the controller or the engine.
void Endpoint::withdraw(uint64_t id, hexagent_status status) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end() || found->second.step == Step::kEnded) return;
  Transfer& transfer = found->second;
  if (transfer.step != Step::kMoving) return fail_now(id, status);
  if (transfer.wanted_end == HEXAGENT_OK) transfer.wanted_end = status;
  // When it has ended already its event is under way.
  port_.ops().cancel(port_.get(), transfer.side, transfer.handle);
  port_.stir();
}

void Endpoint::move(uint64_t id, Transfer* transfer) {
  const bool is_target = transfer->side == HEXAGENT_TRANSFER_TARGET;
  const hexagent_status status = is_target ? reserve(id, transfer) : submit(id, transfer);
  if (status != HEXAGENT_OK) return fail_now(id, status);
  transfer->step = Step::kMoving;
  if (is_target) {
    Message reserved;
    reserved.kind = Kind::kReserved;
    reserved.transfer = id;
    reserved.token = transfer->handle;
    link_.send(reserved);
  } else if (transfer->layers_ready > 0 && (transfer->flags & HEXAGENT_TRANSFER_LAYERWISE) != 0) {
    port_.ops().layers_ready(port_.get(), transfer->handle, transfer->layers_ready,
                             transfer->event);
  }
  port_.stir();
}

hexagent_status Endpoint::reserve(uint64_t id, Transfer* transfer) {
  hexagent_kv_reservation wanted = {};
  wanted.struct_size = sizeof(wanted);
  wanted.peer_worker = transfer->peer;
  wanted.target = transfer->blocks;
  wanted.user_data = id;
  return port_.ops().reserve(port_.get(), &wanted, &transfer->handle);
}

hexagent_status Endpoint::submit(uint64_t id, Transfer* transfer) {
  hexagent_kv_transfer wanted = {};
  wanted.struct_size = sizeof(wanted);
  wanted.flags = transfer->flags;
  wanted.peer_worker = transfer->peer;
  wanted.priority = transfer->priority;
  wanted.source = transfer->blocks;
  wanted.token = transfer->token;
  wanted.deadline_ns = transfer->deadline_ns;
  wanted.risk = transfer->risk;
  wanted.workflow = transfer->workflow;
  wanted.user_data = id;
  return port_.ops().submit(port_.get(), &wanted, &transfer->handle);
}

// Ends what the transport does not have.
void Endpoint::fail_now(uint64_t id, hexagent_status status) {
  end(id, &transfers_.at(id), status, nullptr);
  settle(id);
}

void Endpoint::end(uint64_t id, Transfer* transfer, hexagent_status status,
                   const hexagent_transfer_event* event) {
  if (transfer->step == Step::kEnded) return;
  transfer->step = Step::kEnded;
  // It was cancelled because something else had happened; that is the cause.
  if (status == HEXAGENT_E_CANCELLED && transfer->wanted_end != HEXAGENT_OK) {
    status = transfer->wanted_end;
  }
  hexagent_endpoint_event told = event_of(
      status == HEXAGENT_OK ? HEXAGENT_ENDPOINT_DONE : HEXAGENT_ENDPOINT_FAILED, id, *transfer);
  Message ended;
  ended.kind = Kind::kEnded;
  ended.transfer = id;
  ended.side = static_cast<uint8_t>(transfer->side);
  ended.status = told.status = status;
  if (event != nullptr) {
    ended.bytes = told.bytes = event->bytes;
    ended.layers = told.layers = event->layers;
    told.begin_ns = event->begin_ns;
    ended.duration_ns = std::max<int64_t>(0, event->time_ns - event->begin_ns);
  }
  events_.push(told);
  if (transfer->side == HEXAGENT_TRANSFER_SOURCE) tell_link(transfer->peer);
  link_.send(ended);
}

void Endpoint::settle(uint64_t id) {
  const Transfer transfer = std::move(transfers_.at(id));
  transfers_.erase(id);
  const bool is_target = transfer.side == HEXAGENT_TRANSFER_TARGET;
  if (transfer.claimed) uses_.release(transfer.blocks.pool, transfer.ids, is_target);
  events_.push(event_of(HEXAGENT_ENDPOINT_QUIESCED, id, transfer));
  tell_quiesced(id, transfer.side);
}

void Endpoint::tell_quiesced(uint64_t id, uint32_t side) {
  Message message;
  message.kind = Kind::kQuiesced;
  message.transfer = id;
  message.side = static_cast<uint8_t>(side);
  link_.send(message);
  quiesced_.emplace_back(id, side);
  if (quiesced_.size() > 2 * size_t{settings_.transfers_max}) quiesced_.pop_front();
}

void Endpoint::tell_progress(uint64_t id, const Transfer& transfer,
                             const hexagent_transfer_event& event) {
  if (transfer.side != HEXAGENT_TRANSFER_TARGET) return;
  Message message;
  message.kind = Kind::kProgress;
  message.transfer = id;
  message.bytes = event.bytes;
  message.layers = event.layers;
  link_.send(message, control::Connection::kRelayLimit);  // the next will tell more
  if (events_.room() <= owed()) return;
  hexagent_endpoint_event told = event_of(HEXAGENT_ENDPOINT_PROGRESS, id, transfer);
  told.bytes = event.bytes;
  told.layers = event.layers;
  told.begin_ns = event.begin_ns;
  events_.push(told);
}

void Endpoint::tell_link(uint32_t peer) {
  hexagent_link_estimate link = {};
  link.struct_size = sizeof(link);
  if (read_link(peer, &link) != HEXAGENT_OK || link.transfers == 0) return;
  // What is no number at all would cost us the connection; a transport that says so says nothing.
  if (!std::isfinite(link.bytes_per_s) || link.bytes_per_s < 0.0) return;
  if (link.setup_ns < 0 || link.queue_ns < 0) return;
  Message message;
  message.kind = Kind::kLink;
  message.peer = peer;
  message.bytes_per_s = link.bytes_per_s;
  message.setup_ns = link.setup_ns;
  message.queue_ns = link.queue_ns;
  message.queued_bytes = link.queued_bytes;
  message.bytes = link.bytes;
  message.transfers = link.transfers;
  message.failures = link.failures;
  link_.send(message, control::Connection::kRelayLimit);
}

}  // namespace hexagent::endpoint
