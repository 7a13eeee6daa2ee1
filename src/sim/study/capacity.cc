// Building the program for Clp and reading its optimum.
#include "sim/study/capacity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <coin/ClpSimplex.hpp>
#include <coin/CoinBuild.hpp>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <tuple>

#include "sim/workload/lengths.h"

namespace hexagent::sim {
namespace {

// Mean cost of one call of a type on one group.
struct Cost {
  double prefill_s = 0.0;
  double decode_s = 0.0;
};

struct CallType {
  double calls_per_workflow = 0.0;
  double kv_bytes = 0.0;    // mean of a call's prompt
  std::vector<Cost> costs;  // by group
};

Cost call_cost(const CallLengths& call, const FittedProfile& fitted, const ClusterFile& file) {
  const double prompt = static_cast<double>(call.prompt_tokens);
  const double output = static_cast<double>(call.output_tokens);
  const double cached =
      call.source == PrefixSource::kCall ? static_cast<double>(call.shared_tokens) : 0.0;
  const double fresh = prompt - cached;
  const double context = prompt + output / 2.0;
  const double fixed_s = fitted.a0_s / static_cast<double>(file.batch_tokens);
  const double batch =
      std::clamp(std::floor(static_cast<double>(fitted.kv_capacity_tokens) / context), 1.0,
                 static_cast<double>(file.decode_batch_max));
  Cost cost;
  cost.prefill_s = fresh * (fixed_s + fitted.a1_s) + fitted.a2_s * fresh * (cached + fresh / 2.0);
  cost.decode_s = output * (fitted.b0_s / batch + fitted.b1_s + fitted.b2_s * context);
  return cost;
}

std::vector<CallType> collect_types(const std::vector<const Trace*>& traces,
                                    const ResolvedCluster& cluster) {
  struct Sum {
    double calls = 0.0;
    double per_workflow = 0.0;
    double prompt_tokens = 0.0;
    std::vector<Cost> costs;
  };
  std::map<std::tuple<size_t, std::string, std::string>, Sum> sums;
  for (size_t t = 0; t < traces.size(); ++t) {
    const double weight = 1.0 / static_cast<double>(traces.size() * traces[t]->workflows.size());
    for (const TraceWorkflow& workflow : traces[t]->workflows) {
      const std::vector<CallLengths> lengths = recorded_lengths(workflow);
      for (size_t i = 0; i < lengths.size(); ++i) {
        Sum& sum = sums[{t, workflow.class_name, workflow.calls[i].stage}];
        sum.costs.resize(cluster.groups.size());
        sum.calls += 1.0;
        sum.per_workflow += weight;
        sum.prompt_tokens += static_cast<double>(lengths[i].prompt_tokens);
        for (size_t g = 0; g < cluster.groups.size(); ++g) {
          const Cost cost = call_cost(lengths[i], cluster.groups[g].fitted, cluster.file);
          sum.costs[g].prefill_s += cost.prefill_s;
          sum.costs[g].decode_s += cost.decode_s;
        }
      }
    }
  }
  std::vector<CallType> types;
  for (auto& [key, sum] : sums) {
    CallType type;
    type.calls_per_workflow = sum.per_workflow;
    type.kv_bytes =
        sum.prompt_tokens / sum.calls * static_cast<double>(cluster.model.kv_bytes_per_token);
    for (const Cost& cost : sum.costs) {
      type.costs.push_back({cost.prefill_s / sum.calls, cost.decode_s / sum.calls});
    }
    types.push_back(std::move(type));
  }
  return types;
}

// Rows: two balances a type, then three resources a group.
enum Resource : int { kTime = 0, kEgress = 1, kIngress = 2, kResourceCount = 3 };

// Columns of the program, and which part of which row they use.
class Program {
 public:
  Program(const std::vector<CallType>& types, const ResolvedCluster& cluster)
      : types_(types), cluster_(cluster) {
    clp_.setLogLevel(0);
    clp_.resize(row_count(), 0);
    for (int row = 0; row < row_count(); ++row) clp_.setRowBounds(row, 0.0, 0.0);
    for (size_t g = 0; g < cluster.groups.size(); ++g) {
      for (int resource = 0; resource < kResourceCount; ++resource) {
        clp_.setRowBounds(group_row(g, resource), -COIN_DBL_MAX, cluster.groups[g].count);
      }
    }
    add_lambda();
    for (size_t t = 0; t < types.size(); ++t) {
      for (size_t g = 0; g < cluster.groups.size(); ++g) add_flows(t, g);
    }
  }

  Capacity solve() {
    clp_.setOptimizationDirection(-1.0);
    clp_.primal();
    if (!clp_.isProvenOptimal()) throw std::runtime_error("the capacity program has no optimum");
    Capacity capacity;
    capacity.workflows_per_s = clp_.objectiveValue();
    read_use(capacity);
    read_binding(capacity);
    return capacity;
  }

 private:
  enum class Flow { kPrefill, kDecode, kWhole };
  struct Column {
    Flow flow;
    size_t group;
    double prefill_s;
    double decode_s;
  };

