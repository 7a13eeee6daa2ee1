// Grids built once from the rows, and look-ups in them. Look-ups happen at every engine iteration:
// the linear parts are plain arrays, attention costs one logarithm and one or two exponentials.
#include "sim/cluster/measured.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "sim/cluster/log_curve.h"

namespace hexagent::sim {
namespace {

// Larger tables would only cost memory: no engine runs such batches.
constexpr int64_t kLinearTokensMax = 1 << 17;

double pairs_of(double new_tokens, double cached_tokens) {
  return new_tokens * (cached_tokens + new_tokens / 2.0);
}

// The part without attention, by whole tokens or sequences from `low` to `high`.
struct LinearGrid {
  int64_t low = 0;
  int64_t high = -1;
  std::vector<double> seconds;  // from `low` on

  bool covers(int64_t x) const { return x >= low && x <= high; }
  double at(int64_t x) const { return seconds[static_cast<size_t>(x - low)]; }
};

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

// Attention of one request by new tokens, at one length of cached prefix.
struct CachedLevel {
  double cached = 0.0;
  double new_min = 0.0;
  double new_max = 0.0;
  LogCurve curve;

  bool covers(double new_tokens) const { return new_tokens >= new_min && new_tokens <= new_max; }
  // Outside its range the level grows with the pairs, which is what the fitted form does.
  double at(double new_tokens, double log_new) const {
    const double inside_s = std::exp(curve.log_y(log_new));
    if (covers(new_tokens)) return inside_s;
    const double edge = std::clamp(new_tokens, new_min, new_max);
    return inside_s * pairs_of(new_tokens, cached) / pairs_of(edge, cached);
  }
};

// Attention of a whole batch by context per request, at one batch.
struct BatchLevel {
  double batch = 0.0;
  LogCurve curve;

  bool covers(double log_context) const {
    // Contexts are means, S / B: without a tolerance the edge itself would count as outside.
    constexpr double kEdge = 1e-12;
    return log_context >= curve.log_x_min() - kEdge && log_context <= curve.log_x_max() + kEdge;
  }
  // Outside its range the level grows with the context, as in the fitted form.
  double log_at(double log_context) const {
    const double edge = std::clamp(log_context, curve.log_x_min(), curve.log_x_max());
    return curve.log_y(edge) + (log_context - edge);
  }
};

// Between which two levels a batch lies; precomputed for every batch of the table.
struct BatchPlace {
  size_t level = 0;
  double weight = 0.0;  // of the next level
  double log_batch = 0.0;
};

std::map<double, double> attention_points(const std::vector<std::pair<int64_t, double>>& rows) {
  std::map<double, double> points;
  for (const auto& [x, time_s] : rows) points[static_cast<double>(x)] = time_s;
  return points;
}

}  // namespace

struct MeasuredProfile::Grids {
  FittedProfile fitted;
  LinearGrid prefill_linear;
  LinearGrid decode_linear;
  std::vector<CachedLevel> cached_levels;
  std::vector<BatchLevel> batch_levels;
  std::vector<BatchPlace> batch_places;  // by batch; entry 0 unused

