// The bound from workflows: see fluid.h. What the workflows are is in fluid_workflows.cc.
#include "sim/bounds/fluid.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>

namespace hexagent::sim {
namespace {

// Interval starts that are looked at; fewer give a lower bound still.
constexpr size_t kStartsMax = 128;
constexpr double kPrecision = 1e-3;

class Check {
 public:
  Check(const std::vector<FluidWorkflow>& workflows, double q) : workflows_(workflows) {
    const double count = static_cast<double>(workflows.size());
    late_max_ = workflows.size() - static_cast<size_t>(std::ceil(q * count - 1e-9));
    by_arrival_.resize(workflows.size());
    std::iota(by_arrival_.begin(), by_arrival_.end(), size_t{0});
    std::sort(by_arrival_.begin(), by_arrival_.end(),
              [&](size_t a, size_t b) { return workflows[a].arrival_s < workflows[b].arrival_s; });
  }

  // Could all but the late ones end by their deadlines, as far as floors and capacity tell?
  bool passes(double alpha) const {
    std::vector<size_t> by_deadline;
    for (size_t i = 0; i < workflows_.size(); ++i) {
      if (workflows_[i].floor_s <= alpha * workflows_[i].horizon_s) by_deadline.push_back(i);
    }
    const size_t late = workflows_.size() - by_deadline.size();
    if (late > late_max_) return false;
    std::sort(by_deadline.begin(), by_deadline.end(),
              [&](size_t a, size_t b) { return due(a, alpha) < due(b, alpha); });
    const size_t step = std::max<size_t>(1, by_arrival_.size() / kStartsMax);
    for (size_t start = 0; start < by_arrival_.size(); start += step) {
      const double from_s = workflows_[by_arrival_[start]].arrival_s;
      for (size_t resource = 0; resource < kFluidResources; ++resource) {
        if (!fits(by_deadline, from_s, alpha, resource, late_max_ - late)) return false;
      }
    }
    return true;
  }

 private:
  double due(size_t index, double alpha) const {
    return workflows_[index].arrival_s + alpha * workflows_[index].horizon_s;
  }

  // All intervals that begin at `from_s`.
  bool fits(const std::vector<size_t>& by_deadline, double from_s, double alpha, size_t resource,
            size_t dropped_max) const {
    std::priority_queue<double, std::vector<double>, std::greater<>> dropped;  // the most work
    double kept_s = 0.0;
    for (const size_t index : by_deadline) {
      if (workflows_[index].arrival_s < from_s) continue;
      double work_s = workflows_[index].work_s[resource];
      dropped.push(work_s);
      if (dropped.size() > dropped_max) {
        kept_s += dropped.top();
        dropped.pop();
      }
      if (kept_s > (due(index, alpha) - from_s) * (1.0 + 1e-9)) return false;
    }
    return true;
  }

  const std::vector<FluidWorkflow>& workflows_;
  std::vector<size_t> by_arrival_;
  size_t late_max_ = 0;
};

}  // namespace

double fluid_requirement(const std::vector<FluidWorkflow>& workflows, double q) {
  if (workflows.empty()) return 0.0;
  const Check check(workflows, q);
  double low = 0.0;
  double high = 1.0;
  while (!check.passes(high)) {
    low = high;
    high *= 2.0;
  }
  while (high - low > kPrecision * high) {
    const double middle = 0.5 * (low + high);
    (check.passes(middle) ? high : low) = middle;
  }
  return low;
}

std::optional<FluidBound> fluid_bound(const Cell& cell, uint64_t seed) {
  if (cell.request.closed_loop) return std::nullopt;
  const std::vector<FluidWorkflow> workflows = fluid_workflows(cell, seed);
  return FluidBound{fluid_requirement(workflows, 0.95), fluid_requirement(workflows, 0.99)};
}

}  // namespace hexagent::sim
