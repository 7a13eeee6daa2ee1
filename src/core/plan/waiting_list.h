// WaitingList: the calls that are ready and not dispatched, each with its urgency and shape beside
// it, and the lines of the urgencies in arrays of their own, of which a plan compares several at
// once. Tests: tests/unit/core/plan/waiting_list_test.cc.
#pragma once

#include <limits>

#include "core/call_list.h"
#include "core/plan/urgency.h"
#include "core/plan/waiting_shapes.h"

namespace hexagent {

class WaitingList {
 public:
  WaitingList() : calls_(&Call::waiting_slot) {}
  void reserve(uint32_t count) {
    calls_.reserve(count);
    urgencies_.reserve(count);
    rates_.reserve(count);
    offsets_.reserve(count);
    outside_.reserve(count);
    shapes_.reserve(count);
  }
  // `outside`: its workflow may not begin yet (entrance.h), plans pass it over.
  void add(WorkflowTable* table, uint32_t call, const Urgency& urgency, bool outside = false) {
    calls_.add(table, call);
    urgencies_.push_back(urgency);
    const Urgency::Line line = outside ? kNever : urgency.line();
    rates_.push_back(line.rate);
    offsets_.push_back(line.offset);
    outside_.push_back(outside);
    outside_count_ += outside ? 1 : 0;
    shapes_.add(table->call(call), urgency);
  }
  void remove(WorkflowTable* table, uint32_t call) {
    const uint32_t slot = calls_.remove(table, call);
    take_last(&urgencies_, slot);
    take_last(&rates_, slot);
    take_last(&offsets_, slot);
    outside_count_ -= outside_[slot];
    take_last(&outside_, slot);
    shapes_.remove(slot);
  }
  void set_urgency(const WorkflowTable& table, uint32_t call, const Urgency& urgency) {
    const uint32_t slot = table.call(call).waiting_slot;
    urgencies_[slot] = urgency;
    draw_line(slot);
    shapes_.set_urgency(slot, urgency);
  }
  void let_in(const WorkflowTable& table, uint32_t call) {
    const uint32_t slot = table.call(call).waiting_slot;
    outside_count_ -= outside_[slot];
    outside_[slot] = 0;
    draw_line(slot);
  }
  bool is_outside(uint32_t slot) const { return outside_[slot] != 0; }
  uint32_t outside_count() const { return outside_count_; }
  const std::vector<uint32_t>& calls() const { return calls_.calls(); }
  // By slot, as calls().
  const std::vector<Urgency>& urgencies() const { return urgencies_; }
  const WaitingShapes& shapes() const { return shapes_; }
  // Urgency::Line of each.
  const std::vector<double>& rates() const { return rates_; }
  const std::vector<double>& offsets() const { return offsets_; }

  // The first slot from this one on whose key may reach `bound`, which is above Urgency::kLost;
  // size() if there is none. `now_s`: Urgency::shy_s().
  uint32_t skip_below(uint32_t slot, double bound, double now_s) const {
    // Group by group, which compilers turn into several comparisons at once.
    for (;;) {
      for (; slot % kGroup != 0 && slot < size(); ++slot) {
        if (!surely_below(slot, bound, now_s)) return slot;
      }
      while (slot + kGroup <= size() && group_surely_below(slot, bound, now_s)) slot += kGroup;
      if (slot == size()) return slot;
      if (!surely_below(slot, bound, now_s)) return slot;
      ++slot;
    }
  }

  bool empty() const { return calls_.empty(); }
  uint32_t size() const { return calls_.size(); }

 private:
  template <typename Value>
  static void take_last(std::vector<Value>* values, uint32_t slot) {
    (*values)[slot] = values->back();
    values->pop_back();
  }

  static constexpr uint32_t kGroup = 8;
  // The line of calls outside: below any bound at any time.
  static constexpr Urgency::Line kNever = {0.0, std::numeric_limits<double>::infinity()};

  void draw_line(uint32_t slot) {
    const Urgency::Line line = is_outside(slot) ? kNever : urgencies_[slot].line();
    rates_[slot] = line.rate;
    offsets_[slot] = line.offset;
  }

  bool surely_below(uint32_t slot, double bound, double now_s) const {
    return rates_[slot] * now_s - offsets_[slot] < bound;
  }
  bool group_surely_below(uint32_t slot, double bound, double now_s) const {
    const double* rates = &rates_[slot];
    const double* offsets = &offsets_[slot];
    const auto key = [&](uint32_t i) { return rates[i] * now_s - offsets[i]; };
    double highest[kGroup / 2];
    for (uint32_t i = 0; i < kGroup / 2; ++i) highest[i] = larger(key(i), key(kGroup / 2 + i));
    return larger(larger(highest[0], highest[1]), larger(highest[2], highest[3])) < bound;
  }
  static double larger(double a, double b) { return a > b ? a : b; }

  CallList calls_;
  std::vector<Urgency> urgencies_;
  std::vector<double> rates_;
  std::vector<double> offsets_;
  std::vector<uint8_t> outside_;
  uint32_t outside_count_ = 0;
  WaitingShapes shapes_;
};

}  // namespace hexagent
