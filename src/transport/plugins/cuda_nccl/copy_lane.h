// What one thread of a pack or unpack kernel does. A template for the device that also compiles for
// the host, where tests run all threads one after the other.
//
// A warp takes steps of 4 KiB: each of its 32 lanes 8 vectors of 16 bytes, 512 bytes apart, so that
// neighbours read neighbouring bytes and 8 loads of a lane are under way at once. The packed side
// is dense, so the work is even whatever the fragments are. Loads say "read once" and the packed
// side is kept in L2, where the link or the scatter reads it next. Tests:
// tests/unit/transport/cuda/copy_lane_test.cc.
#pragma once

#include <cstdint>
#include <cstring>

#include "transport/plugins/cuda_nccl/copy_plan.h"

namespace hexagent::transport {

inline constexpr uint32_t kWarpLanes = 32;
inline constexpr uint32_t kLaneVectors = 8;
inline constexpr uint32_t kStepVectors = kWarpLanes * kLaneVectors;

struct Words {
  uint32_t x, y, z, w;
};

// -- memory, each in one place so that the two compilations differ here alone

HEXAGENT_HOST_DEVICE Words load_vector(uint64_t address) {
#if defined(__CUDA_ARCH__)
  const uint4 value = __ldcs(reinterpret_cast<const uint4*>(address));
  return {value.x, value.y, value.z, value.w};
#else
  Words value;
  std::memcpy(&value, reinterpret_cast<const void*>(static_cast<uintptr_t>(address)),
              sizeof(value));
  return value;
#endif
}

HEXAGENT_HOST_DEVICE void store_vector(uint64_t address, const Words& value) {
#if defined(__CUDA_ARCH__)
  __stcg(reinterpret_cast<uint4*>(address), make_uint4(value.x, value.y, value.z, value.w));
#else
  std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), &value, sizeof(value));
#endif
}

template <class Unit>
HEXAGENT_HOST_DEVICE uint32_t load_unit(uint64_t address) {
  Unit value;
#if defined(__CUDA_ARCH__)
  value = __ldcs(reinterpret_cast<const Unit*>(address));
#else
  std::memcpy(&value, reinterpret_cast<const void*>(static_cast<uintptr_t>(address)),
              sizeof(value));
#endif
  return value;
}

template <class Unit>
HEXAGENT_HOST_DEVICE void store_unit(uint64_t address, uint32_t value) {
  const auto unit = static_cast<Unit>(value);
#if defined(__CUDA_ARCH__)
  __stcg(reinterpret_cast<Unit*>(address), unit);
#else
  std::memcpy(reinterpret_cast<void*>(static_cast<uintptr_t>(address)), &unit, sizeof(unit));
#endif
}

// -- vectors of less than 16 bytes, or on other boundaries. Loops of constant length, so that the
// words stay in registers.

template <class Unit>
HEXAGENT_HOST_DEVICE uint32_t load_word(uint64_t address, uint32_t bytes, uint32_t offset) {
  uint32_t word = 0;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (uint32_t at = 0; at < 4; at += sizeof(Unit)) {
    if (offset + at < bytes) word |= load_unit<Unit>(address + offset + at) << (8 * at);
  }
  return word;
}

template <class Unit>
HEXAGENT_HOST_DEVICE void store_word(uint64_t address, uint32_t bytes, uint32_t offset,
                                     uint32_t word) {
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (uint32_t at = 0; at < 4; at += sizeof(Unit)) {
    if (offset + at < bytes) store_unit<Unit>(address + offset + at, word >> (8 * at));
  }
}

template <class Unit>
HEXAGENT_HOST_DEVICE Words load_part(const PlanVector& at) {
  return {load_word<Unit>(at.address, at.bytes, 0), load_word<Unit>(at.address, at.bytes, 4),
          load_word<Unit>(at.address, at.bytes, 8), load_word<Unit>(at.address, at.bytes, 12)};
}

template <class Unit>
HEXAGENT_HOST_DEVICE void store_part(const PlanVector& at, const Words& value) {
  store_word<Unit>(at.address, at.bytes, 0, value.x);
  store_word<Unit>(at.address, at.bytes, 4, value.y);
  store_word<Unit>(at.address, at.bytes, 8, value.z);
  store_word<Unit>(at.address, at.bytes, 12, value.w);
}

// The bytes of a word that belong to a run; the sum counts the rest as zero, whatever came with it.
HEXAGENT_HOST_DEVICE uint32_t keep_bytes(uint32_t word, uint32_t bytes, uint32_t offset) {
  if (bytes >= offset + 4) return word;
  return bytes > offset ? word & ((1u << (8 * (bytes - offset))) - 1) : 0;
}

