// The source's side of TCP lanes: see tcp_outbound.h.
#include "transport/tcp/tcp_outbound.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "transport/copy/kernels.h"

namespace hexagent::transport {
namespace {

// Parts smaller than this are not worth a lane of their own.
constexpr uint64_t kPartBytesMin = uint64_t{64} << 10;

bool socket_address(const TcpAddress& address, sockaddr_storage* out) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.magic != kLaneMagic) return false;
  if (address.version == 4) {
    return inet_ntop(AF_INET, address.ip, text, sizeof(text)) != nullptr &&
           uv_ip4_addr(text, address.port, reinterpret_cast<sockaddr_in*>(out)) == 0;
  }
  return address.version == 6 && inet_ntop(AF_INET6, address.ip, text, sizeof(text)) != nullptr &&
         uv_ip6_addr(text, address.port, reinterpret_cast<sockaddr_in6*>(out)) == 0;
}

}  // namespace

void TcpOutbound::FreeMemory::operator()(unsigned char* memory) const { std::free(memory); }

TcpOutbound::TcpOutbound(uv_loop_t* loop, uint32_t lanes, uint64_t bytes_per_s,
                         std::function<void()> lost)
    : loop_(loop), lost_(std::move(lost)), lanes_(lanes), bytes_per_s_(bytes_per_s) {}

hexagent_status TcpOutbound::connect(const TcpAddress& address, uint32_t slots,
                                     uint32_t slot_bytes) {
  sockaddr_storage where = {};
  if (!socket_address(address, &where)) return HEXAGENT_E_ARGUMENT;
  slot_bytes_ = (size_t{slot_bytes} + kStreamAlign - 1) / kStreamAlign * kStreamAlign;
  memory_.reset(static_cast<unsigned char*>(std::aligned_alloc(kStreamAlign, slots * slot_bytes_)));
  if (memory_ == nullptr) return HEXAGENT_E_NO_MEMORY;
  writes_ = std::vector<Write>(slots * lanes_.size());
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    lane.owner = this;
    lane.preamble = {kLaneMagic, static_cast<uint32_t>(i), {address.cookie[0], address.cookie[1]}};
    if (uv_tcp_init(loop_, &lane.handle) != 0) return HEXAGENT_E_SYSTEM;
    lane.open = true;
    ++open_handles_;
    lane.handle.data = &lane;
    lane.connecting.data = &lane;
    const auto* target = reinterpret_cast<const sockaddr*>(&where);
    if (uv_tcp_connect(&lane.connecting, &lane.handle, target, on_connected) != 0) {
      return HEXAGENT_E_SYSTEM;
    }
  }
  return HEXAGENT_OK;
}

// The kernel paces a socket by itself, without a queueing discipline, since Linux 4.20.
bool TcpOutbound::tune(Lane* lane) const {
  uv_tcp_nodelay(&lane->handle, 1);
  if (bytes_per_s_ == 0) return true;
  uv_os_fd_t socket = -1;
  const uint64_t share = std::max<uint64_t>(1, bytes_per_s_ / lanes_.size());
  return uv_fileno(reinterpret_cast<uv_handle_t*>(&lane->handle), &socket) == 0 &&
         setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &share, sizeof(share)) == 0;
}

void TcpOutbound::on_connected(uv_connect_t* request, int status) {
  auto* lane = static_cast<Lane*>(request->data);
  TcpOutbound* self = lane->owner;
  if (self->closing_) return;
  auto* stream = reinterpret_cast<uv_stream_t*>(&lane->handle);
  if (status != 0) return self->fail();
  if (!self->tune(lane)) return self->fail();
  const uv_buf_t buffer =
      uv_buf_init(reinterpret_cast<char*>(&lane->preamble), sizeof(lane->preamble));
  lane->greeting.data = nullptr;
  if (uv_write(&lane->greeting, stream, &buffer, 1, on_written) != 0) return self->fail();
  // Nothing ever comes this way but the end.
  const auto room = [](uv_handle_t* handle, size_t, uv_buf_t* to) {
    auto* own = static_cast<Lane*>(handle->data);
    *to = uv_buf_init(own->ignored, sizeof(own->ignored));
  };
  const auto ended = [](uv_stream_t* from, ssize_t count, const uv_buf_t*) {
    auto* own = static_cast<Lane*>(from->data);
    if (count != 0 && !own->owner->closing_) own->owner->fail();
  };
  if (uv_read_start(stream, room, ended) != 0) return self->fail();
  ++self->connected_;
}

// The system would buffer megabytes for each socket. Ahead of the link it gets about half a part,
// which lasts until the next chunk is packed.
void TcpOutbound::hold_back(Lane* lane, uint64_t part) {
  const auto most = static_cast<uint32_t>(part / 2);
  uv_os_fd_t socket = -1;
  if (lane->unsent_most == most) return;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&lane->handle), &socket) != 0) return;
  // Where it cannot be set chunks go all the same, the urgent later.
  if (setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most)) == 0) {
    lane->unsent_most = most;
  }
}

void TcpOutbound::send(uint32_t slot_index, uint32_t generation, uint64_t bytes) {
  const auto lanes = static_cast<uint64_t>(lanes_.size());
  const uint64_t even = (bytes + lanes - 1) / lanes;
  const uint64_t part =
      (std::max(even, kPartBytesMin) + kStreamAlign - 1) / kStreamAlign * kStreamAlign;
  uint64_t at = 0;
  for (size_t i = 0; at < bytes; ++i) {
    const uint64_t size = std::min(part, bytes - at);
    // Short chunks begin at another lane each time.
    const size_t which = (i + generation) % lanes_.size();
    Write& write = writes_[slot_index * lanes_.size() + which];
    write.owner = this;
    write.request.data = &write;
    write.header = {kFrameMagic,
                    slot_index,
                    generation,
                    static_cast<uint32_t>(at),
                    static_cast<uint32_t>(size),
                    0};
    const uv_buf_t buffers[2] = {
        uv_buf_init(reinterpret_cast<char*>(&write.header), sizeof(write.header)),
        uv_buf_init(reinterpret_cast<char*>(slot(slot_index) + at), static_cast<unsigned>(size))};
    ++writing_;
    hold_back(&lanes_[which], part);
    auto* stream = reinterpret_cast<uv_stream_t*>(&lanes_[which].handle);
    if (uv_write(&write.request, stream, buffers, 2, on_written) != 0) {
      --writing_;
      return fail();
    }
    at += size;
  }
}

void TcpOutbound::on_written(uv_write_t* request, int status) {
  auto* write = static_cast<Write*>(request->data);
  if (write == nullptr) return;  // the preamble; its lane tells by its end if that failed
  --write->owner->writing_;
  if (status != 0 && !write->owner->closing_) write->owner->fail();
}

void TcpOutbound::fail() {
  if (failed_) return;
  failed_ = true;
  lost_();
}

void TcpOutbound::close() {
  if (closing_) return;
  closing_ = true;
  for (Lane& lane : lanes_) {
    if (!lane.open) continue;
    lane.open = false;
    uv_close(reinterpret_cast<uv_handle_t*>(&lane.handle),
             [](uv_handle_t* handle) { --static_cast<Lane*>(handle->data)->owner->open_handles_; });
  }
}

}  // namespace hexagent::transport
