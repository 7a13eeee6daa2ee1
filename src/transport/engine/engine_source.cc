// Engine: the source's side. See engine.h.
#include <algorithm>

#include "core/base/check.h"
#include "core/base/time.h"
#include "transport/engine/engine.h"
#include "transport/engine/ticket.h"

namespace hexagent::transport {
namespace {

constexpr int64_t kSilenceFactor = 10;  // times the expected time of a chunk
constexpr uint32_t kLentMax = 2;        // the chunk that the target reads and the next

uint32_t layer_count(const WireShape& wire) { return wire.region_count / wire.regions_per_layer; }

// Layers that must be ready before a chunk may leave.
uint32_t layers_needed(const Transfer& transfer, uint32_t chunk) {
  const uint64_t last = transfer.chunking.end(chunk) - 1;
  const uint64_t region = last / transfer.wire.block_count;
  return static_cast<uint32_t>(region / transfer.wire.regions_per_layer) + 1;
}

bool can_send(const Transfer& transfer) {
  return transfer.next_chunk < transfer.chunking.chunk_count &&
         layers_needed(transfer, transfer.next_chunk) <= transfer.layers_ready;
}

bool waits_for_layers(const Transfer& transfer) {
  return transfer.next_chunk < transfer.chunking.chunk_count && !can_send(transfer);
}

uint64_t chunk_payload(const Transfer& transfer, uint32_t chunk) {
  return payload_bytes(transfer.wire, transfer.chunking.end(chunk)) -
         payload_bytes(transfer.wire, transfer.chunking.first(chunk));
}

OrderInput order_input(const Transfer& transfer) {
  const uint64_t left = transfer.total_bytes -
                        payload_bytes(transfer.wire, transfer.chunking.first(transfer.next_chunk));
  return {transfer.priority,         transfer.deadline_ns, transfer.risk,    left,
          transfer.waiting_since_ns, transfer.served,      transfer.sequence};
}

}  // namespace

hexagent_status Engine::layers_ready(uint64_t id, uint32_t layers, void* event) {
  const uint32_t index = transfers_.find(id);
  if (index == kNoIndex || transfers_[index].owed.ended()) return HEXAGENT_E_STALE;
  Transfer& transfer = transfers_[index];
  if (layers > layer_count(transfer.wire)) return HEXAGENT_E_RANGE;
  if (layers <= transfer.layers_ready) return HEXAGENT_OK;
  // It waited for its engine, not for the link: that earns it no precedence.
  if (waits_for_layers(transfer)) {
    transfer.waiting_since_ns = now();
    Peer& peer = peers_[transfer.peer];
    peer.link.on_pause(peer.under_way + 1, false);
  }
  transfer.layers_ready = layers;
  transfer.event = event;
  return HEXAGENT_OK;
}

// Puts a transfer in its peer's queue, where it stays until it ends.
void Engine::enqueue(uint32_t index) {
  Transfer& transfer = transfers_[index];
  Peer& peer = peers_[transfer.peer];
  transfer.served = peer.virtual_bytes;
  if (transfer.workflow != 0) {
    for (uint32_t at = peer.queue_head; at != kNoIndex; at = transfers_[at].next_in_queue) {
      if (transfers_[at].workflow != transfer.workflow) continue;
      transfer.served = std::max(transfer.served, transfers_[at].served);
    }
  }
  transfer.previous_in_queue = peer.queue_tail;
  if (peer.queue_tail != kNoIndex) {
    transfers_[peer.queue_tail].next_in_queue = index;
  } else {
    peer.queue_head = index;
  }
  peer.queue_tail = index;
  peer.queued_bytes += transfer.total_bytes;
  transfer.layers_ready =
      (transfer.flags & HEXAGENT_TRANSFER_LAYERWISE) != 0 ? 0 : layer_count(transfer.wire);
  send_open(index);
}

void Engine::dequeue(uint32_t index) {
  Transfer& transfer = transfers_[index];
  Peer& peer = peers_[transfer.peer];
  if (transfer.previous_in_queue != kNoIndex) {
    transfers_[transfer.previous_in_queue].next_in_queue = transfer.next_in_queue;
  } else {
    peer.queue_head = transfer.next_in_queue;
  }
  if (transfer.next_in_queue != kNoIndex) {
    transfers_[transfer.next_in_queue].previous_in_queue = transfer.previous_in_queue;
  } else {
    peer.queue_tail = transfer.previous_in_queue;
  }
  peer.queued_bytes -= transfer.total_bytes - transfer.arrived_bytes;
}

// Cuts the transfer for this peer's slots and announces it, as soon as the peer is there.
void Engine::send_open(uint32_t index) {
  Transfer& transfer = transfers_[index];
  const Peer& peer = peers_[transfer.peer];
  if (peer.state != Peer::State::kUp || transfer.chunking.chunk_count != 0) return;
  if (!mover_->settled(transfer.peer)) return;
  const bool sums = (transfer.flags & HEXAGENT_TRANSFER_CHECKSUM) != 0;
  transfer.lends = mover_->lends(transfer.peer, transfer.copy, sums);
  ChunkRule rule = {settings_.chunk_bytes_min, peer.peer_slot_bytes};
  // What one end alone copies gains nothing by being cut, but where layers become ready one by one.
  if (transfer.lends && (transfer.flags & HEXAGENT_TRANSFER_LAYERWISE) == 0) rule.chunks_wanted = 1;
  transfer.chunking = make_chunking(transfer.copy, transfer.wire, rule, peer.link.bytes_per_s());
  if (transfer.chunking.chunk_count == 0) {
    end_transfer(index, HEXAGENT_E_ARGUMENT, true);
    return;
  }
  OpenMessage open = {};
  open.header = header_for(peer, MessageKind::kOpen);
  open.token = transfer.token;
  open.transfer = transfers_.handle(index);
  open.wire = transfer.wire;
  open.seed = transfer.seed;
  open.fragments_per_chunk = transfer.chunking.fragments_per_chunk;
  open.flags = transfer.flags & HEXAGENT_TRANSFER_CHECKSUM;
  send(transfer.peer, &open, sizeof(open));
}

// The one way a transfer ends. `tell`: the peer does not know yet.
void Engine::end_transfer(uint32_t index, hexagent_status status, bool tell) {
  Transfer& transfer = transfers_[index];
  HEXAGENT_CHECK(!transfer.owed.ended());
  Peer& peer = peers_[transfer.peer];
  dequeue(index);
  ++(status == HEXAGENT_OK ? peer.transfers : peer.failures);
  transfer.owed.end = Owed::End::kDue;
  transfer.owed.status = status;
  // Also where it was not announced yet: the target keeps blocks for it.
  if (tell && peer.state == Peer::State::kUp) {
    send_close(transfer.peer, transfer.token, transfers_.handle(index), status,
               HEXAGENT_TRANSFER_SOURCE);
  }
  take_back_pushes(index);
  if (status != HEXAGENT_OK && peer.under_way == 0) peer.link.on_pause(1, is_idle(peer));
  owe(Debtor::Kind::kTransfer, index);
  settle_transfer(index);
}

// Chunks that the mover has not begun never begin; their slots stay ours to fill. Chunks that were
// lent and that the target does not read yet it will not read; it has their slots.
void Engine::take_back_pushes(uint32_t index) {
  Transfer& transfer = transfers_[index];
  Peer& peer = peers_[transfer.peer];
  for (uint32_t entry = 0; entry < Peer::kUnderWay && transfer.pushing > 0; ++entry) {
    Sending& sending = peer.sending[entry];
    if (sending.lent && sending.index == index) {
      const Credit& credit = sending.credit;
      if (mover_->take_back(transfer.peer, credit.slot, credit.generation, transfer.owed.status)) {
        end_loan(&sending);
      }
      continue;
    }
    const bool ours =
        sending.state == Sending::State::kPushing && !sending.orphan && sending.index == index;
    if (!ours || !mover_->drop(make_ticket({true, transfer.peer, entry}))) continue;
    --transfer.pushing;
    peer.credits.add(sending.credit);
    free_sending(&peer, &sending);
  }
}

void Engine::free_sending(Peer* peer, Sending* sending) {
  if (!sending->orphan) --peer->under_way;
  *sending = Sending{};
}

// Nothing reads our blocks for this chunk any more.
void Engine::end_loan(Sending* sending) {
  if (!sending->lent) return;
  sending->lent = false;
  HEXAGENT_CHECK(transfers_[sending->index].pushing > 0);
  --transfers_[sending->index].pushing;
  settle_transfer(sending->index);
}

void Engine::settle_transfer(uint32_t index) {
  Transfer& transfer = transfers_[index];
  if (!transfer.owed.ended() || transfer.pushing > 0 || transfer.owed.quiesced) return;
  transfer.owed.quiesced = true;
  owe(Debtor::Kind::kTransfer, index);
}

uint32_t Engine::start_pushes() {
  if (held_back() || peers_.empty()) return 0;
  const int64_t now_ns = now();
  uint32_t started = 0;
  const auto count = static_cast<uint32_t>(peers_.size());
  first_peer_ = (first_peer_ + 1) % count;
  for (uint32_t turn = 0; turn < count; ++turn) {
    Peer& peer = peers_[(first_peer_ + turn) % count];
    while (peer.state == Peer::State::kUp && peer.credits.count() > 0) {
      const uint32_t index = pick(peer, now_ns);
      if (index == kNoIndex || !mover_->ready((first_peer_ + turn) % count)) break;
      push_chunk(index, now_ns);
      ++started;
    }
  }
  return started;
}

// What is lent goes before something urgent: the target reads in the order in which it was told.
// Only chunks so short that the target would wait for the next READY are lent beyond two.
bool Engine::enough_lent(const Peer& peer) const {
  uint32_t lent = 0;
  uint64_t bytes = 0;
  for (const Sending& sending : peer.sending) {
    const bool soon = sending.state == Sending::State::kPushing && !sending.orphan &&
                      transfers_[sending.index].lends;
    if (!sending.lent && !soon) continue;
    ++lent;
    bytes += sending.bytes;
  }
  return lent >= kLentMax && static_cast<double>(bytes) >= peer.link.bytes_per_s() * kChunkSeconds;
}

// The transfer that sends next; kNoIndex when none can, or enough is under way.
uint32_t Engine::pick(const Peer& peer, int64_t now_ns) const {
  uint32_t pushing = 0;
  for (const Sending& sending : peer.sending) {
    pushing += sending.state == Sending::State::kPushing ? 1 : 0;
  }
  if (pushing >= settings_.pushes_max || peer.under_way >= kSlotsMax) return kNoIndex;
  if (enough_lent(peer)) return kNoIndex;
  uint32_t best = kNoIndex;
  OrderKey best_key = {};
  for (uint32_t at = peer.queue_head; at != kNoIndex; at = transfers_[at].next_in_queue) {
    const Transfer& transfer = transfers_[at];
    if (!can_send(transfer)) continue;
    const OrderKey key = order_key(order_input(transfer), now_ns, peer.link.bytes_per_s());
    if (best != kNoIndex && !goes_before(key, best_key)) continue;
    best = at;
    best_key = key;
  }
  const auto is_free = [](const Sending& s) { return s.state == Sending::State::kFree; };
  return std::any_of(std::begin(peer.sending), std::end(peer.sending), is_free) ? best : kNoIndex;
}

void Engine::push_chunk(uint32_t index, int64_t now_ns) {
  Transfer& transfer = transfers_[index];
  Peer& peer = peers_[transfer.peer];
  const uint32_t chunk = transfer.next_chunk++;
  uint32_t entry = 0;
  while (peer.sending[entry].state != Sending::State::kFree) ++entry;
  Sending& sending = peer.sending[entry];
  sending.state = Sending::State::kPushing;
  sending.transfer = transfers_.handle(index);
  sending.index = index;
  sending.chunk = chunk;
  sending.credit = peer.credits.take();
  sending.bytes = chunk_payload(transfer, chunk);
  uint64_t ahead = 0;
  for (const Sending& other : peer.sending) {
    if (other.state != Sending::State::kFree && !other.orphan) ahead += other.bytes;
  }
  const int64_t expected_ns = std::min(peer.link.expected_ns(ahead), int64_t{1} << 50);
  const int64_t silence_ns = std::max(settings_.silence_min_ns, kSilenceFactor * expected_ns);
  sending.look_ns = now_ns + silence_ns - second_look_ns();
  next_silence_ns_ = std::min(next_silence_ns_, sending.look_ns);
  peer.link.on_start(now_ns);
  ++peer.under_way;

  transfer.waiting_since_ns = now_ns;
  peer.virtual_bytes = std::max(peer.virtual_bytes, transfer.served);
  transfer.served += sending.bytes;
  if (transfer.workflow != 0) {
    for (uint32_t at = peer.queue_head; at != kNoIndex; at = transfers_[at].next_in_queue) {
      if (transfers_[at].workflow == transfer.workflow) transfers_[at].served = transfer.served;
    }
  }
  ++transfer.pushing;
  MoveJob job;
  job.ticket = make_ticket({true, transfer.peer, entry});
  job.copy = &transfer.copy;
  job.first_fragment = transfer.chunking.first(chunk);
  job.fragment_count = transfer.chunking.count(chunk);
  job.staged_bytes = fragment_staged_offset(transfer.copy, transfer.chunking.end(chunk)) -
                     fragment_staged_offset(transfer.copy, job.first_fragment);
  job.sum = {(transfer.flags & HEXAGENT_TRANSFER_CHECKSUM) != 0, transfer.seed};
  job.peer = transfer.peer;
  job.slot = sending.credit.slot;
  job.slot_generation = sending.credit.generation;
  job.event = transfer.event;
  job.lends = transfer.lends;
  mover_->push(job);
}

// Our blocks are read, the chunk is in the target's slot or on its way there; or they are lent.
void Engine::on_pushed(uint32_t peer_index, uint32_t entry, const MoveResult& result) {
  Peer& peer = peers_[peer_index];
  Sending& sending = peer.sending[entry];
  HEXAGENT_CHECK(sending.state == Sending::State::kPushing);
  const uint32_t index = sending.index;
  Transfer& transfer = transfers_[index];
  HEXAGENT_CHECK(transfer.pushing > 0);
  sending.lent = result.lent && !sending.orphan;
  if (!sending.lent) --transfer.pushing;
  if (sending.orphan) {
    free_sending(&peer, &sending);
    settle_transfer(index);
    return;
  }
  sending.state = Sending::State::kAwaitingAck;
  ReadyMessage ready = {};
  ready.header = header_for(peer, MessageKind::kReady);
  ready.token = transfer.token;
  ready.transfer = sending.transfer;
  ready.sum = result.sum;
  ready.chunk = sending.chunk;
  ready.slot = sending.credit.slot;
  ready.slot_generation = sending.credit.generation;
  // A chunk of a transfer that has ended is announced, too: the target refuses it and gives the
  // slot back under a new generation. Filling it again under the old one would race with this.
  if (transfer.owed.ended()) {
    take_back_pushes(index);  // it ended while the mover worked: what is lent is not needed
  } else if (result.status != HEXAGENT_OK) {
    end_transfer(index, HEXAGENT_E_SYSTEM, true);
  }
  settle_transfer(index);
  send(peer_index, &ready, sizeof(ready));
}

void Engine::on_ack(uint32_t peer_index, const AckMessage& message) {
  Peer& peer = peers_[peer_index];
  Sending* sending = nullptr;
  for (Sending& candidate : peer.sending) {
    if (candidate.state == Sending::State::kAwaitingAck && candidate.credit.slot == message.slot &&
        candidate.transfer == message.transfer && candidate.chunk == message.chunk) {
      sending = &candidate;
    }
  }
  if (sending == nullptr) {
    ++messages_dropped_;
    return;
  }
  const uint64_t bytes = sending->bytes;
  end_loan(sending);
  free_sending(&peer, sending);
  if (message.status == HEXAGENT_OK) {
    peer.link.on_arrival(now(), bytes, is_idle(peer));
    peer.bytes += bytes;
  } else {
    peer.link.on_pause(1, is_idle(peer));
  }
  if (message.slot_generation != 0) add_credit(&peer, {message.slot, message.slot_generation});
  const uint32_t index = transfers_.find(message.transfer);
  if (index == kNoIndex || transfers_[index].owed.ended()) return;
  Transfer& transfer = transfers_[index];
  if (message.status != HEXAGENT_OK) {
    end_transfer(index, message.status, false);
    return;
  }
  transfer.arrived.mark(message.chunk);
  transfer.arrived_bytes += bytes;
  peer.queued_bytes -= bytes;
  if (++transfer.arrived_count == transfer.chunking.chunk_count) {
    end_transfer(index, HEXAGENT_OK, false);
    return;
  }
  transfer.owed.chunk = true;
  owe(Debtor::Kind::kTransfer, index);
}

// Nothing is on its way to this peer, and nothing waits for a credit alone.
bool Engine::is_idle(const Peer& peer) const {
  if (peer.under_way > 0) return false;
  for (uint32_t at = peer.queue_head; at != kNoIndex; at = transfers_[at].next_in_queue) {
    if (can_send(transfers_[at])) return false;
  }
  return true;
}

void Engine::add_credit(Peer* peer, const Credit& credit) {
  if (credit.slot >= peer->peer_slots || !peer->credits.add(credit)) ++messages_dropped_;
}

void Engine::on_grant(uint32_t peer, const GrantMessage& message) {
  add_credit(&peers_[peer], {message.slot, message.slot_generation});
}

void Engine::on_close_from_target(uint32_t peer, const CloseMessage& message) {
  const uint32_t index = transfers_.find(message.transfer);
  if (index == kNoIndex || transfers_[index].owed.ended() || transfers_[index].peer != peer) return;
  end_transfer(index, message.status, false);
}

// A peer that lets a chunk wait far too long is gone, whatever its connection says. But where time
// has passed because we did not run, its words lie unread before our host, which may come to them
// only after this. So the first look raises a suspicion, and a second one, later, decides.
void Engine::watch_silence(int64_t now_ns) {
  next_silence_ns_ = kNever;
  for (uint32_t index = 0; index < peers_.size(); ++index) {
    Peer& peer = peers_[index];
    if (peer.state != Peer::State::kUp || peer.under_way == 0) continue;
    bool is_silent = false;
    int64_t first_ns = kNever;
    for (Sending& sending : peer.sending) {
      if (sending.state == Sending::State::kFree || sending.orphan) continue;
      if (sending.look_ns <= now_ns) {
        is_silent = is_silent || sending.suspected;
        sending.suspected = true;
        sending.look_ns = now_ns + second_look_ns();
      }
      first_ns = std::min(first_ns, sending.look_ns);
    }
    if (is_silent) {
      lose_peer(index, HEXAGENT_E_TIMEOUT);
    } else {
      next_silence_ns_ = std::min(next_silence_ns_, first_ns);
    }
  }
}

}  // namespace hexagent::transport
