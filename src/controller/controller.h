// Controller: the scheduler's half of the KV data plane. It listens for endpoints, lets in those
// that share the secret, has them carry out transfers and hears how these go. It decides nothing:
// when a transfer begins and how urgent it is, is the scheduler's.
//
//   start() -> RESERVE to the target -> its engine names blocks -> RESERVED with a token
//           -> SEND to the source    -> its engine names blocks -> the transports move them
//           -> ENDED, QUIESCED from both sides
//
// What the transports say to each other goes through here too (RELAY): endpoints know the
// controller's address alone, and one handshake guards everything. All of it belongs to the thread
// of its loop. Files: controller.cc who is connected, transfers.cc what moves. Tests:
// tests/unit/controller/controller_test.cc.
#pragma once

#include <uv.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "control/connection.h"
#include "control/handshake.h"
#include "controller/controller_counts.h"
#include "controller/listener.h"
#include "controller/transfer_order.h"

namespace hexagent::controller {

struct ControllerSettings {
  control::Address address;
  std::string secret;
  uint32_t transfers_max = 8192;       // not quiesced at both ends
  uint32_t endpoints_max = 1024;       // workers ever seen
  uint32_t callers_max = 64;           // connections that have not proved themselves yet
  int64_t silence_ns = 5'000'000'000;  // after it, a connection counts as lost
  int64_t ping_ns = 1'000'000'000;     // we say something at least so often
  int64_t answer_ns = 10'000'000'000;  // for an engine to answer RESERVE or SEND; 0 = any
  int64_t grace_ns = 30'000'000'000;   // for a lost endpoint to come back and tell what quiesced
  uint64_t sweep_ms = 250;
};

class Controller final : private control::Connection::Owner {
 public:
  // Both outlive it. Nothing happens before open().
  Controller(const ControllerSettings& settings, ControllerEvents* events)
      : settings_(settings), events_(events) {}

  // Begins to listen; 0 or errno. May throw std::bad_alloc.
  int open(uv_loop_t* loop);

  // Hangs up and closes all handles, which needs some more turns of the loop. Nothing more is told
  // of transfers; endpoints end theirs by themselves.
  void close();

  // Are both there and connected?
  bool can_carry(uint32_t from, uint32_t to) const;

  // HEXAGENT_OK; HEXAGENT_E_UNKNOWN_WORKER (no connected endpoint), HEXAGENT_E_ARGUMENT (to
  // itself),
  // HEXAGENT_E_FULL. on_transfer_ended() follows later, never from within.
  hexagent_status start(const TransferOrder& order, uint64_t* id);

  // HEXAGENT_OK, HEXAGENT_E_STALE (it has ended), HEXAGENT_E_RANGE.
  hexagent_status change_urgency(uint64_t id, const Urgency& urgency);

  // Ends it with HEXAGENT_E_CANCELLED, told at once from within. HEXAGENT_E_STALE when it has
  // ended.
  hexagent_status cancel(uint64_t id);

  ControllerCounts counts() const;
  uint32_t transfers_alive() const { return static_cast<uint32_t>(transfers_.size()); }
  uint16_t port() const { return listener_->port(); }

 private:
  struct Endpoint {
    uint64_t incarnation = 0;
    control::Connection* connection = nullptr;  // null: lost
    int64_t lost_ns = 0;
    std::set<uint32_t> peers;  // whom it has spoken to through us
  };
  struct Caller {
    control::Nonce nonce;
    int64_t since_ns = 0;
  };
  struct Transfer {
    TransferOrder order;
    uint64_t incarnations[2] = {};  // of the endpoints, by side
    bool told[2] = {};              // that side knows of it
    bool quiesced[2] = {};
    bool ended = false;
    int64_t start_ns = 0;
    int64_t ended_ns = 0;
  };

  // -- controller.cc
  void on_message(control::Connection* connection, const control::Message& message) override;
  void on_lost(control::Connection* connection, hexagent_status status) override;
  void on_knock();
  void on_hello(control::Connection* connection, const control::Message& hello);
  hexagent_status admit(const control::Message& hello) const;
  void refuse(control::Connection* connection, hexagent_status status);
  void lose(uint32_t worker, hexagent_status status);
  void relay(uint32_t from, const control::Message& message);
  bool tell(uint32_t worker, const control::Message& message);
  void hear(uint32_t worker, const control::Message& message);
  void sweep();
  void sweep_callers(int64_t now);

  // -- transfers.cc
  void on_reserved(uint32_t worker, const control::Message& message);
  void on_ended(uint32_t worker, const control::Message& message);
  void on_quiesced(uint32_t worker, const control::Message& message);
  Transfer* find_of(uint32_t worker, uint64_t id, uint32_t side);
  void end(uint64_t id, Transfer* transfer, hexagent_status status, uint64_t bytes);
  void settle(uint64_t id, Transfer* transfer, uint32_t side, hexagent_status status);
  void fail_all_of(uint32_t worker, hexagent_status status);
  void settle_all_of(uint32_t worker, hexagent_status status);
  void forget_quiesced();

  const ControllerSettings settings_;
  ControllerEvents* const events_;
  Listener* listener_ = nullptr;
  uv_timer_t timer_ = {};
  uint64_t session_ = 0;
  uint64_t next_id_ = 1;
  std::map<uint32_t, Endpoint> endpoints_;
  std::map<control::Connection*, Caller> callers_;
  std::map<uint64_t, Transfer> transfers_;
  ControllerCounts counts_;  // without what is of the moment
};

}  // namespace hexagent::controller
