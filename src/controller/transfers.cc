// Controller, what moves: see controller.h.
//
// A transfer ends here once, by the first terminal word from either side or by the loss of one. Its
// sides quiesce one by one; a side that was never told of it has nothing to free and quiesces with
// the end.
#include <algorithm>

#include "controller/controller.h"
#include "runtime/clock.h"

namespace hexagent::controller {

using control::Kind;
using control::Message;

namespace {

constexpr uint32_t kSource = HEXAGENT_TRANSFER_SOURCE;
constexpr uint32_t kTarget = HEXAGENT_TRANSFER_TARGET;

uint32_t worker_at(const TransferOrder& order, uint32_t side) {
  return side == kSource ? order.from : order.to;
}

// Clocks of machines differ, so deadlines travel as what is left of them.
int64_t time_left(int64_t deadline_ns) {
  if (deadline_ns == 0) return 0;
  const int64_t left = deadline_ns - monotonic_now();
  return left == 0 ? -1 : left;
}

void write_urgency(const Urgency& urgency, Message* message) {
  message->priority = urgency.priority;
  message->deadline_ns = time_left(urgency.deadline_ns);
  message->risk = urgency.risk;
}

Message about(Kind kind, uint64_t id, const TransferOrder& order) {
  Message message;
  message.kind = kind;
  message.transfer = id;
  message.workflow = order.workflow;
  message.call = order.call;
  message.tokens = order.tokens;
  message.cached_tokens = order.cached_tokens;
  return message;
}

}  // namespace

bool Controller::can_carry(uint32_t from, uint32_t to) const {
  const auto connected = [this](uint32_t worker) {
    const auto found = endpoints_.find(worker);
    return found != endpoints_.end() && found->second.connection != nullptr;
  };
  return from != to && connected(from) && connected(to);
}

hexagent_status Controller::start(const TransferOrder& order, uint64_t* id) {
  if (order.from == order.to) return HEXAGENT_E_ARGUMENT;
  if (!(order.urgency.risk >= 0.0 && order.urgency.risk <= 1.0)) return HEXAGENT_E_RANGE;
  if (!can_carry(order.from, order.to)) return HEXAGENT_E_UNKNOWN_WORKER;
  if (transfers_.size() >= settings_.transfers_max) return HEXAGENT_E_FULL;
  Message reserve = about(Kind::kReserve, next_id_, order);
  reserve.peer = order.from;
  reserve.peer_incarnation = endpoints_.at(order.from).incarnation;
  reserve.duration_ns = settings_.answer_ns;
  if (!tell(order.to, reserve)) return HEXAGENT_E_FULL;
  *id = next_id_++;
  Transfer& transfer = transfers_[*id];
  transfer.order = order;
  transfer.incarnations[kSource] = endpoints_.at(order.from).incarnation;
  transfer.incarnations[kTarget] = endpoints_.at(order.to).incarnation;
  transfer.told[kTarget] = true;
  return HEXAGENT_OK;
}

hexagent_status Controller::change_urgency(uint64_t id, const Urgency& urgency) {
  if (!(urgency.risk >= 0.0 && urgency.risk <= 1.0)) return HEXAGENT_E_RANGE;
  const auto found = transfers_.find(id);
  if (found == transfers_.end() || found->second.ended) return HEXAGENT_E_STALE;
  Transfer& transfer = found->second;
  transfer.order.urgency = urgency;
  if (!transfer.told[kSource]) return HEXAGENT_OK;  // SEND will tell it
  Message message;
  message.kind = Kind::kUrgency;
  message.transfer = id;
  write_urgency(urgency, &message);
  tell(transfer.order.from, message);
  return HEXAGENT_OK;
}

hexagent_status Controller::cancel(uint64_t id) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end() || found->second.ended) return HEXAGENT_E_STALE;
  end(id, &found->second, HEXAGENT_E_CANCELLED, 0);
  return HEXAGENT_OK;
}

// The transfer, if this worker's present life has to do with it on that side.
Controller::Transfer* Controller::find_of(uint32_t worker, uint64_t id, uint32_t side) {
  const auto found = transfers_.find(id);
  if (found == transfers_.end()) return nullptr;
  Transfer& transfer = found->second;
  const bool is_its = worker_at(transfer.order, side) == worker && transfer.told[side] &&
                      transfer.incarnations[side] == endpoints_.at(worker).incarnation;
  return is_its ? &transfer : nullptr;
}

