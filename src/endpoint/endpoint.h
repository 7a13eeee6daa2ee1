// Endpoint: joins the engine (events, commands), the controller and the transport. It keeps one
// record a transfer and side, from the controller's word to the quiesced event, and sees to it that
// each ends once and quiesces once, whichever of the three fails. See include/hexagent/endpoint.h.
//
// All but the queues belongs to one thread, which start() makes and stop() joins. Files:
// endpoint.cc life and commands, transfers.cc records of transfers.
// Tests: tests/unit/endpoint/.
#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "endpoint/block_use.h"
#include "endpoint/command_queue.h"
#include "endpoint/controller_link.h"
#include "endpoint/event_queue.h"
#include "endpoint/transport_port.h"

namespace hexagent::endpoint {

// Events that one side of a transfer may raise: the question, the end, quiesced.
inline constexpr uint32_t kEventsPerTransfer = 3;

struct EndpointSettings {
  LinkSettings link;
  hexagent_transport_ops ops = {};
  hexagent_transport_config transport = {};
  std::string options;
  uint32_t transfers_max = 256;
  uint32_t blocks_max = 8192;
};

class Endpoint : private ControllerLink::Owner, private TransportPort::Owner {
 public:
  // May throw std::bad_alloc, SystemFailure.
  explicit Endpoint(const EndpointSettings& settings);
  ~Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Makes the transport and the thread. HEXAGENT_OK or why not; stop() only after success.
  hexagent_status start();
  void stop();

  // [any thread] HEXAGENT_OK, HEXAGENT_E_AGAIN, HEXAGENT_E_POISONED. May throw std::bad_alloc.
  hexagent_status post(Command&& command);
  // [any thread] Runs body() on the endpoint's thread and waits for its answer.
  template <class Body>
  hexagent_status ask(Body&& body);
  bool is_poisoned() const { return poisoned_.load(std::memory_order_acquire); }

  EventQueue& events() { return events_; }
  const EndpointSettings& settings() const { return settings_; }

  // [endpoint's thread]
  hexagent_status add_pool(const hexagent_kv_pool* pool, uint64_t* out);
  hexagent_status remove_pool(uint64_t pool);
  hexagent_status read_link(uint32_t peer, hexagent_link_estimate* out);

 private:
  enum class Step {
    kAsked,    // the engine has to name blocks
    kWaiting,  // for the connection to the peer
    kMoving,   // the transport has it
    kEnded     // the engine was told how; quiesced follows
  };
  enum class PeerState { kDown, kConnecting, kUp };

  struct Transfer {
    Step step = Step::kAsked;
    uint32_t side = 0;
    uint32_t peer = 0;
    uint64_t workflow = 0;
    uint64_t call = 0;
    uint32_t tokens = 0;
    uint32_t cached_tokens = 0;
    int64_t answer_ns = 0;             // what the engine has for each answer; 0 = any time
    int64_t answer_by_ns = INT64_MAX;  // for the one that it owes
    uint64_t token = 0;                // of the target's reservation
    uint64_t handle = 0;               // the transport's: token or id
    uint32_t priority = 0;
    int64_t deadline_ns = 0;
    double risk = 0.0;
    hexagent_kv_blocks blocks = {};
    std::vector<int32_t> ids;
    bool claimed = false;
    uint32_t flags = 0;
    uint32_t layers_ready = 0;  // as the engine has said
    uint32_t layers_owed = 0;   // by a LAYERWISE source, in all
    void* event = nullptr;
    hexagent_status wanted_end = HEXAGENT_OK;  // why we have cancelled it
  };
  struct Peer {
    PeerState state = PeerState::kDown;
    uint64_t incarnation = 0;
  };

  // -- endpoint.cc
  hexagent_status start_thread();
  void run() noexcept;
  void work() noexcept;
  void apply(Command* command);
  void shut();
  void poison() noexcept;
  void on_answer_time() noexcept;
  template <class Body>
  void guarded(Body&& body) noexcept;
  void on_controller_up(uint64_t session) override;
  void on_controller_down(hexagent_status status, uint32_t attempt) override;
  void on_controller_message(const control::Message& message) override;
  void on_transport_event(const hexagent_transfer_event& event) override;
  hexagent_status send_to_peer(uint32_t peer, const void* message, size_t size) override;
  void on_transport_broken() override { poison(); }

  // -- transfers.cc
  void on_asked(const control::Message& message, uint32_t side);
  static bool owes_answer(const Transfer& transfer);
  static void begin_wait(Transfer* transfer);
  void expire_questions();
  void on_urgency(const control::Message& message);
  void on_answer(Command* command);
  void on_layers_ready(const Command& command);
  void withdraw(uint64_t id, hexagent_status status);
  void need_peer(uint32_t worker, uint64_t incarnation);
  void on_peer(uint32_t worker, PeerState state, hexagent_status status);
  void lose_peer(uint32_t worker);
  void lose_all_peers();
  void move(uint64_t id, Transfer* transfer);
  hexagent_status reserve(uint64_t id, Transfer* transfer);
  hexagent_status submit(uint64_t id, Transfer* transfer);
  void end(uint64_t id, Transfer* transfer, hexagent_status status,
           const hexagent_transfer_event* event);
  void settle(uint64_t id);
  void fail_now(uint64_t id, hexagent_status status);
  void tell_progress(uint64_t id, const Transfer& transfer, const hexagent_transfer_event& event);
  void tell_link(uint32_t peer);
  void tell_quiesced(uint64_t id, uint32_t side);
  hexagent_endpoint_event event_of(uint32_t kind, uint64_t id, const Transfer& transfer) const;
  uint32_t owed() const;

  const EndpointSettings settings_;
  EventQueue events_;
  CommandQueue commands_;
  TransportPort port_;
  ControllerLink link_;
  uv_loop_t loop_ = {};
  uv_async_t wake_ = {};
  uv_timer_t answer_timer_ = {};  // runs while the engine owes an answer
  uv_thread_t thread_ = {};
  std::atomic<bool> stop_{false};
  std::atomic<bool> poisoned_{false};
  bool shut_ = false;

  BlockUse uses_;
  std::map<uint64_t, uint32_t> pool_layers_;
  std::map<uint32_t, Peer> peers_;
  std::map<uint64_t, Transfer> transfers_;
  uint64_t session_ = 0;
  // Said in this session; said again after a new connection, since the last words may be lost.
  std::deque<std::pair<uint64_t, uint32_t>> quiesced_;
  hexagent_status down_told_ = HEXAGENT_OK;
};

template <class Body>
hexagent_status Endpoint::ask(Body&& body) {
  auto answer = [&]() noexcept -> int32_t {
    try {
      return poisoned_.load(std::memory_order_relaxed) || shut_ ? HEXAGENT_E_POISONED : body();
    } catch (...) {
      return HEXAGENT_E_NO_MEMORY;
    }
  };
  Question question(
      [](void* context) noexcept { return (*static_cast<decltype(answer)*>(context))(); }, &answer);
  Command command;
  command.question = &question;
  const hexagent_status status = post(std::move(command));
  return status != HEXAGENT_OK ? status : question.wait();
}

}  // namespace hexagent::endpoint
