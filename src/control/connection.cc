// Control connections: see connection.h.
#include "control/connection.h"

#include <cstring>
#include <new>

namespace hexagent::control {
namespace {

constexpr size_t kReadSize = size_t{64} << 10;  // holds any message
constexpr unsigned kKeepaliveS = 5;

int64_t clock_ns() { return static_cast<int64_t>(uv_hrtime()); }

}  // namespace

Connection* Connection::make(uv_loop_t* loop, bool is_unix, Owner* owner) {
  Connection* made = nullptr;
  try {
    made = new Connection(owner);
    made->incoming_.resize(kReadSize);
  } catch (const std::bad_alloc&) {
    delete made;
    return nullptr;
  }
  const int status =
      is_unix ? uv_pipe_init(loop, &made->handle_.pipe, 0) : uv_tcp_init(loop, &made->handle_.tcp);
  if (status != 0) {
    delete made;
    return nullptr;
  }
  made->stream()->data = made;
  made->heard_ns = made->sent_ns = clock_ns();
  return made;
}

bool Connection::accept(uv_stream_t* listener) {
  return uv_accept(listener, stream()) == 0 && start_reading();
}

bool Connection::connect(const Address& address) {
  connect_.data = this;
  const auto on_connect = [](uv_connect_t* request, int status) {
    auto* self = static_cast<Connection*>(request->data);
    if (self->closing_) return;
    if (status != 0 || !self->start_reading()) return self->lose(HEXAGENT_E_PEER);
    self->flush();  // what was said before
  };
  if (!address.is_unix) {
    const auto* where = reinterpret_cast<const sockaddr*>(&address.socket);
    return uv_tcp_connect(&connect_, &handle_.tcp, where, on_connect) == 0;
  }
  uv_pipe_connect(&connect_, &handle_.pipe, address.path.c_str(), on_connect);
  return true;
}

bool Connection::start_reading() {
  open_ = true;
  if (stream()->type == UV_TCP) {
    uv_tcp_nodelay(&handle_.tcp, 1);
    uv_tcp_keepalive(&handle_.tcp, 1, kKeepaliveS);
  }
  const auto give = [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
    auto* self = static_cast<Connection*>(handle->data);
    buffer->base = reinterpret_cast<char*>(self->incoming_.data()) + self->filled_;
    buffer->len = self->incoming_.size() - self->filled_;
  };
  return uv_read_start(stream(), give, [](uv_stream_t* from, ssize_t size, const uv_buf_t*) {
           auto* self = static_cast<Connection*>(from->data);
           if (size < 0) return self->lose(HEXAGENT_E_PEER);
           if (size <= 0) return;
           try {
             self->on_bytes(static_cast<size_t>(size));
           } catch (...) {  // libuv's frames must not be unwound
             self->lose(HEXAGENT_E_NO_MEMORY);
           }
         }) == 0;
}

void Connection::on_bytes(size_t size) {
  heard_ns = clock_ns();
  filled_ += size;
  size_t taken = 0;
  while (!closing_ && !hang_up_) {
    Message message;
    uint64_t frame = 0;
    const Read read =
        read_message(incoming_.data() + taken, filled_ - taken, read_count_ + 1, &message, &frame);
    if (read == Read::kDamaged) return lose(HEXAGENT_E_DAMAGED);
    if (read == Read::kMore) break;
    ++read_count_;
    taken += frame;
    owner_->on_message(this, message);
  }
  filled_ -= taken;
  std::memmove(incoming_.data(), incoming_.data() + taken, filled_);
  if (hang_up_) filled_ = 0;  // whatever it still says
}

bool Connection::send(const Message& message, size_t limit) {
  if (closing_ || hang_up_ || broken_) return false;
  if (waiting_.size() >= limit) {
    broken_ = limit >= kQueueMax;
    return false;
  }
  try {
    if (!append_message(message, sent_count_ + 1, &waiting_)) return false;
  } catch (const std::bad_alloc&) {
    broken_ = true;
    return false;
  }
  ++sent_count_;
  sent_ns = clock_ns();
  flush();
  return true;
}

void Connection::flush() {
  if (writing_ || !open_ || closing_) return;
  if (waiting_.empty()) {
    if (hang_up_) close();
    return;
  }
  std::swap(sending_, waiting_);
  waiting_.clear();
  uv_buf_t buffer =
      uv_buf_init(reinterpret_cast<char*>(sending_.data()), static_cast<unsigned>(sending_.size()));
  write_.data = this;
  writing_ = true;
  const int status = uv_write(&write_, stream(), &buffer, 1, [](uv_write_t* request, int result) {
    auto* self = static_cast<Connection*>(request->data);
    self->writing_ = false;
    if (self->closing_) return;
    if (result != 0) return self->lose(HEXAGENT_E_PEER);
    self->flush();
  });
  // The reader finds out that it is over; the owner must not hear of it in the middle of send().
  if (status != 0) writing_ = false;
}

void Connection::lose(hexagent_status status) {
  if (closing_) return;
  const bool is_told = !hang_up_;  // the owner has left one that hangs up
  close();
  if (!is_told) return;
  try {
    owner_->on_lost(this, status);
  } catch (...) {  // its sweep finds what it could not see to
  }
}

void Connection::close() {
  if (closing_) return;
  closing_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(stream()),
           [](uv_handle_t* handle) { delete static_cast<Connection*>(handle->data); });
}

void Connection::close_after_sending() {
  hang_up_ = true;
  flush();
}

}  // namespace hexagent::control
