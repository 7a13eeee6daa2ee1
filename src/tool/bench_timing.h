// What the benchmarks share: a clock, quantiles, and the few lines every driver of the library
// needs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent::tool {

inline int64_t clock_ns() { return hexagent_now(); }

// The q-quantile, 0 to 1; sorts. 0 of nothing.
template <class Number>
double quantile(std::vector<Number>* values, double q) {
  if (values->empty()) return 0.0;
  std::sort(values->begin(), values->end());
  const auto index = static_cast<size_t>(q * static_cast<double>(values->size() - 1) + 0.5);
  return static_cast<double>((*values)[index]);
}

template <class Number>
double median(std::vector<Number> values) {
  return quantile(&values, 0.5);
}

// Throws when the library answered an error.
inline int32_t check(int32_t answer, const char* action) {
  if (answer >= 0) return answer;
  throw std::runtime_error(std::string(action) + ": " + hexagent_status_text(answer));
}

// Opens a scheduler with a few keys set; throws.
inline hexagent_scheduler* open_scheduler(
    const std::vector<std::pair<std::string, std::string>>& settings) {
  hexagent_config* config = hexagent_config_create();
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  for (const auto& [key, value] : settings) {
    if (hexagent_config_set(config, key.c_str(), value.c_str(), &error) == HEXAGENT_OK) continue;
    hexagent_config_free(config);
    throw std::invalid_argument(error.text);
  }
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  hexagent_config_free(config);
  if (scheduler == nullptr) throw std::runtime_error(error.text);
  return scheduler;
}

}  // namespace hexagent::tool
