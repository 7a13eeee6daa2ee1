// What the scheduler is told of lengths and times, and how wrong it is: the information levels of
// EXPERIMENTS section 4. Errors are drawn from the seed alone, so they are equal for all policies.
// Tests: tests/unit/sim/run/knowledge_test.cc
#pragma once

#include <cstdint>
#include <string>

#include "sim/cluster/fitted.h"

namespace hexagent::sim {

// Where expectations of output lengths come from.
struct LengthKnowledge {
  enum class Kind : uint8_t {
    kPredictor,  // the library's own, no hints
    kOracle,     // hints with the true length, certain
    kLogNormal,  // hints off by exp(value * normal deviate), with the p90 that belongs to it
    kBiased,     // hints of `value` times the true length, certain of it
  };
  Kind kind = Kind::kPredictor;
  double value = 0.0;
};

struct Knowledge {
  LengthKnowledge lengths;
  double model_error = 0.0;     // relative; times of each profile are told too long or too short
  bool learns_online = false;   // learning goes on while measuring (else frozen)
  bool measures_links = false;  // reports of transfers are measurements of their links
};

// `text` is predictor, oracle, lognormal:SIGMA (above 0, at most 3) or biased:FACTOR (0.01 to 100).
// Throws InputError (file "lengths").
LengthKnowledge parse_length_knowledge(const std::string& text);
std::string describe_length_knowledge(const LengthKnowledge& knowledge);

// The caller's hints on one call; 0 = none.
struct LengthHint {
  uint32_t p50 = 0;
  uint32_t p90 = 0;
};
LengthHint length_hint(const LengthKnowledge& knowledge, int64_t output_tokens, uint64_t seed,
                       uint64_t instance, uint32_t call);

// The profile as the scheduler is told it: all prefill times and all decode times off by a factor
// of 1 + error or 1 - error, a coin toss for each GPU and phase.
FittedProfile told_profile(const FittedProfile& profile, double error, uint64_t seed);

}  // namespace hexagent::sim