  int row_count() const {
    return static_cast<int>(2 * types_.size() + kResourceCount * cluster_.groups.size());
  }
  int prefill_row(size_t type) const { return static_cast<int>(2 * type); }
  int decode_row(size_t type) const { return static_cast<int>(2 * type + 1); }
  int group_row(size_t group, int resource) const {
    return static_cast<int>(2 * types_.size() + kResourceCount * group) + resource;
  }

  void add_lambda() {
    std::vector<int> rows;
    std::vector<double> values;
    for (size_t t = 0; t < types_.size(); ++t) {
      rows.insert(rows.end(), {prefill_row(t), decode_row(t)});
      values.insert(values.end(), 2, -types_[t].calls_per_workflow);
    }
    clp_.addColumn(static_cast<int>(rows.size()), rows.data(), values.data(), 0.0, COIN_DBL_MAX,
                   1.0);
  }

  void add_column(const Column& column, const std::vector<int>& rows,
                  const std::vector<double>& values) {
    clp_.addColumn(static_cast<int>(rows.size()), rows.data(), values.data(), 0.0, COIN_DBL_MAX,
                   0.0);
    columns_.push_back(column);
  }

  void add_flows(size_t t, size_t g) {
    const CallType& type = types_[t];
    const ResolvedGroup& group = cluster_.groups[g];
    const Cost& cost = type.costs[g];
    const double nic_s = type.kv_bytes / group.nic_bytes_per_s;
    const int time_row = group_row(g, kTime);
    if (group.role != WorkerRole::kDecode) {
      add_column({Flow::kPrefill, g, cost.prefill_s, 0.0},
                 {prefill_row(t), time_row, group_row(g, kEgress)}, {1.0, cost.prefill_s, nic_s});
    }
    if (group.role != WorkerRole::kPrefill) {
      add_column({Flow::kDecode, g, 0.0, cost.decode_s},
                 {decode_row(t), time_row, group_row(g, kIngress)}, {1.0, cost.decode_s, nic_s});
    }
    if (group.role == WorkerRole::kBoth) {
      add_column({Flow::kWhole, g, cost.prefill_s, cost.decode_s},
                 {prefill_row(t), decode_row(t), time_row},
                 {1.0, 1.0, cost.prefill_s + cost.decode_s});
    }
  }

  void read_use(Capacity& capacity) const {
    const double* activity = clp_.primalRowSolution();
    const double* rates = clp_.primalColumnSolution();
    for (size_t g = 0; g < cluster_.groups.size(); ++g) {
      const ResolvedGroup& group = cluster_.groups[g];
      GroupUse use{group.fitted.gpu, group.role, group.count, 0.0, 0.0, 0.0, 0.0};
      use.egress = activity[group_row(g, kEgress)] / group.count;
      use.ingress = activity[group_row(g, kIngress)] / group.count;
      capacity.groups.push_back(std::move(use));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Column& column = columns_[i];
      GroupUse& use = capacity.groups[column.group];
      const double rate = rates[i + 1] / use.count;  // column 0 is lambda
      use.prefill += rate * column.prefill_s;
      use.decode += rate * column.decode_s;
    }
  }

  // By duality the bound is the sum of each row's price times its limit: a row's part of that sum
  // is how much of the bound it holds. A worker of role both divides its part by its use.
  void read_binding(Capacity& capacity) const {
    const double* prices = clp_.dualRowSolution();
    BindingShares& shares = capacity.shares;
    for (size_t g = 0; g < cluster_.groups.size(); ++g) {
      const GroupUse& use = capacity.groups[g];
      const double scale = use.count / capacity.workflows_per_s;
      const double time = std::abs(prices[group_row(g, kTime)]) * scale;
      const double busy = use.prefill + use.decode;
      if (busy > 0.0) {
        shares.prefill += time * use.prefill / busy;
        shares.decode += time * use.decode / busy;
      }
      shares.egress += std::abs(prices[group_row(g, kEgress)]) * scale;
      shares.ingress += std::abs(prices[group_row(g, kIngress)]) * scale;
    }
    const std::array<std::pair<double, const char*>, 4> ranked = {{{shares.prefill, "prefill"},
                                                                   {shares.decode, "decode"},
                                                                   {shares.ingress, "ingress"},
                                                                   {shares.egress, "egress"}}};
    capacity.binding =
        std::max_element(ranked.begin(), ranked.end(), [](const auto& left, const auto& right) {
          return left.first < right.first;
        })->second;
  }

  const std::vector<CallType>& types_;
  const ResolvedCluster& cluster_;
  ClpSimplex clp_;
  std::vector<Column> columns_;
};

}  // namespace

Capacity estimate_capacity(const std::vector<const Trace*>& traces,
                           const ResolvedCluster& cluster) {
  if (traces.empty()) throw std::invalid_argument("capacity needs a trace");
  for (const Trace* trace : traces) {
    if (trace->workflows.empty()) {
      throw std::invalid_argument("trace " + trace->name + " has no workflow left");
    }
  }
  return Program(collect_types(traces, cluster), cluster).solve();
}

}  // namespace hexagent::sim
