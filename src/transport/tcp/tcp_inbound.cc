// The target's side of TCP lanes: see tcp_inbound.h.
#include "transport/tcp/tcp_inbound.h"

#include <arpa/inet.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace hexagent::transport {
namespace {

constexpr int kBacklog = 128;
constexpr size_t kReadMax = size_t{1} << 20;
constexpr size_t kSinkBytes = size_t{64} << 10;
constexpr uint32_t kStrangersMax = 64;  // lanes that have not said whose they are

}  // namespace

void TcpInbound::FreeMemory::operator()(unsigned char* memory) const { std::free(memory); }

TcpInbound::TcpInbound(uv_loop_t* loop, uint32_t peers_max, std::function<void(uint32_t)> lost)
    : loop_(loop), lost_(std::move(lost)), stagings_(peers_max), sink_(kSinkBytes) {}

TcpInbound::~TcpInbound() = default;

hexagent_status TcpInbound::listen(const std::string& ip, uint16_t port) {
  sockaddr_storage where = {};
  address_.magic = kLaneMagic;
  if (uv_ip4_addr(ip.c_str(), port, reinterpret_cast<sockaddr_in*>(&where)) == 0) {
    address_.version = 4;
    inet_pton(AF_INET, ip.c_str(), address_.ip);
  } else if (uv_ip6_addr(ip.c_str(), port, reinterpret_cast<sockaddr_in6*>(&where)) == 0) {
    address_.version = 6;
    inet_pton(AF_INET6, ip.c_str(), address_.ip);
  } else {
    return HEXAGENT_E_KEY;
  }
  if (uv_tcp_init(loop_, &listener_) != 0) return HEXAGENT_E_SYSTEM;
  listening_ = true;
  listener_.data = this;
  const auto* socket_address = reinterpret_cast<const sockaddr*>(&where);
  if (uv_tcp_bind(&listener_, socket_address, 0) != 0) return HEXAGENT_E_SYSTEM;
  auto* stream = reinterpret_cast<uv_stream_t*>(&listener_);
  if (uv_listen(stream, kBacklog, on_connection) != 0) return HEXAGENT_E_SYSTEM;
  int size = sizeof(where);
  if (uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&where), &size) != 0) {
    return HEXAGENT_E_SYSTEM;
  }
  // The port lies at the same place in both kinds of address.
  address_.port = ntohs(reinterpret_cast<const sockaddr_in*>(&where)->sin_port);
  return HEXAGENT_OK;
}

hexagent_status TcpInbound::open(uint32_t peer, uint32_t slots, uint32_t slot_bytes,
                                 TcpAddress* address) {
  auto staging = std::make_unique<Staging>();
  staging->slots = slots;
  staging->slot_bytes = (size_t{slot_bytes} + kStreamAlign - 1) / kStreamAlign * kStreamAlign;
  staging->memory.reset(static_cast<unsigned char*>(
      std::aligned_alloc(kStreamAlign, staging->slots * staging->slot_bytes)));
  if (staging->memory == nullptr) return HEXAGENT_E_NO_MEMORY;
  constexpr size_t kCookieBytes = sizeof(staging->cookie);
  if (getrandom(staging->cookie, kCookieBytes, 0) != ssize_t{kCookieBytes}) {
    return HEXAGENT_E_SYSTEM;
  }
  *address = address_;
  std::memcpy(address->cookie, staging->cookie, kCookieBytes);
  stagings_[peer] = std::move(staging);
  return HEXAGENT_OK;
}

void TcpInbound::close(uint32_t peer) {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (lane->known && lane->peer == peer) close_lane(lane.get());
  }
  stagings_[peer].reset();
}

void TcpInbound::close_all() {
  for (const std::unique_ptr<Lane>& lane : lanes_) close_lane(lane.get());
  if (listening_) uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
  listening_ = false;
}

bool TcpInbound::arrived(uint32_t peer, uint32_t slot, uint32_t generation, uint64_t bytes) const {
  const ArrivingSlot& arriving = stagings_[peer]->arriving[slot];
  return arriving.generation == generation && arriving.bytes == bytes;
}

unsigned char* TcpInbound::slot(uint32_t peer, uint32_t slot) const {
  return stagings_[peer]->memory.get() + slot * stagings_[peer]->slot_bytes;
}

// No exception may go through libuv, which is C: without memory the stranger waits at the door.
void TcpInbound::on_connection(uv_stream_t* server, int status) {
  if (status != 0) return;
  auto* self = static_cast<TcpInbound*>(server->data);
  self->knocking_ = true;
  self->let_in();
}

void TcpInbound::let_in() {
  if (!knocking_ || !listening_) return;
  try {
    welcome();
  } catch (const std::bad_alloc&) {
    return;
  }
}

