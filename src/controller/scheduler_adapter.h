// SchedulerAdapter: joins the controller to a scheduler with a thread of its own.
//
// TRANSFER decisions between workers that both have a connected endpoint are carried out; how they
// go comes back as ordinary reports through the intake ring, so that it is ordered and journalled
// like anything else. All other transfers are left to the embedder, who sees every decision as
// before. This is the one file where the two meet. Tests: tests/abi/transfer_test.c.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "controller/controller.h"
#include "controller/link_samples.h"
#include "runtime/loop_extension.h"

namespace hexagent::controller {

class SchedulerAdapter : public LoopExtension, private ControllerEvents {
 public:
  // Queues a report: HEXAGENT_OK, HEXAGENT_E_AGAIN or HEXAGENT_E_CLOSED.
  using Report = std::function<hexagent_status(const hexagent_report& report)>;

  // `measure` queues a sample of a link, or says why it cannot be right.
  SchedulerAdapter(const ControllerSettings& settings, Report report, LinkSamples::Tell measure)
      : controller_(settings, this),
        report_(std::move(report)),
        links_(size_t{kWaysPerWorker} * settings.endpoints_max, std::move(measure)) {}

  int open(uv_loop_t* loop) override;
  void close() noexcept override;
  void on_decisions(const hexagent_decision* decisions, uint32_t count) noexcept override;
  void write_metrics(TextWriter* text) const override {
    write_controller_metrics(controller_.counts(), text);
  }

 private:
  static constexpr uint32_t kWaysPerWorker = 32;  // as the core remembers

  using CallKey = std::pair<uint64_t, uint64_t>;  // workflow, call

  void on_decision(const hexagent_decision& decision);
  void begin(const hexagent_decision& decision);
  void withdraw(const CallKey& call);
  void send(const hexagent_report& report);
  void send_waiting();
  void tell_links();

  void on_transfer_ended(const TransferEnd& end) override;
  void on_transfer_quiesced(uint64_t id, const TransferOrder& order, uint32_t side,
                            hexagent_status status) override;
  void on_link_measured(const LinkMeasured& link) override;
  void on_endpoint_connected(uint32_t worker, uint64_t incarnation) override;
  void on_endpoint_lost(uint32_t worker, uint64_t incarnation, hexagent_status status) override;

  Controller controller_;
  const Report report_;
  uv_timer_t retry_ = {};
  LinkSamples links_;
  uv_timer_t link_timer_ = {};
  bool open_ = false;
  std::map<CallKey, uint64_t> moving_;   // to the controller's id
  std::set<uint64_t> unsettled_;         // withdrawn or failed: the core waits for both ends
  std::set<uint64_t> settled_half_;      // of these, one end is quiet
  std::deque<hexagent_report> waiting_;  // for room in the intake ring
};

}  // namespace hexagent::controller
