// Settings: table look-up, parsing and bounds. See settings.h.
#include "core/settings.h"

#include <charconv>
#include <cstring>

#include "core/plan/policy.h"

namespace hexagent {
namespace {

constexpr SettingInfo kSettings[] = {
    {"policy", "Registered policy, or \"order/placement/dispatch\" of registered pieces.", 0.0, 0.0,
     0.0, true, true},
#define X(member, initial, minimum, maximum, live, text) \
  {#member, text, initial, minimum, maximum, (live) != 0, false},
#include "core/settings_table.inc"
#undef X
};

constexpr uint32_t kSettingCount = sizeof(kSettings) / sizeof(kSettings[0]);

// Members in the order of the table; entry 0 is the policy's place and unused.
constexpr double Settings::*kNumbers[] = {
    nullptr,
#define X(member, initial, minimum, maximum, live, text) &Settings::member,
#include "core/settings_table.inc"
#undef X
};

bool in_bounds(const SettingInfo& info, double number) {
  return number >= info.minimum && number <= info.maximum;  // false for NaN
}

hexagent_status parse_policy(std::string_view value, SettingChange* change) {
  if (value.size() >= kPolicyTextMax) return HEXAGENT_E_KEY;
  std::memcpy(change->name, value.data(), value.size());
  change->name[value.size()] = '\0';
  PolicyPieces pieces;
  return find_policy(change->name, &pieces) ? HEXAGENT_OK : HEXAGENT_E_KEY;
}

}  // namespace

uint32_t setting_count() { return kSettingCount; }

const SettingInfo& setting_info(uint32_t index) { return kSettings[index]; }

hexagent_status parse_setting(std::string_view key, std::string_view value, SettingChange* change,
                              uint32_t* field) {
  *change = SettingChange{};
  *field = HEXAGENT_FIELD_VALUE;
  for (uint32_t index = 0; index < kSettingCount; ++index) {
    const SettingInfo& info = kSettings[index];
    if (info.key != key) continue;
    change->key = index;
    if (info.is_name) return parse_policy(value, change);
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, change->number);
    if (error != std::errc() || stop != end) return HEXAGENT_E_RANGE;
    return in_bounds(info, change->number) ? HEXAGENT_OK : HEXAGENT_E_RANGE;
  }
  *field = HEXAGENT_FIELD_KEY;
  return HEXAGENT_E_KEY;
}

SettingChange setting_value(const Settings& settings, uint32_t index) {
  SettingChange change;
  change.key = index;
  if (kSettings[index].is_name) {
    std::memcpy(change.name, settings.policy, kPolicyTextMax);
  } else {
    change.number = settings.*kNumbers[index];
  }
  return change;
}

hexagent_status apply_setting(const SettingChange& change, Settings* settings) {
  if (change.key >= kSettingCount) return HEXAGENT_E_KEY;
  const SettingInfo& info = kSettings[change.key];
  if (info.is_name) {
    PolicyPieces pieces;
    const void* end = std::memchr(change.name, '\0', kPolicyTextMax);
    if (end == nullptr || !find_policy(change.name, &pieces)) return HEXAGENT_E_KEY;
    std::memcpy(settings->policy, change.name, kPolicyTextMax);
    return HEXAGENT_OK;
  }
  if (!in_bounds(info, change.number)) return HEXAGENT_E_RANGE;
  settings->*kNumbers[change.key] = change.number;
  return HEXAGENT_OK;
}

}  // namespace hexagent