void TcpInbound::welcome() {
  lanes_.reserve(lanes_.size() + 1);
  auto lane = std::make_unique<Lane>();
  lane->owner = this;
  if (uv_tcp_init(loop_, &lane->handle) != 0) return;
  lane->handle.data = lane.get();
  auto* stream = reinterpret_cast<uv_stream_t*>(&lane->handle);
  Lane* raw = lane.get();
  lanes_.push_back(std::move(lane));
  knocking_ = false;
  auto* server = reinterpret_cast<uv_stream_t*>(&listener_);
  const auto strangers =
      std::count_if(lanes_.begin(), lanes_.end(), [](const auto& each) { return !each->known; });
  if (uv_accept(server, stream) != 0 || strangers > kStrangersMax ||
      uv_read_start(stream, on_alloc, on_read) != 0) {
    close_lane(raw);
  }
}

void TcpInbound::on_alloc(uv_handle_t* handle, size_t, uv_buf_t* buffer) {
  auto* lane = static_cast<Lane*>(handle->data);
  lane->owner->room_for(lane, buffer);
}

// Where the next bytes of this lane go.
void TcpInbound::room_for(Lane* lane, uv_buf_t* buffer) {
  const auto give = [lane, buffer](void* whole, size_t size) {
    *buffer = uv_buf_init(static_cast<char*>(whole) + lane->have,
                          static_cast<unsigned>(size - lane->have));
  };
  if (!lane->known) return give(&lane->preamble, sizeof(lane->preamble));
  if (!lane->in_payload) return give(&lane->header, sizeof(lane->header));
  const FrameHeader& header = lane->header;
  const size_t left = std::min<size_t>(header.bytes - lane->have, kReadMax);
  const Staging& staging = *stagings_[lane->peer];
  if (staging.arriving[header.slot].generation != header.generation) {
    *buffer = uv_buf_init(reinterpret_cast<char*>(sink_.data()),
                          static_cast<unsigned>(std::min(left, sink_.size())));
    return;
  }
  unsigned char* to = slot(lane->peer, header.slot) + header.offset + lane->have;
  *buffer = uv_buf_init(reinterpret_cast<char*>(to), static_cast<unsigned>(left));
}

void TcpInbound::on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
  auto* lane = static_cast<Lane*>(stream->data);
  if (count == 0 || lane->closing) return;
  TcpInbound* self = lane->owner;
  if (count > 0 && self->take(lane, static_cast<size_t>(count))) return;
  const bool known = lane->known;
  const uint32_t peer = lane->peer;
  self->close_lane(lane);
  if (known) self->lost_(peer);
}

// Bytes have come to where room_for() said. False: they make no sense.
bool TcpInbound::take(Lane* lane, size_t count) {
  lane->have += count;
  if (!lane->known) {
    if (lane->have < sizeof(lane->preamble)) return true;
    lane->have = 0;
    return know(lane);
  }
  if (!lane->in_payload) {
    if (lane->have < sizeof(lane->header)) return true;
    lane->have = 0;
    return begin_payload(lane);
  }
  ArrivingSlot& arriving = stagings_[lane->peer]->arriving[lane->header.slot];
  if (arriving.generation == lane->header.generation) arriving.bytes += count;
  if (lane->have == lane->header.bytes) {
    lane->have = 0;
    lane->in_payload = false;
  }
  return true;
}

bool TcpInbound::know(Lane* lane) {
  if (lane->preamble.magic != kLaneMagic) return false;
  for (uint32_t peer = 0; peer < stagings_.size(); ++peer) {
    const Staging* staging = stagings_[peer].get();
    if (staging == nullptr) continue;
    if (std::memcmp(staging->cookie, lane->preamble.cookie, sizeof(staging->cookie)) != 0) continue;
    lane->peer = peer;
    lane->known = true;
    return true;
  }
  return false;
}

bool TcpInbound::begin_payload(Lane* lane) {
  const FrameHeader& header = lane->header;
  Staging& staging = *stagings_[lane->peer];
  if (header.magic != kFrameMagic || header.slot >= staging.slots || header.generation == 0 ||
      header.bytes == 0 || uint64_t{header.offset} + header.bytes > staging.slot_bytes) {
    return false;
  }
  staging.arriving[header.slot].accept(header.generation);
  lane->in_payload = true;
  return true;
}

void TcpInbound::close_lane(Lane* lane) {
  if (lane->closing) return;
  lane->closing = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&lane->handle), on_closed);
}

void TcpInbound::on_closed(uv_handle_t* handle) {
  auto* lane = static_cast<Lane*>(handle->data);
  std::vector<std::unique_ptr<Lane>>& lanes = lane->owner->lanes_;
  const auto is_it = [lane](const std::unique_ptr<Lane>& each) { return each.get() == lane; };
  lanes.erase(std::find_if(lanes.begin(), lanes.end(), is_it));
}

}  // namespace hexagent::transport
