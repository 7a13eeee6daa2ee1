// Engine: calls from the host. See engine.h.
#include "transport/engine/engine.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/time.h"
#include "transport/engine/ticket.h"

namespace hexagent::transport {
namespace {

constexpr uint32_t kBlocksMax = 1u << 24;
constexpr uint32_t kPeersMax = 4096;
constexpr uint32_t kPoolsMax = 4096;
constexpr uint32_t kSlotBytesMin = 4096;

template <class Number>
Number or_default(Number value, Number otherwise) {
  return value != 0 ? value : otherwise;
}

hexagent_transport_config with_defaults(hexagent_transport_config config) {
  config.pools_max = or_default(config.pools_max, 16u);
  config.peers_max = or_default(config.peers_max, 64u);
  config.transfers_max = or_default(config.transfers_max, 256u);
  config.reservations_max = or_default(config.reservations_max, 256u);
  config.blocks_max = or_default(config.blocks_max, 8192u);
  config.slots_per_peer = or_default(config.slots_per_peer, 3u);
  config.slot_bytes = or_default(config.slot_bytes, 8u << 20);
  return config;
}

// Mixes an incarnation into tags and seeds (the finish of splitmix64).
uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

uint64_t id_room(const hexagent_transport_config& config) {
  return uint64_t{config.blocks_max} * (config.transfers_max + uint64_t{config.reservations_max});
}

}  // namespace

hexagent_status Engine::config_status(const hexagent_transport_config& given) {
  const hexagent_transport_config config = with_defaults(given);
  if (config.worker == 0 || config.incarnation == 0) return HEXAGENT_E_ARGUMENT;
  const bool fits = config.pools_max <= kPoolsMax && config.peers_max <= kPeersMax &&
                    config.transfers_max <= HandleTable<Transfer>::kCapacityMax &&
                    config.reservations_max <= HandleTable<Reservation>::kCapacityMax &&
                    config.blocks_max <= kBlocksMax && config.slots_per_peer <= kSlotsMax &&
                    config.slot_bytes >= kSlotBytesMin && config.slot_bytes <= kSlotBytesMax;
  return fits ? HEXAGENT_OK : HEXAGENT_E_RANGE;
}

Engine::Engine(const hexagent_transport_host& host, const hexagent_transport_config& config,
               const EngineSettings& settings, std::unique_ptr<Mover> mover)
    : host_(host),
      config_(with_defaults(config)),
      settings_(settings),
      mover_(std::move(mover)),
      pools_(config_.pools_max, mix(config_.incarnation)),
      transfers_(config_.transfers_max, mix(config_.incarnation)),
      reservations_(config_.reservations_max, mix(config_.incarnation)),
      ids_(new int32_t[id_room(config_)]),
      outbox_(config_.transfers_max + config_.reservations_max + config_.peers_max),
      next_seed_(mix(config_.incarnation + 1)),
      first_session_(static_cast<uint32_t>(mix(config_.incarnation + 2))),
      next_expiry_ns_(kNever),
      next_silence_ns_(kNever) {
  if (config_.chunk_bytes_min != 0) settings_.chunk_bytes_min = config_.chunk_bytes_min;
  peers_.reserve(config_.peers_max);
}

Engine::~Engine() = default;

hexagent_status Engine::register_pool(const hexagent_kv_pool& pool, uint64_t* out) {
  hexagent_status status = check_pool(pool);
  if (status == HEXAGENT_OK) status = mover_->accepts(pool);
  if (status != HEXAGENT_OK) return status;
  const size_t regions = size_t{pool.layer_count} * pool.regions_per_layer;
  std::vector<uint64_t> bases(pool.region_bases, pool.region_bases + regions);
  const uint32_t index = pools_.allocate();
  if (index == HandleTable<PoolRecord>::kNone) return HEXAGENT_E_FULL;
  PoolRecord& record = pools_[index];
  record.pool.shape = pool;
  record.pool.shape.region_bases = nullptr;
  record.pool.bases = std::move(bases);
  record.users = 0;
  *out = pools_.handle(index);
  return HEXAGENT_OK;
}

hexagent_status Engine::unregister_pool(uint64_t pool) {
  const uint32_t index = pools_.find(pool);
  if (index == kNoIndex) return HEXAGENT_E_STALE;
  if (pools_[index].users != 0) return HEXAGENT_E_STATE;
  pools_.release(index);
  return HEXAGENT_OK;
}

uint32_t Engine::find_peer(uint32_t worker) const {
  for (uint32_t index = 0; index < peers_.size(); ++index) {
    if (peers_[index].worker == worker && peers_[index].state != Peer::State::kFree) return index;
  }
  return kNoIndex;
}

hexagent_status Engine::usable(const hexagent_kv_blocks& blocks, uint32_t worker, uint32_t* pool,
                               uint32_t* peer) const {
  *pool = pools_.find(blocks.pool);
  if (*pool == kNoIndex) return HEXAGENT_E_STALE;
  if (blocks.block_count > config_.blocks_max) return HEXAGENT_E_RANGE;
  const hexagent_status status = check_blocks(pools_[*pool].pool, blocks);
  if (status != HEXAGENT_OK) return status;
  *peer = find_peer(worker);
  if (*peer == kNoIndex || peers_[*peer].state == Peer::State::kDown) {
    return HEXAGENT_E_UNKNOWN_WORKER;
  }
  return HEXAGENT_OK;
}

int32_t* Engine::ids_of_transfer(uint32_t index) {
  return ids_.get() + uint64_t{index} * config_.blocks_max;
}

int32_t* Engine::ids_of_reservation(uint32_t index) {
  return ids_.get() + (uint64_t{config_.transfers_max} + index) * config_.blocks_max;
}

hexagent_status Engine::reserve(const hexagent_kv_reservation& wanted, uint64_t* token) {
  uint32_t pool = 0;
  uint32_t peer = 0;
  const hexagent_status status = usable(wanted.target, wanted.peer_worker, &pool, &peer);
  if (status != HEXAGENT_OK) return status;
  if (wanted.expires_ns < 0) return HEXAGENT_E_RANGE;
  const uint32_t index = reservations_.allocate();
  if (index == kNoIndex) return HEXAGENT_E_FULL;
  Reservation& reservation = reservations_[index];
  reservation = Reservation{};
  reservation.user_data = wanted.user_data;
  reservation.expires_ns = wanted.expires_ns;
  reservation.begin_ns = now();
  reservation.peer = peer;
  reservation.peer_worker = wanted.peer_worker;
  reservation.pool = pool;
  reservation.wanted = wire_shape(pools_[pool].pool, wanted.target);
  reservation.blocks = wanted.target;
  std::copy_n(wanted.target.blocks, wanted.target.block_count, ids_of_reservation(index));
  reservation.blocks.blocks = ids_of_reservation(index);
  Peer& from = peers_[peer];
  reservation.next_of_peer = from.reservation_head;
  if (from.reservation_head != kNoIndex) {
    reservations_[from.reservation_head].previous_of_peer = index;
  }
  from.reservation_head = index;
  ++pools_[pool].users;
  if (wanted.expires_ns != 0) next_expiry_ns_ = std::min(next_expiry_ns_, wanted.expires_ns);
  *token = reservations_.handle(index);
  return HEXAGENT_OK;
}

hexagent_status Engine::submit(const hexagent_kv_transfer& wanted, uint64_t* id) {
  constexpr uint32_t kFlags = HEXAGENT_TRANSFER_LAYERWISE | HEXAGENT_TRANSFER_CHECKSUM;
  uint32_t pool = 0;
  uint32_t peer = 0;
  const hexagent_status status = usable(wanted.source, wanted.peer_worker, &pool, &peer);
  if (status != HEXAGENT_OK) return status;
  if ((wanted.flags & ~kFlags) != 0) return HEXAGENT_E_RESERVED;
  if (wanted.token == 0) return HEXAGENT_E_ARGUMENT;
  if (!(wanted.risk >= 0.0 && wanted.risk <= 1.0) || wanted.deadline_ns < 0) {
    return HEXAGENT_E_RANGE;
  }
  const uint32_t index = transfers_.allocate();
  if (index == kNoIndex) return HEXAGENT_E_FULL;
  Transfer& transfer = transfers_[index];
  transfer = Transfer{};
  transfer.user_data = wanted.user_data;
  transfer.token = wanted.token;
  transfer.workflow = wanted.workflow;
  transfer.seed = next_seed_ += 0x9e3779b97f4a7c15u;
  transfer.deadline_ns = wanted.deadline_ns;
  transfer.begin_ns = transfer.waiting_since_ns = now();
  transfer.risk = wanted.risk;
  transfer.priority = wanted.priority;
  transfer.flags = wanted.flags;
  transfer.peer = peer;
  transfer.peer_worker = wanted.peer_worker;
  transfer.pool = pool;
  transfer.sequence = next_sequence_++;
  std::copy_n(wanted.source.blocks, wanted.source.block_count, ids_of_transfer(index));
  transfer.wire = wire_shape(pools_[pool].pool, wanted.source);
  transfer.copy =
      make_copy(pools_[pool].pool, wanted.source, ids_of_transfer(index), transfer.wire);
  transfer.total_bytes = payload_bytes(transfer.wire, fragment_count(transfer.copy));
  ++pools_[pool].users;
  *id = transfers_.handle(index);
  enqueue(index);
  return HEXAGENT_OK;
}

hexagent_status Engine::reprioritise(uint64_t id, uint32_t priority, int64_t deadline_ns,
                                     double risk) {
  const uint32_t index = transfers_.find(id);
  if (index == kNoIndex || transfers_[index].owed.ended()) return HEXAGENT_E_STALE;
  if (!(risk >= 0.0 && risk <= 1.0) || deadline_ns < 0) return HEXAGENT_E_RANGE;
  Transfer& transfer = transfers_[index];
  transfer.priority = priority;
  transfer.deadline_ns = deadline_ns;
  transfer.risk = risk;
  return HEXAGENT_OK;
}

hexagent_status Engine::cancel(uint32_t side, uint64_t id) {
  if (side == HEXAGENT_TRANSFER_SOURCE) {
    const uint32_t index = transfers_.find(id);
    if (index == kNoIndex || transfers_[index].owed.ended()) return HEXAGENT_E_STALE;
    end_transfer(index, HEXAGENT_E_CANCELLED, true);
    return HEXAGENT_OK;
  }
  if (side != HEXAGENT_TRANSFER_TARGET) return HEXAGENT_E_RANGE;
  const uint32_t index = reservations_.find(id);
  if (index == kNoIndex || reservations_[index].owed.ended()) return HEXAGENT_E_STALE;
  end_reservation(index, HEXAGENT_E_CANCELLED, true);
  return HEXAGENT_OK;
}

// What the mover has finished. One result at a time: handling one may change what is running.
uint32_t Engine::collect(uint32_t budget) {
  MoveResult result = {};
  const uint32_t ended = mover_->run(budget, &result, 1);
  send_notes();
  if (ended == 0) return 0;
  const Ticket ticket = read_ticket(result.ticket);
  HEXAGENT_CHECK(ticket.peer < peers_.size() && ticket.entry < Peer::kUnderWay);
  if (ticket.sending) {
    on_pushed(ticket.peer, ticket.entry, result);
  } else {
    on_scattered(ticket.peer, ticket.entry, result);
  }
  return 1;
}

uint32_t Engine::step(uint32_t* budget) {
  uint32_t done = flush_unsent();
  done += flush_events();
  done += grant_kept();
  done += start_pushes();
  const uint32_t collected = collect(std::min(*budget, 1u));
  *budget -= std::min(*budget, collected);
  // The mover may have got room just now, of which its descriptor does not tell again.
  if (collected == 0) done += start_pushes();
  for (uint32_t peer = mover_->take_lost(); peer != kNoPeer; peer = mover_->take_lost()) {
    lose_peer(peer, HEXAGENT_E_PEER);
    ++done;
  }
  return done + collected;
}

int32_t Engine::progress(uint32_t budget, int64_t* next_timer_ns) {
  uint32_t left = budget != 0 ? budget : UINT32_MAX;
  uint32_t done = 0;
  const int64_t now_ns = now();
  if (now_ns >= next_expiry_ns_) expire(now_ns);
  if (now_ns >= next_silence_ns_) watch_silence(now_ns);
  while (left > 0) {
    const uint32_t step_done = step(&left);
    if (step_done == 0) break;
    done += step_done;
  }
  done += flush_events();
  *next_timer_ns = std::min(next_expiry_ns_, next_silence_ns_);
  return static_cast<int32_t>(std::min<uint32_t>(done, INT32_MAX));
}

hexagent_status Engine::link_estimate(uint32_t worker, hexagent_link_estimate* out) const {
  const uint32_t index = find_peer(worker);
  if (index == kNoIndex) return HEXAGENT_E_UNKNOWN_WORKER;
  const Peer& peer = peers_[index];
  out->peer_worker = worker;
  // A first guess is good enough to order and to cut by, not to place by.
  if (peer.link.is_settled()) {
    out->bytes_per_s = peer.link.bytes_per_s();
    out->setup_ns = peer.link.setup_ns();
    const int64_t all_ns = peer.link.expected_ns(peer.queued_bytes);
    out->queue_ns = peer.queued_bytes == 0 ? 0 : std::max<int64_t>(0, all_ns - out->setup_ns);
  }
  out->queued_bytes = peer.queued_bytes;
  out->bytes = peer.bytes;
  out->transfers = peer.transfers;
  out->failures = peer.failures;
  return HEXAGENT_OK;
}

void Engine::close() {
  for (uint32_t index = 0; index < peers_.size(); ++index) lose_peer(index, HEXAGENT_E_CLOSED);
  mover_->stop();
  while (collect(0) != 0) continue;
  flush_events();
}

}  // namespace hexagent::transport
