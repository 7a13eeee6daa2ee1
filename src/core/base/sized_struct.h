// Structs that grow: the one rule for everything that begins with `struct_size` (hexagent.h,
// "Records").
//
//   in    shorter than ours: what it lacks reads as zero. Longer: the surplus must be zero, else
//   the
//         caller asks for something this library does not know (HEXAGENT_E_TOO_NEW).
//   out   as many bytes as both sides know; a longer struct's surplus is zeroed, since zero always
//         means "none". The caller's struct_size stays.
// Either way a struct shorter than in its first release is a mistake (HEXAGENT_E_STRUCT_SIZE).
// Tests: tests/unit/core/base/sized_struct_test.cc, tests/abi/struct_size_test.c.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hexagent/hexagent.h"

namespace hexagent {

// Size of a struct in the release that brought it. Written as numbers: sizeof() would grow with it.
template <class T>
inline constexpr uint32_t kFirstSize = 0;
template <>
inline constexpr uint32_t kFirstSize<hexagent_error> = 256;
template <>
inline constexpr uint32_t kFirstSize<hexagent_config_info> = 376;
template <>
inline constexpr uint32_t kFirstSize<hexagent_profile> = 120;
template <>
inline constexpr uint32_t kFirstSize<hexagent_gpu> = 56;
template <>
inline constexpr uint32_t kFirstSize<hexagent_model> = 56;
template <>
inline constexpr uint32_t kFirstSize<hexagent_worker> = 112;
template <>
inline constexpr uint32_t kFirstSize<hexagent_link> = 24;
template <>
inline constexpr uint32_t kFirstSize<hexagent_forecast> = 32;
template <>
inline constexpr uint32_t kFirstSize<hexagent_workflow_info> = 56;
template <>
inline constexpr uint32_t kFirstSize<hexagent_worker_info> = 64;
template <>
inline constexpr uint32_t kFirstSize<hexagent_stats> = 144;
template <>
inline constexpr uint32_t kFirstSize<hexagent_journal_info> = 320;
template <>
inline constexpr uint32_t kFirstSize<hexagent_replay_info> = 72;
template <>
inline constexpr uint32_t kFirstSize<hexagent_shadow_info> = 104;
template <>
inline constexpr uint32_t kFirstSize<hexagent_link_info> = 48;

// The size the caller states; its first member, whatever the struct.
inline uint32_t stated_size(const void* from_caller) {
  uint32_t size = 0;
  std::memcpy(&size, from_caller, sizeof(size));
  return size;
}

template <class T>
hexagent_status check_size(const T* from_caller) {
  static_assert(kFirstSize<T> >= sizeof(uint32_t) && kFirstSize<T> <= sizeof(T));
  if (from_caller == nullptr) return HEXAGENT_E_ARGUMENT;
  return stated_size(from_caller) < kFirstSize<T> ? HEXAGENT_E_STRUCT_SIZE : HEXAGENT_OK;
}

// Copies a caller's struct into ours, whole and with our struct_size.
template <class T>
hexagent_status read_sized(const T* from_caller, T* ours) {
  const hexagent_status status = check_size(from_caller);
  if (status != HEXAGENT_OK) return status;
  const size_t stated = stated_size(from_caller);
  const auto* bytes = reinterpret_cast<const unsigned char*>(from_caller);
  const auto is_set = [](unsigned char byte) { return byte != 0; };
  if (stated > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + stated, is_set)) {
    return HEXAGENT_E_TOO_NEW;
  }
  *ours = T{};
  std::memcpy(ours, bytes, std::min(stated, sizeof(T)));
  ours->struct_size = sizeof(T);
  return HEXAGENT_OK;
}

// Copies our struct to the caller's, which check_size() has passed.
template <class T>
void write_sized(const T& ours, T* to_caller) {
  const size_t stated = stated_size(to_caller);
  auto* bytes = reinterpret_cast<unsigned char*>(to_caller);
  const auto* source = reinterpret_cast<const unsigned char*>(&ours);
  constexpr size_t kSkip = sizeof(uint32_t);  // struct_size is the caller's
  std::memcpy(bytes + kSkip, source + kSkip, std::min(stated, sizeof(T)) - kSkip);
  if (stated > sizeof(T)) std::memset(bytes + sizeof(T), 0, stated - sizeof(T));
}

}  // namespace hexagent
