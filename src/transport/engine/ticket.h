// Names of the mover's jobs: which entry of which peer, out or in.
#pragma once

#include <cstdint>

namespace hexagent::transport {

struct Ticket {
  bool sending;
  uint32_t peer;
  uint32_t entry;
};

inline uint64_t make_ticket(const Ticket& ticket) {
  return uint64_t{ticket.sending ? 1u : 0u} << 63 | uint64_t{ticket.peer} << 32 | ticket.entry;
}

inline Ticket read_ticket(uint64_t ticket) {
  return {(ticket >> 63) != 0, static_cast<uint32_t>(ticket >> 32) & 0x7fffffffu,
          static_cast<uint32_t>(ticket)};
}

}  // namespace hexagent::transport
