// Bounds of a seed: see bounds.h.
#include "sim/bounds/bounds.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "sim/bounds/fluid.h"
#include "sim/cluster/csv_table.h"
#include "sim/input_error.h"
#include "sim/study/statistics.h"

namespace hexagent::sim {
namespace {

constexpr std::string_view kFirstLine = "# hexagent bounds 1";
constexpr size_t kWords = 12;

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < line.size();) {
    const size_t end = std::min(line.find(' ', begin), line.size());
    if (end > begin) words.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

double value_of(const std::string& word, const std::string& path) {
  if (word == "inf") return std::numeric_limits<double>::infinity();
  double value = 0.0;
  if (!parse_number(word, value)) throw InputError(path, 2, "bounds", "holds what is no number");
  return value;
}

uint64_t count_of(const std::string& word, const std::string& path) {
  uint64_t value = 0;
  const char* end = word.data() + word.size();
  const auto [rest, code] = std::from_chars(word.data(), end, value);
  if (code != std::errc() || rest != end) {
    throw InputError(path, 2, "bounds", "holds what is no count");
  }
  return value;
}

// Each policy over one bound on the seeds that have it. A bound of 0 is none.
Interval over(const std::vector<uint64_t>& seeds, const std::vector<double>& policy,
              const std::vector<SeedBounds>& bounds, double SeedBounds::*bound) {
  std::vector<double> values;
  std::vector<double> least;
  for (const SeedBounds& entry : bounds) {
    const auto at = std::find(seeds.begin(), seeds.end(), entry.seed);
    const size_t index = static_cast<size_t>(at - seeds.begin());
    if (at == seeds.end() || index >= policy.size() || !(entry.*bound > 0.0)) continue;
    values.push_back(policy[index]);
    least.push_back(entry.*bound);
  }
  return values.empty() ? Interval{} : paired_ratio(values, least);
}

}  // namespace

SeedBounds seed_bounds(const Cell& cell, uint64_t seed, const ClairvoyantEffort& effort) {
  const ClairvoyantBound clairvoyant = clairvoyant_bound(cell, seed, effort);
  SeedBounds bounds;
  bounds.seed = seed;
  bounds.c1_95 = clairvoyant.c1.req95;
  bounds.c1_99 = clairvoyant.c1.req99;
  bounds.c2_95 = clairvoyant.c2.req95;
  bounds.c2_99 = clairvoyant.c2.req99;
  bounds.schedule95 = clairvoyant.schedule95.empty() ? "none" : clairvoyant.schedule95;
  bounds.schedule99 = clairvoyant.schedule99.empty() ? "none" : clairvoyant.schedule99;
  bounds.search_steps = effort.search_steps;
  bounds.runs = clairvoyant.runs;
  if (const auto fluid = fluid_bound(cell, seed)) {
    bounds.fluid_95 = fluid->req95;
    bounds.fluid_99 = fluid->req99;
  }
  return bounds;
}

std::string bounds_text(const SeedBounds& bounds) {
  char line[512];
  std::snprintf(line, sizeof(line), "%llu %.9g %.9g %.9g %.9g %.9g %.9g %s %s %llu %llu end\n",
                static_cast<unsigned long long>(bounds.seed), bounds.c1_95, bounds.c1_99,
                bounds.c2_95, bounds.c2_99, bounds.fluid_95, bounds.fluid_99,
                bounds.schedule95.c_str(), bounds.schedule99.c_str(),
                static_cast<unsigned long long>(bounds.search_steps),
                static_cast<unsigned long long>(bounds.runs));
  return std::string(kFirstLine) + "\n" + line;
}

SeedBounds parse_bounds(std::string_view text, const std::string& path) {
  const size_t first = std::min(text.find('\n'), text.size());
  if (text.substr(0, first) != kFirstLine || !text.ends_with(" end\n")) {
    throw InputError(path, 1, "bounds", "is no record of bounds of this version");
  }
  const std::vector<std::string> words = words_of(text.substr(first + 1, text.size() - first - 2));
  if (words.size() != kWords) throw InputError(path, 2, "bounds", "has not twelve words");
  SeedBounds bounds;
  bounds.seed = count_of(words[0], path);
  double* const values[] = {&bounds.c1_95, &bounds.c1_99,    &bounds.c2_95,
                            &bounds.c2_99, &bounds.fluid_95, &bounds.fluid_99};
  for (size_t i = 0; i < std::size(values); ++i) *values[i] = value_of(words[1 + i], path);
  bounds.schedule95 = words[7];
  bounds.schedule99 = words[8];
  bounds.search_steps = count_of(words[9], path);
  bounds.runs = count_of(words[10], path);
  return bounds;
}

void add_bounds(const std::vector<SeedBounds>& bounds, Comparison* comparison) {
  comparison->bounds = bounds;
  const std::vector<uint64_t>& seeds = comparison->cell.seeds;
  for (PolicySummary& policy : comparison->policies) {
    policy.over_c1_95 = over(seeds, policy.seed_req95, bounds, &SeedBounds::c1_95);
    policy.over_c1_99 = over(seeds, policy.seed_req99, bounds, &SeedBounds::c1_99);
    policy.over_fluid_95 = over(seeds, policy.seed_req95, bounds, &SeedBounds::fluid_95);
    policy.over_fluid_99 = over(seeds, policy.seed_req99, bounds, &SeedBounds::fluid_99);
  }
}

}  // namespace hexagent::sim
