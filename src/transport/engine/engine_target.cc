// Engine: the target's side. See engine.h. Nothing that a source says is believed: every message is
// held against the reservation, and a slot against the generation under which it was lent.
#include <algorithm>

#include "core/base/check.h"
#include "core/base/time.h"
#include "transport/engine/engine.h"
#include "transport/engine/ticket.h"

namespace hexagent::transport {
void Engine::send_close(uint32_t peer, uint64_t token, uint64_t transfer, hexagent_status status,
                        uint32_t side) {
  const CloseMessage close = {header_for(peers_[peer], MessageKind::kClose), token, transfer,
                              status, side};
  send(peer, &close, sizeof(close));
}

void Engine::on_open(uint32_t peer, const OpenMessage& message) {
  const uint32_t index = reservations_.find(message.token);
  const bool usable = index != kNoIndex && !reservations_[index].owed.ended() &&
                      reservations_[index].peer == peer && reservations_[index].transfer == 0;
  if (!usable) {
    send_close(peer, message.token, message.transfer, HEXAGENT_E_STALE, HEXAGENT_TRANSFER_TARGET);
    return;
  }
  Reservation& reservation = reservations_[index];
  reservation.transfer = message.transfer;
  if (!fits(message.wire, reservation.wanted)) {
    end_reservation(index, HEXAGENT_E_ARGUMENT, true);
    return;
  }
  reservation.wire = message.wire;
  reservation.seed = message.seed;
  reservation.flags = message.flags;
  reservation.copy = make_copy(pools_[reservation.pool].pool, reservation.blocks,
                               reservation.blocks.blocks, message.wire);
  Chunking& chunking = reservation.chunking;
  chunking.fragments = fragment_count(reservation.copy);
  chunking.fragments_per_chunk = message.fragments_per_chunk;
  const uint64_t chunks =
      (chunking.fragments + message.fragments_per_chunk - 1) / message.fragments_per_chunk;
  const uint64_t fragment =
      std::max(reservation.copy.full.staged_bytes, reservation.copy.last.staged_bytes);
  const uint64_t in_chunk = std::min<uint64_t>(message.fragments_per_chunk, chunking.fragments);
  if (chunks > UINT32_MAX || in_chunk * fragment > config_.slot_bytes) {
    end_reservation(index, HEXAGENT_E_ARGUMENT, true);
    return;
  }
  chunking.chunk_count = static_cast<uint32_t>(chunks);
}

// May this chunk be scattered?
hexagent_status Engine::judge(uint32_t index, const ReadyMessage& message) const {
  if (index == kNoIndex) return HEXAGENT_E_STALE;
  const Reservation& reservation = reservations_[index];
  if (reservation.transfer != message.transfer) return HEXAGENT_E_STALE;
  if (reservation.owed.ended()) {
    return reservation.owed.status != HEXAGENT_OK ? reservation.owed.status : HEXAGENT_E_STALE;
  }
  return message.chunk < reservation.chunking.chunk_count ? HEXAGENT_OK : HEXAGENT_E_ARGUMENT;
}

void Engine::on_ready(uint32_t peer_index, const ReadyMessage& message) {
  Peer& peer = peers_[peer_index];
  if (!peer.slots.fill(message.slot, message.slot_generation)) {
    ++messages_dropped_;
    return;
  }
  const uint32_t index = reservations_.find(message.token);
  hexagent_status status = judge(index, message);
  if (status == HEXAGENT_OK && reservations_[index].peer != peer_index) status = HEXAGENT_E_STALE;
  if (status == HEXAGENT_OK && !reservations_[index].begun.mark(message.chunk)) {
    status = HEXAGENT_E_ARGUMENT;
  }
  if (status != HEXAGENT_OK) {
    refuse(peer_index, message, status);
    return;
  }
  uint32_t entry = 0;
  while (entry < Peer::kUnderWay && peer.receiving[entry].used) ++entry;
  if (entry == Peer::kUnderWay) {  // scatters of two connections before still run
    lose_peer(peer_index, HEXAGENT_E_SYSTEM);
    return;
  }
  Reservation& reservation = reservations_[index];
  peer.receiving[entry] = {true,  false,         message.token, message.transfer,
                           index, message.chunk, message.slot,  message.sum};
  ++reservation.scattering;
  MoveJob job;
  job.ticket = make_ticket({false, peer_index, entry});
  job.copy = &reservation.copy;
  job.first_fragment = reservation.chunking.first(message.chunk);
  job.fragment_count = reservation.chunking.count(message.chunk);
  job.staged_bytes =
      fragment_staged_offset(reservation.copy, reservation.chunking.end(message.chunk)) -
      fragment_staged_offset(reservation.copy, job.first_fragment);
  job.sum = {(reservation.flags & HEXAGENT_TRANSFER_CHECKSUM) != 0, reservation.seed};
  job.peer = peer_index;
  job.slot = message.slot;
  job.slot_generation = message.slot_generation;
  mover_->scatter(job);
}

// The chunk is discarded where it lies; the slot goes back.
void Engine::refuse(uint32_t peer, const ReadyMessage& message, hexagent_status status) {
  Receiving chunk = {};
  chunk.token = message.token;
  chunk.transfer = message.transfer;
  chunk.chunk = message.chunk;
  chunk.slot = message.slot;
  acknowledge(peer, chunk, status);
}

void Engine::acknowledge(uint32_t peer_index, const Receiving& chunk, hexagent_status status) {
  Peer& peer = peers_[peer_index];
  if (peer.state != Peer::State::kUp) return;
  uint32_t credit = 0;
  if (held_back()) {
    peer.slots.keep(chunk.slot);  // a GRANT follows once the host has taken its events
  } else {
    credit = peer.slots.lend(chunk.slot);
  }
  const AckMessage ack = {header_for(peer, MessageKind::kAck),
                          chunk.token,
                          chunk.transfer,
                          status,
                          chunk.chunk,
                          chunk.slot,
                          credit};
  send(peer_index, &ack, sizeof(ack));
}

uint32_t Engine::grant_kept() {
  if (held_back()) return 0;
  uint32_t granted = 0;
  for (uint32_t index = 0; index < peers_.size(); ++index) {
    Peer& peer = peers_[index];
    for (uint32_t slot = 0; slot < peer.slots.count(); ++slot) {
      if (peer.slots.state(slot) != StagingSlots::State::kKept) continue;
      const GrantMessage grant = {header_for(peer, MessageKind::kGrant), slot,
                                  peer.slots.lend(slot)};
      send(index, &grant, sizeof(grant));
      ++granted;
    }
  }
  return granted;
}

void Engine::on_scattered(uint32_t peer_index, uint32_t entry, const MoveResult& result) {
  Peer& peer = peers_[peer_index];
  const Receiving chunk = peer.receiving[entry];
  HEXAGENT_CHECK(chunk.used);
  peer.receiving[entry] = Receiving{};
  Reservation& reservation = reservations_[chunk.index];
  HEXAGENT_CHECK(reservation.scattering > 0);
  --reservation.scattering;
  if (reservation.owed.ended()) {
    const hexagent_status status = reservation.owed.status;
    if (!chunk.orphan) {
      acknowledge(peer_index, chunk, status != HEXAGENT_OK ? status : HEXAGENT_E_STALE);
    }
    settle_reservation(chunk.index);
    return;
  }
  HEXAGENT_CHECK(!chunk.orphan);  // losing a peer ends its reservations
  hexagent_status status = result.status;
  const bool summed = (reservation.flags & HEXAGENT_TRANSFER_CHECKSUM) != 0;
  if (status == HEXAGENT_OK && summed && result.sum != chunk.sum) status = HEXAGENT_E_CHECKSUM;
  acknowledge(peer_index, chunk, status);
  if (status != HEXAGENT_OK) {
    end_reservation(chunk.index, status, false);
    return;
  }
  reservation.arrived.mark(chunk.chunk);
  reservation.arrived_bytes +=
      payload_bytes(reservation.wire, reservation.chunking.end(chunk.chunk)) -
      payload_bytes(reservation.wire, reservation.chunking.first(chunk.chunk));
  if (++reservation.arrived_count == reservation.chunking.chunk_count) {
    end_reservation(chunk.index, HEXAGENT_OK, false);
    return;
  }
  reservation.owed.chunk = true;
  owe(Debtor::Kind::kReservation, chunk.index);
}

void Engine::on_close_from_source(uint32_t peer, const CloseMessage& message) {
  const uint32_t index = reservations_.find(message.token);
  if (index == kNoIndex) return;
  const Reservation& reservation = reservations_[index];
  // 0: it was cancelled before it was announced.
  const bool its_own = reservation.peer == peer &&
                       (reservation.transfer == message.transfer || reservation.transfer == 0);
  if (its_own && !reservation.owed.ended()) end_reservation(index, message.status, false);
}

// The one way a reservation ends. `tell`: the source does not know yet.
void Engine::end_reservation(uint32_t index, hexagent_status status, bool tell) {
  Reservation& reservation = reservations_[index];
  HEXAGENT_CHECK(!reservation.owed.ended());
  if (reservation.previous_of_peer != kNoIndex) {
    reservations_[reservation.previous_of_peer].next_of_peer = reservation.next_of_peer;
  } else {
    peers_[reservation.peer].reservation_head = reservation.next_of_peer;
  }
  if (reservation.next_of_peer != kNoIndex) {
    reservations_[reservation.next_of_peer].previous_of_peer = reservation.previous_of_peer;
  }
  reservation.owed.end = Owed::End::kDue;
  reservation.owed.status = status;
  if (tell && reservation.transfer != 0) {
    send_close(reservation.peer, reservations_.handle(index), reservation.transfer, status,
               HEXAGENT_TRANSFER_TARGET);
  }
  take_back_scatters(index, status);
  owe(Debtor::Kind::kReservation, index);
  settle_reservation(index);
}

// Chunks that lie in staging and whose scatter has not begun are discarded.
void Engine::take_back_scatters(uint32_t index, hexagent_status status) {
  Reservation& reservation = reservations_[index];
  Peer& peer = peers_[reservation.peer];
  for (uint32_t entry = 0; entry < Peer::kUnderWay && reservation.scattering > 0; ++entry) {
    const Receiving chunk = peer.receiving[entry];
    if (!chunk.used || chunk.orphan || chunk.index != index) continue;
    if (!mover_->drop(make_ticket({false, reservation.peer, entry}))) continue;
    --reservation.scattering;
    peer.receiving[entry] = Receiving{};
    acknowledge(reservation.peer, chunk, status != HEXAGENT_OK ? status : HEXAGENT_E_STALE);
  }
}

void Engine::settle_reservation(uint32_t index) {
  Reservation& reservation = reservations_[index];
  const bool waits = !reservation.owed.ended() || reservation.scattering > 0;
  if (waits || reservation.owed.quiesced) return;
  reservation.owed.quiesced = true;
  owe(Debtor::Kind::kReservation, index);
}

void Engine::expire(int64_t now_ns) {
  next_expiry_ns_ = kNever;
  for (uint32_t index = 0; index < reservations_.capacity(); ++index) {
    if (!reservations_.live(index)) continue;
    const Reservation& reservation = reservations_[index];
    if (reservation.owed.ended() || reservation.expires_ns == 0) continue;
    if (reservation.expires_ns <= now_ns) {
      end_reservation(index, HEXAGENT_E_TIMEOUT, true);
    } else {
      next_expiry_ns_ = std::min(next_expiry_ns_, reservation.expires_ns);
    }
  }
}

}  // namespace hexagent::transport
