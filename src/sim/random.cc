// xoshiro256** after Blackman and Vigna, gamma after Marsaglia and Tsang, normal by Box and Muller.
// The generator's output is pinned by the tests: changing it changes every simulated result.
#include "sim/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace hexagent::sim {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

}  // namespace

uint64_t mix_bits(uint64_t value) {
  value += kGolden;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  }
  return mix_bits(hash);
}

Random::Random(uint64_t seed) : seed_(seed), state_{} {
  uint64_t counter = seed;
  for (uint64_t& word : state_) {
    word = mix_bits(counter);
    counter += kGolden;
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() {
  // 52 random bits and a half step: the smallest value is 2^-53, the largest 1 - 2^-53.
  return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52;
}

uint64_t Random::below(uint64_t bound) {
  // Values under 2^64 mod bound are thrown away, so that every remainder is equally likely.
  const uint64_t rejected = (0 - bound) % bound;
  uint64_t value = next();
  while (value < rejected) value = next();
  return value % bound;
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double Random::exponential() { return -std::log(uniform()); }

double Random::gamma(double shape) {
  if (shape < 1.0) {
    const double boost = std::pow(uniform(), 1.0 / shape);
    return gamma(shape + 1.0) * boost;
  }
  const double offset = shape - 1.0 / 3.0;
  const double scale = 1.0 / std::sqrt(9.0 * offset);
  for (;;) {
    const double deviate = normal();
    const double cube_root = 1.0 + scale * deviate;
    if (cube_root <= 0.0) continue;
    const double volume = cube_root * cube_root * cube_root;
    const double bound = 0.5 * deviate * deviate + offset * (1.0 - volume + std::log(volume));
    if (std::log(uniform()) < bound) return offset * volume;
  }
}

Random Random::split(uint64_t stream) const {
  return Random(mix_bits(seed_ ^ mix_bits(stream + kGolden)));
}

}  // namespace hexagent::sim
