// Engine: what the host is told. See engine.h and outbox.h.
#include <algorithm>

#include "core/base/check.h"
#include "transport/engine/engine.h"

namespace hexagent::transport {
namespace {

// Leading layers that have arrived whole.
uint32_t whole_layers(const WireShape& wire, const Chunking& chunking, const ChunkWindow& arrived) {
  if (chunking.chunk_count == 0) return 0;
  const uint64_t fragments = chunking.first(arrived.first_missing());
  const uint64_t layer = uint64_t{wire.block_count} * wire.regions_per_layer;
  return static_cast<uint32_t>(std::min(fragments, chunking.fragments) / layer);
}

}  // namespace

void Engine::owe(Debtor::Kind kind, uint32_t index) {
  bool* in_line = nullptr;
  switch (kind) {
    case Debtor::Kind::kTransfer:
      in_line = &transfers_[index].owed.in_line;
      break;
    case Debtor::Kind::kReservation:
      in_line = &reservations_[index].owed.in_line;
      break;
    case Debtor::Kind::kPeer:
      in_line = &peers_[index].in_line;
      break;
  }
  if (*in_line) return;
  *in_line = true;
  outbox_.join({kind, index});
}

// UP and DOWN alternate, so of three the first two cancel out.
void Engine::tell_peer(uint32_t index, uint32_t kind, hexagent_status status) {
  Peer& peer = peers_[index];
  if (peer.news_count == 2) peer.news_count = 0;
  hexagent_transfer_event& event = peer.news[peer.news_count++];
  event = hexagent_transfer_event{};
  event.kind = kind;
  event.status = status;
  event.peer_worker = peer.worker;
  owe(Debtor::Kind::kPeer, index);
}

bool Engine::post(hexagent_transfer_event* event) {
  event->time_ns = now();
  return host_.post_event(host_.context, event) == HEXAGENT_OK;
}

template <class Record>
bool Engine::tell_record(HandleTable<Record>* records, uint32_t index, uint32_t side) {
  Record& record = (*records)[index];
  hexagent_transfer_event event = {};
  event.id = records->handle(index);
  event.user_data = record.user_data;
  event.bytes = record.arrived_bytes;
  event.layers = whole_layers(record.wire, record.chunking, record.arrived);
  event.peer_worker = record.peer_worker;
  event.begin_ns = record.begin_ns;
  event.side = side;
  const auto release = [&] {
    --pools_[record.pool].users;
    records->release(index);
  };
  return tell(&record.owed, &event, release);
}

// Posts what a record owes, in order: progress, the end, silence. False when the host is full.
template <class Release>
bool Engine::tell(Owed* owed, hexagent_transfer_event* event, const Release& release) {
  if (owed->chunk && !owed->ended()) {
    event->kind = HEXAGENT_TRANSFER_CHUNK;
    if (!post(event)) return false;
  }
  owed->chunk = false;
  if (owed->end == Owed::End::kDue) {
    event->kind = owed->status == HEXAGENT_OK ? HEXAGENT_TRANSFER_DONE : HEXAGENT_TRANSFER_FAILED;
    event->status = owed->status;
    if (!post(event)) return false;
    owed->end = Owed::End::kTold;
  }
  if (owed->quiesced) {
    event->kind = HEXAGENT_TRANSFER_QUIESCED;
    event->status = HEXAGENT_OK;
    if (!post(event)) return false;
    owed->in_line = false;
    release();
    return true;
  }
  owed->in_line = false;
  return true;
}

bool Engine::tell_news(uint32_t index) {
  Peer& peer = peers_[index];
  while (peer.news_count > 0) {
    if (!post(&peer.news[0])) return false;
    peer.news[0] = peer.news[1];
    --peer.news_count;
  }
  peer.in_line = false;
  return true;
}

uint32_t Engine::flush_events() {
  uint32_t told = 0;
  while (!outbox_.empty()) {
    const Debtor debtor = outbox_.front();
    bool all = false;
    switch (debtor.kind) {
      case Debtor::Kind::kTransfer:
        all = tell_record(&transfers_, debtor.index, HEXAGENT_TRANSFER_SOURCE);
        break;
      case Debtor::Kind::kReservation:
        all = tell_record(&reservations_, debtor.index, HEXAGENT_TRANSFER_TARGET);
        break;
      case Debtor::Kind::kPeer:
        all = tell_news(debtor.index);
        break;
    }
    host_full_ = !all;
    if (host_full_) break;
    outbox_.leave();
    ++told;
  }
  return told;
}

}  // namespace hexagent::transport
