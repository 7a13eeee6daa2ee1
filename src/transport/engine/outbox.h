// Outbox: events that the host still has to be told. A record notes what it owes and stands in line
// once; the host's queue may be full for as long as it likes, nothing is lost and nothing is told
// twice. What has only moved on (CHUNK) is told as of the time it is told. Tests:
// tests/unit/transport/engine/outbox_test.cc.
#pragma once

#include <cstdint>

#include "core/base/ring.h"
#include "hexagent/transport.h"

namespace hexagent::transport {

// What one transfer or reservation owes; part of its record.
struct Owed {
  enum class End : uint32_t { kOpen, kDue, kTold };  // of its terminal event
  End end = End::kOpen;
  hexagent_status status = HEXAGENT_OK;
  bool chunk = false;
  bool quiesced = false;
  bool in_line = false;

  bool ended() const { return end != End::kOpen; }
};

// Who owes: a transfer, a reservation or a peer, by index.
struct Debtor {
  enum class Kind : uint32_t { kTransfer, kReservation, kPeer };
  Kind kind;
  uint32_t index;
};

class Outbox {
 public:
  explicit Outbox(uint32_t debtors_max) : line_(debtors_max), debtors_max_(debtors_max) {}

  void join(const Debtor& debtor) {
    HEXAGENT_CHECK(line_.size() < debtors_max_);
    line_.push(debtor);
  }
  bool empty() const { return line_.empty(); }
  Debtor front() { return line_.front(); }
  void leave() { line_.pop(); }

 private:
  Ring<Debtor> line_;
  uint32_t debtors_max_;
};

}  // namespace hexagent::transport
