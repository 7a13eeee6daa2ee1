// The loop of the kernels that have vectors; an instruction set brings its registers:
//
//   Vector                         a register; kVector bytes of a run
//   kStep, kPrefetchAhead          bytes of one lane a turn; how far ahead to ask (0: not at all)
//   load(), store<streaming>()     streaming ones need targets on boundaries of kStreamAlign
//   zero(), first_key(), key_mask(), add(), sum_of()   the checksum (checksum.h) in registers
//
// Each file that includes this is compiled for another processor, so all of it is templates over a
// type without a name elsewhere: no function here is shared between them.
#pragma once

#include "transport/copy/kernels.h"
#include "transport/copy/kernels_scalar.h"

namespace hexagent::transport {

template <class Set, bool streaming, bool sum, uint32_t lanes>
uint64_t copy_vectors(unsigned char* const* to, const unsigned char* const* from, size_t bytes,
                      uint64_t seed, const uint32_t* vectors) {
  using Vector = typename Set::Vector;
  constexpr uint32_t kEach = Set::kStep / Set::kVector;
  const Vector mask = Set::key_mask(seed);
  Vector running = Set::zero();
  Vector keys[lanes];
  for (uint32_t lane = 0; lane < lanes; ++lane) keys[lane] = Set::first_key(seed, vectors[lane]);
  const size_t whole = bytes / Set::kStep * Set::kStep;
  for (size_t at = 0; at < whole; at += Set::kStep) {
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      const unsigned char* source = from[lane] + at;
      if constexpr (Set::kPrefetchAhead > 0) {
        for (size_t line = 0; line < Set::kStep; line += 64) {
          __builtin_prefetch(source + Set::kPrefetchAhead + line);
        }
      }
      Vector values[kEach];
      for (uint32_t i = 0; i < kEach; ++i) values[i] = Set::load(source + i * Set::kVector);
      for (uint32_t i = 0; i < kEach; ++i) {
        Set::template store<streaming>(to[lane] + at + i * Set::kVector, values[i]);
        if constexpr (sum) running = Set::add(running, &keys[lane], mask, values[i]);
      }
    }
  }
  uint64_t total = sum ? Set::sum_of(running) : 0;
  for (uint32_t lane = 0; lane < lanes && whole < bytes; ++lane) {
    total += copy_scalar(to[lane] + whole, from[lane] + whole, bytes - whole, seed,
                         vectors[lane] + static_cast<uint32_t>(whole / kSumVectorBytes), sum);
  }
  return total;
}

template <class Set, bool streaming, bool sum>
uint64_t copy_one(unsigned char* to, const unsigned char* from, size_t bytes, uint64_t seed,
                  uint32_t vector) {
  return copy_vectors<Set, streaming, sum, 1>(&to, &from, bytes, seed, &vector);
}

template <class Set>
constexpr CopyKernels vector_kernels(const char* name, void (*fence)()) {
  return {name,
          {{copy_one<Set, false, false>, copy_one<Set, false, true>},
           {copy_one<Set, true, false>, copy_one<Set, true, true>}},
          {{copy_vectors<Set, false, false, kLanes>, copy_vectors<Set, false, true, kLanes>},
           {copy_vectors<Set, true, false, kLanes>, copy_vectors<Set, true, true, kLanes>}},
          fence};
}

}  // namespace hexagent::transport
