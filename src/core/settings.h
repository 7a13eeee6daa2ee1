// Settings: every configuration key with its bounds, and the values one scheduler runs with.
// The table settings_table.inc is the only list of keys; the C ABI, the journal and the
// command-line tool all read it through here. Tests: tests/unit/core/settings_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "hexagent/hexagent.h"

namespace hexagent {

// Longest policy text: "order/placement/dispatch" or a registered name.
inline constexpr uint32_t kPolicyTextMax = 96;

struct Settings {
#define X(member, initial, minimum, maximum, live, text) double member = initial;
#include "core/settings_table.inc"
#undef X
  char policy[kPolicyTextMax] = "default";
};

// A change of one key, as it travels through the intake queue and the journal.
struct SettingChange {
  uint32_t key = 0;  // index as in setting_info()
  uint32_t reserved = 0;
  double number = 0.0;
  char name[kPolicyTextMax] = {};  // of the key "policy"
};

struct SettingInfo {
  std::string_view key;
  std::string_view text;
  double initial;
  double minimum;
  double maximum;
  bool live;
  bool is_name;  // takes a name, not a number
};

uint32_t setting_count();
const SettingInfo& setting_info(uint32_t index);

// Reads key and value of text into a change. On failure `field` says which of the two is wrong.
// HEXAGENT_E_KEY: no such key or policy; HEXAGENT_E_RANGE: not a number, or out of bounds.
hexagent_status parse_setting(std::string_view key, std::string_view value, SettingChange* change,
                              uint32_t* field);

// The value of one key as the change that would set it.
SettingChange setting_value(const Settings& settings, uint32_t index);

// Applies a change that parse_setting() made. Bounds are checked again: journals are not trusted.
hexagent_status apply_setting(const SettingChange& change, Settings* settings);

}  // namespace hexagent
