// Engine: the state machine of one end of all its transfers, the same for every transport. Single
// threaded, without a clock of its own; time comes from the host once per call. What is moved and
// how is the mover's, everything that can go wrong is handled here.
//
// A transfer, step by step (source left, target right):
//
//                                  reserve() -> token          RESERVED
//   submit(token)  ---- OPEN ---->  the token is alive, both ends fit
//   a credit (GRANT, given ahead)   a slot of the target's staging is lent
//   PACK into that slot
//                  ---- READY --->  the token is alive: UNPACK into its blocks
//   chunk is done  <---- ACK -----  with a new credit for the slot
//   DONE, QUIESCED                  DONE, QUIESCED            after the last chunk
//
// Files: engine.cc calls from the host, engine_peer.cc connections and messages, engine_source.cc,
// engine_target.cc the two sides, engine_events.cc what the host is told.
// Tests: tests/unit/transport/engine/.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hexagent/transport.h"
#include "transport/engine/handle_table.h"
#include "transport/engine/mover.h"
#include "transport/engine/order.h"
#include "transport/engine/outbox.h"
#include "transport/engine/records.h"

namespace hexagent::transport {

// A transport's own limits and defaults.
struct EngineSettings {
  uint64_t chunk_bytes_min = uint64_t{1} << 20;
  // A chunk that has not arrived after ten times its expected time, and this, means that the peer
  // is gone. Below some hundred milliseconds a host that is only busy would look dead.
  int64_t silence_min_ns = 250'000'000;
  // Chunks handed to the mover at once for one peer: the one that moves and the next. What is more
  // urgent than both waits for two chunks at most; with more it would wait longer.
  uint32_t pushes_max = 2;
};

class Engine {
 public:
  // The configuration's zeros are replaced by their defaults; config_status() checks it first.
  Engine(const hexagent_transport_host& host, const hexagent_transport_config& config,
         const EngineSettings& settings, std::unique_ptr<Mover> mover);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  static hexagent_status config_status(const hexagent_transport_config& config);

  // The functions of hexagent_transport_ops; arguments are not null and of the right size.
  hexagent_status register_pool(const hexagent_kv_pool& pool, uint64_t* out);
  hexagent_status unregister_pool(uint64_t pool);
  hexagent_status connect(uint32_t worker);
  hexagent_status disconnect(uint32_t worker, hexagent_status status);
  hexagent_status control(uint32_t worker, const void* message, size_t size);
  hexagent_status reserve(const hexagent_kv_reservation& wanted, uint64_t* token);
  hexagent_status submit(const hexagent_kv_transfer& wanted, uint64_t* id);
  hexagent_status layers_ready(uint64_t id, uint32_t layers, void* event);
  hexagent_status reprioritise(uint64_t id, uint32_t priority, int64_t deadline_ns, double risk);
  hexagent_status cancel(uint32_t side, uint64_t id);
  int32_t progress(uint32_t budget, int64_t* next_timer_ns);
  hexagent_status link_estimate(uint32_t worker, hexagent_link_estimate* out) const;
  // Ends everything that is alive; nothing else may be called after it.
  void close();

  int32_t poll_descriptor() const { return mover_->descriptor(); }
  // For tests: records and credits that are in use.
  uint32_t transfers_alive() const { return transfers_.size(); }
  uint32_t reservations_alive() const { return reservations_.size(); }
  uint32_t credits(uint32_t worker) const { return peers_[find_peer(worker)].credits.count(); }
  uint64_t messages_dropped() const { return messages_dropped_; }

 private:
  struct PoolRecord {
    KvPool pool;
    uint32_t users = 0;  // transfers and reservations that are not quiesced
  };

  // -- engine.cc
  int64_t now() const { return host_.now_ns(host_.context); }
  uint32_t find_peer(uint32_t worker) const;
  hexagent_status usable(const hexagent_kv_blocks& blocks, uint32_t worker, uint32_t* pool,
                         uint32_t* peer) const;
  int32_t* ids_of_transfer(uint32_t index);
  int32_t* ids_of_reservation(uint32_t index);
  uint32_t step(uint32_t* budget);
  uint32_t collect(uint32_t budget);

