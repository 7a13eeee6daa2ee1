// Engine: connections to peers and the way of messages. See engine.h.
//
// A connection is a pair of sessions, one number counted by each side. Either side begins with
// HELLO; who is greeted answers with its own. Everything else is heard only from the life and
// session that was greeted, so what an earlier connection left under way does nothing. Sessions
// begin at a number drawn from the incarnation: what was meant for an earlier life is known by it.
#include <cstring>

#include "core/base/check.h"
#include "transport/engine/engine.h"
#include "transport/engine/ticket.h"

namespace hexagent::transport {
namespace {

bool idle(const Peer& peer) {
  for (const Sending& sending : peer.sending) {
    if (sending.state != Sending::State::kFree) return false;
  }
  for (const Receiving& receiving : peer.receiving) {
    if (receiving.used) return false;
  }
  return peer.news_count == 0;
}

}  // namespace

hexagent_status Engine::make_peer(uint32_t worker, uint32_t* out) {
  *out = find_peer(worker);
  if (*out != kNoIndex) return HEXAGENT_OK;
  if (peers_.size() < config_.peers_max) {
    // Per chunk under way one message and one note, per transfer OPEN and CLOSE, per reservation
    // CLOSE.
    const uint32_t unsent_max =
        8 * Peer::kUnderWay + 2 * config_.transfers_max + config_.reservations_max;
    peers_.emplace_back(unsent_max);
    peers_.back().session = first_session_;
    *out = static_cast<uint32_t>(peers_.size() - 1);
  } else {
    for (uint32_t index = 0; index < peers_.size() && *out == kNoIndex; ++index) {
      if (peers_[index].state == Peer::State::kDown && idle(peers_[index])) *out = index;
    }
    if (*out == kNoIndex) return HEXAGENT_E_FULL;
  }
  Peer& peer = peers_[*out];
  peer.worker = worker;
  peer.state = Peer::State::kDown;
  peer.incarnation = 0;
  peer.peer_session = 0;
  peer.link = LinkEstimate();
  peer.bytes = peer.transfers = peer.failures = 0;
  return HEXAGENT_OK;
}

// New staging, new generations; nothing is known of the peer yet.
hexagent_status Engine::begin_session(uint32_t index) {
  Peer& peer = peers_[index];
  HEXAGENT_CHECK(peer.state == Peer::State::kDown);
  const hexagent_status status = mover_->open_staging(
      index, config_.slots_per_peer, config_.slot_bytes, peer.address, &peer.address_size);
  if (status != HEXAGENT_OK) return status;
  HEXAGENT_CHECK(peer.address_size <= kAddressMax);
  if (++peer.session == 0) ++peer.session;
  peer.incarnation = 0;
  peer.peer_session = 0;
  peer.credits.clear();
  peer.slots.open(config_.slots_per_peer);
  peer.under_way = 0;
  peer.state = Peer::State::kConnecting;
  return HEXAGENT_OK;
}

hexagent_status Engine::connect(uint32_t worker) {
  if (worker == 0 || worker == config_.worker) return HEXAGENT_E_ARGUMENT;
  uint32_t index = 0;
  hexagent_status status = make_peer(worker, &index);
  if (status != HEXAGENT_OK) return status;
  if (peers_[index].state != Peer::State::kDown) return HEXAGENT_OK;
  status = begin_session(index);
  if (status == HEXAGENT_OK) send_hello(index);  // what fails is tried again, or is PEER_DOWN later
  return status;
}

hexagent_status Engine::disconnect(uint32_t worker, hexagent_status status) {
  if (status >= 0) return HEXAGENT_E_ARGUMENT;
  const uint32_t index = find_peer(worker);
  if (index == kNoIndex || peers_[index].state == Peer::State::kDown) {
    return HEXAGENT_E_UNKNOWN_WORKER;
  }
  lose_peer(index, status);
  return HEXAGENT_OK;
}

hexagent_status Engine::control(uint32_t worker, const void* bytes, size_t size) {
  AnyMessage message;
  const MessageCheck check = read_message(bytes, size, &message);
  uint32_t index = find_peer(worker);
  if (check == MessageCheck::kOtherVersion) {
    if (index != kNoIndex) lose_peer(index, HEXAGENT_E_VERSION);
    return HEXAGENT_E_VERSION;
  }
  if (check != MessageCheck::kGood) {
    ++messages_dropped_;
    return HEXAGENT_E_DAMAGED;
  }
  if (message.header.kind == MessageKind::kHello) {
    if (message.hello.worker != worker || worker == config_.worker) return HEXAGENT_E_DAMAGED;
    const hexagent_status status = make_peer(worker, &index);
    if (status != HEXAGENT_OK) return status;
    on_hello(index, message.hello);
    return HEXAGENT_OK;
  }
  if (index != kNoIndex) {
    on_message(index, message);
  } else {
    ++messages_dropped_;
    answer_bye(worker, message.header);
  }
  return HEXAGENT_OK;
}

void Engine::on_hello(uint32_t index, const HelloMessage& message) {
  Peer& peer = peers_[index];
  const MessageHeader& header = message.header;
  const bool known = peer.incarnation == header.incarnation && peer.peer_session == header.session;
  const bool answers_another = header.peer_session != 0 && header.peer_session != peer.session;
  if ((known && peer.state == Peer::State::kUp) || answers_another) {
    ++messages_dropped_;
    return;
  }
  // It has begun anew without our having seen its end.
  if (peer.state == Peer::State::kUp) lose_peer(index, HEXAGENT_E_PEER);
  if (peer.state == Peer::State::kDown) {
    const hexagent_status status = begin_session(index);
    if (status != HEXAGENT_OK) {
      tell_peer(index, HEXAGENT_TRANSFER_PEER_DOWN, status);
      return;
    }
  }
  peer.incarnation = header.incarnation;
  peer.peer_session = header.session;
  peer.peer_slots = message.slots;
  peer.peer_slot_bytes = message.slot_bytes;
  const hexagent_status status = mover_->attach(index, message.slots, message.slot_bytes,
                                                message.address, message.address_size);
  if (status != HEXAGENT_OK) {
    lose_peer(index, HEXAGENT_E_SYSTEM);
    return;
  }
  for (uint32_t slot = 0; slot < message.slots; ++slot) {
    add_credit(&peer, {slot, message.generations[slot]});
  }
  peer.state = Peer::State::kUp;
  if (header.peer_session == 0) send_hello(index);
  send_notes();
  tell_peer(index, HEXAGENT_TRANSFER_PEER_UP, HEXAGENT_OK);
  open_queued(index);
}

// Those that wait for the peer, or for its mover's note.
void Engine::open_queued(uint32_t index) {
  for (uint32_t at = peers_[index].queue_head; at != kNoIndex;) {
    const uint32_t next = transfers_[at].next_in_queue;
    send_open(at);
    at = next;
  }
}

void Engine::on_message(uint32_t index, const AnyMessage& message) {
  const Peer& peer = peers_[index];
  const MessageHeader& header = message.header;
  const bool to_this_session =
      header.peer_session == peer.session && peer.state != Peer::State::kDown;
  const bool from_this_session = peer.state == Peer::State::kUp &&
                                 header.incarnation == peer.incarnation &&
                                 header.session == peer.peer_session;
  if (header.kind == MessageKind::kBye && to_this_session) {
    lose_peer(index, message.bye.status == HEXAGENT_E_CLOSED ? HEXAGENT_E_CLOSED : HEXAGENT_E_PEER);
    return;
  }
  if (!to_this_session || !from_this_session) {
    ++messages_dropped_;
    answer_bye(peer.worker, header);
    return;
  }
  switch (header.kind) {
    case MessageKind::kOpen:
      return on_open(index, message.open);
    case MessageKind::kReady:
      return on_ready(index, message.ready);
    case MessageKind::kAck:
      return on_ack(index, message.ack);
    case MessageKind::kGrant:
      return on_grant(index, message.grant);
    case MessageKind::kClose:
      if (message.close.side == HEXAGENT_TRANSFER_SOURCE) {
        return on_close_from_source(index, message.close);
      }
      return on_close_from_target(index, message.close);
    case MessageKind::kNote:
      return on_note(index, message.note);
    default:
      return;
  }
}

void Engine::on_note(uint32_t index, const NoteMessage& message) {
  MoverNote note;
  note.peer = index;
  note.size = message.size;
  std::memcpy(note.bytes, message.bytes, sizeof(note.bytes));
  const bool settled = mover_->settled(index);
  mover_->on_note(note);
  if (!settled) open_queued(index);
}

uint32_t Engine::send_notes() {
  uint32_t sent = 0;
  MoverNote note;
  while (mover_->take_note(&note)) {
    HEXAGENT_CHECK(note.peer < peers_.size() && note.size <= kNoteMax);
    NoteMessage message = {};
    message.header = header_for(peers_[note.peer], MessageKind::kNote);
    message.size = note.size;
    std::memcpy(message.bytes, note.bytes, note.size);
    send(note.peer, &message, sizeof(message));
    ++sent;
  }
  return sent;
}

// Ends a connection, whoever began that. Our blocks need nothing of the peer to become free.
void Engine::lose_peer(uint32_t index, hexagent_status status) {
  Peer& peer = peers_[index];
  if (peer.state != Peer::State::kUp && peer.state != Peer::State::kConnecting) return;
  const ByeMessage bye = {header_for(peer, MessageKind::kBye), status, 0};
  if (peer.peer_session != 0 && peer.unsent.empty()) {
    // Who has greeted us hears of it, also when its staging could not be reached.
    // Best effort: a peer that is gone cannot be told, one that is not notices by itself.
    host_.send_control(host_.context, peer.worker, &bye, sizeof(bye));
  }
  peer.state = Peer::State::kDown;
  ++peer.session;  // an answer to the HELLO of before is not for the next session
  peer.hello_owed = false;
  peer.unreachable = false;
  while (!peer.unsent.empty()) peer.unsent.pop();
  while (peer.queue_head != kNoIndex) end_transfer(peer.queue_head, status, false);
  while (peer.reservation_head != kNoIndex) end_reservation(peer.reservation_head, status, false);
  for (uint32_t entry = 0; entry < Peer::kUnderWay; ++entry) {
    Sending& sending = peer.sending[entry];
    if (sending.state == Sending::State::kPushing) sending.orphan = true;
    if (sending.state == Sending::State::kAwaitingAck) {
      end_loan(&sending);  // close_peer() below sees to it
      sending = Sending{};
    }
    if (peer.receiving[entry].used) peer.receiving[entry].orphan = true;
  }
  peer.under_way = 0;
  peer.link.on_pause(0, true);
  peer.credits.clear();
  peer.slots.close();
  mover_->close_peer(index);
  tell_peer(index, HEXAGENT_TRANSFER_PEER_DOWN, status);
}

MessageHeader Engine::header_for(const Peer& peer, MessageKind kind) const {
  return {kMessageMagic,       kProtocolVersion, kind,
          config_.incarnation, peer.session,     peer.peer_session};
}

hexagent_status Engine::send_hello(uint32_t index) {
  Peer& peer = peers_[index];
  HelloMessage hello = {};
  hello.header = header_for(peer, MessageKind::kHello);
  hello.worker = config_.worker;
  hello.slots = config_.slots_per_peer;
  hello.slot_bytes = config_.slot_bytes;
  hello.address_size = static_cast<uint32_t>(peer.address_size);
  for (uint32_t slot = 0; slot < hello.slots; ++slot) {
    hello.generations[slot] = peer.slots.generation(slot);
  }
  std::memcpy(hello.address, peer.address, peer.address_size);
  const hexagent_status status =
      host_.send_control(host_.context, peer.worker, &hello, sizeof(hello));
  peer.hello_owed = status != HEXAGENT_OK;
  return status;
}

// Who speaks of a connection that we do not have hears at once that it is over: a peer that did not
// see us die need not wait for silence. It heeds that only if it still has that connection.
void Engine::answer_bye(uint32_t worker, const MessageHeader& header) {
  if (header.kind == MessageKind::kBye) return;
  ByeMessage bye = {};
  bye.header = {kMessageMagic, kProtocolVersion, MessageKind::kBye, config_.incarnation, 1,
                header.session};
  bye.status = HEXAGENT_E_PEER;
  host_.send_control(host_.context, worker, &bye, sizeof(bye));
}

// In order behind what could not be sent before. A peer that cannot be reached at all is found out
// by flush_unsent(), not in the middle of whatever led here.
void Engine::send(uint32_t index, const void* message, size_t size) {
  Peer& peer = peers_[index];
  if (peer.state != Peer::State::kUp) return;
  if (!peer.hello_owed && peer.unsent.empty() &&
      host_.send_control(host_.context, peer.worker, message, size) == HEXAGENT_OK) {
    return;
  }
  HEXAGENT_CHECK(size <= Unsent::kRoom);
  if (peer.unsent.size() == peer.unsent.capacity()) {
    peer.unreachable = true;  // it takes nothing for so long that it is as good as gone
    return;
  }
  Unsent unsent = {};
  unsent.size = size;
  std::memcpy(unsent.bytes, message, size);
  peer.unsent.push(unsent);
}

uint32_t Engine::flush_unsent() {
  uint32_t sent = 0;
  for (uint32_t index = 0; index < peers_.size(); ++index) {
    Peer& peer = peers_[index];
    hexagent_status hello = HEXAGENT_OK;
    if (peer.hello_owed) {
      hello = send_hello(index);
      if (hello == HEXAGENT_E_AGAIN) continue;
      ++sent;
    }
    if (peer.unreachable || hello != HEXAGENT_OK) {
      lose_peer(index, HEXAGENT_E_PEER);
      continue;
    }
    while (!peer.unsent.empty()) {
      const Unsent& unsent = peer.unsent.front();
      const hexagent_status status = host_.send_control(
          host_.context, peer.worker, static_cast<const void*>(unsent.bytes), unsent.size);
      if (status == HEXAGENT_E_AGAIN) break;
      ++sent;
      if (status != HEXAGENT_OK) {
        lose_peer(index, HEXAGENT_E_PEER);
        break;
      }
      peer.unsent.pop();
    }
  }
  return sent;
}

}  // namespace hexagent::transport
