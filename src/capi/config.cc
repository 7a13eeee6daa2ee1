// C ABI: configuration before open and while running. The core's keys are core/settings_table.inc,
// the shell's own shell_settings.cc.
#include <new>
#include <string_view>

#include "capi/flaw.h"
#include "capi/guard.h"
#include "capi/shell_settings.h"
#include "core/plan/policy.h"
#include "core/settings.h"
#include "metrics/text_writer.h"

namespace hexagent {
namespace {

// Is there also a policy NAME-scaled?
bool has_scaled_form(std::string_view name) {
  for (uint32_t i = 0; !policy_name(i).empty(); ++i) {
    const std::string_view other = policy_name(i);
    if (other.starts_with(name) && other.substr(name.size()) == "-scaled") return true;
  }
  return false;
}

// In few words: the list has to fit the text of an error.
void list_policies(TextWriter* text) {
  for (uint32_t i = 0; !policy_name(i).empty(); ++i) {
    const std::string_view name = policy_name(i);
    if (name.ends_with("-scaled")) continue;
    *text << (i == 0 ? "" : ", ") << name << (has_scaled_form(name) ? "*" : "");
  }
  *text << "; *: also NAME-scaled";
}

// What parse_setting() found wrong, with key, value and what would be right.
void tell_setting(hexagent_status status, uint32_t field, std::string_view key,
                  std::string_view value, uint32_t index, hexagent_error* error) {
  char buffer[sizeof(hexagent_error::text)];
  TextWriter text(buffer, sizeof(buffer));
  if (status == HEXAGENT_OK) {
    text << "";
  } else if (field == HEXAGENT_FIELD_KEY) {
    text << "\"" << key << "\": " << (status == HEXAGENT_E_STATE ? "not live" : "no such key");
  } else {
    const SettingInfo& info = setting_info(index);
    text << key << " = \"" << value << "\": ";
    if (info.is_name) {
      text << "must be order/placement/dispatch or one of ";
      list_policies(&text);
    } else {
      text << "must be a number from " << info.minimum << " to " << info.maximum;
    }
  }
  tell(status, field, buffer, error);
}

// Reads key and value of the core's; on failure fills `error`.
hexagent_status read_setting(const char* key, const char* value, bool running,
                             SettingChange* change, hexagent_error* error) {
  if (key == nullptr || value == nullptr) {
    const uint32_t field = key == nullptr ? HEXAGENT_FIELD_KEY : HEXAGENT_FIELD_VALUE;
    tell(HEXAGENT_E_ARGUMENT, field, "must not be null", error);
    return HEXAGENT_E_ARGUMENT;
  }
  uint32_t field = HEXAGENT_FIELD_NONE;
  hexagent_status status = parse_setting(key, value, change, &field);
  if (status == HEXAGENT_OK) field = HEXAGENT_FIELD_NONE;
  const bool known = status == HEXAGENT_OK || field != HEXAGENT_FIELD_KEY;
  if (running && known && !setting_info(change->key).live) {
    status = HEXAGENT_E_STATE;
    field = HEXAGENT_FIELD_KEY;
  }
  tell_setting(status, field, key, value, change->key, error);
  return status;
}

hexagent_status describe(uint32_t index, hexagent_config_info* to_caller) {
  const hexagent_status status = check_size(to_caller);
  if (status != HEXAGENT_OK) return status;
  hexagent_config_info info = {};
  if (index >= setting_count() + shell_setting_count()) return HEXAGENT_E_RANGE;
  if (index >= setting_count()) {
    describe_shell_setting(index - setting_count(), &info);
    write_sized(info, to_caller);
    return HEXAGENT_OK;
  }
  const SettingInfo& setting = setting_info(index);
  info.live = setting.live ? 1 : 0;
  info.minimum = setting.minimum;
  info.maximum = setting.maximum;
  TextWriter(info.key, sizeof(info.key)) << setting.key;
  TextWriter initial(info.default_value, sizeof(info.default_value));
  TextWriter text(info.text, sizeof(info.text));
  text << setting.text;
  if (setting.is_name) {
    initial << std::string_view(Settings{}.policy);
    text << " Registered: ";
    list_policies(&text);
    text << ".";
  } else {
    initial << setting.initial;
  }
  write_sized(info, to_caller);
  return HEXAGENT_OK;
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_config* hexagent_config_create(void) noexcept {
  return new (std::nothrow) hexagent_config();
}

void hexagent_config_free(hexagent_config* config) noexcept { delete config; }

hexagent_status hexagent_config_set(hexagent_config* config, const char* key, const char* value,
                                    hexagent_error* error) noexcept {
  if (!hexagent::is_usable(error)) return HEXAGENT_E_STRUCT_SIZE;
  return hexagent::guard_free([&]() -> hexagent_status {
    if (config == nullptr) {
      hexagent::tell(HEXAGENT_E_ARGUMENT, HEXAGENT_FIELD_NONE, "config must not be null", error);
      return HEXAGENT_E_ARGUMENT;
    }
    if (key != nullptr && value != nullptr && hexagent::is_shell_setting(key)) {
      return hexagent::set_shell_setting(key, value, config, error);
    }
    hexagent::SettingChange change;
    const hexagent_status status = hexagent::read_setting(key, value, false, &change, error);
    if (status != HEXAGENT_OK) return status;
    return hexagent::apply_setting(change, &config->settings);
  });
}

hexagent_status hexagent_config_describe(uint32_t index, hexagent_config_info* info) noexcept {
  return hexagent::guard_free([&] { return hexagent::describe(index, info); });
}

hexagent_status hexagent_configure(hexagent_scheduler* scheduler, const char* key,
                                   const char* value, hexagent_error* error) noexcept {
  if (!hexagent::is_usable(error)) return HEXAGENT_E_STRUCT_SIZE;
  const hexagent_status usable = hexagent::handle_status(scheduler);
  if (usable != HEXAGENT_OK) {
    hexagent::tell(hexagent::Flaw{usable}, error);
    return usable;
  }
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) -> hexagent_status {
    if (key != nullptr && value != nullptr && hexagent::is_shell_setting(key)) {
      hexagent::tell_setting(HEXAGENT_E_STATE, HEXAGENT_FIELD_KEY, key, value, 0, error);
      return HEXAGENT_E_STATE;
    }
    hexagent::SettingChange change;
    hexagent_status status = hexagent::read_setting(key, value, true, &change, error);
    if (status != HEXAGENT_OK) return status;
    hexagent::Input input = {hexagent::InputKind::kConfigure};
    input.record = &change;
    input.record_size = sizeof(change);
    status = self.push(input);
    hexagent::tell(hexagent::Flaw{status}, error);
    return status;
  });
}

}  // extern "C"
