// Look-ups in the grids. They happen at every engine iteration: the linear parts cost nothing,
// attention one logarithm and one or two exponentials.
#include "sim/cluster/measured.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "sim/cluster/measured_grids.h"

namespace hexagent::sim {

MeasuredProfile::MeasuredProfile(const MeasuredRows& rows, const FittedProfile& fitted)
    : grids_(std::make_shared<MeasuredGrids>(rows, fitted)) {}

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