HEXAGENT_HOST_DEVICE Words keep_bytes(const Words& value, uint32_t bytes) {
  return {keep_bytes(value.x, bytes, 0), keep_bytes(value.y, bytes, 4),
          keep_bytes(value.z, bytes, 8), keep_bytes(value.w, bytes, 12)};
}

// -- the kinds of copy, as types

struct Whole16 {
  static constexpr CopyKind kKind = CopyKind::kWhole16;
  HEXAGENT_HOST_DEVICE PlanVector find(const CopyPlan& plan, uint32_t vector) {
    return whole_vector(plan, vector);
  }
  HEXAGENT_HOST_DEVICE Words load(const PlanVector& at) { return load_vector(at.address); }
  HEXAGENT_HOST_DEVICE void store(const PlanVector& at, const Words& value) {
    store_vector(at.address, value);
  }
};

struct Rows16 {
  static constexpr CopyKind kKind = CopyKind::kRows16;
  HEXAGENT_HOST_DEVICE PlanVector find(const CopyPlan& plan, uint32_t vector) {
    return row_vector(plan, vector);
  }
  HEXAGENT_HOST_DEVICE Words load(const PlanVector& at) { return load_vector(at.address); }
  HEXAGENT_HOST_DEVICE void store(const PlanVector& at, const Words& value) {
    store_vector(at.address, value);
  }
};

template <class Unit, CopyKind kind>
struct RowsOf {
  static constexpr CopyKind kKind = kind;
  HEXAGENT_HOST_DEVICE PlanVector find(const CopyPlan& plan, uint32_t vector) {
    return row_vector(plan, vector);
  }
  HEXAGENT_HOST_DEVICE Words load(const PlanVector& at) { return load_part<Unit>(at); }
  HEXAGENT_HOST_DEVICE void store(const PlanVector& at, const Words& value) {
    store_part<Unit>(at, value);
  }
};
using Rows4 = RowsOf<uint32_t, CopyKind::kRows4>;
using Rows1 = RowsOf<uint8_t, CopyKind::kRows1>;

// All that thread `thread` of `threads` copies, both counted over the grid. Returns its part of the
// sum. `pack`: pool to staging, and padding becomes zero; else staging to pool.
template <class Kind, bool pack, bool sum>
HEXAGENT_HOST_DEVICE uint64_t copy_lane(const CopyPlan& plan, uint32_t thread, uint32_t threads) {
  const uint32_t lane = thread % kWarpLanes;
  const uint32_t warps = threads / kWarpLanes;
  const uint32_t steps = plan.vectors / kStepVectors + (plan.vectors % kStepVectors != 0 ? 1 : 0);
  const uint64_t staged = reinterpret_cast<uintptr_t>(plan.staged);
  uint64_t total = 0;
  for (uint32_t step = thread / kWarpLanes; step < steps; step += warps) {
    PlanVector at[kLaneVectors];
    Words value[kLaneVectors];
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (uint32_t i = 0; i < kLaneVectors; ++i) {
      const uint32_t vector = step * kStepVectors + i * kWarpLanes + lane;
      if (vector >= plan.vectors) continue;
      at[i] = Kind::find(plan, vector);
      value[i] =
          pack ? Kind::load(at[i]) : load_vector(staged + uint64_t{vector} * kSumVectorBytes);
    }
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (uint32_t i = 0; i < kLaneVectors; ++i) {
      const uint32_t vector = step * kStepVectors + i * kWarpLanes + lane;
      if (vector >= plan.vectors) continue;
      if (pack) {
        store_vector(staged + uint64_t{vector} * kSumVectorBytes, value[i]);
      } else {
        Kind::store(at[i], value[i]);
      }
      if (sum) {
        const Words kept = pack ? value[i] : keep_bytes(value[i], at[i].bytes);
        total += sum_vector(kept.x, kept.y, kept.z, kept.w, plan.seed, plan.first_vector + vector);
      }
    }
  }
  return total;
}

// Calls visit.template operator()<Kind>() with the type for the plan.
template <class Visit>
inline void with_kind(CopyKind kind, const Visit& visit) {
  switch (kind) {
    case CopyKind::kWhole16:
      return visit.template operator()<Whole16>();
    case CopyKind::kRows16:
      return visit.template operator()<Rows16>();
    case CopyKind::kRows4:
      return visit.template operator()<Rows4>();
    case CopyKind::kRows1:
      return visit.template operator()<Rows1>();
  }
}

}  // namespace hexagent::transport
