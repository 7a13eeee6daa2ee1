// Statistics: see statistics.h.
#include "sim/study/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/random.h"

namespace hexagent::sim {
namespace {

constexpr int kResamples = 10000;
constexpr uint64_t kBootstrapSeed = 20261;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kOverloadRatio = 1.25;

double geometric_mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (double value : values) sum += std::log(value);
  return values.empty() ? 0.0 : std::exp(sum / static_cast<double>(values.size()));
}

// Percentile method over what the resamples gave.
void set_bounds(std::vector<double> means, Interval* interval) {
  std::sort(means.begin(), means.end());
  interval->low = means[static_cast<size_t>(0.025 * kResamples)];
  interval->high = means[static_cast<size_t>(0.975 * kResamples)];
}

std::vector<double> logarithms(const std::vector<double>& values) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (double value : values) logs.push_back(std::log(value));
  return logs;
}

double stretch_of(const WorkflowRecord& record) { return record.completion_s / record.horizon_s; }

// Req95 of the last third of measured arrivals over the first third's.
double growth_of(const RunResult& run) {
  std::vector<const WorkflowRecord*> records;
  for (const WorkflowRecord& record : run.workflows) {
    if (record.measured) records.push_back(&record);
  }
  std::sort(records.begin(), records.end(), [](const WorkflowRecord* a, const WorkflowRecord* b) {
    return a->arrival_s < b->arrival_s;
  });
  const size_t third = records.size() / 3;
  if (third == 0) return 1.0;
  std::vector<double> first;
  std::vector<double> last;
  for (size_t i = 0; i < third; ++i) {
    first.push_back(stretch_of(*records[i]));
    last.push_back(stretch_of(*records[records.size() - third + i]));
  }
  const double begin = requirement(first, 0.95);
  const double end = requirement(last, 0.95);
  return std::isinf(begin) ? kInfinity : end / begin;
}

void add_classes(const std::vector<RunResult>& runs, PolicySummary* summary) {
  std::map<std::string, std::vector<double>> by_class;
  for (const RunResult& run : runs) {
    for (const WorkflowRecord& record : run.workflows) {
      if (!record.measured) continue;
      by_class[run.class_names[record.class_index]].push_back(stretch_of(record));
    }
  }
  for (const auto& [name, stretches] : by_class) {
    summary->class_req95[name] = requirement(stretches, 0.95);
  }
}

void add_run(const RunResult& run, double share, PolicySummary* summary) {
  const std::vector<double> stretches = measured_stretches(run);
  double sum = 0.0;
  for (double stretch : stretches) sum += stretch;
  summary->mean += share * sum / static_cast<double>(std::max<size_t>(stretches.size(), 1));
  summary->max = std::max(summary->max, requirement(stretches, 1.0));
  summary->p50 += share * requirement(stretches, 0.5);
  summary->jain += share * jain_index(stretches);
  summary->use.prefill += share * run.utilisation.prefill;
  summary->use.decode += share * run.utilisation.decode;
  summary->use.egress += share * run.utilisation.egress;
  summary->use.ingress += share * run.utilisation.ingress;
  summary->use.kv_prefill += share * run.utilisation.kv_prefill;
  summary->use.kv_decode += share * run.utilisation.kv_decode;
  summary->hit_rate += share * run.prefix_hit_rate;
  summary->extrapolated_share += share * run.extrapolated_share;
  summary->planner_us_p50 += share * run.planner_us_p50;
  summary->planner_us_p99 = std::max(summary->planner_us_p99, run.planner_us_p99);
  summary->unfinished += run.unfinished;
  summary->preemptions += run.preemptions;
  summary->decision_hash = mix_bits(summary->decision_hash ^ run.decision_hash);
}

}  // namespace

std::vector<double> measured_stretches(const RunResult& run) {
  std::vector<double> stretches;
  for (const WorkflowRecord& record : run.workflows) {
    if (record.measured) stretches.push_back(stretch_of(record));
  }
  return stretches;
}

double requirement(std::vector<double> stretches, double q) {
  if (stretches.empty()) return kInfinity;
  const double rank = std::ceil(q * static_cast<double>(stretches.size()) - 1e-9);
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(stretches.begin(), stretches.begin() + static_cast<std::ptrdiff_t>(index),
                   stretches.end());
  return stretches[index];
}

