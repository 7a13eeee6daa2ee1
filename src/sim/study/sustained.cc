// Sustained load: see sustained.h.
#include "sim/study/sustained.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "sim/cluster/csv_table.h"
#include "sim/input_error.h"
#include "sim/run/simulation.h"
#include "sim/study/statistics.h"

namespace hexagent::sim {
namespace {

constexpr std::string_view kFirstLine = "# hexagent sustained 1";

}  // namespace

double bisect_load(const SustainedRule& rule, const std::function<bool(double)>& meets) {
  if (meets(rule.load_max)) return rule.load_max;
  double low = rule.load_min;
  double high = rule.load_max;
  // What it comes to lies between the last that was met and the first that was not.
  while (high > low * (1.0 + rule.precision)) {
    const double middle = std::sqrt(low * high);
    (meets(middle) ? low : high) = middle;
  }
  return low;
}

Cell at_load(const Cell& cell, double load) {
  if (cell.request.drain_factor > 0.0) {
    throw std::invalid_argument("a drain has no load to sustain");
  }
  Cell changed = cell;
  changed.request.load = load;
  set_rate(&changed);
  return changed;
}

SustainedLoad sustained_load(const Cell& cell, const std::string& policy, uint64_t seed,
                             const SustainedRule& rule) {
  SustainedLoad result = {policy, seed, 0.0, 0};
  result.load = bisect_load(rule, [&](double load) {
    const Cell loaded = at_load(cell, load);
    RunConfig config = loaded.run(policy, seed);
    config.give_up_stretch = rule.req95_max;  // surely above it: the rest need not be seen
    config.keep_workflows = false;
    ++result.runs;
    return requirement(measured_stretches(Simulation(config).run()), 0.95) <= rule.req95_max;
  });
  return result;
}

std::string sustained_text(const SustainedLoad& load) {
  char line[64];
  std::snprintf(line, sizeof(line), " %llu %.9g %llu end\n",
                static_cast<unsigned long long>(load.seed), load.load,
                static_cast<unsigned long long>(load.runs));
  return std::string(kFirstLine) + "\n" + load.policy + line;
}

SustainedLoad parse_sustained(std::string_view text, const std::string& path) {
  const auto fail = [&] { throw InputError(path, 0, "sustained", "is no record of this kind"); };
  const size_t first = std::min(text.find('\n'), text.size());
  if (text.substr(0, first) != kFirstLine || !text.ends_with(" end\n")) fail();
  std::vector<std::string> words;
  std::string_view line = text.substr(first + 1);
  line.remove_suffix(1);
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(' ', begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  SustainedLoad load;
  double seed = 0.0;
  double runs = 0.0;
  if (words.size() != 5 || !parse_number(words[1], seed) || !parse_number(words[2], load.load) ||
      !parse_number(words[3], runs) || !(seed >= 0.0 && runs >= 0.0)) {
    fail();
  }
  load.policy = words[0];
  load.seed = static_cast<uint64_t>(seed);
  load.runs = static_cast<uint64_t>(runs);
  return load;
}

std::vector<SustainedSummary> summarise_sustained(const std::vector<SustainedLoad>& loads) {
  std::vector<SustainedSummary> summaries;
  std::vector<double> first;
  for (size_t begin = 0; begin < loads.size();) {
    size_t end = begin;
    std::vector<double> own;
    for (; end < loads.size() && loads[end].policy == loads[begin].policy; ++end) {
      own.push_back(loads[end].load);
    }
    if (first.empty()) first = own;
    summaries.push_back(
        {loads[begin].policy, bootstrap_mean(own), paired_ratio(first, own), own.size()});
    begin = end;
  }
  return summaries;
}

}  // namespace hexagent::sim
