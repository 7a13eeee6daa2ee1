// MeasuredGrids: see measured_grids.h.
#include "sim/cluster/measured_grids.h"

#include <map>
#include <utility>

namespace hexagent::sim {
namespace {

// Larger tables would only cost memory: no engine runs such batches.
constexpr int64_t kLinearTokensMax = 1 << 17;

// Rows of one x differ by a fraction of a percent (output head, rounding); their mean stands.
LinearGrid build_linear(const std::map<int64_t, std::vector<double>>& samples, int64_t high_max) {
  LinearGrid grid;
  if (samples.empty()) return grid;
  std::map<double, double> points;
  for (const auto& [x, times_s] : samples) {
    double sum_s = 0.0;
    for (const double time_s : times_s) sum_s += time_s;
    points[static_cast<double>(x)] = sum_s / static_cast<double>(times_s.size());
  }
  const LogCurve curve(points);
  grid.low = samples.begin()->first;
  grid.high = std::max(grid.low, std::min(samples.rbegin()->first, high_max));
  for (int64_t x = grid.low; x <= grid.high; ++x) {
    const auto exact = points.find(static_cast<double>(x));
    grid.seconds.push_back(exact != points.end()
                               ? exact->second
                               : std::exp(curve.log_y(std::log(static_cast<double>(x)))));
  }
  return grid;
}

std::map<double, double> attention_points(const std::vector<std::pair<int64_t, double>>& rows) {
  std::map<double, double> points;
  for (const auto& [x, time_s] : rows) points[static_cast<double>(x)] = time_s;
  return points;
}

}  // namespace

MeasuredGrids::MeasuredGrids(const MeasuredRows& rows, const FittedProfile& fitted_form)
    : fitted(fitted_form) {
  build_prefill(rows.prefill);
  build_decode(rows.decode);
}

void MeasuredGrids::build_prefill(const std::vector<PrefillRow>& rows) {
  std::map<int64_t, std::vector<double>> linear;
  std::map<int64_t, std::vector<std::pair<int64_t, double>>> levels;
  for (const PrefillRow& row : rows) {
    if (row.cached_tokens == 0) {
      linear[row.new_tokens * row.batch].push_back(row.total_s - row.attention_s);
    }
    if (row.batch == 1) {
      levels[row.cached_tokens].emplace_back(row.new_tokens, row.attention_s);
    }
  }
  prefill_linear = build_linear(linear, kLinearTokensMax);
  for (const auto& [cached, level_rows] : levels) {
    const std::map<double, double> points = attention_points(level_rows);
    cached_levels.push_back({static_cast<double>(cached), points.begin()->first,
                             points.rbegin()->first, LogCurve(points)});
  }
}

void MeasuredGrids::build_decode(const std::vector<DecodeRow>& rows) {
  std::map<int64_t, std::vector<double>> linear;
  std::map<int64_t, std::vector<std::pair<int64_t, double>>> levels;
  for (const DecodeRow& row : rows) {
    linear[row.batch].push_back(row.total_s - row.attention_s);
    levels[row.batch].emplace_back(row.context_tokens, row.attention_s);
  }
  decode_linear = build_linear(linear, kLinearTokensMax);
  for (const auto& [batch, level_rows] : levels) {
    batch_levels.push_back({static_cast<double>(batch), LogCurve(attention_points(level_rows))});
  }
  place_batches();
}

void MeasuredGrids::place_batches() {
  if (batch_levels.empty()) return;
  const int64_t batch_max = static_cast<int64_t>(batch_levels.back().batch);
  batch_places.resize(static_cast<size_t>(batch_max) + 1);
  for (size_t batch = 1; batch < batch_places.size(); ++batch) {
    const double size = static_cast<double>(batch);
    BatchPlace& place = batch_places[batch];
    place.log_batch = std::log(size);
    while (place.level + 1 < batch_levels.size() && batch_levels[place.level + 1].batch <= size) {
      ++place.level;
    }
    if (place.level + 1 == batch_levels.size()) continue;
    const double low = std::log(batch_levels[place.level].batch);
    const double high = std::log(batch_levels[place.level + 1].batch);
    place.weight = std::clamp((place.log_batch - low) / (high - low), 0.0, 1.0);
  }
}

}  // namespace hexagent::sim