  // -- engine_peer.cc
  hexagent_status make_peer(uint32_t worker, uint32_t* out);
  hexagent_status begin_session(uint32_t peer);
  void on_hello(uint32_t peer, const HelloMessage& message);
  void on_message(uint32_t peer, const AnyMessage& message);
  void lose_peer(uint32_t peer, hexagent_status status);
  MessageHeader header_for(const Peer& peer, MessageKind kind) const;
  void send(uint32_t peer, const void* message, size_t size);
  hexagent_status send_hello(uint32_t peer);
  void answer_bye(uint32_t worker, const MessageHeader& header);
  void add_credit(Peer* peer, const Credit& credit);
  uint32_t flush_unsent();
  uint32_t send_notes();
  void on_note(uint32_t peer, const NoteMessage& message);
  void open_queued(uint32_t peer);

  // -- engine_source.cc
  void enqueue(uint32_t index);
  void dequeue(uint32_t index);
  void send_open(uint32_t index);
  void end_transfer(uint32_t index, hexagent_status status, bool tell);
  void take_back_pushes(uint32_t index);
  void free_sending(Peer* peer, Sending* sending);
  void end_loan(Sending* sending);
  void settle_transfer(uint32_t index);
  uint32_t start_pushes();
  bool is_idle(const Peer& peer) const;
  bool enough_lent(const Peer& peer) const;
  uint32_t pick(const Peer& peer, int64_t now_ns) const;
  void push_chunk(uint32_t index, int64_t now_ns);
  void on_pushed(uint32_t peer, uint32_t entry, const MoveResult& result);
  void on_ack(uint32_t peer, const AckMessage& message);
  void on_grant(uint32_t peer, const GrantMessage& message);
  void on_close_from_target(uint32_t peer, const CloseMessage& message);
  int64_t second_look_ns() const { return settings_.silence_min_ns / 5; }
  void watch_silence(int64_t now_ns);

  // -- engine_target.cc
  void on_open(uint32_t peer, const OpenMessage& message);
  void on_ready(uint32_t peer, const ReadyMessage& message);
  void on_close_from_source(uint32_t peer, const CloseMessage& message);
  void on_scattered(uint32_t peer, uint32_t entry, const MoveResult& result);
  void acknowledge(uint32_t peer, const Receiving& chunk, hexagent_status status);
  void refuse(uint32_t peer, const ReadyMessage& message, hexagent_status status);
  hexagent_status judge(uint32_t index, const ReadyMessage& message) const;
  void end_reservation(uint32_t index, hexagent_status status, bool tell);
  void take_back_scatters(uint32_t index, hexagent_status status);
  void send_close(uint32_t peer, uint64_t token, uint64_t transfer, hexagent_status status,
                  uint32_t side);
  void settle_reservation(uint32_t index);
  uint32_t grant_kept();
  void expire(int64_t now_ns);

  // -- engine_events.cc
  // The host has no room for events: nothing new is begun and no slot is lent until it has.
  bool held_back() const { return host_full_; }
  void owe(Debtor::Kind kind, uint32_t index);
  void tell_peer(uint32_t peer, uint32_t kind, hexagent_status status);
  uint32_t flush_events();
  bool post(hexagent_transfer_event* event);
  template <class Release>
  bool tell(Owed* owed, hexagent_transfer_event* event, const Release& release);
  template <class Record>
  bool tell_record(HandleTable<Record>* records, uint32_t index, uint32_t side);
  bool tell_news(uint32_t peer);

  hexagent_transport_host host_;
  hexagent_transport_config config_;
  EngineSettings settings_;
  std::unique_ptr<Mover> mover_;
  HandleTable<PoolRecord> pools_;
  std::vector<Peer> peers_;
  HandleTable<Transfer> transfers_;
  HandleTable<Reservation> reservations_;
  // Block ids of every transfer, then of every reservation; pages that are never used cost nothing.
  std::unique_ptr<int32_t[]> ids_;
  Outbox outbox_;
  uint64_t next_sequence_ = 1;
  uint64_t next_seed_;
  uint32_t first_session_;
  uint64_t messages_dropped_ = 0;
  bool host_full_ = false;
  uint32_t first_peer_ = 0;  // whose turn to send it is
  int64_t next_expiry_ns_;   // not later than the first reservation to expire
  int64_t next_silence_ns_;  // not later than the first chunk to be given up
};

}  // namespace hexagent::transport
