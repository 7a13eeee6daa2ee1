// Least work: see least_work.h.
#include "sim/bounds/least_work.h"

#include <algorithm>
#include <limits>

namespace hexagent::sim {
namespace {

// Attention is looked at on a grid of sizes; this covers what lies between its points.
constexpr double kGridStep = 1.1;
constexpr double kBetween = 0.98;

double pairs(double fresh, double cached) { return fresh * (cached + fresh / 2.0); }

// 1 and on in steps of kGridStep, the bound itself included.
std::vector<int64_t> grid(int64_t most) {
  std::vector<int64_t> sizes;
  for (int64_t size = 1; size < most;
       size = std::max(size + 1, static_cast<int64_t>(static_cast<double>(size) * kGridStep))) {
    sizes.push_back(size);
  }
  sizes.push_back(std::max<int64_t>(most, 1));
  return sizes;
}

// Sum of the contexts that a sequence's iterations read: prompt, prompt + 1, ...
double context_sum(int64_t prompt, int64_t output) {
  const double out = static_cast<double>(output);
  return out * (static_cast<double>(prompt) + (out - 1.0) / 2.0);
}

}  // namespace

LeastWork::LeastWork(const TruthTimes& truth, const EngineLimits& limits) : limits_(limits) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  pass_s_.assign(static_cast<size_t>(limits.batch_tokens) + 1, 0.0);
  double least = kLargest;
  token_s_ = chunk_token_s_ = kLargest;
  for (int64_t tokens = limits.batch_tokens; tokens >= 1; --tokens) {
    least = std::min(least, truth.prefill_linear_s(tokens));
    pass_s_[static_cast<size_t>(tokens)] = least;
    const double each_s = least / static_cast<double>(tokens);
    token_s_ = std::min(token_s_, each_s);
    if (tokens <= limits.chunk_tokens) chunk_token_s_ = std::min(chunk_token_s_, each_s);
  }
  pair_s_ = kLargest;
  for (const int64_t fresh : grid(limits.chunk_tokens)) {
    for (const int64_t cached : grid(limits.context_tokens_max)) {
      for (const int64_t before : {int64_t{0}, cached}) {
        const double time_s = truth.prefill_attention_s(fresh, before);
        pair_s_ =
            std::min(pair_s_, kBetween * time_s /
                                  pairs(static_cast<double>(fresh), static_cast<double>(before)));
      }
    }
  }
  sequence_s_ = iteration_s_ = context_s_ = kLargest;
  for (int32_t batch = 1; batch <= limits.decode_batch_max; ++batch) {
    const double linear_s = truth.decode_linear_s(batch);
    sequence_s_ = std::min(sequence_s_, linear_s / static_cast<double>(batch));
    iteration_s_ = std::min(iteration_s_, linear_s);
  }
  for (const int64_t batch : grid(limits.decode_batch_max)) {
    for (const int64_t context : grid(limits.context_tokens_max)) {
      const double time_s = truth.decode_attention_s(static_cast<int32_t>(batch), batch * context);
      context_s_ = std::min(context_s_, kBetween * time_s / static_cast<double>(batch * context));
    }
  }
}

double LeastWork::prefill_s(int64_t fresh, int64_t cached) const {
  const double tokens = static_cast<double>(fresh);
  return tokens * token_s_ + pair_s_ * pairs(tokens, static_cast<double>(cached));
}

double LeastWork::decode_s(int64_t prompt, int64_t output) const {
  return static_cast<double>(output) * sequence_s_ + context_s_ * context_sum(prompt, output);
}

double LeastWork::prefill_alone_s(int64_t fresh, int64_t cached) const {
  const double tokens = static_cast<double>(fresh);
  const int64_t last = std::min({fresh, limits_.chunk_tokens, limits_.batch_tokens});
  const double linear_s =
      std::max(tokens * chunk_token_s_, fresh > last ? 0.0 : pass_s_[static_cast<size_t>(last)]);
  return linear_s + pair_s_ * pairs(tokens, static_cast<double>(cached));
}

double LeastWork::decode_alone_s(int64_t prompt, int64_t output) const {
  return static_cast<double>(output) * iteration_s_ + context_s_ * context_sum(prompt, output);
}

std::vector<LeastWork> least_work(const ResolvedCluster& cluster, const ProfileSet& profiles) {
  std::vector<LeastWork> result;
  for (const ResolvedGroup& group : cluster.groups) {
    EngineLimits limits;
    limits.chunk_tokens = cluster.file.chunk_tokens;
    limits.batch_tokens = cluster.file.batch_tokens;
    limits.decode_batch_max = cluster.file.decode_batch_max;
    limits.context_tokens_max = std::max<int64_t>(1, group.fitted.kv_capacity_tokens);
    result.emplace_back(measured_profile(profiles, group), limits);
  }
  return result;
}

}  // namespace hexagent::sim
