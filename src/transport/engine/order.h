// Which of the transfers queued for one peer sends the next chunk. Hard priorities first; within
// one, the more pressing (risk times remaining time over slack, after the scheduler's own order);
// equally pressing ones share the link by bytes, workflow by workflow. What has waited four times
// as long as it would take alone sends one chunk before all others, so nothing starves. Tests:
// tests/unit/transport/engine/order_test.cc.
#pragma once

#include <cstdint>

namespace hexagent::transport {

// What a transfer says of itself.
struct OrderInput {
  uint32_t priority;
  int64_t deadline_ns;  // 0 = none
  double risk;
  uint64_t remaining_bytes;
  int64_t waiting_since_ns;  // submitted, or its last chunk left
  uint64_t served;           // bytes its workflow has had, as virtual time of the link
  uint64_t sequence;         // of its submission
};

struct OrderKey {
  bool starved;
  int64_t waiting_since_ns;
  uint32_t priority;
  int32_t pressure;  // exponent: twice as pressing is one more
  uint64_t served;
  uint64_t sequence;
};

// `bytes_per_s` of the link, 0 = unknown.
OrderKey order_key(const OrderInput& input, int64_t now_ns, double bytes_per_s);

// Does `a` go before `b`? A total order.
bool goes_before(const OrderKey& a, const OrderKey& b);

}  // namespace hexagent::transport
