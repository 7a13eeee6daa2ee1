// From decisions to transfers, from ends to reports: see scheduler_adapter.h.
#include "controller/scheduler_adapter.h"

#include <algorithm>

namespace hexagent::controller {
namespace {

constexpr uint64_t kRetryMs = 2;
constexpr uint64_t kLinksMs = 250;

// Order keys are lower first and comparable across workers, in millionths of their unit; so are the
// transport's priorities. A thousandth of the unit still tells apart what matters.
uint32_t to_priority(int64_t order_key) {
  constexpr int64_t kMiddle = int64_t{1} << 31;
  return static_cast<uint32_t>(std::clamp<int64_t>(order_key / 1000 + kMiddle, 0, UINT32_MAX));
}

// The scheduler's clock need not be ours: what is left of a deadline is the same by both. Risk is
// told as a share of what the deadline allows; from 1 on it is as likely missed as can be said.
Urgency urgency_of(const hexagent_decision& decision) {
  Urgency urgency;
  urgency.priority = to_priority(decision.order_key);
  urgency.risk = std::min(1.0, decision.risk_milli / 1000.0);
  if (decision.deadline_ns == 0) return urgency;
  const int64_t left_ns = decision.deadline_ns - decision.time_ns;
  urgency.deadline_ns = std::max<int64_t>(1, static_cast<int64_t>(uv_hrtime()) + left_ns);
  return urgency;
}

hexagent_report report_about(uint64_t workflow, uint64_t call, uint32_t attempt) {
  hexagent_report report = {};
  report.workflow = workflow;
  report.call = call;
  report.attempt = attempt;
  report.phase = HEXAGENT_PHASE_TRANSFER;
  report.outcome = HEXAGENT_OUTCOME_FAILED;
  return report;
}

}  // namespace

int SchedulerAdapter::open(uv_loop_t* loop) {
  const int error = controller_.open(loop);
  if (error != 0) return error;
  open_ = true;
  retry_.data = link_timer_.data = this;
  uv_timer_init(loop, &link_timer_);
  return -uv_timer_init(loop, &retry_);
}

void SchedulerAdapter::close() noexcept {
  if (!open_) return;
  open_ = false;
  uv_close(reinterpret_cast<uv_handle_t*>(&retry_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&link_timer_), nullptr);
  controller_.close();
}

void SchedulerAdapter::on_decisions(const hexagent_decision* decisions, uint32_t count) noexcept {
  for (uint32_t i = 0; i < count; ++i) {
    try {
      on_decision(decisions[i]);
    } catch (...) {  // no memory: the transfer is the embedder's, as without endpoints
    }
  }
}

void SchedulerAdapter::on_decision(const hexagent_decision& decision) {
  const CallKey call = {decision.workflow, decision.call};
  switch (decision.kind) {
    case HEXAGENT_DECISION_TRANSFER:
      return begin(decision);
    case HEXAGENT_DECISION_REPRIORITISE: {
      const auto found = moving_.find(call);
      if (found == moving_.end()) return;
      controller_.change_urgency(found->second, urgency_of(decision));
      return;
    }
    case HEXAGENT_DECISION_ABORT:
    case HEXAGENT_DECISION_CALL_DONE:
    case HEXAGENT_DECISION_PREFILL:  // it begins anew
    case HEXAGENT_DECISION_LOCAL:
      return withdraw(call);
    default:
      return;
  }
}

void SchedulerAdapter::begin(const hexagent_decision& decision) {
  const CallKey call = {decision.workflow, decision.call};
  withdraw(call);  // of an earlier attempt
  if (!controller_.can_carry(decision.worker, decision.peer_worker)) return;
  TransferOrder order;
  order.workflow = decision.workflow;
  order.call = decision.call;
  order.tag = decision.attempt;
  order.from = decision.worker;
  order.to = decision.peer_worker;
  order.tokens = decision.tokens;
  order.cached_tokens = decision.cached_tokens;
  order.urgency = urgency_of(decision);
  uint64_t id = 0;
  if (controller_.start(order, &id) == HEXAGENT_OK) {
    moving_[call] = id;
  } else {
    send(report_about(decision.workflow, decision.call, decision.attempt));
  }
}

// The scheduler knows that it is over; nothing is reported.
void SchedulerAdapter::withdraw(const CallKey& call) {
  const auto found = moving_.find(call);
  if (found == moving_.end()) return;
  const uint64_t id = found->second;
  moving_.erase(found);
  unsettled_.insert(id);
  controller_.cancel(id);
}

void SchedulerAdapter::on_transfer_ended(const TransferEnd& end) {
  const auto found = moving_.find({end.order.workflow, end.order.call});
  if (found == moving_.end() || found->second != end.id) return;
  moving_.erase(found);
  hexagent_report report =
      report_about(end.order.workflow, end.order.call, static_cast<uint32_t>(end.order.tag));
  if (end.status == HEXAGENT_OK) {
    report.outcome = HEXAGENT_OUTCOME_DONE;
    report.start_ns = end.start_ns;
    report.end_ns = end.end_ns;
    report.bytes = end.bytes;
  } else {
    unsettled_.insert(end.id);
  }
  send(report);
}

// Of a transfer that was withdrawn or failed the core keeps the KV of both ends until then. Where
// nobody was heard of again it decides itself how long (the key quiesce_timeout_s).
void SchedulerAdapter::on_transfer_quiesced(uint64_t id, const TransferOrder& order, uint32_t side,
                                            hexagent_status status) {
  const bool at_target = side == HEXAGENT_TRANSFER_TARGET;
  const auto found = unsettled_.find(id);
  if (found == unsettled_.end()) return;
  if (settled_half_.erase(id) == 0) {
    settled_half_.insert(id);
  } else {
    unsettled_.erase(found);
  }
  if (status == HEXAGENT_E_TIMEOUT) return;
  hexagent_report report =
      report_about(order.workflow, order.call, static_cast<uint32_t>(order.tag));
  report.outcome = HEXAGENT_OUTCOME_QUIESCED;
  report.worker = at_target ? order.to : order.from;
  send(report);
}

void SchedulerAdapter::on_link_measured(const LinkMeasured& link) {
  if (!controller_.can_carry(link.from, link.to)) return;  // it is of somebody who is not there
  links_.hear(link, static_cast<int64_t>(uv_hrtime()));
  tell_links();
}

void SchedulerAdapter::tell_links() {
  const bool more = links_.tell_due(static_cast<int64_t>(uv_hrtime()));
  if (!more || !open_) return;
  uv_timer_start(
      &link_timer_,
      [](uv_timer_t* timer) {
        auto* self = static_cast<SchedulerAdapter*>(timer->data);
        try {
          self->tell_links();
        } catch (...) {  // no memory: the next measurement tells
        }
      },
      kLinksMs, 0);
}

// Whether a worker lives is for the embedder to say: it may serve without its endpoint.
void SchedulerAdapter::on_endpoint_connected(uint32_t, uint64_t) {}
void SchedulerAdapter::on_endpoint_lost(uint32_t worker, uint64_t, hexagent_status) {
  links_.forget(worker);
}

void SchedulerAdapter::send(const hexagent_report& report) {
  waiting_.push_back(report);
  send_waiting();
}

// In order; what finds no room waits for the core to take some.
void SchedulerAdapter::send_waiting() {
  while (!waiting_.empty()) {
    const hexagent_status status = report_(waiting_.front());
    if (status == HEXAGENT_E_AGAIN) break;
    waiting_.pop_front();
  }
  if (waiting_.empty() || !open_) return;
  uv_timer_start(
      &retry_,
      [](uv_timer_t* timer) {
        auto* self = static_cast<SchedulerAdapter*>(timer->data);
        try {
          self->send_waiting();
        } catch (...) {  // cannot be: nothing is allocated
        }
      },
      kRetryMs, 0);
}

}  // namespace hexagent::controller
