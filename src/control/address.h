// Where a controller listens and endpoints find it: "unix:/run/hexagent.sock" or
// "tcp:10.0.0.7:7070"
// ("tcp:[fd00::7]:7070"). Numbers only: looking up names would block or need libuv's thread pool.
// Tests: tests/unit/control/handshake_test.cc.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

namespace hexagent::control {

struct Address {
  bool is_unix = false;
  std::string path;              // of a Unix socket
  sockaddr_storage socket = {};  // else
};

// False when it is none. A Unix path must fit a socket's address.
bool parse_address(std::string_view text, Address* address);

}  // namespace hexagent::control
