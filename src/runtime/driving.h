// Driving: who steps the core; chosen at open by the configuration key `driving`.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

namespace hexagent {

enum class Driving : uint32_t { kManual, kThread, kLoop };

inline constexpr std::string_view kDrivingNames[] = {"manual", "thread", "loop"};

// False for a name that is none.
inline bool parse_driving(std::string_view name, Driving* driving) {
  for (uint32_t i = 0; i < std::size(kDrivingNames); ++i) {
    if (kDrivingNames[i] != name) continue;
    *driving = static_cast<Driving>(i);
    return true;
  }
  return false;
}

}  // namespace hexagent