Interval bootstrap_mean(const std::vector<double>& by_seed) {
  Interval interval;
  interval.value = geometric_mean(by_seed);
  interval.low = interval.high = interval.value;
  if (by_seed.size() < 2 || std::isinf(interval.value)) return interval;
  Random random(kBootstrapSeed);
  const std::vector<double> logs = logarithms(by_seed);
  std::vector<double> means;
  means.reserve(kResamples);
  for (int i = 0; i < kResamples; ++i) {
    double sum = 0.0;
    for (size_t drawn = 0; drawn < logs.size(); ++drawn) sum += logs[random.below(logs.size())];
    means.push_back(std::exp(sum / static_cast<double>(logs.size())));
  }
  set_bounds(std::move(means), &interval);
  return interval;
}

Interval bootstrap_cells(const std::vector<std::vector<double>>& by_cell_and_seed) {
  std::vector<std::vector<double>> logs;
  Interval interval;
  double sum = 0.0;
  for (const std::vector<double>& ratios : by_cell_and_seed) {
    if (ratios.empty()) continue;
    logs.push_back(logarithms(ratios));
    sum += std::log(geometric_mean(ratios));
  }
  if (logs.empty()) return {std::nan(""), std::nan(""), std::nan("")};
  const double cells = static_cast<double>(logs.size());
  interval.value = interval.low = interval.high = std::exp(sum / cells);
  if (std::isinf(interval.value)) return interval;
  Random random(kBootstrapSeed);
  std::vector<double> means;
  means.reserve(kResamples);
  for (int i = 0; i < kResamples; ++i) {
    double whole = 0.0;
    for (size_t drawn = 0; drawn < logs.size(); ++drawn) {
      const std::vector<double>& cell = logs[random.below(logs.size())];
      double part = 0.0;
      for (size_t seed = 0; seed < cell.size(); ++seed) part += cell[random.below(cell.size())];
      whole += part / static_cast<double>(cell.size());
    }
    means.push_back(std::exp(whole / cells));
  }
  set_bounds(std::move(means), &interval);
  return interval;
}

std::vector<double> seed_ratios(const std::vector<double>& subject,
                                const std::vector<double>& rival, double bound) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(subject.size(), rival.size()); ++i) {
    if (std::isfinite(rival[i])) {
      ratios.push_back(subject[i] / rival[i]);
    } else if (std::isfinite(subject[i]) && bound > 0.0) {
      ratios.push_back(std::min(1.0, subject[i] / bound));
    }
  }
  return ratios;
}

Interval paired_ratio(const std::vector<double>& numerator,
                      const std::vector<double>& denominator) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(numerator.size(), denominator.size()); ++i) {
    const bool both = std::isinf(numerator[i]) && std::isinf(denominator[i]);
    ratios.push_back(both ? 1.0 : std::max(numerator[i] / denominator[i], 1e-9));
  }
  return bootstrap_mean(ratios);
}

double jain_index(const std::vector<double>& values) {
  double sum = 0.0;
  double squares = 0.0;
  for (double value : values) {
    if (std::isinf(value)) return 0.0;
    sum += value;
    squares += value * value;
  }
  return squares > 0.0 ? sum * sum / (static_cast<double>(values.size()) * squares) : 1.0;
}

Comparison summarise(const CellInfo& cell, const std::vector<std::vector<RunResult>>& results) {
  Comparison comparison;
  comparison.cell = cell;
  std::vector<double> first95;
  std::vector<double> first99;
  for (const std::vector<RunResult>& runs : results) {
    PolicySummary summary;
    summary.policy = runs.front().policy;
    std::vector<double> req95;
    std::vector<double> req99;
    std::vector<double> growth;
    double simulated = 0.0;
    double wall = 0.0;
    for (const RunResult& run : runs) {
      const std::vector<double> stretches = measured_stretches(run);
      req95.push_back(requirement(stretches, 0.95));
      req99.push_back(requirement(stretches, 0.99));
      growth.push_back(growth_of(run));
      add_run(run, 1.0 / static_cast<double>(runs.size()), &summary);
      simulated += run.simulated_s;
      wall += run.wall_s;
    }
    summary.growth = geometric_mean(growth);
    summary.overload = summary.growth > kOverloadRatio;
    summary.speedup = wall > 0.0 ? simulated / wall : 0.0;
    if (comparison.policies.empty()) {
      first95 = req95;
      first99 = req99;
    }
    summary.req95 = bootstrap_mean(req95);
    summary.req99 = bootstrap_mean(req99);
    summary.seed_req95 = req95;
    summary.seed_req99 = req99;
    summary.ratio95 = paired_ratio(first95, req95);
    summary.ratio99 = paired_ratio(first99, req99);
    add_classes(runs, &summary);
    comparison.policies.push_back(summary);
  }
  return comparison;
}

}  // namespace hexagent::sim
