// Settings: the table, parsing, bounds.
#include "core/settings.h"

#include <charconv>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <string_view>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::apply_setting;
using hexagent::parse_setting;
using hexagent::setting_count;
using hexagent::setting_info;
using hexagent::SettingChange;
using hexagent::SettingInfo;
using hexagent::Settings;

hexagent_status set(std::string_view key, std::string_view value, Settings* settings,
                    uint32_t* field) {
  SettingChange change;
  const hexagent_status status = parse_setting(key, value, &change, field);
  return status == HEXAGENT_OK ? apply_setting(change, settings) : status;
}

hexagent_status try_set(std::string_view key, std::string_view value) {
  Settings settings;
  uint32_t field = 0;
  return set(key, value, &settings, &field);
}

uint32_t wrong_field(std::string_view key, std::string_view value) {
  Settings settings;
  uint32_t field = 0;
  if (set(key, value, &settings, &field) == HEXAGENT_OK) return HEXAGENT_FIELD_NONE;
  return field;
}

// Name of the first key whose default is out of its bounds or cannot be set; empty if all are well.
std::string find_bad_default() {
  std::set<std::string_view> seen;
  for (uint32_t i = 0; i < setting_count(); ++i) {
    const SettingInfo& info = setting_info(i);
    const std::string key(info.key);
    if (!seen.insert(info.key).second || info.text.empty()) return key;
    if (info.is_name) {
      if (try_set(info.key, Settings{}.policy) != HEXAGENT_OK) return key;
      continue;
    }
    if (!(info.minimum < info.maximum)) return key;
    for (double value : {info.initial, info.minimum, info.maximum}) {
      char text[64];
      const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
      if (error != std::errc()) return key;
      const std::string_view written(text, static_cast<size_t>(end - text));
      if (try_set(info.key, written) != HEXAGENT_OK) return key;
    }
  }
  return {};
}

void every_key_takes_its_default_and_its_bounds(void**) {
  assert_string_equal(find_bad_default().c_str(), "");
  assert_true(setting_count() > 1);
}

void a_number_is_parsed_and_applied(void**) {
  Settings settings;
  uint32_t field = 0;
  assert_int_equal(set("workflows_max", "100", &settings, &field), HEXAGENT_OK);
  assert_true(settings.workflows_max == 100.0);
  assert_int_equal(set("replan_delay_s", "2.5e-3", &settings, &field), HEXAGENT_OK);
  assert_true(settings.replan_delay_s == 0.0025);
}

void an_unknown_key_is_told_apart_from_a_bad_value(void**) {
  assert_int_equal(try_set("no_such_key", "1"), HEXAGENT_E_KEY);
  assert_int_equal(wrong_field("no_such_key", "1"), HEXAGENT_FIELD_KEY);
  assert_int_equal(try_set("", ""), HEXAGENT_E_KEY);
  assert_int_equal(try_set("workflows_max", "0"), HEXAGENT_E_RANGE);
  assert_int_equal(wrong_field("workflows_max", "0"), HEXAGENT_FIELD_VALUE);
}

void what_is_not_exactly_a_number_is_refused(void**) {
  const char* const bad[] = {"", " 1", "1 ", "1x", "x", "nan", "inf", "-1", "1e999", "0x10", "1,5"};
  for (const char* value : bad) {
    assert_int_equal(try_set("retry_max", value), HEXAGENT_E_RANGE);
  }
}

void a_policy_is_a_registered_name_or_three_registered_pieces(void**) {
  assert_int_equal(try_set("policy", "fcfs"), HEXAGENT_OK);
  assert_int_equal(try_set("policy", "nonsense"), HEXAGENT_E_KEY);
  assert_int_equal(try_set("policy", ""), HEXAGENT_E_KEY);
  assert_int_equal(wrong_field("policy", "nonsense"), HEXAGENT_FIELD_VALUE);
  assert_int_equal(try_set("policy", std::string(200, 'a')), HEXAGENT_E_KEY);
}

void a_change_from_a_journal_is_checked_again(void**) {
  Settings settings;
  uint32_t field = 0;
  SettingChange change;
  assert_int_equal(parse_setting("retry_max", "3", &change, &field), HEXAGENT_OK);
  change.number = 1e12;
  assert_int_equal(apply_setting(change, &settings), HEXAGENT_E_RANGE);
  change.number = std::numeric_limits<double>::quiet_NaN();
  assert_int_equal(apply_setting(change, &settings), HEXAGENT_E_RANGE);
  change.key = setting_count();
  assert_int_equal(apply_setting(change, &settings), HEXAGENT_E_KEY);
  assert_int_equal(parse_setting("policy", "fcfs", &change, &field), HEXAGENT_OK);
  std::memset(change.name, 'a', sizeof(change.name));  // never ends
  assert_int_equal(apply_setting(change, &settings), HEXAGENT_E_KEY);
  assert_string_equal(settings.policy, "default");
}

void a_value_read_as_a_change_sets_the_same(void**) {
  Settings source;
  std::memcpy(source.policy, "fcfs", sizeof("fcfs"));
  source.window_s = 0.25;
  Settings copy;
  for (uint32_t key = 0; key < setting_count(); ++key) {
    assert_int_equal(apply_setting(setting_value(source, key), &copy), HEXAGENT_OK);
  }
  assert_string_equal(copy.policy, "fcfs");
  assert_true(copy.window_s == 0.25);
  assert_true(copy.retry_max == source.retry_max);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_key_takes_its_default_and_its_bounds),
      cmocka_unit_test(a_number_is_parsed_and_applied),
      cmocka_unit_test(an_unknown_key_is_told_apart_from_a_bad_value),
      cmocka_unit_test(what_is_not_exactly_a_number_is_refused),
      cmocka_unit_test(a_policy_is_a_registered_name_or_three_registered_pieces),
      cmocka_unit_test(a_change_from_a_journal_is_checked_again),
      cmocka_unit_test(a_value_read_as_a_change_sets_the_same),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
