// The controller's door: see listener.h.
#include "controller/listener.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hexagent::controller {
namespace {

constexpr int kBacklog = 128;

// Is there a socket that nobody listens at?
bool is_left_behind(const std::string& path) {
  struct stat found = {};
  if (lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  sockaddr_un where = {};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.c_str(), path.size());  // parse_address() has looked
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const int result = connect(probe, reinterpret_cast<const sockaddr*>(&where), sizeof(where));
  const bool refused = result != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

}  // namespace

Listener* Listener::make(uv_loop_t* loop, const control::Address& address, Knock knock,
                         void* context, int* error) {
  auto* made = new Listener();
  made->knock_ = knock;
  made->context_ = context;
  made->is_unix_ = address.is_unix;
  int status = address.is_unix ? uv_pipe_init(loop, &made->handle_.pipe, 0)
                               : uv_tcp_init(loop, &made->handle_.tcp);
  if (status != 0) {
    delete made;
    *error = -status;
    return nullptr;
  }
  made->stream()->data = made;
  status = made->open(address);
  if (status == 0) return made;
  *error = -status;
  made->close();
  return nullptr;
}

int Listener::open(const control::Address& address) {
  int status = 0;
  if (address.is_unix) {
    if (is_left_behind(address.path)) unlink(address.path.c_str());
    status = uv_pipe_bind(&handle_.pipe, address.path.c_str());
  } else {
    status = uv_tcp_bind(&handle_.tcp, reinterpret_cast<const sockaddr*>(&address.socket), 0);
  }
  if (status != 0) return status;
  return uv_listen(stream(), kBacklog, [](uv_stream_t* door, int result) {
    auto* self = static_cast<Listener*>(door->data);
    if (result == 0) self->knock_(self->context_);
  });
}

control::Connection* Listener::take(control::Connection::Owner* owner) {
  control::Connection* made = control::Connection::make(stream()->loop, is_unix_, owner);
  if (made == nullptr || made->accept(stream())) return made;
  made->close();
  return nullptr;
}

uint16_t Listener::port() const {
  sockaddr_storage where = {};
  int size = sizeof(where);
  if (is_unix_ || uv_tcp_getsockname(&handle_.tcp, reinterpret_cast<sockaddr*>(&where), &size) != 0)
    return 0;
  const bool six = where.ss_family == AF_INET6;
  return ntohs(six ? reinterpret_cast<const sockaddr_in6*>(&where)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&where)->sin_port);
}

void Listener::close() {
  knock_ = [](void*) {};
  uv_close(reinterpret_cast<uv_handle_t*>(stream()),
           [](uv_handle_t* handle) { delete static_cast<Listener*>(handle->data); });
}

}  // namespace hexagent::controller
