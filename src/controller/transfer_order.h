// What the scheduler says to the controller of KV transfers and hears from it. Small on purpose:
// neither side knows how the other works. See controller.h.
#pragma once

#include <cstdint>

#include "hexagent/transport.h"

namespace hexagent::controller {

struct Urgency {
  uint32_t priority = 0;    // 0 = most urgent; see hexagent_kv_transfer
  int64_t deadline_ns = 0;  // of CLOCK_MONOTONIC; 0 = none
  double risk = 0.0;        // 0 ... 1
};

struct TransferOrder {
  uint64_t workflow = 0;
  uint64_t call = 0;
  uint64_t tag = 0;   // comes back
  uint32_t from = 0;  // worker that holds the KV
  uint32_t to = 0;    // worker that wants it
  uint32_t tokens = 0;
  uint32_t cached_tokens = 0;  // that `to` has already
  Urgency urgency;
};

struct TransferEnd {
  uint64_t id = 0;
  TransferOrder order;
  hexagent_status status = HEXAGENT_OK;
  uint64_t bytes = 0;
  int64_t start_ns = 0;  // the source has submitted it; 0 = it never came to that
  int64_t end_ns = 0;
};

struct LinkMeasured {
  uint32_t from = 0;
  uint32_t to = 0;
  double bytes_per_s = 0.0;
  int64_t setup_ns = 0;
  int64_t queue_ns = 0;
  uint64_t queued_bytes = 0;
  uint64_t bytes = 0;
  uint64_t transfers = 0;
  uint64_t failures = 0;
};

// Called on the loop's thread, at most from within the controller's own callbacks and functions;
// they may call the controller again, but not destroy it.
class ControllerEvents {
 public:
  // Once for each started transfer.
  virtual void on_transfer_ended(const TransferEnd& end) = 0;
  // Once for each side of it, HEXAGENT_TRANSFER_SOURCE and _TARGET, never before its end: the
  // blocks
  // there are free. `status`: HEXAGENT_OK by the endpoint's word; HEXAGENT_E_PEER: that process is
  // gone and its memory with it; HEXAGENT_E_TIMEOUT: nobody heard of it again.
  virtual void on_transfer_quiesced(uint64_t id, const TransferOrder& order, uint32_t side,
                                    hexagent_status status) = 0;
  virtual void on_transfer_progress(uint64_t, uint64_t /*bytes*/, uint32_t /*layers*/) {}
  virtual void on_link_measured(const LinkMeasured& link) = 0;
  virtual void on_endpoint_connected(uint32_t worker, uint64_t incarnation) = 0;
  virtual void on_endpoint_lost(uint32_t worker, uint64_t incarnation, hexagent_status status) = 0;

 protected:
  ~ControllerEvents() = default;
};

}  // namespace hexagent::controller
