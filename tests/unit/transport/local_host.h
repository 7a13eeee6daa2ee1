// A host as C code would write one, for transports behind their table of functions: events and
// control messages in queues, the real clock or one set by hand.
#pragma once

#include <ctime>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "hexagent/transport.h"

namespace hexagent::transport {

struct LocalHost {
  const hexagent_transport_ops* ops = nullptr;
  hexagent_transport* transport = nullptr;
  std::vector<hexagent_transfer_event> events;
  // To whom, and what.
  std::deque<std::pair<uint32_t, std::vector<unsigned char>>> sent;
  std::vector<std::string> lines;  // of the log
  int64_t fixed_now_ns = 0;        // 0 = the real clock

  LocalHost() = default;
  LocalHost(const LocalHost&) = delete;
  LocalHost& operator=(const LocalHost&) = delete;
  ~LocalHost() { close(); }

  void close() {
    if (transport != nullptr) ops->destroy(transport);
    transport = nullptr;
  }
  static hexagent_transport_config config(uint32_t worker) {
    hexagent_transport_config config = {};
    config.struct_size = sizeof(config);
    config.worker = worker;
    config.incarnation = worker + 100;
    return config;
  }
  hexagent_transport_host table() {
    hexagent_transport_host host = {};
    host.struct_size = sizeof(host);
    host.abi = HEXAGENT_TRANSPORT_ABI;
    host.context = this;
    host.post_event = [](void* context, const hexagent_transfer_event* event) {
      static_cast<LocalHost*>(context)->events.push_back(*event);
      return hexagent_status{HEXAGENT_OK};
    };
    host.send_control = [](void* context, uint32_t to, const void* message, size_t size) {
      const auto* bytes = static_cast<const unsigned char*>(message);
      static_cast<LocalHost*>(context)->sent.emplace_back(
          to, std::vector<unsigned char>(bytes, bytes + size));
      return hexagent_status{HEXAGENT_OK};
    };
    host.now_ns = [](void* context) {
      const int64_t fixed = static_cast<LocalHost*>(context)->fixed_now_ns;
      if (fixed != 0) return fixed;
      timespec now = {};
      clock_gettime(CLOCK_MONOTONIC, &now);
      return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    };
    host.log = [](void* context, uint32_t, const char* text) {
      static_cast<LocalHost*>(context)->lines.emplace_back(text);
    };
    return host;
  }
  bool logged(const char* part) const {
    for (const std::string& line : lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }
  hexagent_status open(const hexagent_transport_ops* with, const hexagent_transport_config& given) {
    ops = with;
    const hexagent_transport_host host = table();
    return ops->create(&host, &given, &transport);
  }
  bool progress() {
    int64_t next = 0;
    return ops->progress(transport, 0, &next) > 0;
  }
  // The last event of this kind for an id; null without one.
  const hexagent_transfer_event* find(uint32_t kind, uint64_t id) const {
    for (auto at = events.rbegin(); at != events.rend(); ++at) {
      if (at->kind == kind && at->id == id) return &*at;
    }
    return nullptr;
  }
};

// Carries messages between two hosts, workers 1 and 2, until both are idle.
inline void run_both(LocalHost* one, LocalHost* other) {
  for (bool busy = true; busy;) {
    busy = one->progress();
    busy = other->progress() || busy;
    for (LocalHost* from : {one, other}) {
      LocalHost* to = from == one ? other : one;
      while (!from->sent.empty()) {
        const std::vector<unsigned char> message = from->sent.front().second;
        from->sent.pop_front();
        to->ops->control(to->transport, from == one ? 1 : 2, message.data(), message.size());
        busy = true;
      }
    }
  }
}

}  // namespace hexagent::transport
