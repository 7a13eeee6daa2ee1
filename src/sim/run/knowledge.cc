// Knowledge: see knowledge.h.
#include "sim/run/knowledge.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "sim/input_error.h"
#include "sim/random.h"

namespace hexagent::sim {
namespace {

constexpr double kDeviateOfP90 = 1.2815515655446004;
constexpr double kHintMax = 1e9;

double parse_value(const std::string& text, size_t prefix, double low, double high) {
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data() + prefix, end, value);
  if (code != std::errc() || rest != end) {
    throw InputError("lengths", 0, text, "needs a number after the colon");
  }
  if (!(value >= low && value <= high)) {
    throw InputError("lengths", 0, text, "the number is out of range");
  }
  return value;
}

uint32_t tokens(double value) {
  return static_cast<uint32_t>(std::llround(std::clamp(value, 1.0, kHintMax)));
}

}  // namespace

LengthKnowledge parse_length_knowledge(const std::string& text) {
  using Kind = LengthKnowledge::Kind;
  if (text == "predictor") return {};
  if (text == "oracle") return {Kind::kOracle, 0.0};
  if (text.starts_with("lognormal:")) return {Kind::kLogNormal, parse_value(text, 10, 1e-3, 3.0)};
  if (text.starts_with("biased:")) return {Kind::kBiased, parse_value(text, 7, 0.01, 100.0)};
  throw InputError("lengths", 0, text,
                   "is not predictor, oracle, lognormal:SIGMA or biased:FACTOR");
}

std::string describe_length_knowledge(const LengthKnowledge& knowledge) {
  char buffer[48];
  switch (knowledge.kind) {
    case LengthKnowledge::Kind::kPredictor:
      return "predictor";
    case LengthKnowledge::Kind::kOracle:
      return "oracle";
    case LengthKnowledge::Kind::kLogNormal:
      std::snprintf(buffer, sizeof(buffer), "lognormal:%g", knowledge.value);
      return buffer;
    case LengthKnowledge::Kind::kBiased:
      break;
  }
  std::snprintf(buffer, sizeof(buffer), "biased:%g", knowledge.value);
  return buffer;
}

LengthHint length_hint(const LengthKnowledge& knowledge, int64_t output_tokens, uint64_t seed,
                       uint64_t instance, uint32_t call) {
  const double truth = static_cast<double>(output_tokens);
  switch (knowledge.kind) {
    case LengthKnowledge::Kind::kPredictor:
      return {};
    case LengthKnowledge::Kind::kOracle:
      return {tokens(truth), tokens(truth)};
    case LengthKnowledge::Kind::kBiased: {
      const uint32_t told = tokens(knowledge.value * truth);
      return {told, told};
    }
    case LengthKnowledge::Kind::kLogNormal:
      break;
  }
  const Random hints = Random(seed).split(hash_text("length hints"));
  const double deviate = hints.split(instance).split(call).normal();
  const double p50 = truth * std::exp(knowledge.value * deviate);
  return {tokens(p50), tokens(p50 * std::exp(knowledge.value * kDeviateOfP90))};
}

FittedProfile told_profile(const FittedProfile& profile, double error, uint64_t seed) {
  if (error == 0.0) return profile;
  Random random = Random(seed).split(hash_text("model error")).split(hash_text(profile.gpu));
  const double prefill = random.below(2) == 0 ? 1.0 + error : 1.0 - error;
  const double decode = random.below(2) == 0 ? 1.0 + error : 1.0 - error;
  FittedProfile told = profile;
  for (double* value : {&told.a0_s, &told.a1_s, &told.a2_s, &told.small_a0_s, &told.small_a1_s}) {
    *value *= prefill;
  }
  for (double* value : {&told.b0_s, &told.b1_s, &told.b2_s}) *value *= decode;
  return told;
}

}  // namespace hexagent::sim
