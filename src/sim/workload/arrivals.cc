// Parsing of the process and drawing of gaps.
#include "sim/workload/arrivals.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "sim/input_error.h"
#include "sim/workload/trace.h"

namespace hexagent::sim {
namespace {

constexpr double kVariationMin = 0.01;
constexpr double kVariationMax = 100.0;

[[noreturn]] void fail(const std::string& text, const std::string& message) {
  throw InputError("arrivals", 0, text, message);
}

double parse_variation(const std::string& text, const std::string& digits) {
  double value = 0.0;
  const char* end = digits.data() + digits.size();
  const auto [rest, code] = std::from_chars(digits.data(), end, value);
  if (code != std::errc() || rest != end) fail(text, "needs a number, as in gamma:2.5");
  if (!(value >= kVariationMin) || value > kVariationMax) fail(text, "must be gamma:0.01 to 100");
  return value;
}

std::vector<double> recorded_gaps(const std::string& path) {
  const Trace trace = load_trace(path);
  std::vector<double> times_s;
  for (const TraceWorkflow& workflow : trace.workflows) {
    if (workflow.arrival_s >= 0.0) times_s.push_back(workflow.arrival_s);
  }
  if (times_s.size() < 2) throw InputError(path, 0, "arrival_s", "holds no recorded arrivals");
  std::sort(times_s.begin(), times_s.end());
  std::vector<double> gaps(times_s.size());
  std::adjacent_difference(times_s.begin(), times_s.end(), gaps.begin());
  gaps.erase(gaps.begin());
  const double mean_s = (times_s.back() - times_s.front()) / static_cast<double>(gaps.size());
  if (mean_s <= 0.0) throw InputError(path, 0, "arrival_s", "all arrivals are at one time");
  for (double& gap : gaps) gap /= mean_s;
  return gaps;
}

}  // namespace

ArrivalProcess ArrivalProcess::parse(const std::string& text) {
  ArrivalProcess process;
  process.text_ = text;
  if (text == "poisson") {
    process.kind_ = Kind::kPoisson;
  } else if (text == "fixed") {
    process.kind_ = Kind::kFixed;
  } else if (text.starts_with("gamma:")) {
    process.kind_ = Kind::kGamma;
    const double variation = parse_variation(text, text.substr(6));
    process.shape_ = 1.0 / (variation * variation);
  } else if (text.starts_with("trace:")) {
    process.kind_ = Kind::kTrace;
    process.recorded_gaps_ =
        std::make_shared<const std::vector<double>>(recorded_gaps(text.substr(6)));
  } else {
    fail(text, "is not poisson, gamma:CV, trace:FILE or fixed");
  }
  return process;
}

size_t ArrivalProcess::start_position(Random& random) const {
  return kind_ == Kind::kTrace ? static_cast<size_t>(random.below(recorded_gaps_->size())) : 0;
}

double ArrivalProcess::next_gap(Random& random, size_t& position) const {
  switch (kind_) {
    case Kind::kPoisson:
      return random.exponential();
    case Kind::kGamma:
      return random.gamma(shape_) / shape_;
    case Kind::kTrace: {
      const double gap = (*recorded_gaps_)[position];
      position = (position + 1) % recorded_gaps_->size();
      return gap;
    }
    case Kind::kFixed:
      break;
  }
  return 1.0;
}

}  // namespace hexagent::sim
