// What the reference model knows of transfers: where the KV of each call was prefilled, which
// transfers are under way, and which ends of those that are over without DONE have not quiesced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent::test {

// One end of a transfer.
struct End {
  uint64_t workflow;
  uint64_t call;
  uint32_t attempt;
  uint32_t worker;

  bool operator==(const End&) const = default;
};

class TransferModel {
 public:
  explicit TransferModel(bool endpoints) : endpoints_(endpoints) {}

  bool endpoints() const { return endpoints_; }
  const std::vector<End>& ends() const { return ends_; }

  void prefilled_on(const hexagent_decision& prefill) {
    if (prefill.attempt == 1) attempts_.erase({prefill.workflow, prefill.call});  // a new life
    sources_[{prefill.workflow, prefill.call}] = prefill.worker;
  }

  // "" or what is wrong about it.
  std::string begin(const hexagent_decision& transfer) {
    const std::pair<uint64_t, uint64_t> ids = {transfer.workflow, transfer.call};
    if (sources_[ids] != transfer.worker) return "KV is moved from where it never was";
    if (under_way_.count(ids) != 0) return "a call is moved twice at a time";
    if ((transfer.risk_milli != 0) != endpoints_) return "a transfer without its risk, or with one";
    if (transfer.attempt <= attempts_[ids]) return "two transfers of a call are one attempt";
    attempts_[ids] = transfer.attempt;
    under_way_[ids] = transfer;
    return "";
  }

  // A report on this transfer; late ones are of none that is under way.
  void report(const hexagent_decision& transfer, uint32_t outcome) {
    const auto open = find(transfer.workflow, transfer.call, transfer.attempt);
    if (open == under_way_.end()) return;
    if (outcome == HEXAGENT_OUTCOME_DONE) under_way_.erase(open);
    if (outcome == HEXAGENT_OUTCOME_FAILED) {
      stop(transfer.workflow, transfer.call, transfer.attempt);
    }
  }

  // It is over without DONE: both its ends have to quiesce, as far as they are there.
  void stop(uint64_t workflow, uint64_t call, uint32_t attempt) {
    const auto open = find(workflow, call, attempt);
    if (open == under_way_.end()) return;
    const uint32_t workers[] = {open->second.worker, open->second.peer_worker};
    under_way_.erase(open);
    if (!endpoints_) return;
    for (uint32_t worker : workers) {
      if (lost_.count(worker) == 0) ends_.push_back({workflow, call, attempt, worker});
    }
  }

  // What the worker moved is over, and what it held is gone.
  void lose(uint32_t worker) {
    lost_.insert(worker);
    std::vector<hexagent_decision> stopped;
    for (const auto& [ids, transfer] : under_way_) {
      if (transfer.worker == worker || transfer.peer_worker == worker) stopped.push_back(transfer);
    }
    for (const hexagent_decision& transfer : stopped) {
      stop(transfer.workflow, transfer.call, transfer.attempt);
    }
    std::erase_if(ends_, [&](const End& end) { return end.worker == worker; });
  }
  void bring_back(uint32_t worker) { lost_.erase(worker); }

  End take_end(size_t at) {
    const End end = ends_[at];
    ends_.erase(ends_.begin() + static_cast<std::ptrdiff_t>(at));
    return end;
  }
  // Also where ids were used once more.
  bool owes(const End& end) const {
    return std::find(ends_.begin(), ends_.end(), end) != ends_.end();
  }

 private:
  using Ids = std::pair<uint64_t, uint64_t>;
  using UnderWay = std::map<Ids, hexagent_decision>;

  UnderWay::iterator find(uint64_t workflow, uint64_t call, uint32_t attempt) {
    const auto open = under_way_.find({workflow, call});
    return open != under_way_.end() && open->second.attempt == attempt ? open : under_way_.end();
  }

  const bool endpoints_;
  std::vector<End> ends_;
  UnderWay under_way_;
  std::map<Ids, uint32_t> sources_;
  std::map<Ids, uint32_t> attempts_;  // of their latest transfers
  std::set<uint32_t> lost_;
};

}  // namespace hexagent::test
