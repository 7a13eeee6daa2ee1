// DecisionHash: 64 bits over the decisions of one step, written with the step so that a replay can
// tell whether it decided the same, at a few nanoseconds and no bytes a decision.
//
// Not a defence against an attacker, who could rewrite the whole journal anyway: it has to notice
// any change of a field with all but certainty. Part of the file format: never change it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "hexagent/hexagent.h"

namespace hexagent {

class DecisionHash {
 public:
  void add(const hexagent_decision& decision) {
    static_assert(sizeof(decision) == 128);
    const auto word = [](uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; };
    // Fields, not bytes, so that the hash is the same on every processor.
    mix(decision.sequence);
    mix(decision.journal_position);
    mix(decision.user_data);
    mix(decision.workflow);
    mix(decision.call);
    mix(word(decision.kind, static_cast<uint32_t>(decision.status)));
    mix(word(decision.worker, decision.peer_worker));
    mix(word(decision.incarnation, decision.attempt));
    mix(static_cast<uint64_t>(decision.time_ns));
    mix(static_cast<uint64_t>(decision.expected_start_ns));
    mix(static_cast<uint64_t>(decision.expected_end_ns));
    mix(static_cast<uint64_t>(decision.order_key));
    mix(word(static_cast<uint32_t>(decision.priority), decision.tokens));
    mix(word(decision.cached_tokens, decision.field));
    mix(word(decision.stretch_milli, decision.risk_milli));
    mix(static_cast<uint64_t>(decision.deadline_ns));
  }

  uint64_t value() const {
    uint64_t state = state_ ^ (state_ >> 32);
    state *= 0xd6e8feb86659fd93u;
    return state ^ (state >> 32);
  }

 private:
  // Bijective in the state and in the word, so that no single change is ever lost.
  void mix(uint64_t word) {
    state_ = std::rotl((state_ ^ word) * 0x9e3779b97f4a7c15u, 29) + 0x632be59bd9b4e019u;
  }

  uint64_t state_ = 0x243f6a8885a308d3u;
};

}  // namespace hexagent