  void build_prefill(const std::vector<PrefillRow>& rows) {
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

  void build_decode(const std::vector<DecodeRow>& rows) {
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

  void place_batches() {
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

  double fitted_decode_linear_s(int64_t batch) const {
    return fitted.b0_s + fitted.b1_s * static_cast<double>(batch);
  }
};

MeasuredProfile::MeasuredProfile(const MeasuredRows& rows, const FittedProfile& fitted) {
  auto grids = std::make_shared<Grids>();
  grids->fitted = fitted;
  grids->build_prefill(rows.prefill);
  grids->build_decode(rows.decode);
  grids_ = std::move(grids);
}

const FittedProfile& MeasuredProfile::fitted() const { return grids_->fitted; }

double MeasuredProfile::prefill_linear_s(int64_t new_tokens) const {
  ++counts_.prefill_linear.lookups;
  const LinearGrid& grid = grids_->prefill_linear;
  if (grid.covers(new_tokens)) return grid.at(new_tokens);
  ++counts_.prefill_linear.extrapolated;
  const FittedProfile& fitted = grids_->fitted;
  const double form_s = fitted.prefill_linear_s(static_cast<double>(new_tokens));
  if (grid.seconds.empty()) return form_s;
  const int64_t edge = std::clamp(new_tokens, grid.low, grid.high);
  return form_s * grid.at(edge) / fitted.prefill_linear_s(static_cast<double>(edge));
}

double MeasuredProfile::prefill_attention_s(int64_t new_tokens, int64_t cached_tokens) const {
  ++counts_.prefill_attention.lookups;
  if (new_tokens <= 0) return 0.0;
  const double fresh = static_cast<double>(new_tokens);
  const double cached = static_cast<double>(cached_tokens);
  const std::vector<CachedLevel>& levels = grids_->cached_levels;
  if (levels.empty()) {
    ++counts_.prefill_attention.extrapolated;
    return grids_->fitted.a2_s * pairs_of(fresh, cached);
  }
  const double log_new = std::log(fresh);
  size_t level = 0;
  while (level + 1 < levels.size() && levels[level + 1].cached <= cached) ++level;
  const CachedLevel& low = levels[level];
  bool covered = low.covers(fresh);
  double result_s = low.at(fresh, log_new);
  if (cached < low.cached || level + 1 == levels.size()) {
    covered = covered && cached == low.cached;
    result_s *= pairs_of(fresh, cached) / pairs_of(fresh, low.cached);
  } else if (cached > low.cached) {
    // At one number of new tokens attention is close to linear in the cached length.
    const CachedLevel& high = levels[level + 1];
    covered = covered && high.covers(fresh);
    const double weight = (cached - low.cached) / (high.cached - low.cached);
    result_s += weight * (high.at(fresh, log_new) - result_s);
  }
  if (!covered) ++counts_.prefill_attention.extrapolated;
  return result_s;
}

double MeasuredProfile::decode_linear_s(int32_t batch) const {
  ++counts_.decode_linear.lookups;
  const LinearGrid& grid = grids_->decode_linear;
  if (grid.covers(batch)) return grid.at(batch);
  ++counts_.decode_linear.extrapolated;
  const double form_s = grids_->fitted_decode_linear_s(batch);
  if (grid.seconds.empty()) return form_s;
  const int64_t edge = std::clamp<int64_t>(batch, grid.low, grid.high);
  return form_s * grid.at(edge) / grids_->fitted_decode_linear_s(edge);
}

double MeasuredProfile::decode_attention_s(int32_t batch, int64_t context_sum) const {
  ++counts_.decode_attention.lookups;
  if (batch <= 0 || context_sum <= 0) return 0.0;
  const std::vector<BatchPlace>& places = grids_->batch_places;
  if (places.empty()) {
    ++counts_.decode_attention.extrapolated;
    return grids_->fitted.b2_s * static_cast<double>(context_sum);
  }
  const size_t index = std::min(static_cast<size_t>(batch), places.size() - 1);
  const bool batch_covered = index == static_cast<size_t>(batch) &&
                             static_cast<double>(batch) >= grids_->batch_levels.front().batch;
  const BatchPlace& place = places[index];
  // Beyond the largest batch the context per request stays and the sum grows, as the form does.
  const double scale = static_cast<double>(batch) / static_cast<double>(index);
  const double log_context = std::log(static_cast<double>(context_sum) / scale) - place.log_batch;
  const BatchLevel& low = grids_->batch_levels[place.level];
  bool covered = batch_covered && low.covers(log_context);
  double log_time = low.log_at(log_context);
  if (place.weight > 0.0) {
    const BatchLevel& high = grids_->batch_levels[place.level + 1];
    covered = covered && high.covers(log_context);
    log_time += place.weight * (high.log_at(log_context) - log_time);
  }
  if (!covered) ++counts_.decode_attention.extrapolated;
  return scale * std::exp(log_time);
}

}  // namespace hexagent::sim
