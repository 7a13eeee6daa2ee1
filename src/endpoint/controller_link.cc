// An endpoint's connection to the controller: see controller_link.h.
#include "endpoint/controller_link.h"

#include <algorithm>

#include "runtime/clock.h"

namespace hexagent::endpoint {

using control::Connection;
using control::Kind;
using control::Message;

namespace {

constexpr uint64_t kTickMs = 10;
constexpr int64_t kPingNs = 1'000'000'000;
constexpr uint32_t kDoublingsMax = 20;

}  // namespace

void ControllerLink::open(uv_loop_t* loop) {
  loop_ = loop;
  uv_timer_init(loop, &timer_);
  timer_.data = this;
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<ControllerLink*>(timer->data)->tick(); },
      kTickMs, kTickMs);
  connect();
}

void ControllerLink::close() {
  if (loop_ == nullptr || state_ == State::kClosed) return;
  state_ = State::kClosed;
  if (connection_ != nullptr) connection_->close();
  connection_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
}

void ControllerLink::connect() {
  state_ = State::kConnecting;
  until_ns_ = monotonic_now() + settings_.silence_ns;
  connection_ = Connection::make(loop_, settings_.address.is_unix, this);
  if (connection_ == nullptr) return pause();
  if (!connection_->connect(settings_.address)) drop(HEXAGENT_E_PEER);
}

void ControllerLink::on_message(Connection*, const Message& message) {
  if (message.kind == Kind::kRefused) return drop(message.status);
  if (state_ == State::kUp) return owner_->on_controller_message(message);
  if (state_ == State::kConnecting && message.kind == Kind::kChallenge) return answer(message);
  if (state_ == State::kGreeted && message.kind == Kind::kWelcome) return finish(message);
  drop(HEXAGENT_E_DAMAGED);
}

void ControllerLink::answer(const Message& challenge) {
  if (challenge.protocol != control::kProtocol) return drop(HEXAGENT_E_VERSION);
  Message wanted;
  wanted.worker = settings_.worker;
  wanted.incarnation = settings_.incarnation;
  wanted.text = settings_.transport;
  if (!control::draw(&wanted.nonce)) return drop(HEXAGENT_E_SYSTEM);
  challenge_ = challenge.nonce;
  hello_ = control::make_hello(settings_.secret, challenge, wanted);
  state_ = State::kGreeted;
  connection_->send(hello_);
}

void ControllerLink::finish(const Message& welcome) {
  const hexagent_status status =
      control::check_welcome(settings_.secret, challenge_, hello_, welcome);
  if (status != HEXAGENT_OK) return drop(status);
  state_ = State::kUp;
  attempt_ = 0;
  owner_->on_controller_up(welcome.session);
}

void ControllerLink::on_lost(Connection*, hexagent_status status) {
  connection_ = nullptr;  // it closes itself
  drop(status);
}

void ControllerLink::drop(hexagent_status status) {
  if (connection_ != nullptr) connection_->close();
  connection_ = nullptr;
  attempt_ = state_ == State::kUp ? 0 : attempt_ + 1;
  pause();
  owner_->on_controller_down(status, attempt_);
}

// Half of it is chance, so that a thousand endpoints do not come back in one moment.
void ControllerLink::pause() {
  state_ = State::kPausing;
  const uint32_t doublings = std::min(attempt_, kDoublingsMax);
  const int64_t longest =
      std::min(settings_.reconnect_max_ns, settings_.reconnect_min_ns << doublings);
  uint64_t chance = 0;
  control::draw(&chance);
  const auto half = static_cast<uint64_t>(longest / 2);
  until_ns_ = monotonic_now() + longest / 2 + static_cast<int64_t>(chance % (half + 1));
}

void ControllerLink::tick() {
  const int64_t now = monotonic_now();
  if (connection_ != nullptr && connection_->is_broken()) return drop(HEXAGENT_E_NO_MEMORY);
  if (state_ == State::kPausing) {
    if (now >= until_ns_) connect();
  } else if (state_ == State::kUp) {
    Message ping;
    ping.kind = Kind::kPing;
    const bool stuck = now - connection_->sent_ns > kPingNs && !connection_->send(ping);
    if (stuck || now - connection_->heard_ns > settings_.silence_ns) drop(HEXAGENT_E_TIMEOUT);
  } else if (now >= until_ns_) {
    drop(HEXAGENT_E_TIMEOUT);
  }
}

}  // namespace hexagent::endpoint