void Controller::on_reserved(uint32_t worker, const Message& message) {
  Transfer* transfer = find_of(worker, message.transfer, kTarget);
  if (transfer == nullptr || transfer->ended || transfer->told[kSource]) return;
  Message send = about(Kind::kSend, message.transfer, transfer->order);
  send.peer = transfer->order.to;
  send.peer_incarnation = transfer->incarnations[kTarget];
  send.token = message.token;
  send.duration_ns = settings_.answer_ns;
  write_urgency(transfer->order.urgency, &send);
  if (!tell(transfer->order.from, send)) {
    return end(message.transfer, transfer, HEXAGENT_E_PEER, 0);
  }
  transfer->told[kSource] = true;
  transfer->start_ns = monotonic_now();
}

void Controller::on_ended(uint32_t worker, const Message& message) {
  Transfer* transfer = find_of(worker, message.transfer, message.side);
  if (transfer == nullptr || transfer->ended) return;
  if (message.duration_ns > 0 && message.side == kSource) {
    transfer->start_ns = std::max(transfer->start_ns, monotonic_now() - message.duration_ns);
  }
  end(message.transfer, transfer, message.status, message.bytes);
}

void Controller::on_quiesced(uint32_t worker, const Message& message) {
  Transfer* transfer = find_of(worker, message.transfer, message.side);
  if (transfer == nullptr) return;
  // It says so after its terminal word; if that was lost with a connection, the loss has ended it.
  if (!transfer->ended) end(message.transfer, transfer, HEXAGENT_E_PEER, 0);
  settle(message.transfer, transfer, message.side, HEXAGENT_OK);
  forget_quiesced();
}

void Controller::end(uint64_t id, Transfer* transfer, hexagent_status status, uint64_t bytes) {
  transfer->ended = true;
  transfer->ended_ns = monotonic_now();
  count_status(status, &counts_.ended);
  counts_.ended_bytes += bytes;
  for (const uint32_t side : {kTarget, kSource}) {
    if (status == HEXAGENT_OK || !transfer->told[side]) continue;
    Message cancel;
    cancel.kind = Kind::kCancel;
    cancel.transfer = id;
    cancel.status = status;
    tell(worker_at(transfer->order, side), cancel);
  }
  events_->on_transfer_ended(
      {id, transfer->order, status, bytes, transfer->start_ns, transfer->ended_ns});
  for (const uint32_t side : {kTarget, kSource}) {
    if (!transfer->told[side]) settle(id, transfer, side, HEXAGENT_OK);
  }
}

void Controller::settle(uint64_t id, Transfer* transfer, uint32_t side, hexagent_status status) {
  if (transfer->quiesced[side]) return;
  transfer->quiesced[side] = true;
  if (transfer->told[side]) {
    ++counts_.quiesce_waits;
    counts_.quiesce_wait_ns += monotonic_now() - transfer->ended_ns;
  }
  events_->on_transfer_quiesced(id, transfer->order, side, status);
}

// These two walk the table itself: whoever is told may begin transfers meanwhile, but what is in it
// goes only in forget_quiesced(). A list of ids would be lost with the memory for it.
void Controller::fail_all_of(uint32_t worker, hexagent_status status) {
  for (auto& [id, transfer] : transfers_) {
    const bool is_its = transfer.order.from == worker || transfer.order.to == worker;
    if (is_its && !transfer.ended) end(id, &transfer, status, 0);
  }
  forget_quiesced();
}

void Controller::settle_all_of(uint32_t worker, hexagent_status status) {
  for (auto& [id, transfer] : transfers_) {
    for (const uint32_t side : {kTarget, kSource}) {
      const bool is_its = worker_at(transfer.order, side) == worker;
      if (is_its && transfer.ended) settle(id, &transfer, side, status);
    }
  }
  forget_quiesced();
}

void Controller::forget_quiesced() {
  std::erase_if(transfers_, [](const auto& entry) {
    return entry.second.quiesced[kSource] && entry.second.quiesced[kTarget];
  });
}

}  // namespace hexagent::controller
